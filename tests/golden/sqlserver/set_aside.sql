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

SELECT etl_file.log_id, etl_file.file_name
FROM etl_file
JOIN etl_source ON etl_source.source_id = etl_file.source_id
WHERE etl_source.feed = ? AND etl_source.[identity] = ? AND etl_file.sha256 = ? AND etl_file.undone_at IS NULL
GO

SELECT etl_set_aside.status, etl_set_aside.attempts, etl_set_aside.log_id
FROM etl_set_aside
WHERE etl_set_aside.feed = ? AND etl_set_aside.kind = ? AND etl_set_aside.name = ?
GO

INSERT INTO etl_set_aside (feed, kind, name, status, attempts, cause, first_failed_at, last_failed_at, set_aside_at,
        log_id, decided_at) VALUES (?, ?, ?, ?, ?, ?, CAST(? AS DATETIMEOFFSET(6)), CAST(? AS DATETIMEOFFSET(6)), CAST(?
            AS DATETIMEOFFSET(6)), ?, CAST(? AS DATETIMEOFFSET(6)))
GO

UPDATE etl_log SET notes=? WHERE etl_log.log_id = ?
GO

UPDATE etl_log SET status=?, end_time=CAST(? AS DATETIMEOFFSET(6)), duration_seconds=?, error_type=?, error_message=?,
    heartbeat_at=CAST(? AS DATETIMEOFFSET(6)) WHERE etl_log.log_id = ? AND etl_log.status = ?
GO

SELECT etl_incident.[key]
FROM etl_incident
WHERE etl_incident.feed = ? AND etl_incident.kind = ? AND etl_incident.resolved_at > CAST(? AS DATETIMEOFFSET(6))
GO

INSERT INTO etl_incident (kind, feed, [key], severity, cause, remedy, cycle_id, job_name, notebook, opened_at,
        opened_by, last_seen_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, CAST(? AS DATETIMEOFFSET(6)), ?, CAST(? AS
            DATETIMEOFFSET(6)))
GO

UPDATE etl_set_aside SET status=?, attempts=?, cause=?, last_failed_at=CAST(? AS DATETIMEOFFSET(6)), set_aside_at=CAST(?
        AS DATETIMEOFFSET(6)), log_id=?, decided_at=CAST(? AS DATETIMEOFFSET(6)) WHERE etl_set_aside.feed = ? AND
    etl_set_aside.kind = ? AND etl_set_aside.name = ?
GO

SELECT max(etl_log.last_event_time) AS max_1
FROM etl_log
WHERE etl_log.feed = ? AND etl_log.undone_at IS NULL
GO

SELECT etl_quality_score.log_id, etl_quality_score.feed, etl_quality_score.score, etl_quality_score.completeness,
    etl_quality_score.validity, etl_quality_score.uniqueness, etl_quality_score.timeliness,
    etl_quality_score.age_seconds, etl_quality_score.sensors_expected, etl_quality_score.sensors_seen,
    etl_quality_score.readings_expected, etl_quality_score.readings_seen, etl_quality_score.lateness_mean_seconds,
    etl_quality_score.lateness_max_seconds
FROM etl_quality_score
WHERE etl_quality_score.log_id = ?
GO

UPDATE etl_log SET status=?, end_time=CAST(? AS DATETIMEOFFSET(6)), duration_seconds=?, records_read=?,
    records_processed=?, records_rejected=?, records_duplicate=?, records_late=?, records_conflicting=?,
    heartbeat_at=CAST(? AS DATETIMEOFFSET(6)), notes=? WHERE etl_log.log_id = ?
GO

UPDATE etl_incident SET resolved_at=CAST(? AS DATETIMEOFFSET(6)), resolved_by=? WHERE etl_incident.incident_id IN (?)
GO

SELECT etl_alert.incident_id, etl_alert.receiver
FROM etl_alert
WHERE etl_alert.incident_id IN (?) AND etl_alert.event = ? ORDER BY etl_alert.alert_id
GO

UPDATE etl_incident SET last_seen_at=CAST(? AS DATETIMEOFFSET(6)), times_seen=(etl_incident.times_seen + ?) WHERE
    etl_incident.incident_id IN (?)
GO

SELECT etl_rejected_row.reason, COUNT_BIG(*) AS rows
FROM etl_rejected_row
WHERE etl_rejected_row.log_id = ?
GROUP BY etl_rejected_row.reason ORDER BY COUNT_BIG(*) DESC, etl_rejected_row.reason
GO

SELECT etl_set_aside.feed, etl_set_aside.name
FROM etl_set_aside
GO

