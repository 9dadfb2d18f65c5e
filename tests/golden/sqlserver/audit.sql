UPDATE etl_log SET heartbeat_at=CAST(? AS DATETIMEOFFSET(6)) WHERE etl_log.log_id = ? AND etl_log.status = ?
GO

SELECT etl_log.log_id
FROM etl_log
WHERE etl_log.feed = ? AND etl_log.job_name = ? AND etl_log.start_time = CAST(? AS DATETIMEOFFSET(6)) AND etl_log.host =
    ? AND etl_log.pid = ?
GO

INSERT INTO etl_log (cycle_id, feed, job_name, status, start_time, end_time, duration_seconds, error_type,
        error_message, host, pid, heartbeat_at) VALUES (?, ?, ?, ?, CAST(? AS DATETIMEOFFSET(6)), CAST(? AS
            DATETIMEOFFSET(6)), ?, ?, ?, ?, ?, CAST(? AS DATETIMEOFFSET(6)))
GO

SELECT etl_log.log_id, etl_log.cycle_id, etl_log.feed, etl_log.job_name, etl_log.status, etl_log.start_time,
    etl_log.end_time, etl_log.duration_seconds, etl_log.records_read, etl_log.records_processed,
    etl_log.records_rejected, etl_log.records_duplicate, etl_log.records_late, etl_log.records_conflicting,
    etl_log.error_type, etl_log.error_message, etl_log.notebook, etl_log.notebook_sha256, etl_log.parameters,
    etl_log.host, etl_log.pid, etl_log.heartbeat_at, etl_log.code_version, etl_log.undone_at, etl_log.notes,
    etl_log.last_event_time, etl_log.by_hand, etl_log.executed_sha256
FROM etl_log
WHERE etl_log.log_id = ?
GO

SELECT TOP 1 etl_log.log_id
FROM etl_log
WHERE etl_log.feed = ? AND etl_log.job_name = ? AND etl_log.status = ? AND etl_log.start_time > CAST(? AS
        DATETIMEOFFSET(6))
GO

SELECT etl_incident.kind, etl_incident.[key], etl_incident.incident_id
FROM etl_incident
WHERE etl_incident.feed = ? AND etl_incident.resolved_at IS NULL
GO

SELECT etl_incident.[key]
FROM etl_incident
WHERE etl_incident.feed = ? AND etl_incident.kind = ? AND etl_incident.resolved_at > CAST(? AS DATETIMEOFFSET(6))
GO

INSERT INTO etl_incident (kind, feed, [key], severity, cause, remedy, cycle_id, job_name, notebook, opened_at,
        opened_by, last_seen_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, CAST(? AS DATETIMEOFFSET(6)), ?, CAST(? AS
            DATETIMEOFFSET(6)))
GO
