SELECT alembic_version.version_num
FROM alembic_version
GO

SELECT etl_log.log_id, etl_log.cycle_id
FROM etl_log
WHERE etl_log.feed = ? AND etl_log.job_name = ? AND etl_log.status = ? AND etl_log.host = ? AND etl_log.pid = ? AND
    etl_log.start_time = CAST(? AS DATETIMEOFFSET(6))
GO

SELECT etl_log.log_id, etl_log.cycle_id, etl_log.feed, etl_log.job_name, etl_log.status, etl_log.start_time,
    etl_log.end_time, etl_log.duration_seconds, etl_log.records_read, etl_log.records_processed,
    etl_log.records_rejected, etl_log.records_duplicate, etl_log.records_late, etl_log.records_conflicting,
    etl_log.error_type, etl_log.error_message, etl_log.notebook, etl_log.notebook_sha256, etl_log.parameters,
    etl_log.host, etl_log.pid, etl_log.heartbeat_at, etl_log.code_version, etl_log.undone_at, etl_log.notes,
    etl_log.last_event_time, etl_log.by_hand, etl_log.executed_sha256
FROM etl_log
WHERE etl_log.feed = ? AND etl_log.status = ?
GO

SELECT TOP 1 etl_log.cycle_id, CASE WHEN (EXISTS (SELECT *
        FROM etl_log AS loaded
        WHERE loaded.cycle_id = etl_log.cycle_id AND loaded.job_name = ? AND loaded.status = ?)) THEN ? ELSE ? END AS
    finished
FROM etl_log
WHERE etl_log.feed = ? AND etl_log.by_hand = 1 ORDER BY etl_log.log_id DESC
GO

INSERT INTO etl_log (cycle_id, feed, job_name, status, start_time, notebook, notebook_sha256, parameters, host, pid,
        heartbeat_at, code_version, by_hand) VALUES (?, ?, ?, ?, CAST(? AS DATETIMEOFFSET(6)), ?, ?, ?, ?, ?, CAST(? AS
            DATETIMEOFFSET(6)), ?, ?)
GO

SELECT is_read_committed_snapshot_on
FROM sys.databases
WHERE name = DB_NAME()
GO

SELECT etl_column.feed, etl_column.column_name, etl_column.type, etl_column.path, etl_column.log_id, etl_column.added_at
FROM etl_column
WHERE etl_column.feed = ? ORDER BY etl_column.added_at, etl_column.column_name
GO

SELECT etl_feed.windows
FROM etl_feed
WHERE etl_feed.feed = ?
GO

SELECT etl_set_aside.kind, etl_set_aside.name, etl_set_aside.status
FROM etl_set_aside
WHERE etl_set_aside.feed = ? AND etl_set_aside.status IN (?, ?, ?)
GO

UPDATE etl_log SET status=?, end_time=CAST(? AS DATETIMEOFFSET(6)), duration_seconds=?, records_read=?,
    records_processed=?, records_rejected=?, records_duplicate=?, records_late=?, records_conflicting=?,
    heartbeat_at=CAST(? AS DATETIMEOFFSET(6)) WHERE etl_log.log_id = ?
GO

SELECT etl_incident.kind, etl_incident.[key], etl_incident.incident_id
FROM etl_incident
WHERE etl_incident.feed = ? AND etl_incident.resolved_at IS NULL
GO

SELECT etl_file.file_name
FROM etl_file
WHERE etl_file.feed = ? AND etl_file.undone_at IS NULL AND etl_file.kind = ? UNION ALL SELECT etl_set_aside.name
FROM etl_set_aside
WHERE etl_set_aside.feed = ? AND etl_set_aside.kind = ? AND etl_set_aside.status = ?
GO

SELECT TOP (1) 1 FROM sys.objects
GO

DECLARE @result int;
EXEC @result = sp_getapplock @Resource = ?, @LockMode = 'Exclusive', @LockOwner = 'Transaction', @LockTimeout = 0;
SELECT @result;
GO

SELECT CURRENT_TRANSACTION_ID()
GO

CREATE TABLE sensor_data (
    sensor_id INTEGER NOT NULL,
    temperature FLOAT(53) NOT NULL,
    humidity FLOAT(53) NOT NULL,
    timestamp DATETIMEOFFSET(6) NOT NULL,
    source_id INTEGER NOT NULL,
    source_partition INTEGER NOT NULL,
    source_offset BIGINT NOT NULL,
    source_item INTEGER NOT NULL,
    log_id BIGINT NOT NULL,
    lateness_seconds FLOAT(53) NULL,
    CONSTRAINT uq_sensor_data UNIQUE (sensor_id, timestamp)
)
GO

CREATE CLUSTERED INDEX ix_sensor_data_log_id ON sensor_data (log_id)
GO

CREATE INDEX ix_sensor_data_time ON sensor_data (timestamp)
GO

CREATE TABLE sensor_data_5m (
    sensor_id INTEGER NOT NULL,
    measure NVARCHAR(64) COLLATE Latin1_General_100_BIN2 NOT NULL,
    window_start DATETIMEOFFSET(6) NOT NULL,
    count BIGINT NOT NULL,
    min FLOAT(53) NOT NULL,
    max FLOAT(53) NOT NULL,
    avg FLOAT(53) NOT NULL,
    stddev FLOAT(53) NULL,
    CONSTRAINT sensor_data_5m_pkey PRIMARY KEY (sensor_id, measure, window_start)
)
GO

