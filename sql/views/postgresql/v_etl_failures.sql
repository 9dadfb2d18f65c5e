-- needs: etl_log etl_setting
-- One row says so where nothing has ever failed: better than an empty table, which may mean anything. A blank after each <
-- keeps a browser that is to show the link of failed_notebook from taking a message for HTML.
CREATE OR REPLACE VIEW v_etl_failures AS
SELECT
    log.log_id,
    log.cycle_id,
    log.feed,
    CASE log.job_name WHEN 'produce' THEN '1 ' WHEN 'consume' THEN '2 ' WHEN 'merge' THEN '3 ' WHEN 'load' THEN '4 ' ELSE '' END
        || log.job_name AS step,
    log.status,
    log.start_time,
    coalesce(log.error_type, 'unknown') AS error_type,
    coalesce(replace(log.error_message, '<', '< '), 'No message was left.') AS error_message,
    coalesce(log.notebook, 'run by hand') AS notebook,
    CASE
        WHEN api.value IS NULL OR log.notebook IS NULL THEN coalesce(log.notebook, 'run by hand')
        ELSE concat(
            '<a href="', api.value, '/cycles/', log.cycle_id, '/notebooks/', log.job_name, '#failed" target="_blank">',
            log.notebook, '</a>'
        )
    END AS failed_notebook
FROM etl_log AS log
LEFT JOIN etl_setting AS api ON api.name = 'api_url'
WHERE log.status = 'FAILED'
UNION ALL
SELECT
    log_id,
    cycle_id,
    feed,
    CASE job_name WHEN 'produce' THEN '1 ' WHEN 'consume' THEN '2 ' WHEN 'merge' THEN '3 ' WHEN 'load' THEN '4 ' ELSE '' END
        || job_name AS step,
    status,
    start_time,
    'none' AS error_type,
    'No job has failed so far. This is the newest one.' AS error_message,
    coalesce(notebook, 'run by hand') AS notebook,
    coalesce(notebook, 'run by hand') AS failed_notebook
FROM etl_log
WHERE
    log_id = (SELECT max(log_id) FROM etl_log)
    AND NOT EXISTS (SELECT 1 FROM etl_log AS failed WHERE failed.status = 'FAILED');