SELECT etl_set_aside.set_aside_id, etl_set_aside.feed, etl_set_aside.kind, etl_set_aside.name, etl_set_aside.status,
    etl_set_aside.attempts, etl_set_aside.cause, etl_set_aside.first_failed_at, etl_set_aside.last_failed_at,
    etl_set_aside.set_aside_at, etl_set_aside.log_id, etl_set_aside.decided_at
FROM etl_set_aside
WHERE etl_set_aside.status = ? ORDER BY etl_set_aside.set_aside_at DESC
GO

UPDATE etl_set_aside SET status=?, attempts=?, decided_at=CAST(? AS DATETIMEOFFSET(6)) WHERE etl_set_aside.set_aside_id
    = ? AND etl_set_aside.status = ?
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

SELECT TOP 1 1
FROM sensor_data
WHERE sensor_data.timestamp > CAST(? AS DATETIMEOFFSET(6))
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

SELECT sensor_data.log_id, COUNT_BIG(CASE WHEN (sensor_data.timestamp > CAST(? AS DATETIMEOFFSET(6))) THEN ? END) AS
    count_1, COUNT_BIG(*) AS count_2, COUNT_BIG(sensor_data.lateness_seconds) AS count_3, max(sensor_data.timestamp) AS
    max_1, avg(sensor_data.lateness_seconds) AS avg_1, max(sensor_data.lateness_seconds) AS max_2
FROM sensor_data
WHERE sensor_data.log_id = ? AND sensor_data.source_id = ? AND sensor_data.source_partition = 0 AND
    sensor_data.source_offset >= 0 AND sensor_data.source_offset < 1
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

