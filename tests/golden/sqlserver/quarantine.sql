SELECT alembic_version.version_num
FROM alembic_version
GO

SELECT TOP 50 etl_rejected_row.rejected_id, etl_rejected_row.log_id, etl_rejected_row.feed, etl_rejected_row.source_id,
    etl_rejected_row.source_partition, etl_rejected_row.source_offset, etl_rejected_row.source_item,
    etl_rejected_row.raw, etl_rejected_row.raw_rebuilt, etl_rejected_row.reason, etl_rejected_row.problems,
    etl_rejected_row.status, etl_rejected_row.replayed_by, etl_rejected_row.decided_at, etl_rejected_row.note,
    etl_rejected_row.beside_message, etl_source.name AS source_name, etl_log.cycle_id
FROM etl_rejected_row
JOIN etl_source ON etl_source.source_id = etl_rejected_row.source_id
LEFT OUTER JOIN etl_log ON etl_log.log_id = etl_rejected_row.log_id
WHERE etl_rejected_row.status = ? AND (CAST(etl_rejected_row.problems AS NVARCHAR(max)) COLLATE Latin1_General_100_BIN2
        LIKE '%' + ? + '%' ESCAPE '/') ORDER BY etl_rejected_row.rejected_id DESC
GO

SELECT etl_rejected_row.feed, etl_rejected_row.reason, etl_rejected_row.status, COUNT_BIG(*) AS rows
FROM etl_rejected_row
WHERE etl_rejected_row.status = ? AND etl_rejected_row.log_id IN (SELECT etl_log.log_id
    FROM etl_log
    WHERE etl_log.cycle_id = ?)
GROUP BY etl_rejected_row.feed, etl_rejected_row.reason, etl_rejected_row.status ORDER BY COUNT_BIG(*) DESC
GO

SELECT etl_column.feed, etl_column.column_name, etl_column.type, etl_column.path, etl_column.log_id, etl_column.added_at
FROM etl_column
WHERE etl_column.feed = ? ORDER BY etl_column.added_at, etl_column.column_name
GO

SELECT etl_rejected_row.rejected_id, etl_rejected_row.log_id, etl_rejected_row.feed, etl_rejected_row.source_id,
    etl_rejected_row.source_partition, etl_rejected_row.source_offset, etl_rejected_row.source_item,
    etl_rejected_row.raw, etl_rejected_row.raw_rebuilt, etl_rejected_row.reason, etl_rejected_row.problems,
    etl_rejected_row.status, etl_rejected_row.replayed_by, etl_rejected_row.decided_at, etl_rejected_row.note,
    etl_rejected_row.beside_message, etl_source.header
FROM etl_rejected_row
JOIN etl_source ON etl_source.source_id = etl_rejected_row.source_id
WHERE etl_rejected_row.status = ? AND etl_rejected_row.feed = ? AND etl_rejected_row.status = ? ORDER BY
    etl_rejected_row.rejected_id
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

INSERT INTO etl_log (cycle_id, feed, job_name, status, start_time, notebook, notebook_sha256, parameters, host, pid,
        heartbeat_at, code_version, by_hand) VALUES (?, ?, ?, ?, CAST(? AS DATETIMEOFFSET(6)), ?, ?, ?, ?, ?, CAST(? AS
            DATETIMEOFFSET(6)), ?, ?)
GO

SELECT is_read_committed_snapshot_on
FROM sys.databases
WHERE name = DB_NAME()
GO

SELECT etl_feed.windows
FROM etl_feed
WHERE etl_feed.feed = ?
GO

SELECT TOP (1) 1 FROM sys.objects
GO

DECLARE @result int;
EXEC @result = sp_getapplock @Resource = ?, @LockMode = 'Exclusive', @LockOwner = 'Transaction', @LockTimeout = 0;
SELECT @result;
GO

SELECT CURRENT_TRANSACTION_ID()
GO