CREATE INDEX ix_sensor_data_5m_start ON sensor_data_5m (window_start)
GO

CREATE TABLE sensor_data_1d (
    sensor_id INTEGER NOT NULL,
    measure NVARCHAR(64) COLLATE Latin1_General_100_BIN2 NOT NULL,
    window_start DATETIMEOFFSET(6) NOT NULL,
    count BIGINT NOT NULL,
    min FLOAT(53) NOT NULL,
    max FLOAT(53) NOT NULL,
    avg FLOAT(53) NOT NULL,
    stddev FLOAT(53) NULL,
    CONSTRAINT sensor_data_1d_pkey PRIMARY KEY (sensor_id, measure, window_start)
)
GO

CREATE INDEX ix_sensor_data_1d_start ON sensor_data_1d (window_start)
GO

CREATE VIEW v_sensor_data AS SELECT sensor_data.sensor_id, sensor_data.temperature, sensor_data.humidity,
    sensor_data.timestamp, sensor_data.source_id, sensor_data.source_partition, sensor_data.source_offset,
    sensor_data.source_item, sensor_data.log_id, sensor_data.lateness_seconds, etl_source.name AS source_name,
    etl_log.cycle_id, etl_log.end_time AS loaded_at
FROM sensor_data
JOIN etl_source ON etl_source.source_id = sensor_data.source_id
LEFT OUTER JOIN etl_log ON etl_log.log_id = sensor_data.log_id
GO

CREATE VIEW v_sensor_data_latest AS SELECT ranked.sensor_id, ranked.temperature, ranked.humidity, ranked.timestamp,
    ranked.source_id, ranked.source_partition, ranked.source_offset, ranked.source_item, ranked.log_id,
    ranked.lateness_seconds
FROM (SELECT sensor_data.sensor_id AS sensor_id, sensor_data.temperature AS temperature, sensor_data.humidity AS
        humidity, sensor_data.timestamp AS timestamp, sensor_data.source_id AS source_id, sensor_data.source_partition
        AS source_partition, sensor_data.source_offset AS source_offset, sensor_data.source_item AS source_item,
        sensor_data.log_id AS log_id, sensor_data.lateness_seconds AS lateness_seconds, row_number() OVER (PARTITION BY
            sensor_data.sensor_id ORDER BY sensor_data.source_id DESC, sensor_data.source_partition DESC,
            sensor_data.source_offset DESC, sensor_data.source_item DESC) AS [row number]
    FROM sensor_data
    JOIN (SELECT sensors.sensor_id AS sensor_id, (SELECT max(other.timestamp) AS max_1
            FROM sensor_data AS other
            WHERE other.sensor_id = sensors.sensor_id) AS [newest time]
        FROM (SELECT DISTINCT sensor_data_1d.sensor_id AS sensor_id
            FROM sensor_data_1d) AS sensors) AS [newest moments] ON sensor_data.sensor_id = [newest moments].sensor_id
        AND sensor_data.timestamp = [newest moments].[newest time]) AS ranked
WHERE ranked.[row number] = 1
GO

CREATE VIEW v_sensor_data_statistics AS SELECT sensor_data_1d.sensor_id, sensor_data_1d.measure,
    sum(sensor_data_1d.count) AS count, min(sensor_data_1d.min) AS min, max(sensor_data_1d.max) AS max, mean.avg, CASE
    WHEN (sum(sensor_data_1d.count) > 1) THEN sqrt(sum((sensor_data_1d.count - 1) * coalesce(sensor_data_1d.stddev, 0.0)
            * coalesce(sensor_data_1d.stddev, 0.0) + sensor_data_1d.count * (sensor_data_1d.avg - mean.avg) *
            (sensor_data_1d.avg - mean.avg)) / ((sum(sensor_data_1d.count) - 1) + 0.0)) END AS stddev
FROM sensor_data_1d
JOIN (SELECT sensor_data_1d.sensor_id AS sensor_id, sensor_data_1d.measure AS measure, sum(sensor_data_1d.avg *
            sensor_data_1d.count) / (sum(sensor_data_1d.count) + 0.0) AS avg
    FROM sensor_data_1d
    GROUP BY sensor_data_1d.sensor_id, sensor_data_1d.measure) AS mean ON sensor_data_1d.sensor_id = mean.sensor_id AND
    sensor_data_1d.measure = mean.measure
GROUP BY sensor_data_1d.sensor_id, sensor_data_1d.measure, mean.avg
GO

-- needs: etl_log etl_anomaly
CREATE VIEW v_etl_anomalies AS
SELECT
anomaly.anomaly_id,
anomaly.feed,
anomaly.sensor,
anomaly.measure,
anomaly.event_time,
anomaly.kind,
anomaly.value,
anomaly.expected_low,
anomaly.expected_high,
anomaly.score,
job.cycle_id
FROM etl_anomaly AS anomaly
JOIN etl_log AS job ON job.log_id = anomaly.log_id;
GO

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
    DATEDIFF_BIG(millisecond, COALESCE(latest.end_time, latest.heartbeat_at, latest.start_time), SYSDATETIMEOFFSET()) /
        1000.0
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
GO

