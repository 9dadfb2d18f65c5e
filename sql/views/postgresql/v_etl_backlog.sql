-- needs: etl_log etl_file
-- What waits between the jobs, as far as the database knows: each merge takes all that was consumed, each load all archives.
CREATE OR REPLACE VIEW v_etl_backlog AS
WITH RECURSIVE feeds AS (
    -- From name to name along the index, instead of through the whole log.
    SELECT min(feed) AS feed FROM etl_log
    UNION ALL
    SELECT (SELECT min(log.feed) FROM etl_log AS log WHERE log.feed > feeds.feed) FROM feeds WHERE feeds.feed IS NOT NULL
)
SELECT
    feeds.feed,
    newest.cycle_id,
    newest.status,
    newest.start_time,
    newest.age_seconds,
    loaded.end_time AS last_load,
    CAST(
        (
            SELECT coalesce(sum(log.records_processed), 0)
            FROM etl_log AS log
            WHERE
                log.feed = feeds.feed AND log.job_name = 'consume' AND log.status <> 'RUNNING'
                AND log.log_id > coalesce(merged.log_id, 0)
        ) AS bigint
    ) AS waiting_for_merge,
    CAST(
        (
            SELECT coalesce(sum(log.records_processed), 0)
            FROM etl_log AS log
            WHERE
                log.feed = feeds.feed AND log.job_name = 'merge' AND log.status = 'SUCCESS'
                AND log.log_id > coalesce(loaded.log_id, 0)
        ) + (
            SELECT coalesce(sum(file.rows), 0)
            FROM etl_file AS file
            WHERE file.feed = feeds.feed AND file.kind = 'archive' AND file.undone_at IS NOT NULL
        ) AS bigint
    ) AS waiting_for_load,
    (SELECT count(*) FROM etl_log AS log WHERE log.feed = feeds.feed AND log.status = 'RUNNING') AS running_jobs
FROM feeds
CROSS JOIN LATERAL (
    SELECT
        last.cycle_id,
        last.start_time,
        CAST(extract(epoch FROM now() - coalesce(last.end_time, last.heartbeat_at, last.start_time)) AS double precision)
            AS age_seconds,
        -- As v_etl_cycles has it.
        (
            SELECT
                CASE
                    WHEN count(*) FILTER (WHERE job.status = 'FAILED') > 0 THEN 'FAILED'
                    WHEN count(*) FILTER (WHERE job.status = 'RUNNING') > 0 THEN 'RUNNING'
                    ELSE 'SUCCESS'
                END
            FROM etl_log AS job
            WHERE job.cycle_id = last.cycle_id AND job.feed = last.feed
        ) AS status
    FROM etl_log AS last
    WHERE last.feed = feeds.feed
    ORDER BY last.log_id DESC
    LIMIT 1
) AS newest
LEFT JOIN LATERAL (
    SELECT log.log_id
    FROM etl_log AS log
    WHERE log.feed = feeds.feed AND log.job_name = 'merge' AND log.status = 'SUCCESS'
    ORDER BY log.log_id DESC
    LIMIT 1
) AS merged ON true
LEFT JOIN LATERAL (
    SELECT log.log_id, log.end_time
    FROM etl_log AS log
    WHERE log.feed = feeds.feed AND log.job_name = 'load' AND log.status = 'SUCCESS'
    ORDER BY log.log_id DESC
    LIMIT 1
) AS loaded ON true
WHERE feeds.feed IS NOT NULL;
