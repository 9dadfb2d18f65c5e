SELECT alembic_version.version_num
FROM alembic_version
GO

SELECT TOP (1) 1 FROM sys.objects
GO

DECLARE @result int;
EXEC @result = sp_getapplock @Resource = ?, @LockMode = 'Exclusive', @LockOwner = 'Transaction', @LockTimeout = 0;
SELECT @result;
GO

SELECT CURRENT_TRANSACTION_ID()
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

SELECT etl_log.notes, etl_log.records_processed + etl_log.records_duplicate AS anon_1
FROM etl_log
WHERE etl_log.log_id IN (?)
GO

SELECT COUNT_BIG(*) AS count_1
FROM etl_rejected_row
WHERE etl_rejected_row.replayed_by IN (?) AND etl_rejected_row.status = ?
GO

SELECT etl_column.feed, etl_column.column_name, etl_column.type, etl_column.path, etl_column.log_id, etl_column.added_at
FROM etl_column
WHERE etl_column.feed = ? ORDER BY etl_column.added_at, etl_column.column_name
GO

SELECT etl_feed.windows
FROM etl_feed
WHERE etl_feed.feed = ?
GO

DROP TABLE IF EXISTS [#touched_sensor_data_5m]
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
            WHERE sensor_data.log_id IN (6)) AS anon_2
        WHERE anon_2.sensor_id IS NOT NULL AND anon_2.timestamp IS NOT NULL) AS anon_1
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

DELETE FROM sensor_data WHERE sensor_data.log_id IN (?)
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

DELETE FROM etl_rejected_row WHERE etl_rejected_row.replayed_by IN (?) AND etl_rejected_row.status = ?
GO

DELETE FROM etl_quality WHERE etl_quality.log_id IN (?)
GO

DELETE FROM etl_quality_score WHERE etl_quality_score.log_id IN (?)
GO

DELETE FROM etl_anomaly WHERE etl_anomaly.log_id IN (?)
GO

UPDATE etl_rejected_row SET status=?, replayed_by=?, decided_at=CAST(? AS DATETIMEOFFSET(6)), note=? WHERE
    etl_rejected_row.replayed_by IN (?)
GO

SELECT etl_file.file_name
FROM etl_file
WHERE etl_file.log_id IN (?) AND etl_file.kind = ? ORDER BY etl_file.file_name
GO

UPDATE etl_file SET undone_at=CAST(? AS DATETIMEOFFSET(6)) WHERE etl_file.log_id IN (?)
GO

UPDATE etl_log SET undone_at=CAST(? AS DATETIMEOFFSET(6)) WHERE etl_log.log_id IN (?)
GO
