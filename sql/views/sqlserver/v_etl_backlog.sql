-- needs: etl_log etl_file
-- What waits between the jobs, as far as the database knows: each merge takes all that was consumed, each load all archives.
CREATE VIEW v_etl_backlog AS
SELECT
    feeds.feed,
    newest.cycle_id,
    newest.status,
    newest.start_time,
    newest.age_seconds,
    loaded.end_time AS last_load,
    CAST(
        (
            SELECT COALESCE(SUM(job.records_processed), 0)
            FROM etl_log AS job
            WHERE
                job.feed = feeds.feed AND job.job_name = 'consume' AND job.status <> 'RUNNING'
                AND job.log_id > COALESCE(merged.log_id, 0)
        ) AS bigint
    ) AS waiting_for_merge,
    CAST(
        (
            SELECT COALESCE(SUM(job.records_processed), 0)
            FROM etl_log AS job
            WHERE
                job.feed = feeds.feed AND job.job_name = 'merge' AND job.status = 'SUCCESS'
                AND job.log_id > COALESCE(loaded.log_id, 0)
        ) + (
            SELECT COALESCE(SUM(undone.[rows]), 0)
            FROM etl_file AS undone
            WHERE undone.feed = feeds.feed AND undone.kind = 'archive' AND undone.undone_at IS NOT NULL
        ) AS bigint
    ) AS waiting_for_load,
    (SELECT COUNT_BIG(*) FROM etl_log AS job WHERE job.feed = feeds.feed AND job.status = 'RUNNING') AS running_jobs
FROM (SELECT DISTINCT feed FROM etl_log) AS feeds
CROSS APPLY (
    SELECT TOP (1)
        latest.cycle_id,
        latest.start_time,
        DATEDIFF_BIG(millisecond, COALESCE(latest.end_time, latest.heartbeat_at, latest.start_time), SYSDATETIMEOFFSET()) / 1000.0
            AS age_seconds,
        -- As v_etl_cycles has it.
        (
            SELECT
                CAST(
                    CASE
                        WHEN SUM(CASE WHEN job.status = 'FAILED' THEN 1 ELSE 0 END) > 0 THEN 'FAILED'
                        WHEN SUM(CASE WHEN job.status = 'RUNNING' THEN 1 ELSE 0 END) > 0 THEN 'RUNNING'
                        ELSE 'SUCCESS'
                    END AS nvarchar(16)
                ) COLLATE Latin1_General_100_BIN2
            FROM etl_log AS job
            WHERE job.cycle_id = latest.cycle_id AND job.feed = latest.feed
        ) AS status
    FROM etl_log AS latest
    WHERE latest.feed = feeds.feed
    ORDER BY latest.log_id DESC
) AS newest
OUTER APPLY (
    SELECT TOP (1) job.log_id
    FROM etl_log AS job
    WHERE job.feed = feeds.feed AND job.job_name = 'merge' AND job.status = 'SUCCESS'
    ORDER BY job.log_id DESC
) AS merged
OUTER APPLY (
    SELECT TOP (1) job.log_id, job.end_time
    FROM etl_log AS job
    WHERE job.feed = feeds.feed AND job.job_name = 'load' AND job.status = 'SUCCESS'
    ORDER BY job.log_id DESC
) AS loaded;
