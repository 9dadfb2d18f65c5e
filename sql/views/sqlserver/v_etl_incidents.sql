-- needs: etl_incident etl_alert etl_feed
-- What is open, and what was opened in the last 30 days. A feed without any says so: better than an empty table, which may
-- mean anything.
CREATE VIEW v_etl_incidents AS
SELECT
    incident.incident_id,
    incident.kind,
    incident.feed,
    incident.[key] AS key_name,
    incident.severity,
    CAST(CASE WHEN incident.resolved_at IS NULL THEN 'OPEN' ELSE 'RESOLVED' END AS nvarchar(16))
        COLLATE Latin1_General_100_BIN2 AS state,
    CASE WHEN incident.resolved_at IS NULL THEN 1 ELSE 0 END AS is_open,
    incident.opened_at,
    incident.resolved_at,
    CAST(
        DATEDIFF_BIG(millisecond, incident.opened_at, COALESCE(incident.resolved_at, SYSDATETIMEOFFSET())) / 3600000.0 AS float
    ) AS hours_open,
    incident.cause,
    incident.remedy,
    incident.cycle_id,
    incident.job_name,
    incident.notebook,
    CAST(
        CASE
            WHEN messages.receivers = 0 THEN 'no receiver'
            ELSE CONCAT(messages.sent, ' of ', messages.receivers, ' receivers')
        END AS nvarchar(64)
    ) COLLATE Latin1_General_100_BIN2 AS told
FROM etl_incident AS incident
CROSS APPLY (
    SELECT
        COUNT_BIG(*) AS receivers,
        COUNT_BIG(alert.sent_at) AS sent
    FROM etl_alert AS alert
    WHERE alert.incident_id = incident.incident_id AND alert.event = 'opened'
) AS messages
WHERE incident.resolved_at IS NULL OR incident.opened_at > DATEADD(day, -30, SYSDATETIMEOFFSET())
UNION ALL
SELECT
    CAST(NULL AS bigint) AS incident_id,
    'none' AS kind,
    promised.feed,
    '' AS key_name,
    'none' AS severity,
    'NONE' AS state,
    0 AS is_open,
    CAST(NULL AS datetimeoffset(6)) AS opened_at,
    CAST(NULL AS datetimeoffset(6)) AS resolved_at,
    CAST(NULL AS float) AS hours_open,
    'Nothing is wrong, and nothing was in the last 30 days.' AS cause,
    '' AS remedy,
    CAST(NULL AS nvarchar(64)) AS cycle_id,
    CAST(NULL AS nvarchar(16)) AS job_name,
    CAST(NULL AS nvarchar(400)) AS notebook,
    'nobody' AS told
FROM etl_feed AS promised
WHERE NOT EXISTS (
    SELECT 1
    FROM etl_incident AS incident
    WHERE
        incident.feed = promised.feed
        AND (incident.resolved_at IS NULL OR incident.opened_at > DATEADD(day, -30, SYSDATETIMEOFFSET()))
);
