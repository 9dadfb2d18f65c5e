-- needs: etl_log etl_setting
-- A cycle is looked up from its first job, so that a filter on start_time is one on the index of etl_log. Its notebook is that
-- of the job that failed, or of the last one.
CREATE VIEW v_etl_cycles AS
SELECT
    head.cycle_id,
    head.feed,
    whole.status,
    head.start_time,
    whole.end_time,
    whole.duration_seconds,
    DATEDIFF_BIG(millisecond, whole.last_sign, SYSDATETIMEOFFSET()) / 1000.0 AS age_seconds,
    whole.records_loaded,
    whole.records_rejected,
    whole.records_duplicate,
    whole.records_conflicting,
    whole.jobs,
    CASE
        WHEN api.value IS NULL OR shown.notebook IS NULL THEN COALESCE(shown.notebook, 'run by hand')
        ELSE CONCAT(
            '<a href="', api.value, '/cycles/', shown.cycle_id, '/notebooks/', shown.job_name, '#failed" target="_blank">',
            shown.notebook, '</a>'
        )
    END AS cycle_notebook
FROM etl_log AS head
CROSS APPLY (
    SELECT
        CAST(
            CASE
                WHEN SUM(CASE WHEN job.status = 'FAILED' THEN 1 ELSE 0 END) > 0 THEN 'FAILED'
                WHEN SUM(CASE WHEN job.status = 'RUNNING' THEN 1 ELSE 0 END) > 0 THEN 'RUNNING'
                ELSE 'SUCCESS'
            END AS nvarchar(16)
        ) COLLATE Latin1_General_100_BIN2 AS status,
        MAX(job.end_time) AS end_time,
        MAX(COALESCE(job.end_time, job.heartbeat_at, job.start_time)) AS last_sign,
        DATEDIFF_BIG(millisecond, MIN(job.start_time), MAX(COALESCE(job.end_time, SYSDATETIMEOFFSET()))) / 1000.0
            AS duration_seconds,
        SUM(CASE WHEN job.job_name = 'load' THEN job.records_processed ELSE 0 END) AS records_loaded,
        SUM(CASE WHEN job.job_name = 'load' THEN job.records_rejected ELSE 0 END) AS records_rejected,
        SUM(CASE WHEN job.job_name = 'load' THEN job.records_duplicate ELSE 0 END) AS records_duplicate,
        SUM(CASE WHEN job.job_name = 'load' THEN job.records_conflicting ELSE 0 END) AS records_conflicting,
        COUNT_BIG(*) AS jobs,
        COALESCE(MIN(CASE WHEN job.status = 'FAILED' THEN job.log_id END), MAX(job.log_id)) AS shown_log_id
    FROM etl_log AS job
    WHERE job.cycle_id = head.cycle_id AND job.feed = head.feed
) AS whole
LEFT JOIN etl_log AS shown ON shown.log_id = whole.shown_log_id
LEFT JOIN etl_setting AS api ON api.name = 'api_url'
WHERE NOT EXISTS (
    SELECT 1
    FROM etl_log AS earlier
    WHERE earlier.cycle_id = head.cycle_id AND earlier.feed = head.feed AND earlier.log_id < head.log_id
);
