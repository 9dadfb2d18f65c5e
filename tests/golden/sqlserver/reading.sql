SELECT alembic_version.version_num
FROM alembic_version
GO

SELECT etl_log.log_id, etl_log.cycle_id, etl_log.feed, etl_log.job_name, etl_log.status, etl_log.start_time,
    etl_log.end_time, etl_log.duration_seconds, etl_log.records_read, etl_log.records_processed,
    etl_log.records_rejected, etl_log.records_duplicate, etl_log.records_late, etl_log.records_conflicting,
    etl_log.error_type, etl_log.error_message, etl_log.notebook, etl_log.notebook_sha256, etl_log.parameters,
    etl_log.host, etl_log.pid, etl_log.heartbeat_at, etl_log.code_version, etl_log.undone_at, etl_log.notes,
    etl_log.last_event_time, etl_log.by_hand, etl_log.executed_sha256
FROM etl_log
WHERE etl_log.cycle_id = ? ORDER BY etl_log.log_id
GO

SELECT etl_file.file_id, etl_file.feed, etl_file.file_name, etl_file.sha256, etl_file.source_id, etl_file.bytes,
    etl_file.rows, etl_file.offset_ranges, etl_file.archived_at, etl_file.loaded_at, etl_file.log_id,
    etl_file.undone_at, etl_file.kind, etl_file.moved_to, etl_file.moved_at, etl_source.name AS source_name
FROM etl_file
JOIN etl_source ON etl_source.source_id = etl_file.source_id
WHERE etl_file.log_id IN (?, ?) AND etl_file.kind = ? ORDER BY etl_file.file_id
GO

SELECT etl_file.file_name
FROM etl_file
WHERE etl_file.log_id IN (?, ?) AND etl_file.kind = ? ORDER BY etl_file.file_id
GO

SELECT etl_file.moved_to
FROM etl_file
WHERE etl_file.log_id IN (?, ?) AND etl_file.kind = ? AND etl_file.moved_to IS NOT NULL ORDER BY etl_file.file_id
GO

SELECT etl_rejected_row.reason, COUNT_BIG(*) AS rows
FROM etl_rejected_row
WHERE etl_rejected_row.log_id IN (?, ?)
GROUP BY etl_rejected_row.reason ORDER BY rows DESC
GO

SELECT etl_rejected_row.reason, COUNT_BIG(*) AS rows
FROM etl_rejected_row
WHERE etl_rejected_row.log_id IN (?, ?) AND etl_rejected_row.status = ? AND etl_rejected_row.reason != ?
GROUP BY etl_rejected_row.reason ORDER BY rows DESC, etl_rejected_row.reason
GO

SELECT TOP 200 etl_rejected_row.problems
FROM etl_rejected_row
WHERE etl_rejected_row.log_id IN (?, ?) AND etl_rejected_row.status = ? AND etl_rejected_row.reason != ? AND
    etl_rejected_row.reason = ? ORDER BY etl_rejected_row.source_id, etl_rejected_row.source_partition,
    etl_rejected_row.source_offset, etl_rejected_row.source_item
GO

SELECT etl_set_aside.kind, etl_set_aside.name, etl_set_aside.status, etl_set_aside.attempts, etl_set_aside.cause,
    etl_set_aside.decided_at
FROM etl_set_aside
WHERE etl_set_aside.log_id IN (?, ?, ?) ORDER BY etl_set_aside.set_aside_id
GO

SELECT etl_incident.incident_id, etl_incident.kind, etl_incident.feed, etl_incident.[key], etl_incident.severity,
    etl_incident.cause, etl_incident.remedy, etl_incident.cycle_id, etl_incident.job_name, etl_incident.notebook,
    etl_incident.opened_at, etl_incident.opened_by, etl_incident.last_seen_at, etl_incident.times_seen,
    etl_incident.resolved_at, etl_incident.resolved_by
FROM etl_incident
WHERE etl_incident.opened_by IN (?, ?, ?) OR etl_incident.resolved_by IN (?, ?, ?) ORDER BY etl_incident.incident_id
GO

SELECT etl_quality_score.score
FROM etl_quality_score
WHERE etl_quality_score.log_id IN (?, ?)
GO

SELECT COUNT_BIG(*) AS count_1
FROM etl_anomaly
WHERE etl_anomaly.log_id IN (?, ?)
GO

SELECT TOP 1 etl_log.log_id, etl_log.cycle_id, etl_log.feed, etl_log.job_name, etl_log.status, etl_log.start_time,
    etl_log.end_time, etl_log.duration_seconds, etl_log.records_read, etl_log.records_processed,
    etl_log.records_rejected, etl_log.records_duplicate, etl_log.records_late, etl_log.records_conflicting,
    etl_log.error_type, etl_log.error_message, etl_log.notebook, etl_log.notebook_sha256, etl_log.parameters,
    etl_log.host, etl_log.pid, etl_log.heartbeat_at, etl_log.code_version, etl_log.undone_at, etl_log.notes,
    etl_log.last_event_time, etl_log.by_hand, etl_log.executed_sha256