-- needs: etl_log
-- What the dashboards' filters offer where the names are known beforehand, so that none has to be looked for in millions of
-- rows. Each column is a list of its own, repeated as often as needed; what stands beside it means nothing. A filter takes
-- limits between the least and the largest value and score.
CREATE VIEW v_etl_choices AS
SELECT
step COLLATE Latin1_General_100_BIN2 AS step,
status COLLATE Latin1_General_100_BIN2 AS status,
quarantine_status COLLATE Latin1_General_100_BIN2 AS quarantine_status,
device_status COLLATE Latin1_General_100_BIN2 AS device_status,
reason COLLATE Latin1_General_100_BIN2 AS reason,
CAST(CASE reason WHEN 'tombstone' THEN -1e12 ELSE 1e12 END AS float) AS value,
CAST(CASE reason WHEN 'tombstone' THEN 0 ELSE 1e6 END AS float) AS score
FROM (
    VALUES
    ('1 produce', 'SUCCESS', 'QUARANTINED', 'SUCCESS', 'tombstone'),
    ('2 consume', 'FAILED', 'REPLAYED', 'ERROR', 'not_utf8'),
    ('3 merge', 'RUNNING', 'DISCARDED', 'STANDBY', 'empty'),
    ('4 load', 'SUCCESS', 'QUARANTINED', 'SUCCESS', 'not_json'),
    ('1 produce', 'FAILED', 'REPLAYED', 'ERROR', 'not_object'),
    ('2 consume', 'RUNNING', 'DISCARDED', 'STANDBY', 'no_items'),
    ('3 merge', 'SUCCESS', 'QUARANTINED', 'SUCCESS', 'no_reading'),
    ('4 load', 'FAILED', 'REPLAYED', 'ERROR', 'not_csv'),
    ('1 produce', 'RUNNING', 'DISCARDED', 'STANDBY', 'not_avro'),
    ('2 consume', 'SUCCESS', 'QUARANTINED', 'SUCCESS', 'duplicate_key'),
    ('3 merge', 'FAILED', 'REPLAYED', 'ERROR', 'invalid_text'),
    ('4 load', 'RUNNING', 'DISCARDED', 'STANDBY', 'unknown_key'),
    ('1 produce', 'SUCCESS', 'QUARANTINED', 'SUCCESS', 'missing'),
    ('2 consume', 'FAILED', 'REPLAYED', 'ERROR', 'wrong_type'),
    ('3 merge', 'RUNNING', 'DISCARDED', 'STANDBY', 'not_finite'),
    ('4 load', 'SUCCESS', 'QUARANTINED', 'SUCCESS', 'out_of_range'),
    ('1 produce', 'FAILED', 'REPLAYED', 'ERROR', 'too_short'),
    ('2 consume', 'RUNNING', 'DISCARDED', 'STANDBY', 'too_long'),
    ('3 merge', 'SUCCESS', 'QUARANTINED', 'SUCCESS', 'pattern'),
    ('4 load', 'FAILED', 'REPLAYED', 'ERROR', 'trailing_blank'),
    ('1 produce', 'RUNNING', 'DISCARDED', 'STANDBY', 'bad_time'),
    ('2 consume', 'SUCCESS', 'QUARANTINED', 'SUCCESS', 'time_out_of_range'),
    ('3 merge', 'FAILED', 'REPLAYED', 'ERROR', 'conflicting'),
    ('4 load', 'RUNNING', 'DISCARDED', 'STANDBY', 'database_refused')
) AS choices (step, status, quarantine_status, device_status, reason);
GO

