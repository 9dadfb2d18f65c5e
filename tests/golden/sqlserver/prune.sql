SELECT alembic_version.version_num
FROM alembic_version
GO

SELECT etl_file.file_name, etl_file.sha256, etl_file.loaded_at
FROM etl_file
WHERE etl_file.feed = ? AND etl_file.kind = ? AND etl_file.undone_at IS NULL
GO

SELECT DISTINCT etl_rejected_row.log_id
FROM etl_rejected_row
WHERE etl_rejected_row.feed = ? AND etl_rejected_row.status IN (?, ?, ?) AND etl_rejected_row.decided_at <= CAST(? AS
        DATETIMEOFFSET(6))
GO

SELECT etl_file.log_id, etl_file.file_name
FROM etl_file
WHERE etl_file.feed = ?
GO

SELECT COUNT_BIG(*) AS count_1
FROM etl_rejected_row
WHERE etl_rejected_row.feed = ? AND etl_rejected_row.status IN (?, ?, ?) AND etl_rejected_row.decided_at <= CAST(? AS
        DATETIMEOFFSET(6)) AND etl_rejected_row.log_id IN (?)
GO

SELECT etl_log.cycle_id, max(etl_log.heartbeat_at) AS last
FROM etl_log
WHERE etl_log.feed = ?
GROUP BY etl_log.cycle_id
GO