DROP TABLE IF EXISTS [#stage_1d_sensor_data]
GO

CREATE TABLE [#stage_1d_sensor_data] (
    stage_row BIGINT NOT NULL,
    sensor_id INTEGER NULL,
    window_start DATETIMEOFFSET(6) NULL,
    PRIMARY KEY (stage_row)
)
GO

INSERT INTO [#stage_1d_sensor_data] ([stage_row], [sensor_id], [window_start])
SELECT sent.[stage_row], sent.[sensor_id], CAST(sent.[window_start] AS DATETIMEOFFSET(6))
FROM OPENJSON(CAST(? AS NVARCHAR(MAX)))
WITH ([stage_row] BIGINT '$[0]', [sensor_id] INTEGER '$[1]', [window_start] NVARCHAR(40) '$[2]') AS sent
GO

DROP TABLE IF EXISTS [#touched_sensor_data_1d]
GO

SELECT *
INTO [#touched_sensor_data_1d]
FROM (
    SELECT anon_1.sensor_id, anon_1.window_start, DATEADD(SECOND, 86400, anon_1.window_start) AS [window end]
    FROM (SELECT DISTINCT [#stage_1d_sensor_data].sensor_id AS sensor_id, DATEADD(SECOND, -((DATEDIFF_BIG(SECOND,
                            '1970-01-01', [#stage_1d_sensor_data].window_start) % 86400 + 86400) % 86400),
                DATEADD(NANOSECOND, -DATEPART(NANOSECOND, [#stage_1d_sensor_data].window_start),
                    [#stage_1d_sensor_data].window_start)) AS window_start
        FROM [#stage_1d_sensor_data]
        WHERE [#stage_1d_sensor_data].sensor_id IS NOT NULL AND [#stage_1d_sensor_data].window_start IS NOT NULL) AS
        anon_1
) AS found
GO

DELETE FROM sensor_data_1d WHERE EXISTS (SELECT *
    FROM [#touched_sensor_data_1d] AS [touched windows]
    WHERE sensor_data_1d.sensor_id = [touched windows].sensor_id AND sensor_data_1d.window_start =
        [touched windows].window_start)
GO

INSERT INTO sensor_data_1d (sensor_id, measure, window_start, count, min, max, avg, stddev) SELECT
    [touched windows].sensor_id, measured.measure, [touched windows].window_start, pooled.count, pooled.min, pooled.max,
    pooled.avg, pooled.stddev
FROM [#touched_sensor_data_1d] AS [touched windows]
CROSS APPLY (VALUES ('temperature'), ('humidity')) AS measured (measure)
CROSS APPLY (SELECT CAST(sum(parts.count) AS BIGINT) AS count, min(parts.min) AS min, max(parts.max) AS max,
        max(parts.mean) AS avg, CASE WHEN (sum(parts.count) > ?) THEN sqrt(sum((parts.count - ?) *
                coalesce(parts.stddev, ?) * coalesce(parts.stddev, ?) + parts.count * (parts.avg - parts.mean) *
                (parts.avg - parts.mean)) / ((sum(parts.count) - ?) + 0.0)) END AS stddev
    FROM (SELECT part.count AS count, part.min AS min, part.max AS max, part.avg AS avg, part.stddev AS stddev,
            sum(part.avg * part.count) OVER () / (sum(part.count) OVER () + 0.0) AS mean
        FROM sensor_data_5m AS part
        WHERE part.sensor_id = [touched windows].sensor_id AND part.measure = measured.measure AND part.window_start >=
            [touched windows].window_start AND part.window_start < [touched windows].[window end]) AS parts) AS pooled
WHERE pooled.count > ?
GO

DROP TABLE IF EXISTS [#judged_sensor_data]
GO

SELECT *
INTO [#judged_sensor_data]
FROM (
    SELECT CAST(known.[sensor number] AS BIGINT) AS [sensor number], CAST(known.sensor_id AS INTEGER) AS sensor_id,
        CAST(known.[context start] AS DATETIMEOFFSET(6)) AS [context start]
    FROM (VALUES (0, 1, CAST('2025-06-15T08:10:00.000000+00:00' AS DATETIMEOFFSET(6)))) AS known ([sensor number],
            sensor_id, [context start])
) AS found
GO

SELECT anon_1.[sensor number], anon_1.timestamp, CAST(anon_1.temperature AS FLOAT(53)) AS temperature,
    CAST(anon_1.humidity AS FLOAT(53)) AS humidity, anon_1.[is new]
FROM (SELECT [#judged_sensor_data].[sensor number] AS [sensor number], near.timestamp AS timestamp, near.temperature AS
        temperature, near.humidity AS humidity, near.[is new] AS [is new]
    FROM [#judged_sensor_data]
    CROSS APPLY (SELECT TOP 2147483647 sensor_data.timestamp AS timestamp, sensor_data.temperature AS temperature,
            sensor_data.humidity AS humidity, CASE WHEN (sensor_data.log_id = ? AND sensor_data.lateness_seconds IS NULL
                AND sensor_data.source_id = ? AND sensor_data.source_partition = 0 AND sensor_data.source_offset >= 0
                AND sensor_data.source_offset < 1) THEN 1 ELSE 0 END AS [is new]
        FROM sensor_data
        WHERE sensor_data.sensor_id = [#judged_sensor_data].sensor_id AND sensor_data.timestamp >=
            [#judged_sensor_data].[context start] AND sensor_data.timestamp <= CAST(? AS DATETIMEOFFSET(6))) AS near
        UNION ALL SELECT [#judged_sensor_data].[sensor number] AS [sensor number], before.timestamp AS timestamp,
        before.temperature AS temperature, before.humidity AS humidity, 0 AS [is new]
    FROM [#judged_sensor_data]
    CROSS APPLY (SELECT TOP 120 sensor_data.timestamp AS timestamp, sensor_data.temperature AS temperature,
            sensor_data.humidity AS humidity
        FROM sensor_data
        WHERE sensor_data.sensor_id = [#judged_sensor_data].sensor_id AND sensor_data.timestamp <
            [#judged_sensor_data].[context start] ORDER BY sensor_data.timestamp DESC, sensor_data.source_id DESC,
            sensor_data.source_partition DESC, sensor_data.source_offset DESC, sensor_data.source_item DESC) AS before)
    AS anon_1
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

UPDATE etl_log SET last_event_time=CAST(? AS DATETIMEOFFSET(6)) WHERE etl_log.log_id = ?
GO

SELECT TOP 5 sensor_data.sensor_id
FROM sensor_data
WHERE sensor_data.log_id = ? AND sensor_data.source_id = ? AND sensor_data.source_partition = 0 AND
    sensor_data.source_offset >= 0 AND sensor_data.source_offset < 1
GROUP BY sensor_data.sensor_id ORDER BY sensor_data.sensor_id
GO

SELECT TOP 2000 sensor_data.sensor_id, sensor_data.temperature, sensor_data.humidity, sensor_data.timestamp
FROM sensor_data
WHERE sensor_data.log_id = ? AND sensor_data.source_id = ? AND sensor_data.source_partition = 0 AND
    sensor_data.source_offset >= 0 AND sensor_data.source_offset < 1 AND sensor_data.sensor_id IN (?) ORDER BY
    sensor_data.timestamp DESC
GO

UPDATE etl_set_aside SET status=?, decided_at=CAST(? AS DATETIMEOFFSET(6)) WHERE etl_set_aside.feed = ? AND
    etl_set_aside.kind = ? AND etl_set_aside.name = ?
GO