DROP TABLE IF EXISTS [#stage_sensor_data]
GO

CREATE TABLE [#stage_sensor_data] (
    stage_row BIGINT NOT NULL,
    sensor_id INTEGER NULL,
    temperature FLOAT(53) NULL,
    humidity FLOAT(53) NULL,
    timestamp DATETIMEOFFSET(6) NULL,
    source_id INTEGER NULL,
    source_partition INTEGER NULL,
    source_offset BIGINT NULL,
    source_item INTEGER NULL,
    PRIMARY KEY (stage_row)
)
GO

INSERT INTO [#stage_sensor_data] ([stage_row], [sensor_id], [temperature], [humidity], [timestamp], [source_id],
        [source_partition], [source_offset], [source_item])
SELECT sent.[stage_row], sent.[sensor_id], sent.[temperature], sent.[humidity], CAST(sent.[timestamp] AS
        DATETIMEOFFSET(6)), sent.[source_id], sent.[source_partition], sent.[source_offset], sent.[source_item]
FROM OPENJSON(CAST(? AS NVARCHAR(MAX)))
WITH ([stage_row] BIGINT '$[0]', [sensor_id] INTEGER '$[1]', [temperature] FLOAT(53) '$[2]', [humidity] FLOAT(53)
        '$[3]', [timestamp] NVARCHAR(40) '$[4]', [source_id] INTEGER '$[5]', [source_partition] INTEGER '$[6]',
        [source_offset] BIGINT '$[7]', [source_item] INTEGER '$[8]') AS sent
GO

INSERT INTO sensor_data (sensor_id, temperature, humidity, timestamp, source_id, source_partition, source_offset,
        source_item, log_id) SELECT [staged rows].sensor_id, [staged rows].temperature, [staged rows].humidity,
    [staged rows].timestamp, [staged rows].source_id, [staged rows].source_partition, [staged rows].source_offset,
    [staged rows].source_item, ? AS log_id
FROM (SELECT [stage rows].sensor_id AS sensor_id, [stage rows].temperature AS temperature, [stage rows].humidity AS
        humidity, [stage rows].timestamp AS timestamp, [stage rows].source_id AS source_id,
        [stage rows].source_partition AS source_partition, [stage rows].source_offset AS source_offset,
        [stage rows].source_item AS source_item, row_number() OVER (PARTITION BY [stage rows].sensor_id,
            [stage rows].timestamp ORDER BY [stage rows].stage_row) AS [place in key]
    FROM [#stage_sensor_data] AS [stage rows]) AS [staged rows]
WHERE [staged rows].[place in key] = 1 AND NOT (EXISTS (SELECT 1
        FROM sensor_data
        WHERE sensor_data.sensor_id = [staged rows].sensor_id AND sensor_data.timestamp = [staged rows].timestamp))
GO

SELECT [staged rows].stage_row, [staged rows].source_partition, [staged rows].source_offset, [staged rows].source_item,
    CASE WHEN (sensor_data.temperature != [staged rows].temperature OR sensor_data.temperature IS NULL AND
        [staged rows].temperature IS NOT NULL OR sensor_data.temperature IS NOT NULL AND [staged rows].temperature IS
        NULL) THEN 1 ELSE 0 END AS [differs 0], CASE WHEN (sensor_data.humidity != [staged rows].humidity OR
        sensor_data.humidity IS NULL AND [staged rows].humidity IS NOT NULL OR sensor_data.humidity IS NOT NULL AND
        [staged rows].humidity IS NULL) THEN 1 ELSE 0 END AS [differs 1]
FROM [#stage_sensor_data] AS [staged rows]
JOIN sensor_data ON sensor_data.sensor_id = [staged rows].sensor_id AND sensor_data.timestamp = [staged rows].timestamp
WHERE NOT (sensor_data.source_id = [staged rows].source_id AND sensor_data.source_partition =
        [staged rows].source_partition AND sensor_data.source_offset = [staged rows].source_offset AND
        sensor_data.source_item = [staged rows].source_item) AND (sensor_data.temperature != [staged rows].temperature
        OR sensor_data.temperature IS NULL AND [staged rows].temperature IS NOT NULL OR sensor_data.temperature IS NOT
        NULL AND [staged rows].temperature IS NULL OR sensor_data.humidity != [staged rows].humidity OR
        sensor_data.humidity IS NULL AND [staged rows].humidity IS NOT NULL OR sensor_data.humidity IS NOT NULL AND
        [staged rows].humidity IS NULL) ORDER BY [staged rows].stage_row
GO

DROP TABLE IF EXISTS [#touched_sensor_data_5m]
GO

SELECT *
INTO [#touched_sensor_data_5m]
FROM (
    SELECT anon_1.sensor_id, anon_1.window_start, DATEADD(SECOND, 300, anon_1.window_start) AS [window end]
    FROM (SELECT DISTINCT new.sensor_id AS sensor_id, DATEADD(SECOND, -((DATEDIFF_BIG(SECOND, '1970-01-01',
                            new.timestamp) % 300 + 300) % 300), DATEADD(NANOSECOND, -DATEPART(NANOSECOND,
                        new.timestamp), new.timestamp)) AS window_start
        FROM (SELECT sensor_data.sensor_id AS sensor_id, sensor_data.temperature AS temperature, sensor_data.humidity AS
                humidity, sensor_data.timestamp AS timestamp, sensor_data.source_id AS source_id,
                sensor_data.source_partition AS source_partition, sensor_data.source_offset AS source_offset,
                sensor_data.source_item AS source_item, sensor_data.log_id AS log_id, sensor_data.lateness_seconds AS
                lateness_seconds
            FROM sensor_data
            WHERE sensor_data.log_id = 6) AS new
        WHERE new.sensor_id IS NOT NULL AND new.timestamp IS NOT NULL) AS anon_1
) AS found
GO

DROP TABLE IF EXISTS [#touched_sensor_data_1d]
GO

SELECT *
INTO [#touched_sensor_data_1d]
FROM (
    SELECT anon_1.sensor_id, anon_1.window_start, DATEADD(SECOND, 86400, anon_1.window_start) AS [window end]
    FROM (SELECT DISTINCT [#touched_sensor_data_5m].sensor_id AS sensor_id, DATEADD(SECOND, -((DATEDIFF_BIG(SECOND,
                            '1970-01-01', [#touched_sensor_data_5m].window_start) % 86400 + 86400) % 86400),
                DATEADD(NANOSECOND, -DATEPART(NANOSECOND, [#touched_sensor_data_5m].window_start),
                    [#touched_sensor_data_5m].window_start)) AS window_start
        FROM [#touched_sensor_data_5m]
        WHERE [#touched_sensor_data_5m].sensor_id IS NOT NULL AND [#touched_sensor_data_5m].window_start IS NOT NULL) AS
        anon_1
) AS found
GO

DELETE FROM sensor_data_5m WHERE EXISTS (SELECT *
    FROM [#touched_sensor_data_5m] AS [touched windows]
    WHERE sensor_data_5m.sensor_id = [touched windows].sensor_id AND sensor_data_5m.window_start =
        [touched windows].window_start)
GO

INSERT INTO sensor_data_5m (sensor_id, measure, window_start, count, min, max, avg, stddev) SELECT
    [touched windows].sensor_id, long.measure, [touched windows].window_start, long.count, long.min, long.max, long.avg,
    long.stddev
FROM [#touched_sensor_data_5m] AS [touched windows]
CROSS APPLY (SELECT COUNT_BIG(sensor_data.temperature) AS count_0, min(sensor_data.temperature) AS min_0,
        max(sensor_data.temperature) AS max_0, avg(sensor_data.temperature) AS avg_0, STDEV(sensor_data.temperature) AS
        stddev_0, COUNT_BIG(sensor_data.humidity) AS count_1, min(sensor_data.humidity) AS min_1,
        max(sensor_data.humidity) AS max_1, avg(sensor_data.humidity) AS avg_1, STDEV(sensor_data.humidity) AS stddev_1
    FROM sensor_data
    WHERE sensor_data.sensor_id = [touched windows].sensor_id AND sensor_data.timestamp >=
        [touched windows].window_start AND sensor_data.timestamp < [touched windows].[window end]) AS inside
CROSS APPLY (VALUES ('temperature', inside.count_0, inside.min_0, inside.max_0, inside.avg_0, inside.stddev_0),
        ('humidity', inside.count_1, inside.min_1, inside.max_1, inside.avg_1, inside.stddev_1)) AS long (measure,
        count, min, max, avg, stddev)
WHERE long.count > ?
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

SELECT COUNT_BIG(*) AS count_1, min(sensor_data.timestamp) AS min_1, max(sensor_data.timestamp) AS max_1
FROM sensor_data
WHERE sensor_data.log_id = ? AND sensor_data.lateness_seconds IS NULL AND sensor_data.timestamp IS NOT NULL
GO

DROP TABLE IF EXISTS [#judged_sensor_data]
GO

SELECT *
INTO [#judged_sensor_data]
FROM (
    SELECT row_number() OVER (ORDER BY anon_1.sensor_id) AS [sensor number], anon_1.sensor_id, CASE WHEN
        (DATEADD(SECOND, -3600, anon_1.[first new]) < DATEADD(SECOND, -((DATEDIFF_BIG(SECOND, '1970-01-01',
                            anon_1.[first new]) % 300 + 300) % 300), DATEADD(NANOSECOND, -DATEPART(NANOSECOND,
                        anon_1.[first new]), anon_1.[first new]))) THEN DATEADD(SECOND, -3600, anon_1.[first new]) ELSE
        DATEADD(SECOND, -((DATEDIFF_BIG(SECOND, '1970-01-01', anon_1.[first new]) % 300 + 300) % 300),
            DATEADD(NANOSECOND, -DATEPART(NANOSECOND, anon_1.[first new]), anon_1.[first new])) END AS [context start],
        anon_1.[last new]
    FROM (SELECT sensor_data.sensor_id AS sensor_id, min(sensor_data.timestamp) AS [first new],
            max(sensor_data.timestamp) AS [last new]
        FROM sensor_data
        WHERE sensor_data.log_id = 6 AND sensor_data.lateness_seconds IS NULL AND sensor_data.timestamp IS NOT NULL AND
            sensor_data.timestamp >= CAST('2025-06-15T09:00:20.000000+00:00' AS DATETIMEOFFSET(6)) AND
            sensor_data.timestamp <= CAST('2025-06-15T09:00:20.000000+00:00' AS DATETIMEOFFSET(6))
        GROUP BY sensor_data.sensor_id) AS anon_1
) AS found
GO

SELECT anon_1.[sensor number], anon_1.timestamp, CAST(anon_1.temperature AS FLOAT(53)) AS temperature,
    CAST(anon_1.humidity AS FLOAT(53)) AS humidity, anon_1.[is new]
FROM (SELECT [#judged_sensor_data].[sensor number] AS [sensor number], sensor_data.timestamp AS timestamp,
        sensor_data.temperature AS temperature, sensor_data.humidity AS humidity, sensor_data.source_id AS source_id,
        sensor_data.source_partition AS source_partition, sensor_data.source_offset AS source_offset,
        sensor_data.source_item AS source_item, CASE WHEN (sensor_data.log_id = ? AND sensor_data.lateness_seconds IS
            NULL AND sensor_data.timestamp IS NOT NULL AND sensor_data.timestamp >= CAST(? AS DATETIMEOFFSET(6)) AND
            sensor_data.timestamp <= CAST(? AS DATETIMEOFFSET(6))) THEN 1 ELSE 0 END AS [is new]
    FROM [#judged_sensor_data]
    JOIN sensor_data ON sensor_data.sensor_id = [#judged_sensor_data].sensor_id
    WHERE sensor_data.timestamp >= [#judged_sensor_data].[context start] AND sensor_data.timestamp <=
        [#judged_sensor_data].[last new] UNION ALL SELECT [#judged_sensor_data].[sensor number] AS [sensor number],
        before.timestamp AS timestamp, before.temperature AS temperature, before.humidity AS humidity, before.source_id
        AS source_id, before.source_partition AS source_partition, before.source_offset AS source_offset,
        before.source_item AS source_item, 0 AS [is new]
    FROM [#judged_sensor_data]
    CROSS APPLY (SELECT TOP 120 sensor_data.timestamp AS timestamp, sensor_data.temperature AS temperature,
            sensor_data.humidity AS humidity, sensor_data.source_id AS source_id, sensor_data.source_partition AS
            source_partition, sensor_data.source_offset AS source_offset, sensor_data.source_item AS source_item
        FROM sensor_data
        WHERE sensor_data.sensor_id = [#judged_sensor_data].sensor_id AND sensor_data.timestamp <
            [#judged_sensor_data].[context start] ORDER BY sensor_data.timestamp DESC, sensor_data.source_id DESC,
            sensor_data.source_partition DESC, sensor_data.source_offset DESC, sensor_data.source_item DESC) AS before)
    AS anon_1 ORDER BY anon_1.[sensor number], anon_1.timestamp, anon_1.source_id, anon_1.source_partition,
    anon_1.source_offset, anon_1.source_item
GO

UPDATE etl_rejected_row SET status=?, replayed_by=?, decided_at=CAST(? AS DATETIMEOFFSET(6)), note=? WHERE
    etl_rejected_row.rejected_id IN (?)
GO

SELECT sensor_data.log_id, COUNT_BIG(*) AS count_1, COUNT_BIG(*) AS count_2, COUNT_BIG(sensor_data.lateness_seconds) AS
    count_3, max(sensor_data.timestamp) AS max_1, avg(sensor_data.lateness_seconds) AS avg_1,
    max(sensor_data.lateness_seconds) AS max_2
FROM sensor_data
WHERE sensor_data.log_id = ?
GROUP BY sensor_data.log_id
GO

UPDATE etl_log SET last_event_time=CAST(? AS DATETIMEOFFSET(6)) WHERE etl_log.log_id = ?
GO

UPDATE etl_log SET status=?, end_time=CAST(? AS DATETIMEOFFSET(6)), duration_seconds=?, records_read=?,
    records_processed=?, records_rejected=?, records_duplicate=?, records_late=?, records_conflicting=?,
    heartbeat_at=CAST(? AS DATETIMEOFFSET(6)), notes=? WHERE etl_log.log_id = ?
GO

SELECT etl_incident.kind, etl_incident.[key], etl_incident.incident_id
FROM etl_incident
WHERE etl_incident.feed = ? AND etl_incident.resolved_at IS NULL
GO

UPDATE etl_incident SET resolved_at=CAST(? AS DATETIMEOFFSET(6)), resolved_by=? WHERE etl_incident.incident_id IN (?)
GO

SELECT etl_alert.incident_id, etl_alert.receiver
FROM etl_alert
WHERE etl_alert.incident_id IN (?) AND etl_alert.event = ? ORDER BY etl_alert.alert_id
GO

UPDATE etl_rejected_row SET status=?, decided_at=CAST(? AS DATETIMEOFFSET(6)), note=? WHERE etl_rejected_row.reason = ?
    AND etl_rejected_row.status = ? AND etl_rejected_row.status = ?
GO
