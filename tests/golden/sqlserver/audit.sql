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
