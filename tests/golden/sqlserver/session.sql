SELECT TOP (1) 1 FROM sys.objects
GO

DECLARE @result int;
EXEC @result = sp_getapplock @Resource = ?, @LockMode = 'Exclusive', @LockOwner = 'Transaction', @LockTimeout = 0;
SELECT @result;
GO

SELECT CURRENT_TRANSACTION_ID()
GO

SELECT CAST(SERVERPROPERTY('ProductVersion') AS nvarchar(128)) AS version,
    CAST(SERVERPROPERTY('EngineEdition') AS int) AS edition,
    compatibility_level, is_read_committed_snapshot_on,
    HAS_PERMS_BY_NAME(DB_NAME(), 'DATABASE', 'CREATE TABLE') AS may_create, SCHEMA_NAME() AS default_schema
FROM sys.databases
WHERE name = DB_NAME()
GO

SELECT is_read_committed_snapshot_on
FROM sys.databases
WHERE name = DB_NAME()
GO

SELECT wanted.name, wanted.permission, HAS_PERMS_BY_NAME(wanted.name, 'OBJECT', wanted.permission) AS granted
FROM (VALUES ('etl_log', 'SELECT'), ('etl_log', 'INSERT'), ('etl_log', 'UPDATE'), ('etl_file', 'INSERT'),
    ('etl_file', 'UPDATE'), ('etl_rejected_row', 'INSERT'), ('etl_rejected_row', 'DELETE'), ('etl_source', 'INSERT'),
    ('etl_quality', 'DELETE'), ('etl_anomaly', 'DELETE')) AS wanted (name, permission)
GO