FROM etl_log
WHERE etl_log.feed = ? AND etl_log.job_name = ? AND etl_log.status = ? AND etl_log.records_read > ? AND etl_log.log_id <
    ? ORDER BY etl_log.log_id DESC
GO

SELECT TOP 20 etl_log.log_id, etl_log.cycle_id, etl_log.feed, etl_log.job_name, etl_log.status, etl_log.start_time,
    etl_log.end_time, etl_log.duration_seconds, etl_log.records_read, etl_log.records_processed,
    etl_log.records_rejected, etl_log.records_duplicate, etl_log.records_late, etl_log.records_conflicting,
    etl_log.error_type, etl_log.error_message, etl_log.notebook, etl_log.notebook_sha256, etl_log.parameters,
    etl_log.host, etl_log.pid, etl_log.heartbeat_at, etl_log.code_version, etl_log.undone_at, etl_log.notes,
    etl_log.last_event_time, etl_log.by_hand, etl_log.executed_sha256
FROM etl_log
WHERE etl_log.feed = ? AND etl_log.status = ? ORDER BY etl_log.log_id DESC
GO

SELECT etl_file.file_name
FROM etl_file
WHERE etl_file.feed = ? AND etl_file.undone_at IS NULL AND etl_file.kind = ? UNION ALL SELECT etl_set_aside.name
FROM etl_set_aside
WHERE etl_set_aside.feed = ? AND etl_set_aside.kind = ? AND etl_set_aside.status = ?
GO

SELECT etl_set_aside.feed, COUNT_BIG(*) AS things
FROM etl_set_aside
WHERE etl_set_aside.status = ?
GROUP BY etl_set_aside.feed
GO

SELECT etl_incident.incident_id, etl_incident.kind, etl_incident.feed, etl_incident.[key], etl_incident.severity,
    etl_incident.cause, etl_incident.remedy, etl_incident.cycle_id, etl_incident.job_name, etl_incident.notebook,
    etl_incident.opened_at, etl_incident.opened_by, etl_incident.last_seen_at, etl_incident.times_seen,
    etl_incident.resolved_at, etl_incident.resolved_by
FROM etl_incident
WHERE etl_incident.resolved_at IS NULL AND etl_incident.feed IN (?) ORDER BY etl_incident.opened_at,
    etl_incident.incident_id
GO

SELECT TOP 1 etl_log.cycle_id
FROM etl_log
WHERE etl_log.feed = ? ORDER BY etl_log.log_id DESC
GO

SELECT etl_column.feed, etl_column.column_name, etl_column.type, etl_column.path, etl_column.log_id, etl_column.added_at
FROM etl_column
WHERE etl_column.feed = ? ORDER BY etl_column.added_at, etl_column.column_name
GO

SELECT max(etl_log.last_event_time) AS max_1
FROM etl_log
WHERE etl_log.feed = ? AND etl_log.undone_at IS NULL
GO

SELECT COUNT_BIG(*) AS readings, (SELECT COUNT_BIG(*) AS count_1
    FROM (SELECT DISTINCT sensor_data.sensor_id AS sensor_id
        FROM sensor_data
        WHERE sensor_data.timestamp >= CAST(? AS DATETIMEOFFSET(6)) AND sensor_data.timestamp <= CAST(? AS
                DATETIMEOFFSET(6))) AS anon_1) AS sensors, min(sensor_data.timestamp) AS first,
    max(sensor_data.timestamp) AS last, COUNT_BIG(sensor_data.lateness_seconds) AS late, (SELECT COUNT_BIG(*) AS count_2
    FROM etl_anomaly
    WHERE etl_anomaly.feed = ? AND etl_anomaly.event_time >= CAST(? AS DATETIMEOFFSET(6)) AND etl_anomaly.event_time <=
        CAST(? AS DATETIMEOFFSET(6))) AS [anomalies recorded]
FROM sensor_data
WHERE sensor_data.timestamp >= CAST(? AS DATETIMEOFFSET(6)) AND sensor_data.timestamp <= CAST(? AS DATETIMEOFFSET(6))
GO

SELECT TOP 5 present.[whole name], present.sensor_id
FROM (SELECT sensor_data.sensor_id AS sensor_id, CAST(sensor_data.sensor_id AS NVARCHAR(max)) COLLATE
        Latin1_General_100_BIN2 AS [whole name], COUNT_BIG(*) AS [number of readings]
    FROM sensor_data
    WHERE sensor_data.timestamp >= CAST(? AS DATETIMEOFFSET(6)) AND sensor_data.timestamp <= CAST(? AS
            DATETIMEOFFSET(6))
    GROUP BY sensor_data.sensor_id) AS present
LEFT OUTER JOIN (SELECT etl_anomaly.sensor AS sensor, COUNT_BIG(*) AS anomalies
    FROM etl_anomaly
    WHERE etl_anomaly.feed = ?
    GROUP BY etl_anomaly.sensor) AS anon_1 ON anon_1.sensor = present.[whole name] ORDER BY coalesce(anon_1.anomalies,
        ?) DESC, present.[number of readings] DESC, present.sensor_id
GO

