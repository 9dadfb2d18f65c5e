-- needs: etl_incident etl_alert etl_feed
-- What is open, and what was opened in the last 30 days. A feed without any says so: better than an empty table, which may
-- mean anything.
CREATE OR REPLACE VIEW v_etl_incidents AS
SELECT
    incident.incident_id,
    incident.kind,
    incident.feed,
    incident.key AS key_name,
    incident.severity,
    CASE WHEN incident.resolved_at IS NULL THEN 'OPEN' ELSE 'RESOLVED' END AS state,
    CASE WHEN incident.resolved_at IS NULL THEN 1 ELSE 0 END AS is_open,
    incident.opened_at,
    incident.resolved_at,
    CAST(extract(epoch FROM coalesce(incident.resolved_at, now()) - incident.opened_at) / 3600 AS double precision)
        AS hours_open,
    incident.cause,
    incident.remedy,
    incident.cycle_id,
    incident.job_name,
    incident.notebook,
    CASE
        WHEN messages.receivers = 0 THEN 'no receiver'
        ELSE concat(messages.sent, ' of ', messages.receivers, ' receivers')
    END AS told
FROM etl_incident AS incident
CROSS JOIN LATERAL (
    SELECT
        count(*) AS receivers,
        count(alert.sent_at) AS sent
    FROM etl_alert AS alert
    WHERE alert.incident_id = incident.incident_id AND alert.event = 'opened'
) AS messages
WHERE incident.resolved_at IS NULL OR incident.opened_at > now() - INTERVAL '30 days'
UNION ALL
SELECT
    CAST(NULL AS bigint) AS incident_id,
    'none' AS kind,
    feed.feed,
    '' AS key_name,
    'none' AS severity,
    'NONE' AS state,
    0 AS is_open,
    CAST(NULL AS timestamp with time zone) AS opened_at,
    CAST(NULL AS timestamp with time zone) AS resolved_at,
    CAST(NULL AS double precision) AS hours_open,
    'Nothing is wrong, and nothing was in the last 30 days.' AS cause,
    '' AS remedy,
    CAST(NULL AS varchar(64)) AS cycle_id,
    CAST(NULL AS varchar(16)) AS job_name,
    CAST(NULL AS varchar(400)) AS notebook,
    'nobody' AS told
FROM etl_feed AS feed
WHERE NOT EXISTS (
    SELECT 1
    FROM etl_incident AS incident
    WHERE incident.feed = feed.feed AND (incident.resolved_at IS NULL OR incident.opened_at > now() - INTERVAL '30 days')
);