-- needs: etl_log etl_setting
-- A cycle is looked up from its first job, so that a filter on start_time is one on the index of etl_log. Its notebook is that
-- of the job that failed, or of the last one.
CREATE VIEW v_etl_cycles AS
SELECT
head.cycle_id,
head.feed,
whole.status,
head.start_time,
whole.end_time,
whole.duration_seconds,
DATEDIFF_BIG(millisecond, whole.last_sign, SYSDATETIMEOFFSET()) / 1000.0 AS age_seconds,
whole.records_loaded,
whole.records_rejected,
whole.records_duplicate,
whole.records_conflicting,
whole.jobs,
CASE
WHEN api.value IS NULL OR shown.notebook IS NULL THEN COALESCE(shown.notebook, 'run by hand')
ELSE CONCAT(
    '<a href="', api.value, '/cycles/', shown.cycle_id, '/notebooks/', shown.job_name, '#failed" target="_blank">',
    shown.notebook, '</a>'
)
END AS cycle_notebook
FROM etl_log AS head
CROSS APPLY (
    SELECT
    CAST(
        CASE
        WHEN SUM(CASE WHEN job.status = 'FAILED' THEN 1 ELSE 0 END) > 0 THEN 'FAILED'
        WHEN SUM(CASE WHEN job.status = 'RUNNING' THEN 1 ELSE 0 END) > 0 THEN 'RUNNING'
        ELSE 'SUCCESS'
        END AS nvarchar(16)
    ) COLLATE Latin1_General_100_BIN2 AS status,
    MAX(job.end_time) AS end_time,
    MAX(COALESCE(job.end_time, job.heartbeat_at, job.start_time)) AS last_sign,
    DATEDIFF_BIG(millisecond, MIN(job.start_time), MAX(COALESCE(job.end_time, SYSDATETIMEOFFSET()))) / 1000.0
    AS duration_seconds,
    SUM(CASE WHEN job.job_name = 'load' THEN job.records_processed ELSE 0 END) AS records_loaded,
    SUM(CASE WHEN job.job_name = 'load' THEN job.records_rejected ELSE 0 END) AS records_rejected,
    SUM(CASE WHEN job.job_name = 'load' THEN job.records_duplicate ELSE 0 END) AS records_duplicate,
    SUM(CASE WHEN job.job_name = 'load' THEN job.records_conflicting ELSE 0 END) AS records_conflicting,
    COUNT_BIG(*) AS jobs,
    COALESCE(MIN(CASE WHEN job.status = 'FAILED' THEN job.log_id END), MAX(job.log_id)) AS shown_log_id
    FROM etl_log AS job
    WHERE job.cycle_id = head.cycle_id AND job.feed = head.feed
) AS whole
LEFT
JOIN etl_log AS shown ON shown.log_id = whole.shown_log_id
LEFT
JOIN etl_setting AS api ON api.name = 'api_url'
WHERE NOT EXISTS (
    SELECT 1
    FROM etl_log AS earlier
    WHERE earlier.cycle_id = head.cycle_id AND earlier.feed = head.feed AND earlier.log_id < head.log_id
);
GO

-- needs: etl_log etl_setting
-- One row says so where nothing has ever failed: better than an empty table, which may mean anything. A blank after each <
-- keeps a browser that is to show the link of failed_notebook from taking a message for HTML.
CREATE VIEW v_etl_failures AS
SELECT
job.log_id,
job.cycle_id,
job.feed,
CASE job.job_name WHEN 'produce' THEN '1 ' WHEN 'consume' THEN '2 ' WHEN 'merge' THEN '3 ' WHEN 'load' THEN '4 ' ELSE ''
    END
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
LEFT
JOIN etl_setting AS api ON api.name = 'api_url'
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
GO

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
CASE WHEN promised.sensors > fleet.sensors_seen THEN promised.sensors - fleet.sensors_seen ELSE 0 END AS
    sensors_missing,
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
GO

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
    DATEDIFF_BIG(millisecond, incident.opened_at, COALESCE(incident.resolved_at, SYSDATETIMEOFFSET())) / 3600000.0 AS
        float
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
GO

-- needs: etl_log
CREATE VIEW v_etl_jobs AS
SELECT
log_id,
cycle_id,
feed,
CASE job_name WHEN 'produce' THEN '1 ' WHEN 'consume' THEN '2 ' WHEN 'merge' THEN '3 ' WHEN 'load' THEN '4 ' ELSE '' END
+ job_name AS step,
status,
start_time,
end_time,
CASE status WHEN 'RUNNING' THEN DATEDIFF_BIG(millisecond, start_time, SYSDATETIMEOFFSET()) / 1000.0 ELSE
    duration_seconds END
AS duration_seconds,
CASE status WHEN 'SUCCESS' THEN 1.0 WHEN 'FAILED' THEN 0.0 END AS success,
records_read,
records_processed,
records_rejected,
records_duplicate,
records_conflicting,
records_late,
CASE status
WHEN 'SUCCESS' THEN records_read - records_processed - records_rejected - records_duplicate - records_conflicting
ELSE 0
END AS unaccounted,
error_type,
error_message,
notebook,
code_version
FROM etl_log;
GO

-- needs: etl_log etl_quality_score
CREATE VIEW v_etl_quality AS
SELECT
score.log_id,
job.cycle_id,
score.feed,
job.start_time,
score.score,
score.completeness,
score.validity,
score.uniqueness,
score.timeliness,
job.records_read,
job.records_rejected,
job.records_duplicate,
job.records_conflicting,
job.records_late,
-- Zero where nothing was late: the chart's line then lies on the axis.
COALESCE(score.lateness_mean_seconds, 0) AS lateness_mean_seconds,
COALESCE(score.lateness_max_seconds, 0) AS lateness_max_seconds,
score.age_seconds,
score.sensors_expected,
score.sensors_seen,
score.readings_expected,
score.readings_seen
FROM etl_quality_score AS score
JOIN etl_log AS job ON job.log_id = score.log_id;
GO

-- needs: etl_log etl_rejected_row etl_source
-- Where a row came from and what is wrong with it, but neither its text nor a value: dashboards have more readers than that.
CREATE VIEW v_etl_rejects AS
SELECT
rejected.rejected_id,
job.start_time,
job.cycle_id,
rejected.feed,
rejected.reason,
JSON_VALUE(rejected.problems, '$[0].column') COLLATE Latin1_General_100_BIN2 AS column_name,
rejected.status AS quarantine_status,
origin.name AS source_name,
rejected.source_partition,
rejected.source_offset,
rejected.source_item,
rejected.decided_at
FROM etl_rejected_row AS rejected
JOIN etl_log AS job ON job.log_id = rejected.log_id
JOIN etl_source AS origin ON origin.source_id = rejected.source_id;
GO

