-- needs: etl_log
-- One row says so where nothing has ever failed: better than an empty table, which may mean anything.
CREATE VIEW v_etl_failures AS
SELECT
    log_id,
    cycle_id,
    feed,
    CASE job_name WHEN 'produce' THEN '1 ' WHEN 'consume' THEN '2 ' WHEN 'merge' THEN '3 ' WHEN 'load' THEN '4 ' ELSE '' END
        + job_name AS step,
    status,
    start_time,
    COALESCE(error_type, 'unknown') AS error_type,
    COALESCE(error_message, 'No message was left.') AS error_message,
    COALESCE(notebook, 'run by hand') AS notebook
FROM etl_log
WHERE status = 'FAILED'
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
    COALESCE(notebook, 'run by hand') AS notebook
FROM etl_log
WHERE
    log_id = (SELECT MAX(log_id) FROM etl_log)
    AND NOT EXISTS (SELECT 1 FROM etl_log AS failed WHERE failed.status = 'FAILED');
