-- needs: etl_log etl_feed etl_quality_score
CREATE VIEW v_etl_freshness AS
SELECT
    promised.feed,
    promised.source,
    newest.last_event_time,
    DATEDIFF_BIG(millisecond, newest.last_event_time, SYSDATETIMEOFFSET()) / 1000.0 AS age_seconds,
    promised.freshness_seconds AS sla_seconds,
    CAST(
        CASE
            WHEN newest.last_event_time IS NULL THEN 'NO READINGS'
            WHEN promised.freshness_seconds IS NULL THEN 'NO SLA'
            WHEN DATEDIFF_BIG(millisecond, newest.last_event_time, SYSDATETIMEOFFSET()) / 1000.0 <= promised.freshness_seconds
                THEN 'FRESH'
            ELSE 'STALE'
        END AS nvarchar(16)
    ) COLLATE Latin1_General_100_BIN2 AS freshness,
    promised.sensors AS sensors_expected,
    fleet.sensors_seen,
    CASE WHEN promised.sensors > fleet.sensors_seen THEN promised.sensors - fleet.sensors_seen ELSE 0 END AS sensors_missing,
    promised.description
FROM etl_feed AS promised
OUTER APPLY (
    SELECT MAX(job.last_event_time) AS last_event_time
    FROM etl_log AS job
    WHERE job.feed = promised.feed AND job.undone_at IS NULL AND job.last_event_time IS NOT NULL
) AS newest
OUTER APPLY (
    SELECT TOP (1) score.sensors_seen
    FROM etl_quality_score AS score
    WHERE score.feed = promised.feed
    ORDER BY score.log_id DESC
) AS fleet;