SELECT TOP 20000 sensor_data.sensor_id, sensor_data.timestamp, sensor_data.temperature, sensor_data.humidity
FROM sensor_data
WHERE sensor_data.sensor_id = ? AND sensor_data.timestamp >= CAST(? AS DATETIMEOFFSET(6)) AND sensor_data.timestamp <=
    CAST(? AS DATETIMEOFFSET(6)) ORDER BY sensor_data.timestamp DESC
GO

SELECT windows.window_start, windows.measure, windows.[unit of the key], min(windows.min) AS low, sum(windows.avg *
        windows.count) / (sum(windows.count) + 0.0) AS average, max(windows.max) AS high, sum(windows.count) AS readings
FROM (SELECT sensor_data_5m.window_start AS window_start, sensor_data_5m.measure AS measure, sensor_data_5m.min AS min,
        sensor_data_5m.avg AS avg, sensor_data_5m.max AS max, sensor_data_5m.count AS count, ? AS [unit of the key]
    FROM sensor_data_5m
    WHERE sensor_data_5m.measure IN (?, ?) AND sensor_data_5m.window_start >= CAST(? AS DATETIMEOFFSET(6)) AND
        sensor_data_5m.window_start <= CAST(? AS DATETIMEOFFSET(6))) AS windows
GROUP BY windows.window_start, windows.measure, windows.[unit of the key] ORDER BY windows.window_start
GO

SELECT windows.window_start, sum(windows.avg * windows.count) AS [window sum], sum(windows.count) AS [window count]
FROM (SELECT sensor_data_5m.window_start AS window_start, sensor_data_5m.measure AS measure, sensor_data_5m.min AS min,
        sensor_data_5m.avg AS avg, sensor_data_5m.max AS max, sensor_data_5m.count AS count, ? AS [unit of the key]
    FROM sensor_data_5m
    WHERE sensor_data_5m.measure IN (?) AND sensor_data_5m.window_start >= CAST(? AS DATETIMEOFFSET(6)) AND
        sensor_data_5m.window_start <= CAST(? AS DATETIMEOFFSET(6))) AS windows
WHERE windows.[unit of the key] = ? AND windows.window_start >= CAST(? AS DATETIMEOFFSET(6))
GROUP BY windows.window_start
GO

SELECT sensor_data.sensor_id, sensor_data.temperature, sensor_data.humidity, sensor_data.timestamp
FROM sensor_data
WHERE sensor_data.timestamp >= CAST(? AS DATETIMEOFFSET(6)) AND sensor_data.timestamp <= CAST(? AS DATETIMEOFFSET(6))
    ORDER BY sensor_data.timestamp
GO

SELECT etl_log.log_id, etl_log.cycle_id, etl_log.feed, etl_log.job_name, etl_log.status, etl_log.start_time,
    etl_log.end_time, etl_log.duration_seconds, etl_log.records_read, etl_log.records_processed,
    etl_log.records_rejected, etl_log.records_duplicate, etl_log.records_late, etl_log.records_conflicting,
    etl_log.error_type, etl_log.error_message, etl_log.notebook, etl_log.notebook_sha256, etl_log.parameters,
    etl_log.host, etl_log.pid, etl_log.heartbeat_at, etl_log.code_version, etl_log.undone_at, etl_log.notes,
    etl_log.last_event_time, etl_log.by_hand, etl_log.executed_sha256
FROM etl_log
WHERE etl_log.start_time >= CAST(? AS DATETIMEOFFSET(6)) ORDER BY etl_log.start_time
GO

SELECT etl_quality_score.log_id, etl_quality_score.feed, etl_quality_score.score, etl_quality_score.completeness,
    etl_quality_score.validity, etl_quality_score.uniqueness, etl_quality_score.timeliness,
    etl_quality_score.age_seconds, etl_quality_score.sensors_expected, etl_quality_score.sensors_seen,
    etl_quality_score.readings_expected, etl_quality_score.readings_seen, etl_quality_score.lateness_mean_seconds,
    etl_quality_score.lateness_max_seconds, etl_log.end_time, etl_log.cycle_id
FROM etl_quality_score
JOIN etl_log ON etl_log.log_id = etl_quality_score.log_id
WHERE etl_log.start_time >= CAST(? AS DATETIMEOFFSET(6)) ORDER BY etl_log.end_time
GO

SELECT etl_rejected_row.feed, etl_rejected_row.reason, etl_rejected_row.status, COUNT_BIG(*) AS rows
FROM etl_rejected_row
JOIN etl_log ON etl_log.log_id = etl_rejected_row.log_id
WHERE etl_log.start_time >= CAST(? AS DATETIMEOFFSET(6))
GROUP BY etl_rejected_row.feed, etl_rejected_row.reason, etl_rejected_row.status ORDER BY COUNT_BIG(*) DESC
GO

SELECT TOP 10 etl_log.start_time, etl_log.feed, etl_log.job_name, etl_log.error_type, etl_log.error_message,
    etl_log.notebook
FROM etl_log
WHERE etl_log.start_time >= CAST(? AS DATETIMEOFFSET(6)) AND etl_log.status = ? ORDER BY etl_log.log_id DESC
GO