-- needs: etl_set_aside etl_feed
-- A feed of which nothing is set aside says so: better than an empty table, which may mean anything.
CREATE VIEW v_etl_set_aside AS
SELECT
feed,
kind,
name,
attempts,
cause,
first_failed_at,
set_aside_at,
1 AS is_set_aside
FROM etl_set_aside
WHERE status = 'SET_ASIDE'
UNION ALL
SELECT
feed.feed,
'none' AS kind,
'none' AS name,
0 AS attempts,
'Nothing is set aside.' AS cause,
CAST(NULL AS datetimeoffset(6)) AS first_failed_at,
CAST(NULL AS datetimeoffset(6)) AS set_aside_at,
0 AS is_set_aside
FROM etl_feed AS feed
WHERE NOT EXISTS (SELECT 1 FROM etl_set_aside AS aside WHERE aside.feed = feed.feed AND aside.status = 'SET_ASIDE');
GO

SELECT etl_file.log_id, etl_file.file_name
FROM etl_file
JOIN etl_source ON etl_source.source_id = etl_file.source_id
WHERE etl_source.feed = ? AND etl_source.[identity] = ? AND etl_file.sha256 = ? AND etl_file.undone_at IS NULL
GO

SELECT etl_source.source_id
FROM etl_source
WHERE etl_source.feed = ? AND etl_source.name = ? AND etl_source.[identity] = ?
GO

INSERT INTO etl_source (feed, name, [identity], first_seen) VALUES (?, ?, ?, CAST(? AS DATETIMEOFFSET(6)))
GO

DELETE FROM etl_file WHERE etl_file.source_id = ? AND etl_file.sha256 = ? AND etl_file.undone_at IS NOT NULL
GO

INSERT INTO etl_file (feed, file_name, sha256, source_id, bytes, rows, offset_ranges, archived_at, loaded_at, log_id,
        kind) VALUES (?, ?, ?, ?, ?, ?, ?, CAST(? AS DATETIMEOFFSET(6)), CAST(? AS DATETIMEOFFSET(6)), ?, ?)
GO

