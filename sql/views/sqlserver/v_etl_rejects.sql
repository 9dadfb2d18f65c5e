-- needs: etl_log etl_rejected_row etl_source
-- Where a row came from and what is wrong with it, but neither its text nor a value: dashboards have more readers than that.
CREATE VIEW v_etl_rejects AS
SELECT
    rejected.rejected_id,
    job.start_time,
    job.cycle_id,
    rejected.feed,
    rejected.reason,
    JSON_VALUE(rejected.problems, '$[0].column') COLLATE Latin1_General_100_BIN2 AS column_name,
    rejected.status AS quarantine_status,
    origin.name AS source_name,
    rejected.source_partition,
    rejected.source_offset,
    rejected.source_item,
    rejected.decided_at
FROM etl_rejected_row AS rejected
JOIN etl_log AS job ON job.log_id = rejected.log_id
JOIN etl_source AS origin ON origin.source_id = rejected.source_id;
