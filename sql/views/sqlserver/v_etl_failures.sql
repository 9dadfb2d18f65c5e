-- needs: etl_log etl_setting
-- One row says so where nothing has ever failed: better than an empty table, which may mean anything. A blank after each <
-- keeps a browser that is to show the link of failed_notebook from taking a message for HTML.
CREATE VIEW v_etl_failures AS
SELECT
    job.log_id,
    job.cycle_id,
    job.feed,
    CASE job.job_name WHEN 'produce' THEN '1 ' WHEN 'consume' THEN '2 ' WHEN 'merge' THEN '3 ' WHEN 'load' THEN '4 ' ELSE '' END
        + job.job_name AS step,
    job.status,
    job.start_time,
    COALESCE(job.error_type, 'unknown') AS error_type,
    COALESCE(REPLACE(job.error_message, '<', '< '), 'No message was left.') AS error_message,
    COALESCE(job.notebook, 'run by hand') AS notebook,
    CASE
        WHEN api.value IS NULL OR job.notebook IS NULL THEN COALESCE(job.notebook, 'run by hand')
        ELSE CONCAT(
            '<a href="', api.value, '/cycles/', job.cycle_id, '/notebooks/', job.job_name, '#failed" target="_blank">',
            job.notebook, '</a>'
        )
    END AS failed_notebook
FROM etl_log AS job
LEFT JOIN etl_setting AS api ON api.name = 'api_url'
WHERE job.status = 'FAILED'
UNION ALL
SELECT
    log_id,
    cycle_id,
    feed,
    CASE job_name WHEN 'produce' THEN '1 ' WHEN 'consume' THEN '2 ' WHEN 'merge' THEN '3 ' WHEN 'load' THEN '4 ' ELSE '' END
        + job_name AS step,
    status,
    start_time,
    'none' AS error_type,
    'No job has failed so far. This is the newest one.' AS error_message,
    COALESCE(notebook, 'run by hand') AS notebook,
    COALESCE(notebook, 'run by hand') AS failed_notebook
FROM etl_log
WHERE
    log_id = (SELECT MAX(log_id) FROM etl_log)
    AND NOT EXISTS (SELECT 1 FROM etl_log AS failed WHERE failed.status = 'FAILED');