DROP TABLE IF EXISTS [#stage_sensor_data]
GO

CREATE TABLE [#stage_sensor_data] (
    stage_row BIGINT NOT NULL,
    sensor_id INTEGER NULL,
    temperature FLOAT(53) NULL,
    humidity FLOAT(53) NULL,
    timestamp DATETIMEOFFSET(6) NULL,
    source_partition INTEGER NULL,
    source_offset BIGINT NULL,
    source_item INTEGER NULL,
    lateness_seconds FLOAT(53) NULL,
    PRIMARY KEY (stage_row)
)
GO

DROP TABLE IF EXISTS [#stage_etl_rejected_row]
GO

CREATE TABLE [#stage_etl_rejected_row] (
    stage_row BIGINT NOT NULL,
    source_partition INTEGER NULL,
    source_offset BIGINT NULL,
    source_item INTEGER NULL,
    raw NVARCHAR(max) COLLATE Latin1_General_100_BIN2 NULL,
    raw_rebuilt BIT NULL,
    reason NVARCHAR(64) COLLATE Latin1_General_100_BIN2 NULL,
    problems NVARCHAR(max) COLLATE Latin1_General_100_BIN2 NULL,
    PRIMARY KEY (stage_row)
)
GO

SELECT max(etl_log.last_event_time) AS max_1
FROM etl_log
WHERE etl_log.feed = ? AND etl_log.undone_at IS NULL
GO

SELECT TOP 1 1
FROM sensor_data
GO

INSERT INTO [#stage_sensor_data] ([stage_row], [sensor_id], [temperature], [humidity], [timestamp], [source_partition],
        [source_offset], [source_item], [lateness_seconds])
SELECT sent.[stage_row], sent.[sensor_id], sent.[temperature], sent.[humidity], CAST(sent.[timestamp] AS
        DATETIMEOFFSET(6)), sent.[source_partition], sent.[source_offset], sent.[source_item], sent.[lateness_seconds]
FROM OPENJSON(CAST(? AS NVARCHAR(MAX)))
WITH ([stage_row] BIGINT '$[0]', [sensor_id] INTEGER '$[1]', [temperature] FLOAT(53) '$[2]', [humidity] FLOAT(53)
        '$[3]', [timestamp] NVARCHAR(40) '$[4]', [source_partition] INTEGER '$[5]', [source_offset] BIGINT '$[6]',
        [source_item] INTEGER '$[7]', [lateness_seconds] FLOAT(53) '$[8]') AS sent
GO

INSERT INTO [#stage_etl_rejected_row] ([stage_row], [source_partition], [source_offset], [source_item], [raw],
        [raw_rebuilt], [reason], [problems])
SELECT sent.[stage_row], sent.[source_partition], sent.[source_offset], sent.[source_item], sent.[raw],
    sent.[raw_rebuilt], sent.[reason], sent.[problems]
FROM OPENJSON(CAST(? AS NVARCHAR(MAX)))
WITH ([stage_row] BIGINT '$[0]', [source_partition] INTEGER '$[1]', [source_offset] BIGINT '$[2]', [source_item] INTEGER
        '$[3]', [raw] NVARCHAR(max) '$[4]', [raw_rebuilt] BIT '$[5]', [reason] NVARCHAR(64) '$[6]', [problems]
        NVARCHAR(max) '$[7]') AS sent
GO

INSERT INTO sensor_data (sensor_id, temperature, humidity, timestamp, source_partition, source_offset, source_item,
        lateness_seconds, source_id, log_id) SELECT [staged rows].sensor_id, [staged rows].temperature,
    [staged rows].humidity, [staged rows].timestamp, [staged rows].source_partition, [staged rows].source_offset,
    [staged rows].source_item, [staged rows].lateness_seconds, ? AS source_id, ? AS log_id
FROM (SELECT [stage rows].sensor_id AS sensor_id, [stage rows].temperature AS temperature, [stage rows].humidity AS
        humidity, [stage rows].timestamp AS timestamp, [stage rows].source_partition AS source_partition,
        [stage rows].source_offset AS source_offset, [stage rows].source_item AS source_item,
        [stage rows].lateness_seconds AS lateness_seconds, row_number() OVER (PARTITION BY [stage rows].sensor_id,
            [stage rows].timestamp ORDER BY [stage rows].stage_row) AS [place in key]
    FROM [#stage_sensor_data] AS [stage rows]) AS [staged rows]
WHERE [staged rows].[place in key] = 1 AND NOT (EXISTS (SELECT 1
        FROM sensor_data
        WHERE sensor_data.sensor_id = [staged rows].sensor_id AND sensor_data.timestamp = [staged rows].timestamp))
GO

INSERT INTO etl_rejected_row (source_partition, source_offset, source_item, raw, raw_rebuilt, reason, problems,
        source_id, log_id, feed) SELECT [staged rows].source_partition, [staged rows].source_offset,
    [staged rows].source_item, [staged rows].raw, [staged rows].raw_rebuilt, [staged rows].reason,
    [staged rows].problems, ? AS source_id, ? AS log_id, ? AS feed
FROM (SELECT [stage rows].source_partition AS source_partition, [stage rows].source_offset AS source_offset,
        [stage rows].source_item AS source_item, [stage rows].raw AS raw, [stage rows].raw_rebuilt AS raw_rebuilt,
        [stage rows].reason AS reason, [stage rows].problems AS problems, row_number() OVER (PARTITION BY
            [stage rows].source_partition, [stage rows].source_offset, [stage rows].source_item ORDER BY
            [stage rows].stage_row) AS [place in key]
    FROM [#stage_etl_rejected_row] AS [stage rows]) AS [staged rows]
WHERE [staged rows].[place in key] = 1 AND NOT (EXISTS (SELECT 1
        FROM etl_rejected_row
        WHERE etl_rejected_row.source_id = ? AND etl_rejected_row.source_partition = [staged rows].source_partition AND
            etl_rejected_row.source_offset = [staged rows].source_offset AND etl_rejected_row.source_item =
            [staged rows].source_item))
GO

SELECT [staged rows].stage_row, [staged rows].source_partition, [staged rows].source_offset, [staged rows].source_item,
    CASE WHEN (sensor_data.temperature != [staged rows].temperature OR sensor_data.temperature IS NULL AND
        [staged rows].temperature IS NOT NULL OR sensor_data.temperature IS NOT NULL AND [staged rows].temperature IS
        NULL) THEN 1 ELSE 0 END AS [differs 0], CASE WHEN (sensor_data.humidity != [staged rows].humidity OR
        sensor_data.humidity IS NULL AND [staged rows].humidity IS NOT NULL OR sensor_data.humidity IS NOT NULL AND
        [staged rows].humidity IS NULL) THEN 1 ELSE 0 END AS [differs 1]
FROM [#stage_sensor_data] AS [staged rows]
JOIN sensor_data ON sensor_data.sensor_id = [staged rows].sensor_id AND sensor_data.timestamp = [staged rows].timestamp
WHERE NOT (sensor_data.source_id = ? AND sensor_data.source_partition = [staged rows].source_partition AND
        sensor_data.source_offset = [staged rows].source_offset AND sensor_data.source_item = [staged rows].source_item)
    AND (sensor_data.temperature != [staged rows].temperature OR sensor_data.temperature IS NULL AND
        [staged rows].temperature IS NOT NULL OR sensor_data.temperature IS NOT NULL AND [staged rows].temperature IS
        NULL OR sensor_data.humidity != [staged rows].humidity OR sensor_data.humidity IS NULL AND
        [staged rows].humidity IS NOT NULL OR sensor_data.humidity IS NOT NULL AND [staged rows].humidity IS NULL) ORDER
    BY [staged rows].stage_row
GO

SELECT sensor_data.log_id, COUNT_BIG(*) AS count_1, COUNT_BIG(*) AS count_2, COUNT_BIG(sensor_data.lateness_seconds) AS
    count_3, max(sensor_data.timestamp) AS max_1, avg(sensor_data.lateness_seconds) AS avg_1,
    max(sensor_data.lateness_seconds) AS max_2
FROM sensor_data
WHERE sensor_data.log_id = ? AND sensor_data.source_id = ? AND sensor_data.source_partition = 0 AND
    sensor_data.source_offset >= 0 AND sensor_data.source_offset < 4
GROUP BY sensor_data.log_id
GO

SELECT COUNT_BIG(*) AS count_1, coalesce(sum(CASE WHEN (etl_rejected_row.reason = ?) THEN ? ELSE ? END), ?) AS
    coalesce_1
FROM etl_rejected_row
WHERE etl_rejected_row.log_id = ?
GO

DELETE FROM sensor_data_5m WHERE sensor_data_5m.window_start >= CAST(? AS DATETIMEOFFSET(6))
GO

DROP TABLE IF EXISTS [#stage_sensor_data_5m]
GO

CREATE TABLE [#stage_sensor_data_5m] (
    stage_row BIGINT NOT NULL,
    sensor_id INTEGER NULL,
    measure NVARCHAR(128) COLLATE Latin1_General_100_BIN2 NULL,
    window_start DATETIMEOFFSET(6) NULL,
    count BIGINT NULL,
    min FLOAT(53) NULL,
    max FLOAT(53) NULL,
    avg FLOAT(53) NULL,
    stddev FLOAT(53) NULL,
    PRIMARY KEY (stage_row)
)
GO

INSERT INTO [#stage_sensor_data_5m] ([stage_row], [sensor_id], [measure], [window_start], [count], [min], [max], [avg],
        [stddev])
SELECT sent.[stage_row], sent.[sensor_id], sent.[measure], CAST(sent.[window_start] AS DATETIMEOFFSET(6)), sent.[count],
    sent.[min], sent.[max], sent.[avg], sent.[stddev]
FROM OPENJSON(CAST(? AS NVARCHAR(MAX)))
WITH ([stage_row] BIGINT '$[0]', [sensor_id] INTEGER '$[1]', [measure] NVARCHAR(128) '$[2]', [window_start] NVARCHAR(40)
        '$[3]', [count] BIGINT '$[4]', [min] FLOAT(53) '$[5]', [max] FLOAT(53) '$[6]', [avg] FLOAT(53) '$[7]', [stddev]
        FLOAT(53) '$[8]') AS sent
GO

INSERT INTO sensor_data_5m (sensor_id, measure, window_start, count, min, max, avg, stddev) SELECT
    [staged rows].sensor_id, [staged rows].measure, [staged rows].window_start, [staged rows].count, [staged rows].min,
    [staged rows].max, [staged rows].avg, [staged rows].stddev
FROM (SELECT [stage rows].sensor_id AS sensor_id, [stage rows].measure AS measure, [stage rows].window_start AS
        window_start, [stage rows].count AS count, [stage rows].min AS min, [stage rows].max AS max, [stage rows].avg AS
        avg, [stage rows].stddev AS stddev, row_number() OVER (PARTITION BY [stage rows].sensor_id,
            [stage rows].measure, [stage rows].window_start ORDER BY [stage rows].stage_row) AS [place in key]
    FROM [#stage_sensor_data_5m] AS [stage rows]) AS [staged rows]
WHERE [staged rows].[place in key] = 1 AND NOT (EXISTS (SELECT 1
        FROM sensor_data_5m
        WHERE sensor_data_5m.sensor_id = [staged rows].sensor_id AND sensor_data_5m.measure = [staged rows].measure AND
            sensor_data_5m.window_start = [staged rows].window_start))
GO

DELETE FROM sensor_data_1d WHERE sensor_data_1d.window_start >= CAST(? AS DATETIMEOFFSET(6))
GO

DROP TABLE IF EXISTS [#stage_sensor_data_1d]
GO

CREATE TABLE [#stage_sensor_data_1d] (
    stage_row BIGINT NOT NULL,
    sensor_id INTEGER NULL,
    measure NVARCHAR(128) COLLATE Latin1_General_100_BIN2 NULL,
    window_start DATETIMEOFFSET(6) NULL,
    count BIGINT NULL,
    min FLOAT(53) NULL,
    max FLOAT(53) NULL,
    avg FLOAT(53) NULL,
    stddev FLOAT(53) NULL,
    PRIMARY KEY (stage_row)
)
GO

INSERT INTO [#stage_sensor_data_1d] ([stage_row], [sensor_id], [measure], [window_start], [count], [min], [max], [avg],
        [stddev])
SELECT sent.[stage_row], sent.[sensor_id], sent.[measure], CAST(sent.[window_start] AS DATETIMEOFFSET(6)), sent.[count],
    sent.[min], sent.[max], sent.[avg], sent.[stddev]
FROM OPENJSON(CAST(? AS NVARCHAR(MAX)))
WITH ([stage_row] BIGINT '$[0]', [sensor_id] INTEGER '$[1]', [measure] NVARCHAR(128) '$[2]', [window_start] NVARCHAR(40)
        '$[3]', [count] BIGINT '$[4]', [min] FLOAT(53) '$[5]', [max] FLOAT(53) '$[6]', [avg] FLOAT(53) '$[7]', [stddev]
        FLOAT(53) '$[8]') AS sent
GO

INSERT INTO sensor_data_1d (sensor_id, measure, window_start, count, min, max, avg, stddev) SELECT
    [staged rows].sensor_id, [staged rows].measure, [staged rows].window_start, [staged rows].count, [staged rows].min,
    [staged rows].max, [staged rows].avg, [staged rows].stddev
FROM (SELECT [stage rows].sensor_id AS sensor_id, [stage rows].measure AS measure, [stage rows].window_start AS
        window_start, [stage rows].count AS count, [stage rows].min AS min, [stage rows].max AS max, [stage rows].avg AS
        avg, [stage rows].stddev AS stddev, row_number() OVER (PARTITION BY [stage rows].sensor_id,
            [stage rows].measure, [stage rows].window_start ORDER BY [stage rows].stage_row) AS [place in key]
    FROM [#stage_sensor_data_1d] AS [stage rows]) AS [staged rows]
WHERE [staged rows].[place in key] = 1 AND NOT (EXISTS (SELECT 1
        FROM sensor_data_1d
        WHERE sensor_data_1d.sensor_id = [staged rows].sensor_id AND sensor_data_1d.measure = [staged rows].measure AND
            sensor_data_1d.window_start = [staged rows].window_start))
GO

SELECT etl_quality.log_id, etl_quality.[rule], etl_quality.feed, etl_quality.dimension, etl_quality.checked,
    etl_quality.failed
FROM etl_quality
WHERE etl_quality.log_id = ?
GO

DELETE FROM etl_quality WHERE etl_quality.log_id = ?
GO

INSERT INTO etl_quality ([log_id], [feed], [rule], [dimension], [checked], [failed])
SELECT sent.[log_id], sent.[feed], sent.[rule], sent.[dimension], sent.[checked], sent.[failed]
FROM OPENJSON(CAST(? AS NVARCHAR(MAX)))
WITH ([log_id] BIGINT '$[0]', [feed] NVARCHAR(64) '$[1]', [rule] NVARCHAR(128) '$[2]', [dimension] NVARCHAR(16) '$[3]',
        [checked] BIGINT '$[4]', [failed] BIGINT '$[5]') AS sent
GO

DELETE FROM etl_quality_score WHERE etl_quality_score.log_id = ?
GO

INSERT INTO etl_quality_score (log_id, feed, score, completeness, validity, uniqueness, timeliness, age_seconds,
        sensors_expected, sensors_seen, readings_expected, readings_seen, lateness_mean_seconds, lateness_max_seconds)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
GO

UPDATE etl_feed SET table_name=?, source=?, sensors=?, interval_seconds=?, freshness_seconds=?, description=? WHERE
    etl_feed.feed = ?
GO

INSERT INTO etl_feed (feed, table_name, source, sensors, interval_seconds, freshness_seconds, description, windows)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)
GO

UPDATE etl_log SET last_event_time=CAST(? AS DATETIMEOFFSET(6)) WHERE etl_log.log_id = ?
GO

SELECT TOP 5 sensor_data.sensor_id
FROM sensor_data
WHERE sensor_data.log_id = ? AND sensor_data.source_id = ? AND sensor_data.source_partition = 0 AND
    sensor_data.source_offset >= 0 AND sensor_data.source_offset < 4
GROUP BY sensor_data.sensor_id ORDER BY sensor_data.sensor_id
GO

SELECT TOP 2000 sensor_data.sensor_id, sensor_data.temperature, sensor_data.humidity, sensor_data.timestamp
FROM sensor_data
WHERE sensor_data.log_id = ? AND sensor_data.source_id = ? AND sensor_data.source_partition = 0 AND
    sensor_data.source_offset >= 0 AND sensor_data.source_offset < 4 AND sensor_data.sensor_id IN (?) ORDER BY
    sensor_data.timestamp DESC
GO

SELECT etl_quality_score.log_id, etl_quality_score.feed, etl_quality_score.score, etl_quality_score.completeness,
    etl_quality_score.validity, etl_quality_score.uniqueness, etl_quality_score.timeliness,
    etl_quality_score.age_seconds, etl_quality_score.sensors_expected, etl_quality_score.sensors_seen,
    etl_quality_score.readings_expected, etl_quality_score.readings_seen, etl_quality_score.lateness_mean_seconds,
    etl_quality_score.lateness_max_seconds
FROM etl_quality_score
WHERE etl_quality_score.log_id = ?
GO

SELECT etl_incident.[key]
FROM etl_incident
WHERE etl_incident.feed = ? AND etl_incident.kind = ? AND etl_incident.resolved_at > CAST(? AS DATETIMEOFFSET(6))
GO

INSERT INTO etl_incident (kind, feed, [key], severity, cause, remedy, cycle_id, job_name, notebook, opened_at,
        opened_by, last_seen_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, CAST(? AS DATETIMEOFFSET(6)), ?, CAST(? AS
            DATETIMEOFFSET(6)))
GO

SELECT etl_rejected_row.reason, COUNT_BIG(*) AS rows
FROM etl_rejected_row
WHERE etl_rejected_row.log_id = ?
GROUP BY etl_rejected_row.reason ORDER BY COUNT_BIG(*) DESC, etl_rejected_row.reason
GO
