-- needs: etl_log etl_setting
-- A cycle is looked up from its first job, so that a filter on start_time is one on the index of etl_log. Its notebook is that
-- of the job that failed, or of the last one.
CREATE OR REPLACE VIEW v_etl_cycles AS
SELECT
    first.cycle_id,
    first.feed,
    whole.status,
    first.start_time,
    whole.end_time,
    whole.duration_seconds,
    CAST(extract(epoch FROM now() - whole.last_sign) AS double precision) AS age_seconds,
    whole.records_loaded,
    whole.records_rejected,
    whole.records_duplicate,
    whole.records_conflicting,
    whole.jobs,
    CASE
        WHEN api.value IS NULL OR shown.notebook IS NULL THEN coalesce(shown.notebook, 'run by hand')
        ELSE concat(
            '<a href="', api.value, '/cycles/', shown.cycle_id, '/notebooks/', shown.job_name, '#failed" target="_blank">',
            shown.notebook, '</a>'
        )
    END AS cycle_notebook
FROM etl_log AS first
CROSS JOIN LATERAL (
    SELECT
        CASE
            WHEN count(*) FILTER (WHERE job.status = 'FAILED') > 0 THEN 'FAILED'
            WHEN count(*) FILTER (WHERE job.status = 'RUNNING') > 0 THEN 'RUNNING'
            ELSE 'SUCCESS'
        END AS status,
        max(job.end_time) AS end_time,
        max(coalesce(job.end_time, job.heartbeat_at, job.start_time)) AS last_sign,
        CAST(extract(epoch FROM max(coalesce(job.end_time, now())) - min(job.start_time)) AS double precision)
            AS duration_seconds,
        coalesce(sum(job.records_processed) FILTER (WHERE job.job_name = 'load'), 0) AS records_loaded,
        coalesce(sum(job.records_rejected) FILTER (WHERE job.job_name = 'load'), 0) AS records_rejected,
        coalesce(sum(job.records_duplicate) FILTER (WHERE job.job_name = 'load'), 0) AS records_duplicate,
        coalesce(sum(job.records_conflicting) FILTER (WHERE job.job_name = 'load'), 0) AS records_conflicting,
        count(*) AS jobs,
        coalesce(min(job.log_id) FILTER (WHERE job.status = 'FAILED'), max(job.log_id)) AS shown_log_id
    FROM etl_log AS job
    WHERE job.cycle_id = first.cycle_id AND job.feed = first.feed
) AS whole
LEFT JOIN etl_log AS shown ON shown.log_id = whole.shown_log_id
LEFT JOIN etl_setting AS api ON api.name = 'api_url'
WHERE NOT EXISTS (
    SELECT 1
    FROM etl_log AS earlier
    WHERE earlier.cycle_id = first.cycle_id AND earlier.feed = first.feed AND earlier.log_id < first.log_id
);
