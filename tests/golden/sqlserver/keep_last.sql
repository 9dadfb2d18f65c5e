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

DROP TABLE IF EXISTS [#last_sensor_data]
GO

SELECT *
INTO [#last_sensor_data]
FROM (
    SELECT ranked.stage_row
    FROM (SELECT numbered.stage_row AS stage_row, row_number() OVER (PARTITION BY numbered.sensor_id, numbered.timestamp
                ORDER BY numbered.stage_row DESC) AS [place of key]
        FROM [#stage_sensor_data] AS numbered
        JOIN (SELECT [staged rows].stage_row AS stage_row, [staged rows].source_partition AS source_partition,
                [staged rows].source_offset AS source_offset, [staged rows].source_item AS source_item, CASE WHEN
                (sensor_data.temperature != [staged rows].temperature OR sensor_data.temperature IS NULL AND
                    [staged rows].temperature IS NOT NULL OR sensor_data.temperature IS NOT NULL AND
                    [staged rows].temperature IS NULL) THEN 1 ELSE 0 END AS [differs 0], CASE WHEN (sensor_data.humidity
                    != [staged rows].humidity OR sensor_data.humidity IS NULL AND [staged rows].humidity IS NOT NULL OR
                    sensor_data.humidity IS NOT NULL AND [staged rows].humidity IS NULL) THEN 1 ELSE 0 END AS
                [differs 1]
            FROM [#stage_sensor_data] AS [staged rows]
            JOIN sensor_data ON sensor_data.sensor_id = [staged rows].sensor_id AND sensor_data.timestamp =
                [staged rows].timestamp
            WHERE NOT (sensor_data.source_id = 3 AND sensor_data.source_partition = [staged rows].source_partition AND
                    sensor_data.source_offset = [staged rows].source_offset AND sensor_data.source_item =
                    [staged rows].source_item) AND (sensor_data.temperature != [staged rows].temperature OR
                    sensor_data.temperature IS NULL AND [staged rows].temperature IS NOT NULL OR sensor_data.temperature
                    IS NOT NULL AND [staged rows].temperature IS NULL OR sensor_data.humidity != [staged rows].humidity
                    OR sensor_data.humidity IS NULL AND [staged rows].humidity IS NOT NULL OR sensor_data.humidity IS
                    NOT NULL AND [staged rows].humidity IS NULL)) AS found ON found.stage_row = numbered.stage_row) AS
        ranked
    WHERE ranked.[place of key] = 1
) AS found
GO

DROP TABLE IF EXISTS [#touched_sensor_data_5m]
GO

SELECT *
INTO [#touched_sensor_data_5m]
FROM (
    SELECT anon_1.sensor_id, anon_1.window_start, DATEADD(SECOND, 300, anon_1.window_start) AS [window end]
    FROM (SELECT DISTINCT replaced.sensor_id AS sensor_id, DATEADD(SECOND, -((DATEDIFF_BIG(SECOND, '1970-01-01',
                            replaced.timestamp) % 300 + 300) % 300), DATEADD(NANOSECOND, -DATEPART(NANOSECOND,
                        replaced.timestamp), replaced.timestamp)) AS window_start
        FROM (SELECT sensor_data.sensor_id AS sensor_id, sensor_data.temperature AS temperature, sensor_data.humidity AS
                humidity, sensor_data.timestamp AS timestamp, sensor_data.source_id AS source_id,
                sensor_data.source_partition AS source_partition, sensor_data.source_offset AS source_offset,
                sensor_data.source_item AS source_item, sensor_data.log_id AS log_id, sensor_data.lateness_seconds AS
                lateness_seconds
            FROM sensor_data
            WHERE EXISTS (SELECT 1
                FROM [#stage_sensor_data] AS [staged rows]
                JOIN [#last_sensor_data] ON [#last_sensor_data].stage_row = [staged rows].stage_row
                WHERE sensor_data.sensor_id = [staged rows].sensor_id AND sensor_data.timestamp =
                    [staged rows].timestamp)) AS replaced
        WHERE replaced.sensor_id IS NOT NULL AND replaced.timestamp IS NOT NULL) AS anon_1
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

SELECT sensor_data.sensor_id, sensor_data.temperature, sensor_data.humidity, sensor_data.timestamp,
    sensor_data.source_id, sensor_data.source_partition, sensor_data.source_offset, sensor_data.source_item,
    sensor_data.log_id, sensor_data.lateness_seconds, etl_source.header, CASE WHEN (sensor_data.log_id = ? AND
        sensor_data.source_id = ? AND sensor_data.source_partition = 0 AND sensor_data.source_offset >= 0 AND
        sensor_data.source_offset < 1) THEN ? ELSE ? END AS [is own]
FROM sensor_data
JOIN etl_source ON etl_source.source_id = sensor_data.source_id
WHERE EXISTS (SELECT 1
    FROM [#stage_sensor_data] AS [staged rows]
    JOIN [#last_sensor_data] ON [#last_sensor_data].stage_row = [staged rows].stage_row
    WHERE sensor_data.sensor_id = [staged rows].sensor_id AND sensor_data.timestamp = [staged rows].timestamp)
GO

SELECT etl_rejected_row.source_id, etl_rejected_row.source_partition, etl_rejected_row.source_offset,
    etl_rejected_row.source_item
FROM etl_rejected_row
WHERE etl_rejected_row.source_id IN (?) AND etl_rejected_row.source_offset IN (?)
GO

INSERT INTO etl_rejected_row ([feed], [source_id], [source_partition], [source_offset], [source_item], [raw],
        [raw_rebuilt], [reason], [problems], [status], [log_id], [replayed_by], [decided_at])
SELECT sent.[feed], sent.[source_id], sent.[source_partition], sent.[source_offset], sent.[source_item], sent.[raw],
    sent.[raw_rebuilt], sent.[reason], sent.[problems], sent.[status], sent.[log_id], sent.[replayed_by],
    CAST(sent.[decided_at] AS DATETIMEOFFSET(6))
FROM OPENJSON(CAST(? AS NVARCHAR(MAX)))
WITH ([feed] NVARCHAR(64) '$[0]', [source_id] INTEGER '$[1]', [source_partition] INTEGER '$[2]', [source_offset] BIGINT
        '$[3]', [source_item] INTEGER '$[4]', [raw] NVARCHAR(max) '$[5]', [raw_rebuilt] BIT '$[6]', [reason]
        NVARCHAR(32) '$[7]', [problems] NVARCHAR(MAX) '$[8]', [status] NVARCHAR(16) '$[9]', [log_id] BIGINT '$[10]',
        [replayed_by] BIGINT '$[11]', [decided_at] NVARCHAR(40) '$[12]') AS sent
GO

DELETE FROM sensor_data WHERE EXISTS (SELECT 1
    FROM [#stage_sensor_data] AS [staged rows]
    JOIN [#last_sensor_data] ON [#last_sensor_data].stage_row = [staged rows].stage_row
    WHERE sensor_data.sensor_id = [staged rows].sensor_id AND sensor_data.timestamp = [staged rows].timestamp)
GO

INSERT INTO sensor_data (sensor_id, temperature, humidity, timestamp, source_partition, source_offset, source_item,
        lateness_seconds, source_id, log_id) SELECT [staged rows].sensor_id, [staged rows].temperature,
    [staged rows].humidity, [staged rows].timestamp, [staged rows].source_partition, [staged rows].source_offset,
    [staged rows].source_item, [staged rows].lateness_seconds, ? AS anon_1, ? AS anon_2
FROM [#stage_sensor_data] AS [staged rows]
JOIN [#last_sensor_data] ON [#last_sensor_data].stage_row = [staged rows].stage_row
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

SELECT sensor_data.log_id, COUNT_BIG(*) AS count_1, COUNT_BIG(*) AS count_2, COUNT_BIG(sensor_data.lateness_seconds) AS
    count_3, max(sensor_data.timestamp) AS max_1, avg(sensor_data.lateness_seconds) AS avg_1,
    max(sensor_data.lateness_seconds) AS max_2
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
            WHERE sensor_data.log_id = 8 AND sensor_data.source_id = 3 AND sensor_data.source_partition = 0 AND
                sensor_data.source_offset >= 0 AND sensor_data.source_offset < 1) AS new
        WHERE new.sensor_id IS NOT NULL AND new.timestamp IS NOT NULL) AS anon_1
) AS found
GO

SELECT COUNT_BIG(*) AS count_1, min(sensor_data.timestamp) AS min_1, max(sensor_data.timestamp) AS max_1
FROM sensor_data
WHERE sensor_data.log_id = ? AND sensor_data.lateness_seconds IS NULL AND sensor_data.timestamp IS NOT NULL AND
    sensor_data.source_id = ? AND sensor_data.source_partition = 0 AND sensor_data.source_offset >= 0 AND
    sensor_data.source_offset < 1
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

SELECT COUNT_BIG(*) AS count_1, sum(anon_1.readings) AS sum_1, min(anon_1.first) AS min_1, max(anon_1.last) AS max_1
FROM (SELECT COUNT_BIG(*) AS readings, min(anon_2.[first time]) AS first, max(anon_2.[last time]) AS last
    FROM (SELECT anon_3.sensor_id AS sensor_id, min(anon_3.[event time]) AS [first time], max(anon_3.[event time]) AS
            [last time]
        FROM (SELECT sensor_data.sensor_id AS sensor_id, sensor_data.timestamp AS [event time], DATEADD(SECOND,
                    -((DATEDIFF_BIG(SECOND, '1970-01-01', sensor_data.timestamp) % 10 + 10) % 10), DATEADD(NANOSECOND,
                        -DATEPART(NANOSECOND, sensor_data.timestamp), sensor_data.timestamp)) AS [time slot]
            FROM sensor_data
            WHERE sensor_data.log_id = ? AND sensor_data.lateness_seconds IS NULL) AS anon_3
        GROUP BY anon_3.sensor_id, anon_3.[time slot]) AS anon_2
    GROUP BY anon_2.sensor_id) AS anon_1
GO

DELETE FROM etl_quality_score WHERE etl_quality_score.log_id = ?
GO

INSERT INTO etl_quality_score (log_id, feed, score, completeness, validity, uniqueness, timeliness, age_seconds,
        lateness_mean_seconds, lateness_max_seconds) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
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

SELECT etl_quality_score.log_id, etl_quality_score.feed, etl_quality_score.score, etl_quality_score.completeness,
    etl_quality_score.validity, etl_quality_score.uniqueness, etl_quality_score.timeliness,
    etl_quality_score.age_seconds, etl_quality_score.sensors_expected, etl_quality_score.sensors_seen,
    etl_quality_score.readings_expected, etl_quality_score.readings_seen, etl_quality_score.lateness_mean_seconds,
    etl_quality_score.lateness_max_seconds
FROM etl_quality_score
WHERE etl_quality_score.log_id = ?
GO

UPDATE etl_incident SET last_seen_at=CAST(? AS DATETIMEOFFSET(6)), times_seen=(etl_incident.times_seen + ?) WHERE
    etl_incident.incident_id IN (?)
GO

UPDATE etl_incident SET resolved_at=CAST(? AS DATETIMEOFFSET(6)), resolved_by=? WHERE etl_incident.incident_id IN (?)
GO

SELECT etl_alert.incident_id, etl_alert.receiver
FROM etl_alert
WHERE etl_alert.incident_id IN (?) AND etl_alert.event = ? ORDER BY etl_alert.alert_id
GO

SELECT etl_rejected_row.reason, COUNT_BIG(*) AS rows
FROM etl_rejected_row
WHERE etl_rejected_row.log_id = ?
GROUP BY etl_rejected_row.reason ORDER BY COUNT_BIG(*) DESC, etl_rejected_row.reason
GO

SELECT *
INTO [#last_sensor_data]
FROM (
    SELECT ranked.stage_row
    FROM (SELECT numbered.stage_row AS stage_row, row_number() OVER (PARTITION BY numbered.sensor_id, numbered.timestamp
                ORDER BY numbered.stage_row DESC) AS [place of key]
        FROM [#stage_sensor_data] AS numbered
        JOIN (SELECT [staged rows].stage_row AS stage_row, [staged rows].source_partition AS source_partition,
                [staged rows].source_offset AS source_offset, [staged rows].source_item AS source_item, CASE WHEN
                (sensor_data.temperature != [staged rows].temperature OR sensor_data.temperature IS NULL AND
                    [staged rows].temperature IS NOT NULL OR sensor_data.temperature IS NOT NULL AND
                    [staged rows].temperature IS NULL) THEN 1 ELSE 0 END AS [differs 0], CASE WHEN (sensor_data.humidity
                    != [staged rows].humidity OR sensor_data.humidity IS NULL AND [staged rows].humidity IS NOT NULL OR
                    sensor_data.humidity IS NOT NULL AND [staged rows].humidity IS NULL) THEN 1 ELSE 0 END AS
                [differs 1]
            FROM [#stage_sensor_data] AS [staged rows]
            JOIN sensor_data ON sensor_data.sensor_id = [staged rows].sensor_id AND sensor_data.timestamp =
                [staged rows].timestamp
            WHERE NOT (sensor_data.source_id = 4 AND sensor_data.source_partition = [staged rows].source_partition AND
                    sensor_data.source_offset = [staged rows].source_offset AND sensor_data.source_item =
                    [staged rows].source_item) AND (sensor_data.temperature != [staged rows].temperature OR
                    sensor_data.temperature IS NULL AND [staged rows].temperature IS NOT NULL OR sensor_data.temperature
                    IS NOT NULL AND [staged rows].temperature IS NULL OR sensor_data.humidity != [staged rows].humidity
                    OR sensor_data.humidity IS NULL AND [staged rows].humidity IS NOT NULL OR sensor_data.humidity IS
                    NOT NULL AND [staged rows].humidity IS NULL)) AS found ON found.stage_row = numbered.stage_row) AS
        ranked
    WHERE ranked.[place of key] = 1
) AS found
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
            WHERE sensor_data.log_id = 10 AND sensor_data.source_id = 4 AND sensor_data.source_partition = 0 AND
                sensor_data.source_offset >= 0 AND sensor_data.source_offset < 1) AS new
        WHERE new.sensor_id IS NOT NULL AND new.timestamp IS NOT NULL) AS anon_1
) AS found
GO

SELECT TOP 1 etl_log.log_id
FROM etl_log
WHERE etl_log.cycle_id = ? AND etl_log.status = ?
GO

SELECT etl_log.log_id
FROM etl_log
WHERE etl_log.cycle_id = ? AND etl_log.feed = ? AND etl_log.job_name = ? AND etl_log.records_read > ? AND
    etl_log.undone_at IS NULL
GO

SELECT TOP 1 etl_log.cycle_id
FROM etl_log
JOIN etl_rejected_row ON etl_rejected_row.replayed_by = etl_log.log_id
WHERE etl_rejected_row.log_id IN (?) AND etl_rejected_row.status = ?
GO

SELECT etl_file.file_name, etl_file.moved_to
FROM etl_file
WHERE etl_file.log_id IN (?) AND etl_file.kind = ?
GO

SELECT *
INTO [#touched_sensor_data_5m]
FROM (
    SELECT anon_1.sensor_id, anon_1.window_start, DATEADD(SECOND, 300, anon_1.window_start) AS [window end]
    FROM (SELECT DISTINCT anon_2.sensor_id AS sensor_id, DATEADD(SECOND, -((DATEDIFF_BIG(SECOND, '1970-01-01',
                            anon_2.timestamp) % 300 + 300) % 300), DATEADD(NANOSECOND, -DATEPART(NANOSECOND,
                        anon_2.timestamp), anon_2.timestamp)) AS window_start
        FROM (SELECT sensor_data.sensor_id AS sensor_id, sensor_data.temperature AS temperature, sensor_data.humidity AS
                humidity, sensor_data.timestamp AS timestamp, sensor_data.source_id AS source_id,
                sensor_data.source_partition AS source_partition, sensor_data.source_offset AS source_offset,
                sensor_data.source_item AS source_item, sensor_data.log_id AS log_id, sensor_data.lateness_seconds AS
                lateness_seconds
            FROM sensor_data
            WHERE sensor_data.log_id IN (8)) AS anon_2
        WHERE anon_2.sensor_id IS NOT NULL AND anon_2.timestamp IS NOT NULL) AS anon_1
) AS found
GO

DELETE FROM sensor_data WHERE sensor_data.log_id IN (?)
GO

SELECT etl_rejected_row.rejected_id, etl_rejected_row.log_id, etl_rejected_row.feed, etl_rejected_row.source_id,
    etl_rejected_row.source_partition, etl_rejected_row.source_offset, etl_rejected_row.source_item,
    etl_rejected_row.raw, etl_rejected_row.raw_rebuilt, etl_rejected_row.reason, etl_rejected_row.problems,
    etl_rejected_row.status, etl_rejected_row.replayed_by, etl_rejected_row.decided_at, etl_rejected_row.note,
    etl_rejected_row.beside_message, etl_source.header
FROM etl_rejected_row
JOIN etl_source ON etl_source.source_id = etl_rejected_row.source_id
JOIN etl_log ON etl_log.log_id = etl_rejected_row.replayed_by
WHERE etl_rejected_row.log_id IN (?) AND etl_rejected_row.status = ? AND (etl_rejected_row.replayed_by NOT IN (?)) AND
    etl_log.undone_at IS NULL ORDER BY etl_rejected_row.rejected_id DESC
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
    log_id BIGINT NULL,
    PRIMARY KEY (stage_row)
)
GO

INSERT INTO [#stage_sensor_data] ([stage_row], [sensor_id], [temperature], [humidity], [timestamp], [source_id],
        [source_partition], [source_offset], [source_item], [log_id])
SELECT sent.[stage_row], sent.[sensor_id], sent.[temperature], sent.[humidity], CAST(sent.[timestamp] AS
        DATETIMEOFFSET(6)), sent.[source_id], sent.[source_partition], sent.[source_offset], sent.[source_item],
    sent.[log_id]
FROM OPENJSON(CAST(? AS NVARCHAR(MAX)))
WITH ([stage_row] BIGINT '$[0]', [sensor_id] INTEGER '$[1]', [temperature] FLOAT(53) '$[2]', [humidity] FLOAT(53)
        '$[3]', [timestamp] NVARCHAR(40) '$[4]', [source_id] INTEGER '$[5]', [source_partition] INTEGER '$[6]',
        [source_offset] BIGINT '$[7]', [source_item] INTEGER '$[8]', [log_id] BIGINT '$[9]') AS sent
GO

INSERT INTO sensor_data (sensor_id, temperature, humidity, timestamp, source_id, source_partition, source_offset,
        source_item, log_id) SELECT [staged rows].sensor_id, [staged rows].temperature, [staged rows].humidity,
    [staged rows].timestamp, [staged rows].source_id, [staged rows].source_partition, [staged rows].source_offset,
    [staged rows].source_item, [staged rows].log_id
FROM (SELECT [stage rows].sensor_id AS sensor_id, [stage rows].temperature AS temperature, [stage rows].humidity AS
        humidity, [stage rows].timestamp AS timestamp, [stage rows].source_id AS source_id,
        [stage rows].source_partition AS source_partition, [stage rows].source_offset AS source_offset,
        [stage rows].source_item AS source_item, [stage rows].log_id AS log_id, row_number() OVER (PARTITION BY
            [stage rows].sensor_id, [stage rows].timestamp ORDER BY [stage rows].stage_row) AS [place in key]
    FROM [#stage_sensor_data] AS [stage rows]) AS [staged rows]
WHERE [staged rows].[place in key] = 1 AND NOT (EXISTS (SELECT 1
        FROM sensor_data
        WHERE sensor_data.sensor_id = [staged rows].sensor_id AND sensor_data.timestamp = [staged rows].timestamp))
GO

SELECT sensor_data.log_id AS holder, [staged rows].source_id, [staged rows].source_partition,
    [staged rows].source_offset, [staged rows].source_item
FROM [#stage_sensor_data] AS [staged rows]
JOIN sensor_data ON sensor_data.sensor_id = [staged rows].sensor_id AND sensor_data.timestamp = [staged rows].timestamp
WHERE NOT (sensor_data.source_id = [staged rows].source_id AND sensor_data.source_partition =
        [staged rows].source_partition AND sensor_data.source_offset = [staged rows].source_offset AND
        sensor_data.source_item = [staged rows].source_item)
GO

UPDATE etl_rejected_row SET log_id=? WHERE etl_rejected_row.rejected_id IN (?)
GO

SELECT *
INTO [#touched_sensor_data_5m]
FROM (
    SELECT anon_1.sensor_id, anon_1.window_start, DATEADD(SECOND, 300, anon_1.window_start) AS [window end]
    FROM (SELECT DISTINCT put_back.sensor_id AS sensor_id, DATEADD(SECOND, -((DATEDIFF_BIG(SECOND, '1970-01-01',
                            put_back.timestamp) % 300 + 300) % 300), DATEADD(NANOSECOND, -DATEPART(NANOSECOND,
                        put_back.timestamp), put_back.timestamp)) AS window_start
        FROM (SELECT sensor_data.sensor_id AS sensor_id, sensor_data.temperature AS temperature, sensor_data.humidity AS
                humidity, sensor_data.timestamp AS timestamp, sensor_data.source_id AS source_id,
                sensor_data.source_partition AS source_partition, sensor_data.source_offset AS source_offset,
                sensor_data.source_item AS source_item, sensor_data.log_id AS log_id, sensor_data.lateness_seconds AS
                lateness_seconds
            FROM sensor_data
            WHERE sensor_data.source_id IN (2) AND sensor_data.source_offset IN (0)) AS put_back
        WHERE put_back.sensor_id IS NOT NULL AND put_back.timestamp IS NOT NULL) AS anon_1
) AS found
GO

DELETE FROM etl_rejected_row WHERE etl_rejected_row.replayed_by IN (?) AND etl_rejected_row.status = ?
GO

DELETE FROM etl_quality WHERE etl_quality.log_id IN (?)
GO

DELETE FROM etl_quality_score WHERE etl_quality_score.log_id IN (?)
GO

DELETE FROM etl_anomaly WHERE etl_anomaly.log_id IN (?)
GO

DELETE FROM etl_rejected_row WHERE etl_rejected_row.log_id IN (?)
GO

SELECT etl_file.file_name
FROM etl_file
WHERE etl_file.log_id IN (?) AND etl_file.kind = ? ORDER BY etl_file.file_name
GO

UPDATE etl_file SET undone_at=CAST(? AS DATETIMEOFFSET(6)) WHERE etl_file.log_id IN (?)
GO

UPDATE etl_log SET undone_at=CAST(? AS DATETIMEOFFSET(6)) WHERE etl_log.log_id IN (?)
GO

SELECT *
INTO [#touched_sensor_data_5m]
FROM (
    SELECT anon_1.sensor_id, anon_1.window_start, DATEADD(SECOND, 300, anon_1.window_start) AS [window end]
    FROM (SELECT DISTINCT anon_2.sensor_id AS sensor_id, DATEADD(SECOND, -((DATEDIFF_BIG(SECOND, '1970-01-01',
                            anon_2.timestamp) % 300 + 300) % 300), DATEADD(NANOSECOND, -DATEPART(NANOSECOND,
                        anon_2.timestamp), anon_2.timestamp)) AS window_start
        FROM (SELECT sensor_data.sensor_id AS sensor_id, sensor_data.temperature AS temperature, sensor_data.humidity AS
                humidity, sensor_data.timestamp AS timestamp, sensor_data.source_id AS source_id,
                sensor_data.source_partition AS source_partition, sensor_data.source_offset AS source_offset,
                sensor_data.source_item AS source_item, sensor_data.log_id AS log_id, sensor_data.lateness_seconds AS
                lateness_seconds
            FROM sensor_data
            WHERE sensor_data.log_id IN (10)) AS anon_2
        WHERE anon_2.sensor_id IS NOT NULL AND anon_2.timestamp IS NOT NULL) AS anon_1
) AS found
GO
