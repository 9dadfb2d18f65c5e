-- needs: etl_log etl_feed etl_quality_score
CREATE OR REPLACE VIEW v_etl_freshness AS
SELECT
    feed.feed,
    feed.source,
    newest.last_event_time,
    CAST(extract(epoch FROM now() - newest.last_event_time) AS double precision) AS age_seconds,
    feed.freshness_seconds AS sla_seconds,
    CASE
        WHEN newest.last_event_time IS NULL THEN 'NO READINGS'
        WHEN feed.freshness_seconds IS NULL THEN 'NO SLA'
        WHEN extract(epoch FROM now() - newest.last_event_time) <= feed.freshness_seconds THEN 'FRESH'
        ELSE 'STALE'
    END AS freshness,
    feed.sensors AS sensors_expected,
    fleet.sensors_seen,
    CASE WHEN feed.sensors > fleet.sensors_seen THEN feed.sensors - fleet.sensors_seen ELSE 0 END AS sensors_missing,
    feed.description
FROM etl_feed AS feed
LEFT JOIN LATERAL (
    SELECT max(log.last_event_time) AS last_event_time
    FROM etl_log AS log
    WHERE log.feed = feed.feed AND log.undone_at IS NULL AND log.last_event_time IS NOT NULL
) AS newest ON true
LEFT JOIN LATERAL (
    SELECT score.sensors_seen
    FROM etl_quality_score AS score
    WHERE score.feed = feed.feed
    ORDER BY score.log_id DESC
    LIMIT 1
) AS fleet ON true;
