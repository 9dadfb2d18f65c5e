-- needs: etl_log
CREATE OR REPLACE VIEW v_etl_jobs AS
SELECT
    log_id,
    cycle_id,
    feed,
    CASE job_name WHEN 'produce' THEN '1 ' WHEN 'consume' THEN '2 ' WHEN 'merge' THEN '3 ' WHEN 'load' THEN '4 ' ELSE '' END
        || job_name AS step,
    status,
    start_time,
    end_time,
    CASE status WHEN 'RUNNING' THEN CAST(extract(epoch FROM now() - start_time) AS double precision) ELSE duration_seconds END
        AS duration_seconds,
    CASE status WHEN 'SUCCESS' THEN 1.0 WHEN 'FAILED' THEN 0.0 END AS success,
    records_read,
    records_processed,
    records_rejected,
    records_duplicate,
    records_conflicting,
    records_late,
    CASE status
        WHEN 'SUCCESS' THEN records_read - records_processed - records_rejected - records_duplicate - records_conflicting
        ELSE 0
    END AS unaccounted,
    error_type,
    error_message,
    notebook,
    code_version
FROM etl_log;
