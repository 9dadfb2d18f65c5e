SET ANSI_NULLS ON;
SET ANSI_PADDING ON;
SET ANSI_WARNINGS ON;
SET ARITHABORT ON;
SET CONCAT_NULL_YIELDS_NULL ON;
SET QUOTED_IDENTIFIER ON;
SET NUMERIC_ROUNDABORT OFF;
GO

IF SCHEMA_NAME() <> 'dbo'
BEGIN
    RAISERROR('Nothing is made: the default schema of this user must be dbo.', 16, 1);
    SET NOEXEC ON;
END
GO

IF EXISTS (SELECT 1 FROM sys.databases WHERE name = DB_NAME() AND is_read_committed_snapshot_on = 0)
    PRINT 'READ_COMMITTED_SNAPSHOT is off: dashboards and loads of other feeds wait while a load goes on. ALTER DATABASE CURRENT SET READ_COMMITTED_SNAPSHOT ON WITH ROLLBACK IMMEDIATE, while nobody works.'
GO

CREATE TABLE etl_alert (
    alert_id BIGINT NOT NULL IDENTITY,
    incident_id BIGINT NOT NULL,
    event NVARCHAR(16) COLLATE Latin1_General_100_BIN2 NOT NULL,
    receiver NVARCHAR(300) COLLATE Latin1_General_100_BIN2 NOT NULL,
    status NVARCHAR(16) COLLATE Latin1_General_100_BIN2 NOT NULL DEFAULT 'WAITING',
    created_at DATETIMEOFFSET(6) NOT NULL,
    next_attempt_at DATETIMEOFFSET(6) NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    sent_at DATETIMEOFFSET(6) NULL,
    last_error NVARCHAR(500) COLLATE Latin1_General_100_BIN2 NULL,
    CONSTRAINT etl_alert_pkey PRIMARY KEY (alert_id),
    CONSTRAINT uq_etl_alert UNIQUE (incident_id, event, receiver)
)
GO

CREATE INDEX ix_etl_alert_waiting ON etl_alert (receiver, alert_id) WHERE status = 'WAITING'
GO

execute sp_addextendedproperty 'MS_Description',
    N'The outbox: who is to be told that an incident was opened or resolved', 'schema', dbo, 'table', etl_alert
GO

execute sp_addextendedproperty 'MS_Description', N'opened or resolved', 'schema', dbo, 'table', etl_alert, 'column',
    event
GO

execute sp_addextendedproperty 'MS_Description', N'without login and path', 'schema', dbo, 'table', etl_alert, 'column',
    receiver
GO

execute sp_addextendedproperty 'MS_Description', N'WAITING, SENT, MUTED or DROPPED', 'schema', dbo, 'table', etl_alert,
    'column', status
GO

execute sp_addextendedproperty 'MS_Description', N'no secret', 'schema', dbo, 'table', etl_alert, 'column', last_error
GO

CREATE TABLE etl_alert_mute (
    mute_id BIGINT NOT NULL IDENTITY,
    kind NVARCHAR(32) COLLATE Latin1_General_100_BIN2 NOT NULL,
    feed NVARCHAR(64) COLLATE Latin1_General_100_BIN2 NOT NULL DEFAULT '',
    until DATETIMEOFFSET(6) NOT NULL,
    muted_by NVARCHAR(128) COLLATE Latin1_General_100_BIN2 NOT NULL,
    created_at DATETIMEOFFSET(6) NOT NULL,
    CONSTRAINT etl_alert_mute_pkey PRIMARY KEY (mute_id)
)
GO

execute sp_addextendedproperty 'MS_Description', N'Kinds of incidents of which nobody is told for a while', 'schema',
    dbo, 'table', etl_alert_mute
GO

execute sp_addextendedproperty 'MS_Description', N'of the incidents nobody is told of', 'schema', dbo, 'table',
    etl_alert_mute, 'column', kind
GO

execute sp_addextendedproperty 'MS_Description', N'empty: every feed', 'schema', dbo, 'table', etl_alert_mute, 'column',
    feed
GO

CREATE TABLE etl_anomaly (
    anomaly_id BIGINT NOT NULL IDENTITY,
    log_id BIGINT NOT NULL,
    feed NVARCHAR(64) COLLATE Latin1_General_100_BIN2 NOT NULL,
    sensor NVARCHAR(200) COLLATE Latin1_General_100_BIN2 NOT NULL,
    measure NVARCHAR(64) COLLATE Latin1_General_100_BIN2 NOT NULL,
    event_time DATETIMEOFFSET(6) NOT NULL,
    value FLOAT(53) NULL,
    expected_low FLOAT(53) NULL,
    expected_high FLOAT(53) NULL,
    score FLOAT(53) NOT NULL,
    kind NVARCHAR(16) COLLATE Latin1_General_100_BIN2 NOT NULL,
    CONSTRAINT etl_anomaly_pkey PRIMARY KEY (anomaly_id)
)
GO

CREATE INDEX ix_etl_anomaly_feed_time ON etl_anomaly (feed, event_time)
GO

CREATE INDEX ix_etl_anomaly_log_id ON etl_anomaly (log_id)
GO

CREATE INDEX ix_etl_anomaly_time ON etl_anomaly (event_time)
GO

execute sp_addextendedproperty 'MS_Description', N'Readings that do not fit what their sensor sent before', 'schema',
    dbo, 'table', etl_anomaly
GO

execute sp_addextendedproperty 'MS_Description', N'outlier, stuck or gap', 'schema', dbo, 'table', etl_anomaly,
    'column', kind
GO

CREATE TABLE etl_api_token (
    token_id BIGINT NOT NULL IDENTITY,
    name NVARCHAR(128) COLLATE Latin1_General_100_BIN2 NOT NULL,
    sha256 NVARCHAR(64) COLLATE Latin1_General_100_BIN2 NOT NULL,
    scopes NVARCHAR(64) COLLATE Latin1_General_100_BIN2 NOT NULL,
    created_at DATETIMEOFFSET(6) NOT NULL,
    created_by NVARCHAR(128) COLLATE Latin1_General_100_BIN2 NOT NULL,
    expires_at DATETIMEOFFSET(6) NULL,
    revoked_at DATETIMEOFFSET(6) NULL,
    last_used_at DATETIMEOFFSET(6) NULL,
    CONSTRAINT etl_api_token_pkey PRIMARY KEY (token_id),
    CONSTRAINT uq_etl_api_token UNIQUE (sha256)
)
GO

execute sp_addextendedproperty 'MS_Description', N'Who may ask the API, and for what', 'schema', dbo, 'table',
    etl_api_token
GO

execute sp_addextendedproperty 'MS_Description', N'of the token, which is kept nowhere', 'schema', dbo, 'table',
    etl_api_token, 'column', sha256
GO

execute sp_addextendedproperty 'MS_Description', N'read, or read raw', 'schema', dbo, 'table', etl_api_token, 'column',
    scopes
GO

execute sp_addextendedproperty 'MS_Description', N'to the minute', 'schema', dbo, 'table', etl_api_token, 'column',
    last_used_at
GO

CREATE TABLE etl_column (
    feed NVARCHAR(64) COLLATE Latin1_General_100_BIN2 NOT NULL,
    column_name NVARCHAR(64) COLLATE Latin1_General_100_BIN2 NOT NULL,
    type NVARCHAR(16) COLLATE Latin1_General_100_BIN2 NOT NULL,
    path NVARCHAR(max) NOT NULL,
    log_id BIGINT NOT NULL,
    added_at DATETIMEOFFSET(6) NOT NULL,
    CONSTRAINT etl_column_pkey PRIMARY KEY (feed, column_name)
)
GO

execute sp_addextendedproperty 'MS_Description', N'Columns that a feed gained beyond its contract', 'schema', dbo,
    'table', etl_column
GO

execute sp_addextendedproperty 'MS_Description', N'where its values stand in a message or file', 'schema', dbo, 'table',
    etl_column, 'column', path
GO

execute sp_addextendedproperty 'MS_Description', N'the load that took it up', 'schema', dbo, 'table', etl_column,
    'column', log_id
GO

CREATE TABLE etl_feed (
    feed NVARCHAR(64) COLLATE Latin1_General_100_BIN2 NOT NULL,
    table_name NVARCHAR(64) COLLATE Latin1_General_100_BIN2 NOT NULL,
    source NVARCHAR(400) COLLATE Latin1_General_100_BIN2 NOT NULL,
    sensors INTEGER NULL,
    interval_seconds FLOAT(53) NULL,
    freshness_seconds FLOAT(53) NULL,
    description NVARCHAR(400) COLLATE Latin1_General_100_BIN2 NULL,
    windows NVARCHAR(max) NULL,
    CONSTRAINT etl_feed_pkey PRIMARY KEY (feed)
)
GO

execute sp_addextendedproperty 'MS_Description', N'What the contracts promise, for dashboards', 'schema', dbo, 'table',
    etl_feed
GO

execute sp_addextendedproperty 'MS_Description', N'topic or landing folder', 'schema', dbo, 'table', etl_feed, 'column',
    source
GO

execute sp_addextendedproperty 'MS_Description', N'how many ought to report', 'schema', dbo, 'table', etl_feed,
    'column', sensors
GO

execute sp_addextendedproperty 'MS_Description', N'and how often', 'schema', dbo, 'table', etl_feed, 'column',
    interval_seconds
GO

execute sp_addextendedproperty 'MS_Description', N'how old the newest reading may be', 'schema', dbo, 'table', etl_feed,
    'column', freshness_seconds
GO

execute sp_addextendedproperty 'MS_Description', N'what its tables of windows were computed with, by table and size',
    'schema', dbo, 'table', etl_feed, 'column', windows
GO

CREATE TABLE etl_file (
    file_id BIGINT NOT NULL IDENTITY,
    feed NVARCHAR(64) COLLATE Latin1_General_100_BIN2 NOT NULL,
    file_name NVARCHAR(400) COLLATE Latin1_General_100_BIN2 NOT NULL,
    sha256 NVARCHAR(64) COLLATE Latin1_General_100_BIN2 NOT NULL,
    source_id INTEGER NOT NULL,
    bytes BIGINT NOT NULL,
    rows BIGINT NOT NULL,
    offset_ranges NVARCHAR(max) NOT NULL,
    archived_at DATETIMEOFFSET(6) NOT NULL,
    loaded_at DATETIMEOFFSET(6) NOT NULL,
    log_id BIGINT NOT NULL,
    undone_at DATETIMEOFFSET(6) NULL,
    kind NVARCHAR(16) COLLATE Latin1_General_100_BIN2 NOT NULL DEFAULT 'archive',
    moved_to NVARCHAR(1000) COLLATE Latin1_General_100_BIN2 NULL,
    moved_at DATETIMEOFFSET(6) NULL,
    CONSTRAINT etl_file_pkey PRIMARY KEY (file_id),
    CONSTRAINT uq_etl_file UNIQUE (source_id, sha256)
)
GO

CREATE INDEX ix_etl_file_feed ON etl_file (feed, file_name)
GO

CREATE INDEX ix_etl_file_log_id ON etl_file (log_id)
GO

CREATE INDEX ix_etl_file_sha256 ON etl_file (sha256)
GO

CREATE INDEX ix_etl_file_undone ON etl_file (feed) WHERE undone_at IS NOT NULL
GO

execute sp_addextendedproperty 'MS_Description',
    N'The ledger: every archive and landing file that was loaded, exactly once', 'schema', dbo, 'table', etl_file
GO

execute sp_addextendedproperty 'MS_Description', N'per partition: first, next, rows', 'schema', dbo, 'table', etl_file,
    'column', offset_ranges
GO

execute sp_addextendedproperty 'MS_Description', N'when what it loaded was removed', 'schema', dbo, 'table', etl_file,
    'column', undone_at
GO

execute sp_addextendedproperty 'MS_Description', N'archive or landing', 'schema', dbo, 'table', etl_file, 'column', kind
GO

execute sp_addextendedproperty 'MS_Description', N'where `prune --to` has put it, without login', 'schema', dbo,
    'table', etl_file, 'column', moved_to
GO

CREATE TABLE etl_incident (
    incident_id BIGINT NOT NULL IDENTITY,
    kind NVARCHAR(32) COLLATE Latin1_General_100_BIN2 NOT NULL,
    feed NVARCHAR(64) COLLATE Latin1_General_100_BIN2 NOT NULL,
    [key] NVARCHAR(300) COLLATE Latin1_General_100_BIN2 NOT NULL DEFAULT '',
    severity NVARCHAR(16) COLLATE Latin1_General_100_BIN2 NOT NULL,
    cause NVARCHAR(2000) COLLATE Latin1_General_100_BIN2 NOT NULL,
    remedy NVARCHAR(2000) COLLATE Latin1_General_100_BIN2 NOT NULL DEFAULT '',
    cycle_id NVARCHAR(64) COLLATE Latin1_General_100_BIN2 NULL,
    job_name NVARCHAR(16) COLLATE Latin1_General_100_BIN2 NULL,
    notebook NVARCHAR(400) COLLATE Latin1_General_100_BIN2 NULL,
    opened_at DATETIMEOFFSET(6) NOT NULL,
    opened_by BIGINT NULL,
    last_seen_at DATETIMEOFFSET(6) NOT NULL,
    times_seen INTEGER NOT NULL DEFAULT 1,
    resolved_at DATETIMEOFFSET(6) NULL,
    resolved_by BIGINT NULL,
    CONSTRAINT etl_incident_pkey PRIMARY KEY (incident_id)
)
GO

CREATE INDEX ix_etl_incident_key ON etl_incident (feed, kind, [key], resolved_at)
GO

CREATE INDEX ix_etl_incident_opened_at ON etl_incident (opened_at)
GO

CREATE INDEX ix_etl_incident_opened_by ON etl_incident (opened_by)
GO

CREATE INDEX ix_etl_incident_resolved_by ON etl_incident (resolved_by)
GO

CREATE UNIQUE INDEX uq_etl_incident_open ON etl_incident (feed, kind, [key]) WHERE resolved_at IS NULL
GO

execute sp_addextendedproperty 'MS_Description', N'What went wrong: at most one that is open per feed, kind and key',
    'schema', dbo, 'table', etl_incident
GO

execute sp_addextendedproperty 'MS_Description', N'docs/alerts.md lists the kinds', 'schema', dbo, 'table',
    etl_incident, 'column', kind
GO

execute sp_addextendedproperty 'MS_Description', N'job, sensor or item it is about', 'schema', dbo, 'table',
    etl_incident, 'column', [key]
GO

execute sp_addextendedproperty 'MS_Description', N'error or warning', 'schema', dbo, 'table', etl_incident, 'column',
    severity
GO

execute sp_addextendedproperty 'MS_Description', N'no row data and no secret', 'schema', dbo, 'table', etl_incident,
    'column', cause
GO

execute sp_addextendedproperty 'MS_Description', N'of the job that opened it', 'schema', dbo, 'table', etl_incident,
    'column', cycle_id
GO

execute sp_addextendedproperty 'MS_Description', N'the executed notebook, relative to ETL_HOME', 'schema', dbo, 'table',
    etl_incident, 'column', notebook
GO

execute sp_addextendedproperty 'MS_Description', N'the log_id of that job', 'schema', dbo, 'table', etl_incident,
    'column', opened_by
GO

execute sp_addextendedproperty 'MS_Description', N'the log_id of the job that showed that it is over', 'schema', dbo,
    'table', etl_incident, 'column', resolved_by
GO

CREATE TABLE etl_log (
    log_id BIGINT NOT NULL IDENTITY,
    cycle_id NVARCHAR(64) COLLATE Latin1_General_100_BIN2 NOT NULL,
    feed NVARCHAR(64) COLLATE Latin1_General_100_BIN2 NOT NULL,
    job_name NVARCHAR(16) COLLATE Latin1_General_100_BIN2 NOT NULL,
    status NVARCHAR(16) COLLATE Latin1_General_100_BIN2 NOT NULL,
    start_time DATETIMEOFFSET(6) NOT NULL,
    end_time DATETIMEOFFSET(6) NULL,
    duration_seconds FLOAT(53) NULL,
    records_read BIGINT NOT NULL DEFAULT 0,
    records_processed BIGINT NOT NULL DEFAULT 0,
    records_rejected BIGINT NOT NULL DEFAULT 0,
    records_duplicate BIGINT NOT NULL DEFAULT 0,
    records_late BIGINT NOT NULL DEFAULT 0,
    records_conflicting BIGINT NOT NULL DEFAULT 0,
    error_type NVARCHAR(128) COLLATE Latin1_General_100_BIN2 NULL,
    error_message NVARCHAR(2000) COLLATE Latin1_General_100_BIN2 NULL,
    notebook NVARCHAR(400) COLLATE Latin1_General_100_BIN2 NULL,
    notebook_sha256 NVARCHAR(64) COLLATE Latin1_General_100_BIN2 NULL,
    parameters NVARCHAR(max) NULL,
    host NVARCHAR(255) COLLATE Latin1_General_100_BIN2 NULL,
    pid INTEGER NULL,
    heartbeat_at DATETIMEOFFSET(6) NULL,
    code_version NVARCHAR(64) COLLATE Latin1_General_100_BIN2 NULL,
    undone_at DATETIMEOFFSET(6) NULL,
    notes NVARCHAR(max) NULL,
    last_event_time DATETIMEOFFSET(6) NULL,
    by_hand BIT NOT NULL DEFAULT 0,
    executed_sha256 NVARCHAR(64) COLLATE Latin1_General_100_BIN2 NULL,
    CONSTRAINT etl_log_pkey PRIMARY KEY (log_id)
)
GO

CREATE INDEX ix_etl_log_by_hand ON etl_log (feed, log_id) WHERE by_hand = 1
GO

CREATE INDEX ix_etl_log_cycle_id ON etl_log (cycle_id)
GO

CREATE INDEX ix_etl_log_failed ON etl_log (start_time) WHERE status = 'FAILED'
GO

CREATE INDEX ix_etl_log_feed ON etl_log (feed, log_id)
GO

CREATE INDEX ix_etl_log_feed_job ON etl_log (feed, job_name, log_id)
GO

CREATE INDEX ix_etl_log_feed_status ON etl_log (feed, status)
GO

CREATE INDEX ix_etl_log_start_time ON etl_log (start_time)
GO

CREATE INDEX ix_etl_log_watermark ON etl_log (feed, last_event_time)
GO

execute sp_addextendedproperty 'MS_Description', N'One row per job of a cycle', 'schema', dbo, 'table', etl_log
GO

execute sp_addextendedproperty 'MS_Description', N'produce, consume, merge or load', 'schema', dbo, 'table', etl_log,
    'column', job_name
GO

execute sp_addextendedproperty 'MS_Description', N'RUNNING, SUCCESS or FAILED', 'schema', dbo, 'table', etl_log,
    'column', status
GO

execute sp_addextendedproperty 'MS_Description', N'same key as an earlier row, other values', 'schema', dbo, 'table',
    etl_log, 'column', records_conflicting
GO

execute sp_addextendedproperty 'MS_Description', N'no row data and no secret', 'schema', dbo, 'table', etl_log,
    'column', error_message
GO

execute sp_addextendedproperty 'MS_Description', N'the executed notebook, relative to ETL_HOME', 'schema', dbo, 'table',
    etl_log, 'column', notebook
GO

execute sp_addextendedproperty 'MS_Description', N'of the notebook as committed, before it ran', 'schema', dbo, 'table',
    etl_log, 'column', notebook_sha256
GO

execute sp_addextendedproperty 'MS_Description', N'when what it loaded was removed', 'schema', dbo, 'table', etl_log,
    'column', undone_at
GO

execute sp_addextendedproperty 'MS_Description', N'what a reader should know beyond the numbers', 'schema', dbo,
    'table', etl_log, 'column', notes
GO

execute sp_addextendedproperty 'MS_Description', N'of the readings that a load brought', 'schema', dbo, 'table',
    etl_log, 'column', last_event_time
GO

execute sp_addextendedproperty 'MS_Description', N'whether its cycle was begun by hand', 'schema', dbo, 'table',
    etl_log, 'column', by_hand
GO

execute sp_addextendedproperty 'MS_Description', N'of the executed copy, when its cycle ended', 'schema', dbo, 'table',
    etl_log, 'column', executed_sha256
GO

CREATE TABLE etl_quality (
    log_id BIGINT NOT NULL,
    [rule] NVARCHAR(128) COLLATE Latin1_General_100_BIN2 NOT NULL,
    feed NVARCHAR(64) COLLATE Latin1_General_100_BIN2 NOT NULL,
    dimension NVARCHAR(16) COLLATE Latin1_General_100_BIN2 NOT NULL,
    checked BIGINT NOT NULL,
    failed BIGINT NOT NULL,
    CONSTRAINT etl_quality_pkey PRIMARY KEY (log_id, [rule])
)
GO

execute sp_addextendedproperty 'MS_Description', N'Per load and rule, how many values were checked and how many failed',
    'schema', dbo, 'table', etl_quality
GO

CREATE TABLE etl_quality_score (
    log_id BIGINT NOT NULL,
    feed NVARCHAR(64) COLLATE Latin1_General_100_BIN2 NOT NULL,
    score FLOAT(53) NOT NULL,
    completeness FLOAT(53) NOT NULL,
    validity FLOAT(53) NOT NULL,
    uniqueness FLOAT(53) NOT NULL,
    timeliness FLOAT(53) NOT NULL,
    age_seconds FLOAT(53) NULL,
    sensors_expected INTEGER NULL,
    sensors_seen INTEGER NULL,
    readings_expected BIGINT NULL,
    readings_seen BIGINT NULL,
    lateness_mean_seconds FLOAT(53) NULL,
    lateness_max_seconds FLOAT(53) NULL,
    CONSTRAINT etl_quality_score_pkey PRIMARY KEY (log_id)
)
GO

CREATE INDEX ix_etl_quality_score_feed ON etl_quality_score (feed, log_id)
GO

execute sp_addextendedproperty 'MS_Description', N'One score per load, with its components', 'schema', dbo, 'table',
    etl_quality_score
GO

execute sp_addextendedproperty 'MS_Description', N'0 to 100; docs/quality.md', 'schema', dbo, 'table',
    etl_quality_score, 'column', score
GO

execute sp_addextendedproperty 'MS_Description', N'of the newest reading, when it was loaded', 'schema', dbo, 'table',
    etl_quality_score, 'column', age_seconds
GO

execute sp_addextendedproperty 'MS_Description', N'of the late rows among those that were loaded', 'schema', dbo,
    'table', etl_quality_score, 'column', lateness_mean_seconds
GO

CREATE TABLE etl_rejected_row (
    rejected_id BIGINT NOT NULL IDENTITY,
    log_id BIGINT NOT NULL,
    feed NVARCHAR(64) COLLATE Latin1_General_100_BIN2 NOT NULL,
    source_id INTEGER NOT NULL,
    source_partition INTEGER NOT NULL,
    source_offset BIGINT NOT NULL,
    source_item INTEGER NOT NULL,
    raw NVARCHAR(max) COLLATE Latin1_General_100_BIN2 NOT NULL,
    raw_rebuilt BIT NOT NULL,
    reason NVARCHAR(32) COLLATE Latin1_General_100_BIN2 NOT NULL,
    problems NVARCHAR(max) NOT NULL,
    status NVARCHAR(16) COLLATE Latin1_General_100_BIN2 NOT NULL DEFAULT 'QUARANTINED',
    replayed_by BIGINT NULL,
    decided_at DATETIMEOFFSET(6) NULL,
    note NVARCHAR(400) COLLATE Latin1_General_100_BIN2 NULL,
    beside_message NVARCHAR(max) NULL,
    CONSTRAINT etl_rejected_row_pkey PRIMARY KEY (rejected_id),
    CONSTRAINT uq_etl_rejected_row UNIQUE (source_id, source_partition, source_offset, source_item)
)
GO

CREATE INDEX ix_etl_rejected_row_feed_status ON etl_rejected_row (feed, status, reason)
GO

CREATE INDEX ix_etl_rejected_row_log_id ON etl_rejected_row (log_id)
GO

CREATE INDEX ix_etl_rejected_row_replayed_by ON etl_rejected_row (replayed_by)
GO

CREATE INDEX ix_etl_rejected_row_status ON etl_rejected_row (status, reason)
GO

execute sp_addextendedproperty 'MS_Description', N'Quarantine: every rejected row with its text and why', 'schema', dbo,
    'table', etl_rejected_row
GO

execute sp_addextendedproperty 'MS_Description', N'the message; \x… are its bytes where it is no text, \null a null',
    'schema', dbo, 'table', etl_rejected_row, 'column', raw
GO

execute sp_addextendedproperty 'MS_Description', N'made from the columns, not the message itself', 'schema', dbo,
    'table', etl_rejected_row, 'column', raw_rebuilt
GO

execute sp_addextendedproperty 'MS_Description', N'every column, value and rule that failed', 'schema', dbo, 'table',
    etl_rejected_row, 'column', problems
GO

execute sp_addextendedproperty 'MS_Description', N'the log_id of the replay that loaded it', 'schema', dbo, 'table',
    etl_rejected_row, 'column', replayed_by
GO

execute sp_addextendedproperty 'MS_Description', N'who discarded or changed it, and why', 'schema', dbo, 'table',
    etl_rejected_row, 'column', note
GO

execute sp_addextendedproperty 'MS_Description', N'values that were not in the message, such as its key', 'schema', dbo,
    'table', etl_rejected_row, 'column', beside_message
GO

CREATE TABLE etl_schedule (
    feed NVARCHAR(64) COLLATE Latin1_General_100_BIN2 NOT NULL,
    every NVARCHAR(64) COLLATE Latin1_General_100_BIN2 NOT NULL,
    since DATETIMEOFFSET(6) NOT NULL,
    last_cycle_at DATETIMEOFFSET(6) NULL,
    silent_after DATETIMEOFFSET(6) NOT NULL,
    host NVARCHAR(255) COLLATE Latin1_General_100_BIN2 NOT NULL,
    pid INTEGER NOT NULL,
    CONSTRAINT etl_schedule_pkey PRIMARY KEY (feed)
)
GO

execute sp_addextendedproperty 'MS_Description',
    N'Schedules that ought to run now; one that is stopped removes its rows', 'schema', dbo, 'table', etl_schedule
GO

execute sp_addextendedproperty 'MS_Description', N'interval or cron expression', 'schema', dbo, 'table', etl_schedule,
    'column', every
GO

execute sp_addextendedproperty 'MS_Description', N'when its last cycle ended', 'schema', dbo, 'table', etl_schedule,
    'column', last_cycle_at
GO

execute sp_addextendedproperty 'MS_Description', N'the third time at which a cycle is due', 'schema', dbo, 'table',
    etl_schedule, 'column', silent_after
GO

CREATE TABLE etl_set_aside (
    set_aside_id BIGINT NOT NULL IDENTITY,
    feed NVARCHAR(64) COLLATE Latin1_General_100_BIN2 NOT NULL,
    kind NVARCHAR(16) COLLATE Latin1_General_100_BIN2 NOT NULL,
    name NVARCHAR(400) COLLATE Latin1_General_100_BIN2 NOT NULL,
    status NVARCHAR(16) COLLATE Latin1_General_100_BIN2 NOT NULL,
    attempts INTEGER NOT NULL,
    cause NVARCHAR(2000) COLLATE Latin1_General_100_BIN2 NOT NULL,
    first_failed_at DATETIMEOFFSET(6) NOT NULL,
    last_failed_at DATETIMEOFFSET(6) NOT NULL,
    set_aside_at DATETIMEOFFSET(6) NULL,
    log_id BIGINT NOT NULL,
    decided_at DATETIMEOFFSET(6) NULL,
    CONSTRAINT etl_set_aside_pkey PRIMARY KEY (set_aside_id),
    CONSTRAINT uq_etl_set_aside UNIQUE (feed, kind, name)
)
GO

CREATE INDEX ix_etl_set_aside_log_id ON etl_set_aside (log_id)
GO

execute sp_addextendedproperty 'MS_Description', N'Files that a job could not process, with the cause', 'schema', dbo,
    'table', etl_set_aside
GO

execute sp_addextendedproperty 'MS_Description', N'landing, batch or archive', 'schema', dbo, 'table', etl_set_aside,
    'column', kind
GO

execute sp_addextendedproperty 'MS_Description', N'of the file or folder', 'schema', dbo, 'table', etl_set_aside,
    'column', name
GO

execute sp_addextendedproperty 'MS_Description', N'FAILING, SET_ASIDE, RETRIED or RESOLVED', 'schema', dbo, 'table',
    etl_set_aside, 'column', status
GO

execute sp_addextendedproperty 'MS_Description', N'failed ones in a row', 'schema', dbo, 'table', etl_set_aside,
    'column', attempts
GO

execute sp_addextendedproperty 'MS_Description', N'no row data and no secret', 'schema', dbo, 'table', etl_set_aside,
    'column', cause
GO

execute sp_addextendedproperty 'MS_Description', N'the job that failed last, or set it aside', 'schema', dbo, 'table',
    etl_set_aside, 'column', log_id
GO

execute sp_addextendedproperty 'MS_Description', N'when it was retried, or turned out well', 'schema', dbo, 'table',
    etl_set_aside, 'column', decided_at
GO

CREATE TABLE etl_setting (
    name NVARCHAR(64) COLLATE Latin1_General_100_BIN2 NOT NULL,
    value NVARCHAR(400) COLLATE Latin1_General_100_BIN2 NOT NULL,
    CONSTRAINT etl_setting_pkey PRIMARY KEY (name)
)
GO

execute sp_addextendedproperty 'MS_Description', N'Settings that views need: api_url, the address of the read API',
    'schema', dbo, 'table', etl_setting
GO

execute sp_addextendedproperty 'MS_Description', N'no secret', 'schema', dbo, 'table', etl_setting, 'column', value
GO

CREATE TABLE etl_source (
    source_id INTEGER NOT NULL IDENTITY,
    feed NVARCHAR(64) COLLATE Latin1_General_100_BIN2 NOT NULL,
    name NVARCHAR(400) COLLATE Latin1_General_100_BIN2 NOT NULL,
    [identity] NVARCHAR(128) COLLATE Latin1_General_100_BIN2 NOT NULL,
    first_seen DATETIMEOFFSET(6) NOT NULL,
    header NVARCHAR(max) NULL,
    CONSTRAINT etl_source_pkey PRIMARY KEY (source_id),
    CONSTRAINT uq_etl_source UNIQUE (feed, name, [identity])
)
GO

execute sp_addextendedproperty 'MS_Description', N'Where rows came from, once, instead of long texts in every row',
    'schema', dbo, 'table', etl_source
GO

execute sp_addextendedproperty 'MS_Description', N'topic or file name', 'schema', dbo, 'table', etl_source, 'column',
    name
GO

execute sp_addextendedproperty 'MS_Description', N'topic id or SHA-256 of the file', 'schema', dbo, 'table', etl_source,
    'column', [identity]
GO

execute sp_addextendedproperty 'MS_Description', N'of a CSV file: the names of its columns', 'schema', dbo, 'table',
    etl_source, 'column', header
GO

IF SERVERPROPERTY('Babelfish') IS NULL
    EXEC('ALTER TABLE etl_anomaly SET (LOCK_ESCALATION = DISABLE)')
GO

IF SERVERPROPERTY('Babelfish') IS NULL
    EXEC('ALTER TABLE etl_file SET (LOCK_ESCALATION = DISABLE)')
GO

IF SERVERPROPERTY('Babelfish') IS NULL
    EXEC('ALTER TABLE etl_rejected_row SET (LOCK_ESCALATION = DISABLE)')
GO

CREATE TABLE alembic_version (
    version_num VARCHAR(32) NOT NULL,
    CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
)
GO

INSERT INTO alembic_version (version_num) VALUES ('0013')
GO

CREATE TABLE iot_device_events (
    event_id NVARCHAR(64) COLLATE Latin1_General_100_BIN2 NOT NULL,
    event_offset BIGINT NOT NULL,
    event_publisher NVARCHAR(64) COLLATE Latin1_General_100_BIN2 NULL,
    customer_id NVARCHAR(64) COLLATE Latin1_General_100_BIN2 NOT NULL,
    device_id NVARCHAR(64) COLLATE Latin1_General_100_BIN2 NOT NULL,
    temperature FLOAT(53) NULL,
    measure NVARCHAR(16) COLLATE Latin1_General_100_BIN2 NULL,
    status NVARCHAR(16) COLLATE Latin1_General_100_BIN2 NOT NULL,
    event_time DATETIMEOFFSET(6) NOT NULL,
    source_id INTEGER NOT NULL,
    source_partition INTEGER NOT NULL,
    source_offset BIGINT NOT NULL,
    source_item INTEGER NOT NULL,
    log_id BIGINT NOT NULL,
    lateness_seconds FLOAT(53) NULL,
    CONSTRAINT uq_iot_device_events UNIQUE (event_id, device_id)
)
GO

CREATE CLUSTERED INDEX ix_iot_device_events_log_id ON iot_device_events (log_id)
GO

CREATE INDEX ix_iot_device_events_sensor ON iot_device_events (device_id, event_time)
GO

CREATE INDEX ix_iot_device_events_time ON iot_device_events (event_time)
GO

execute sp_addextendedproperty 'MS_Description',
    N'Events of customers'' devices; each event reports several devices at once.', 'schema', dbo, 'table',
    iot_device_events
GO

execute sp_addextendedproperty 'MS_Description', N'by how much it lay behind the feed''s watermark', 'schema', dbo,
    'table', iot_device_events, 'column', lateness_seconds
GO

CREATE TABLE iot_device_events_5m (
    device_id NVARCHAR(64) COLLATE Latin1_General_100_BIN2 NOT NULL,
    measure NVARCHAR(64) COLLATE Latin1_General_100_BIN2 NOT NULL,
    window_start DATETIMEOFFSET(6) NOT NULL,
    count BIGINT NOT NULL,
    min FLOAT(53) NOT NULL,
    max FLOAT(53) NOT NULL,
    avg FLOAT(53) NOT NULL,
    stddev FLOAT(53) NULL,
    CONSTRAINT iot_device_events_5m_pkey PRIMARY KEY (device_id, measure, window_start)
)
GO

CREATE INDEX ix_iot_device_events_5m_start ON iot_device_events_5m (window_start)
GO

execute sp_addextendedproperty 'MS_Description', N'Statistics of iot_device_events per 5m window', 'schema', dbo,
    'table', iot_device_events_5m
GO

execute sp_addextendedproperty 'MS_Description', N'UTC; windows are aligned to 1970', 'schema', dbo, 'table',
    iot_device_events_5m, 'column', window_start
GO

execute sp_addextendedproperty 'MS_Description', N'of the sample; NULL for a single value', 'schema', dbo, 'table',
    iot_device_events_5m, 'column', stddev
GO

CREATE TABLE iot_device_events_1d (
    device_id NVARCHAR(64) COLLATE Latin1_General_100_BIN2 NOT NULL,
    measure NVARCHAR(64) COLLATE Latin1_General_100_BIN2 NOT NULL,
    window_start DATETIMEOFFSET(6) NOT NULL,
    count BIGINT NOT NULL,
    min FLOAT(53) NOT NULL,
    max FLOAT(53) NOT NULL,
    avg FLOAT(53) NOT NULL,
    stddev FLOAT(53) NULL,
    CONSTRAINT iot_device_events_1d_pkey PRIMARY KEY (device_id, measure, window_start)
)
GO

CREATE INDEX ix_iot_device_events_1d_start ON iot_device_events_1d (window_start)
GO

execute sp_addextendedproperty 'MS_Description', N'Statistics of iot_device_events per 1d window', 'schema', dbo,
    'table', iot_device_events_1d
GO

execute sp_addextendedproperty 'MS_Description', N'UTC; windows are aligned to 1970', 'schema', dbo, 'table',
    iot_device_events_1d, 'column', window_start
GO

execute sp_addextendedproperty 'MS_Description', N'of the sample; NULL for a single value', 'schema', dbo, 'table',
    iot_device_events_1d, 'column', stddev
GO

CREATE VIEW v_iot_device_events AS SELECT iot_device_events.event_id, iot_device_events.event_offset,
    iot_device_events.event_publisher, iot_device_events.customer_id, iot_device_events.device_id,
    iot_device_events.temperature, iot_device_events.measure, iot_device_events.status, iot_device_events.event_time,
    iot_device_events.source_id, iot_device_events.source_partition, iot_device_events.source_offset,
    iot_device_events.source_item, iot_device_events.log_id, iot_device_events.lateness_seconds, etl_source.name AS
    source_name, etl_log.cycle_id, etl_log.end_time AS loaded_at
FROM iot_device_events
JOIN etl_source ON etl_source.source_id = iot_device_events.source_id
LEFT OUTER JOIN etl_log ON etl_log.log_id = iot_device_events.log_id
GO

CREATE VIEW v_iot_device_events_latest AS SELECT ranked.event_id, ranked.event_offset, ranked.event_publisher,
    ranked.customer_id, ranked.device_id, ranked.temperature, ranked.measure, ranked.status, ranked.event_time,
    ranked.source_id, ranked.source_partition, ranked.source_offset, ranked.source_item, ranked.log_id,
    ranked.lateness_seconds
FROM (SELECT iot_device_events.event_id AS event_id, iot_device_events.event_offset AS event_offset,
        iot_device_events.event_publisher AS event_publisher, iot_device_events.customer_id AS customer_id,
        iot_device_events.device_id AS device_id, iot_device_events.temperature AS temperature,
        iot_device_events.measure AS measure, iot_device_events.status AS status, iot_device_events.event_time AS
        event_time, iot_device_events.source_id AS source_id, iot_device_events.source_partition AS source_partition,
        iot_device_events.source_offset AS source_offset, iot_device_events.source_item AS source_item,
        iot_device_events.log_id AS log_id, iot_device_events.lateness_seconds AS lateness_seconds, row_number() OVER
        (PARTITION BY iot_device_events.device_id ORDER BY iot_device_events.source_id DESC,
            iot_device_events.source_partition DESC, iot_device_events.source_offset DESC, iot_device_events.source_item
            DESC) AS [row number]
    FROM iot_device_events
    JOIN (SELECT sensors.device_id AS device_id, (SELECT max(other.event_time) AS max_1
            FROM iot_device_events AS other
            WHERE other.device_id = sensors.device_id) AS [newest time]
        FROM (SELECT DISTINCT iot_device_events_1d.device_id AS device_id
            FROM iot_device_events_1d) AS sensors) AS [newest moments] ON iot_device_events.device_id =
        [newest moments].device_id AND iot_device_events.event_time = [newest moments].[newest time]) AS ranked
WHERE ranked.[row number] = 1
GO

CREATE VIEW v_iot_device_events_statistics AS SELECT iot_device_events_1d.device_id, iot_device_events_1d.measure,
    sum(iot_device_events_1d.count) AS count, min(iot_device_events_1d.min) AS min, max(iot_device_events_1d.max) AS
    max, mean.avg, CASE WHEN (sum(iot_device_events_1d.count) > 1) THEN sqrt(sum((iot_device_events_1d.count - 1) *
            coalesce(iot_device_events_1d.stddev, 0.0) * coalesce(iot_device_events_1d.stddev, 0.0) +
            iot_device_events_1d.count * (iot_device_events_1d.avg - mean.avg) * (iot_device_events_1d.avg - mean.avg))
        / ((sum(iot_device_events_1d.count) - 1) + 0.0)) END AS stddev
FROM iot_device_events_1d
JOIN (SELECT iot_device_events_1d.device_id AS device_id, iot_device_events_1d.measure AS measure,
        sum(iot_device_events_1d.avg * iot_device_events_1d.count) / (sum(iot_device_events_1d.count) + 0.0) AS avg
    FROM iot_device_events_1d
    GROUP BY iot_device_events_1d.device_id, iot_device_events_1d.measure) AS mean ON iot_device_events_1d.device_id =
    mean.device_id AND iot_device_events_1d.measure = mean.measure
GROUP BY iot_device_events_1d.device_id, iot_device_events_1d.measure, mean.avg
GO

CREATE TABLE environment_telemetry (
    ts DATETIMEOFFSET(6) NOT NULL,
    device NVARCHAR(32) COLLATE Latin1_General_100_BIN2 NOT NULL,
    co FLOAT(53) NOT NULL,
    humidity FLOAT(53) NOT NULL,
    light BIT NULL,
    lpg FLOAT(53) NOT NULL,
    motion BIT NULL,
    smoke FLOAT(53) NOT NULL,
    temp FLOAT(53) NOT NULL,
    source_id INTEGER NOT NULL,
    source_partition INTEGER NOT NULL,
    source_offset BIGINT NOT NULL,
    source_item INTEGER NOT NULL,
    log_id BIGINT NOT NULL,
    lateness_seconds FLOAT(53) NULL,
    CONSTRAINT uq_environment_telemetry UNIQUE (device, ts)
)
GO

CREATE CLUSTERED INDEX ix_environment_telemetry_log_id ON environment_telemetry (log_id)
GO

CREATE INDEX ix_environment_telemetry_time ON environment_telemetry (ts)
GO

execute sp_addextendedproperty 'MS_Description',
    N'Gases, light, motion and climate around three devices, as CSV files in a watched folder.', 'schema', dbo, 'table',
    environment_telemetry
GO

execute sp_addextendedproperty 'MS_Description', N'by how much it lay behind the feed''s watermark', 'schema', dbo,
    'table', environment_telemetry, 'column', lateness_seconds
GO

CREATE TABLE environment_telemetry_5m (
    device NVARCHAR(32) COLLATE Latin1_General_100_BIN2 NOT NULL,
    measure NVARCHAR(64) COLLATE Latin1_General_100_BIN2 NOT NULL,
    window_start DATETIMEOFFSET(6) NOT NULL,
    count BIGINT NOT NULL,
    min FLOAT(53) NOT NULL,
    max FLOAT(53) NOT NULL,
    avg FLOAT(53) NOT NULL,
    stddev FLOAT(53) NULL,
    CONSTRAINT environment_telemetry_5m_pkey PRIMARY KEY (device, measure, window_start)
)
GO

CREATE INDEX ix_environment_telemetry_5m_start ON environment_telemetry_5m (window_start)
GO

execute sp_addextendedproperty 'MS_Description', N'Statistics of environment_telemetry per 5m window', 'schema', dbo,
    'table', environment_telemetry_5m
GO

execute sp_addextendedproperty 'MS_Description', N'UTC; windows are aligned to 1970', 'schema', dbo, 'table',
    environment_telemetry_5m, 'column', window_start
GO

execute sp_addextendedproperty 'MS_Description', N'of the sample; NULL for a single value', 'schema', dbo, 'table',
    environment_telemetry_5m, 'column', stddev
GO

CREATE TABLE environment_telemetry_1d (
    device NVARCHAR(32) COLLATE Latin1_General_100_BIN2 NOT NULL,
    measure NVARCHAR(64) COLLATE Latin1_General_100_BIN2 NOT NULL,
    window_start DATETIMEOFFSET(6) NOT NULL,
    count BIGINT NOT NULL,
    min FLOAT(53) NOT NULL,
    max FLOAT(53) NOT NULL,
    avg FLOAT(53) NOT NULL,
    stddev FLOAT(53) NULL,
    CONSTRAINT environment_telemetry_1d_pkey PRIMARY KEY (device, measure, window_start)
)
GO

CREATE INDEX ix_environment_telemetry_1d_start ON environment_telemetry_1d (window_start)
GO

execute sp_addextendedproperty 'MS_Description', N'Statistics of environment_telemetry per 1d window', 'schema', dbo,
    'table', environment_telemetry_1d
GO

execute sp_addextendedproperty 'MS_Description', N'UTC; windows are aligned to 1970', 'schema', dbo, 'table',
    environment_telemetry_1d, 'column', window_start
GO

execute sp_addextendedproperty 'MS_Description', N'of the sample; NULL for a single value', 'schema', dbo, 'table',
    environment_telemetry_1d, 'column', stddev
GO

CREATE VIEW v_environment_telemetry AS SELECT environment_telemetry.ts, environment_telemetry.device,
    environment_telemetry.co, environment_telemetry.humidity, environment_telemetry.light, environment_telemetry.lpg,
    environment_telemetry.motion, environment_telemetry.smoke, environment_telemetry.temp,
    environment_telemetry.source_id, environment_telemetry.source_partition, environment_telemetry.source_offset,
    environment_telemetry.source_item, environment_telemetry.log_id, environment_telemetry.lateness_seconds,
    etl_source.name AS source_name, etl_log.cycle_id, etl_log.end_time AS loaded_at
FROM environment_telemetry
JOIN etl_source ON etl_source.source_id = environment_telemetry.source_id
LEFT OUTER JOIN etl_log ON etl_log.log_id = environment_telemetry.log_id
GO

CREATE VIEW v_environment_telemetry_latest AS SELECT ranked.ts, ranked.device, ranked.co, ranked.humidity, ranked.light,
    ranked.lpg, ranked.motion, ranked.smoke, ranked.temp, ranked.source_id, ranked.source_partition,
    ranked.source_offset, ranked.source_item, ranked.log_id, ranked.lateness_seconds
FROM (SELECT environment_telemetry.ts AS ts, environment_telemetry.device AS device, environment_telemetry.co AS co,
        environment_telemetry.humidity AS humidity, environment_telemetry.light AS light, environment_telemetry.lpg AS
        lpg, environment_telemetry.motion AS motion, environment_telemetry.smoke AS smoke, environment_telemetry.temp AS
        temp, environment_telemetry.source_id AS source_id, environment_telemetry.source_partition AS source_partition,
        environment_telemetry.source_offset AS source_offset, environment_telemetry.source_item AS source_item,
        environment_telemetry.log_id AS log_id, environment_telemetry.lateness_seconds AS lateness_seconds, row_number()
        OVER (PARTITION BY environment_telemetry.device ORDER BY environment_telemetry.source_id DESC,
            environment_telemetry.source_partition DESC, environment_telemetry.source_offset DESC,
            environment_telemetry.source_item DESC) AS [row number]
    FROM environment_telemetry
    JOIN (SELECT sensors.device AS device, (SELECT max(other.ts) AS max_1
            FROM environment_telemetry AS other
            WHERE other.device = sensors.device) AS [newest time]
        FROM (SELECT DISTINCT environment_telemetry_1d.device AS device
            FROM environment_telemetry_1d) AS sensors) AS [newest moments] ON environment_telemetry.device =
        [newest moments].device AND environment_telemetry.ts = [newest moments].[newest time]) AS ranked
WHERE ranked.[row number] = 1
GO

CREATE VIEW v_environment_telemetry_statistics AS SELECT environment_telemetry_1d.device,
    environment_telemetry_1d.measure, sum(environment_telemetry_1d.count) AS count, min(environment_telemetry_1d.min) AS
    min, max(environment_telemetry_1d.max) AS max, mean.avg, CASE WHEN (sum(environment_telemetry_1d.count) > 1) THEN
    sqrt(sum((environment_telemetry_1d.count - 1) * coalesce(environment_telemetry_1d.stddev, 0.0) *
            coalesce(environment_telemetry_1d.stddev, 0.0) + environment_telemetry_1d.count *
            (environment_telemetry_1d.avg - mean.avg) * (environment_telemetry_1d.avg - mean.avg)) /
        ((sum(environment_telemetry_1d.count) - 1) + 0.0)) END AS stddev
FROM environment_telemetry_1d
JOIN (SELECT environment_telemetry_1d.device AS device, environment_telemetry_1d.measure AS measure,
        sum(environment_telemetry_1d.avg * environment_telemetry_1d.count) / (sum(environment_telemetry_1d.count) + 0.0)
        AS avg
    FROM environment_telemetry_1d
    GROUP BY environment_telemetry_1d.device, environment_telemetry_1d.measure) AS mean ON
    environment_telemetry_1d.device = mean.device AND environment_telemetry_1d.measure = mean.measure
GROUP BY environment_telemetry_1d.device, environment_telemetry_1d.measure, mean.avg
GO

CREATE TABLE iot_readings (
    sensor_id NVARCHAR(32) COLLATE Latin1_General_100_BIN2 NOT NULL,
    temperature FLOAT(53) NOT NULL,
    humidity FLOAT(53) NOT NULL,
    energy FLOAT(53) NOT NULL,
    timestamp DATETIMEOFFSET(6) NOT NULL,
    source_id INTEGER NOT NULL,
    source_partition INTEGER NOT NULL,
    source_offset BIGINT NOT NULL,
    source_item INTEGER NOT NULL,
    log_id BIGINT NOT NULL,
    lateness_seconds FLOAT(53) NULL,
    CONSTRAINT uq_iot_readings UNIQUE (sensor_id, timestamp)
)
GO

CREATE CLUSTERED INDEX ix_iot_readings_log_id ON iot_readings (log_id)
GO

CREATE INDEX ix_iot_readings_time ON iot_readings (timestamp)
GO

execute sp_addextendedproperty 'MS_Description',
    N'Temperature, humidity and energy of a fleet of 100 sensors, a reading each every 10 seconds.', 'schema', dbo,
    'table', iot_readings
GO

execute sp_addextendedproperty 'MS_Description', N'by how much it lay behind the feed''s watermark', 'schema', dbo,
    'table', iot_readings, 'column', lateness_seconds
GO

CREATE TABLE iot_readings_5m (
    sensor_id NVARCHAR(32) COLLATE Latin1_General_100_BIN2 NOT NULL,
    measure NVARCHAR(64) COLLATE Latin1_General_100_BIN2 NOT NULL,
    window_start DATETIMEOFFSET(6) NOT NULL,
    count BIGINT NOT NULL,
    min FLOAT(53) NOT NULL,
    max FLOAT(53) NOT NULL,
    avg FLOAT(53) NOT NULL,
    stddev FLOAT(53) NULL,
    CONSTRAINT iot_readings_5m_pkey PRIMARY KEY (sensor_id, measure, window_start)
)
GO

CREATE INDEX ix_iot_readings_5m_start ON iot_readings_5m (window_start)
GO

execute sp_addextendedproperty 'MS_Description', N'Statistics of iot_readings per 5m window', 'schema', dbo, 'table',
    iot_readings_5m
GO

execute sp_addextendedproperty 'MS_Description', N'UTC; windows are aligned to 1970', 'schema', dbo, 'table',
    iot_readings_5m, 'column', window_start
GO

execute sp_addextendedproperty 'MS_Description', N'of the sample; NULL for a single value', 'schema', dbo, 'table',
    iot_readings_5m, 'column', stddev
GO

CREATE TABLE iot_readings_1d (
    sensor_id NVARCHAR(32) COLLATE Latin1_General_100_BIN2 NOT NULL,
    measure NVARCHAR(64) COLLATE Latin1_General_100_BIN2 NOT NULL,
    window_start DATETIMEOFFSET(6) NOT NULL,
    count BIGINT NOT NULL,
    min FLOAT(53) NOT NULL,
    max FLOAT(53) NOT NULL,
    avg FLOAT(53) NOT NULL,
    stddev FLOAT(53) NULL,
    CONSTRAINT iot_readings_1d_pkey PRIMARY KEY (sensor_id, measure, window_start)
)
GO

CREATE INDEX ix_iot_readings_1d_start ON iot_readings_1d (window_start)
GO

execute sp_addextendedproperty 'MS_Description', N'Statistics of iot_readings per 1d window', 'schema', dbo, 'table',
    iot_readings_1d
GO

execute sp_addextendedproperty 'MS_Description', N'UTC; windows are aligned to 1970', 'schema', dbo, 'table',
    iot_readings_1d, 'column', window_start
GO

execute sp_addextendedproperty 'MS_Description', N'of the sample; NULL for a single value', 'schema', dbo, 'table',
    iot_readings_1d, 'column', stddev
GO

CREATE VIEW v_iot_readings AS SELECT iot_readings.sensor_id, iot_readings.temperature, iot_readings.humidity,
    iot_readings.energy, iot_readings.timestamp, iot_readings.source_id, iot_readings.source_partition,
    iot_readings.source_offset, iot_readings.source_item, iot_readings.log_id, iot_readings.lateness_seconds,
    etl_source.name AS source_name, etl_log.cycle_id, etl_log.end_time AS loaded_at
FROM iot_readings
JOIN etl_source ON etl_source.source_id = iot_readings.source_id
LEFT OUTER JOIN etl_log ON etl_log.log_id = iot_readings.log_id
GO

CREATE VIEW v_iot_readings_latest AS SELECT ranked.sensor_id, ranked.temperature, ranked.humidity, ranked.energy,
    ranked.timestamp, ranked.source_id, ranked.source_partition, ranked.source_offset, ranked.source_item,
    ranked.log_id, ranked.lateness_seconds
FROM (SELECT iot_readings.sensor_id AS sensor_id, iot_readings.temperature AS temperature, iot_readings.humidity AS
        humidity, iot_readings.energy AS energy, iot_readings.timestamp AS timestamp, iot_readings.source_id AS
        source_id, iot_readings.source_partition AS source_partition, iot_readings.source_offset AS source_offset,
        iot_readings.source_item AS source_item, iot_readings.log_id AS log_id, iot_readings.lateness_seconds AS
        lateness_seconds, row_number() OVER (PARTITION BY iot_readings.sensor_id ORDER BY iot_readings.source_id DESC,
            iot_readings.source_partition DESC, iot_readings.source_offset DESC, iot_readings.source_item DESC) AS
        [row number]
    FROM iot_readings
    JOIN (SELECT sensors.sensor_id AS sensor_id, (SELECT max(other.timestamp) AS max_1
            FROM iot_readings AS other
            WHERE other.sensor_id = sensors.sensor_id) AS [newest time]
        FROM (SELECT DISTINCT iot_readings_1d.sensor_id AS sensor_id
            FROM iot_readings_1d) AS sensors) AS [newest moments] ON iot_readings.sensor_id = [newest moments].sensor_id
        AND iot_readings.timestamp = [newest moments].[newest time]) AS ranked
WHERE ranked.[row number] = 1
GO

CREATE VIEW v_iot_readings_statistics AS SELECT iot_readings_1d.sensor_id, iot_readings_1d.measure,
    sum(iot_readings_1d.count) AS count, min(iot_readings_1d.min) AS min, max(iot_readings_1d.max) AS max, mean.avg,
    CASE WHEN (sum(iot_readings_1d.count) > 1) THEN sqrt(sum((iot_readings_1d.count - 1) *
            coalesce(iot_readings_1d.stddev, 0.0) * coalesce(iot_readings_1d.stddev, 0.0) + iot_readings_1d.count *
            (iot_readings_1d.avg - mean.avg) * (iot_readings_1d.avg - mean.avg)) / ((sum(iot_readings_1d.count) - 1) +
            0.0)) END AS stddev
FROM iot_readings_1d
JOIN (SELECT iot_readings_1d.sensor_id AS sensor_id, iot_readings_1d.measure AS measure, sum(iot_readings_1d.avg *
            iot_readings_1d.count) / (sum(iot_readings_1d.count) + 0.0) AS avg
    FROM iot_readings_1d
    GROUP BY iot_readings_1d.sensor_id, iot_readings_1d.measure) AS mean ON iot_readings_1d.sensor_id = mean.sensor_id
    AND iot_readings_1d.measure = mean.measure
GROUP BY iot_readings_1d.sensor_id, iot_readings_1d.measure, mean.avg
GO

CREATE TABLE room_temperatures (
    id NVARCHAR(64) COLLATE Latin1_General_100_BIN2 NOT NULL,
    room NVARCHAR(64) COLLATE Latin1_General_100_BIN2 NOT NULL,
    noted_date DATETIMEOFFSET(6) NOT NULL,
    temp FLOAT(53) NOT NULL,
    place NVARCHAR(3) COLLATE Latin1_General_100_BIN2 NOT NULL,
    source_id INTEGER NOT NULL,
    source_partition INTEGER NOT NULL,
    source_offset BIGINT NOT NULL,
    source_item INTEGER NOT NULL,
    log_id BIGINT NOT NULL,
    lateness_seconds FLOAT(53) NULL,
    CONSTRAINT uq_room_temperatures UNIQUE (id)
)
GO

CREATE CLUSTERED INDEX ix_room_temperatures_log_id ON room_temperatures (log_id)
GO

CREATE INDEX ix_room_temperatures_sensor ON room_temperatures (room, place, noted_date)
GO

CREATE INDEX ix_room_temperatures_time ON room_temperatures (noted_date)
GO

execute sp_addextendedproperty 'MS_Description',
    N'Temperatures in and outside of rooms, as CSV files that arrive in a landing folder every few seconds.', 'schema',
    dbo, 'table', room_temperatures
GO

execute sp_addextendedproperty 'MS_Description', N'by how much it lay behind the feed''s watermark', 'schema', dbo,
    'table', room_temperatures, 'column', lateness_seconds
GO

CREATE TABLE room_temperatures_5m (
    room NVARCHAR(64) COLLATE Latin1_General_100_BIN2 NOT NULL,
    place NVARCHAR(3) COLLATE Latin1_General_100_BIN2 NOT NULL,
    measure NVARCHAR(64) COLLATE Latin1_General_100_BIN2 NOT NULL,
    window_start DATETIMEOFFSET(6) NOT NULL,
    count BIGINT NOT NULL,
    min FLOAT(53) NOT NULL,
    max FLOAT(53) NOT NULL,
    avg FLOAT(53) NOT NULL,
    stddev FLOAT(53) NULL,
    CONSTRAINT room_temperatures_5m_pkey PRIMARY KEY (room, place, measure, window_start)
)
GO

CREATE INDEX ix_room_temperatures_5m_start ON room_temperatures_5m (window_start)
GO

execute sp_addextendedproperty 'MS_Description', N'Statistics of room_temperatures per 5m window', 'schema', dbo,
    'table', room_temperatures_5m
GO

execute sp_addextendedproperty 'MS_Description', N'UTC; windows are aligned to 1970', 'schema', dbo, 'table',
    room_temperatures_5m, 'column', window_start
GO

execute sp_addextendedproperty 'MS_Description', N'of the sample; NULL for a single value', 'schema', dbo, 'table',
    room_temperatures_5m, 'column', stddev
GO

CREATE TABLE room_temperatures_1d (
    room NVARCHAR(64) COLLATE Latin1_General_100_BIN2 NOT NULL,
    place NVARCHAR(3) COLLATE Latin1_General_100_BIN2 NOT NULL,
    measure NVARCHAR(64) COLLATE Latin1_General_100_BIN2 NOT NULL,
    window_start DATETIMEOFFSET(6) NOT NULL,
    count BIGINT NOT NULL,
    min FLOAT(53) NOT NULL,
    max FLOAT(53) NOT NULL,
    avg FLOAT(53) NOT NULL,
    stddev FLOAT(53) NULL,
    CONSTRAINT room_temperatures_1d_pkey PRIMARY KEY (room, place, measure, window_start)
)
GO

CREATE INDEX ix_room_temperatures_1d_start ON room_temperatures_1d (window_start)
GO

execute sp_addextendedproperty 'MS_Description', N'Statistics of room_temperatures per 1d window', 'schema', dbo,
    'table', room_temperatures_1d
GO

execute sp_addextendedproperty 'MS_Description', N'UTC; windows are aligned to 1970', 'schema', dbo, 'table',
    room_temperatures_1d, 'column', window_start
GO

execute sp_addextendedproperty 'MS_Description', N'of the sample; NULL for a single value', 'schema', dbo, 'table',
    room_temperatures_1d, 'column', stddev
GO

CREATE VIEW v_room_temperatures AS SELECT room_temperatures.id, room_temperatures.room, room_temperatures.noted_date,
    room_temperatures.temp, room_temperatures.place, room_temperatures.source_id, room_temperatures.source_partition,
    room_temperatures.source_offset, room_temperatures.source_item, room_temperatures.log_id,
    room_temperatures.lateness_seconds, etl_source.name AS source_name, etl_log.cycle_id, etl_log.end_time AS loaded_at
FROM room_temperatures
JOIN etl_source ON etl_source.source_id = room_temperatures.source_id
LEFT OUTER JOIN etl_log ON etl_log.log_id = room_temperatures.log_id
GO

CREATE VIEW v_room_temperatures_latest AS SELECT ranked.id, ranked.room, ranked.noted_date, ranked.temp, ranked.place,
    ranked.source_id, ranked.source_partition, ranked.source_offset, ranked.source_item, ranked.log_id,
    ranked.lateness_seconds
FROM (SELECT room_temperatures.id AS id, room_temperatures.room AS room, room_temperatures.noted_date AS noted_date,
        room_temperatures.temp AS temp, room_temperatures.place AS place, room_temperatures.source_id AS source_id,
        room_temperatures.source_partition AS source_partition, room_temperatures.source_offset AS source_offset,
        room_temperatures.source_item AS source_item, room_temperatures.log_id AS log_id,
        room_temperatures.lateness_seconds AS lateness_seconds, row_number() OVER (PARTITION BY room_temperatures.room,
            room_temperatures.place ORDER BY room_temperatures.source_id DESC, room_temperatures.source_partition DESC,
            room_temperatures.source_offset DESC, room_temperatures.source_item DESC) AS [row number]
    FROM room_temperatures
    JOIN (SELECT sensors.room AS room, sensors.place AS place, (SELECT max(other.noted_date) AS max_1
            FROM room_temperatures AS other
            WHERE other.room = sensors.room AND other.place = sensors.place) AS [newest time]
        FROM (SELECT DISTINCT room_temperatures_1d.room AS room, room_temperatures_1d.place AS place
            FROM room_temperatures_1d) AS sensors) AS [newest moments] ON room_temperatures.room = [newest moments].room
        AND room_temperatures.place = [newest moments].place AND room_temperatures.noted_date =
        [newest moments].[newest time]) AS ranked
WHERE ranked.[row number] = 1
GO

CREATE VIEW v_room_temperatures_statistics AS SELECT room_temperatures_1d.room, room_temperatures_1d.place,
    room_temperatures_1d.measure, sum(room_temperatures_1d.count) AS count, min(room_temperatures_1d.min) AS min,
    max(room_temperatures_1d.max) AS max, mean.avg, CASE WHEN (sum(room_temperatures_1d.count) > 1) THEN
    sqrt(sum((room_temperatures_1d.count - 1) * coalesce(room_temperatures_1d.stddev, 0.0) *
            coalesce(room_temperatures_1d.stddev, 0.0) + room_temperatures_1d.count * (room_temperatures_1d.avg -
                mean.avg) * (room_temperatures_1d.avg - mean.avg)) / ((sum(room_temperatures_1d.count) - 1) + 0.0)) END
    AS stddev
FROM room_temperatures_1d
JOIN (SELECT room_temperatures_1d.room AS room, room_temperatures_1d.place AS place, room_temperatures_1d.measure AS
        measure, sum(room_temperatures_1d.avg * room_temperatures_1d.count) / (sum(room_temperatures_1d.count) + 0.0) AS
        avg
    FROM room_temperatures_1d
    GROUP BY room_temperatures_1d.room, room_temperatures_1d.place, room_temperatures_1d.measure) AS mean ON
    room_temperatures_1d.room = mean.room AND room_temperatures_1d.place = mean.place AND room_temperatures_1d.measure =
    mean.measure
GROUP BY room_temperatures_1d.room, room_temperatures_1d.place, room_temperatures_1d.measure, mean.avg
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

execute sp_addextendedproperty 'MS_Description', N'Temperature and humidity as single sensors report them.', 'schema',
    dbo, 'table', sensor_data
GO

execute sp_addextendedproperty 'MS_Description', N'by how much it lay behind the feed''s watermark', 'schema', dbo,
    'table', sensor_data, 'column', lateness_seconds
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

execute sp_addextendedproperty 'MS_Description', N'Statistics of sensor_data per 5m window', 'schema', dbo, 'table',
    sensor_data_5m
GO

execute sp_addextendedproperty 'MS_Description', N'UTC; windows are aligned to 1970', 'schema', dbo, 'table',
    sensor_data_5m, 'column', window_start
GO

execute sp_addextendedproperty 'MS_Description', N'of the sample; NULL for a single value', 'schema', dbo, 'table',
    sensor_data_5m, 'column', stddev
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

execute sp_addextendedproperty 'MS_Description', N'Statistics of sensor_data per 1d window', 'schema', dbo, 'table',
    sensor_data_1d
GO

execute sp_addextendedproperty 'MS_Description', N'UTC; windows are aligned to 1970', 'schema', dbo, 'table',
    sensor_data_1d, 'column', window_start
GO

execute sp_addextendedproperty 'MS_Description', N'of the sample; NULL for a single value', 'schema', dbo, 'table',
    sensor_data_1d, 'column', stddev
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

CREATE VIEW v_etl_windows AS SELECT CAST('device_events' AS NVARCHAR(64)) COLLATE Latin1_General_100_BIN2 AS feed,
    CAST(CAST(iot_device_events_5m.device_id AS NVARCHAR(200)) COLLATE Latin1_General_100_BIN2 AS NVARCHAR(200)) COLLATE
    Latin1_General_100_BIN2 AS sensor, iot_device_events_5m.measure, iot_device_events_5m.window_start,
    iot_device_events_5m.count AS readings, iot_device_events_5m.avg * iot_device_events_5m.count AS total,
    iot_device_events_5m.min AS lowest, iot_device_events_5m.max AS highest, iot_device_events_5m.stddev AS deviation
FROM iot_device_events_5m UNION ALL SELECT CAST('environment_telemetry' AS NVARCHAR(64)) COLLATE Latin1_General_100_BIN2
    AS feed, CAST(CAST(environment_telemetry_5m.device AS NVARCHAR(200)) COLLATE Latin1_General_100_BIN2 AS
        NVARCHAR(200)) COLLATE Latin1_General_100_BIN2 AS sensor, environment_telemetry_5m.measure,
    environment_telemetry_5m.window_start, environment_telemetry_5m.count AS readings, environment_telemetry_5m.avg *
    environment_telemetry_5m.count AS total, environment_telemetry_5m.min AS lowest, environment_telemetry_5m.max AS
    highest, environment_telemetry_5m.stddev AS deviation
FROM environment_telemetry_5m UNION ALL SELECT CAST('raw_iot' AS NVARCHAR(64)) COLLATE Latin1_General_100_BIN2 AS feed,
    CAST(CAST(iot_readings_5m.sensor_id AS NVARCHAR(200)) COLLATE Latin1_General_100_BIN2 AS NVARCHAR(200)) COLLATE
    Latin1_General_100_BIN2 AS sensor, iot_readings_5m.measure, iot_readings_5m.window_start, iot_readings_5m.count AS
    readings, iot_readings_5m.avg * iot_readings_5m.count AS total, iot_readings_5m.min AS lowest, iot_readings_5m.max
    AS highest, iot_readings_5m.stddev AS deviation
FROM iot_readings_5m UNION ALL SELECT CAST('room_temperatures' AS NVARCHAR(64)) COLLATE Latin1_General_100_BIN2 AS feed,
    CAST(CAST(room_temperatures_5m.room AS NVARCHAR(200)) COLLATE Latin1_General_100_BIN2 + '/' +
        CAST(room_temperatures_5m.place AS NVARCHAR(200)) COLLATE Latin1_General_100_BIN2 AS NVARCHAR(200)) COLLATE
    Latin1_General_100_BIN2 AS sensor, room_temperatures_5m.measure, room_temperatures_5m.window_start,
    room_temperatures_5m.count AS readings, room_temperatures_5m.avg * room_temperatures_5m.count AS total,
    room_temperatures_5m.min AS lowest, room_temperatures_5m.max AS highest, room_temperatures_5m.stddev AS deviation
FROM room_temperatures_5m UNION ALL SELECT CAST('sensor_readings' AS NVARCHAR(64)) COLLATE Latin1_General_100_BIN2 AS
    feed, CAST(CAST(sensor_data_5m.sensor_id AS NVARCHAR(200)) COLLATE Latin1_General_100_BIN2 AS NVARCHAR(200)) COLLATE
    Latin1_General_100_BIN2 AS sensor, sensor_data_5m.measure, sensor_data_5m.window_start, sensor_data_5m.count AS
    readings, sensor_data_5m.avg * sensor_data_5m.count AS total, sensor_data_5m.min AS lowest, sensor_data_5m.max AS
    highest, sensor_data_5m.stddev AS deviation
FROM sensor_data_5m
GO

CREATE VIEW v_etl_latest AS SELECT CAST('device_events' AS NVARCHAR(64)) COLLATE Latin1_General_100_BIN2 AS feed,
    CAST(CAST(newest.device_id AS NVARCHAR(200)) COLLATE Latin1_General_100_BIN2 AS NVARCHAR(200)) COLLATE
    Latin1_General_100_BIN2 AS sensor, [newest values].measure, [newest values].value, newest.event_time AS event_time,
    DATEDIFF_BIG(MILLISECOND, newest.event_time, SYSDATETIMEOFFSET()) / CAST(1000 AS FLOAT(53)) AS age_seconds
FROM (SELECT ranked.device_id AS device_id, ranked.event_time AS event_time, ranked.temperature AS temperature
    FROM (SELECT iot_device_events.device_id AS device_id, iot_device_events.event_time AS event_time,
            iot_device_events.temperature AS temperature, row_number() OVER (PARTITION BY iot_device_events.device_id
                ORDER BY iot_device_events.source_id DESC, iot_device_events.source_partition DESC,
                iot_device_events.source_offset DESC, iot_device_events.source_item DESC) AS [row number]
        FROM iot_device_events
        JOIN (SELECT sensors.device_id AS device_id, (SELECT max(other.event_time) AS max_1
                FROM iot_device_events AS other
                WHERE other.device_id = sensors.device_id) AS [newest time]
            FROM (SELECT DISTINCT iot_device_events_1d.device_id AS device_id
                FROM iot_device_events_1d) AS sensors) AS [newest moments] ON iot_device_events.device_id =
            [newest moments].device_id AND iot_device_events.event_time = [newest moments].[newest time]) AS ranked
    WHERE ranked.[row number] = 1) AS newest
CROSS APPLY (VALUES (CAST('temperature' AS NVARCHAR(64)) COLLATE Latin1_General_100_BIN2, CAST(newest.temperature AS
                FLOAT(53)))) AS [newest values] (measure, value)
WHERE [newest values].value IS NOT NULL UNION ALL SELECT CAST('environment_telemetry' AS NVARCHAR(64)) COLLATE
    Latin1_General_100_BIN2 AS feed, CAST(CAST(newest.device AS NVARCHAR(200)) COLLATE Latin1_General_100_BIN2 AS
        NVARCHAR(200)) COLLATE Latin1_General_100_BIN2 AS sensor, [newest values].measure, [newest values].value,
    newest.ts AS event_time, DATEDIFF_BIG(MILLISECOND, newest.ts, SYSDATETIMEOFFSET()) / CAST(1000 AS FLOAT(53)) AS
    age_seconds
FROM (SELECT ranked.device AS device, ranked.ts AS ts, ranked.co AS co, ranked.humidity AS humidity, ranked.lpg AS lpg,
        ranked.smoke AS smoke, ranked.temp AS temp
    FROM (SELECT environment_telemetry.device AS device, environment_telemetry.ts AS ts, environment_telemetry.co AS co,
            environment_telemetry.humidity AS humidity, environment_telemetry.lpg AS lpg, environment_telemetry.smoke AS
            smoke, environment_telemetry.temp AS temp, row_number() OVER (PARTITION BY environment_telemetry.device
                ORDER BY environment_telemetry.source_id DESC, environment_telemetry.source_partition DESC,
                environment_telemetry.source_offset DESC, environment_telemetry.source_item DESC) AS [row number]
        FROM environment_telemetry
        JOIN (SELECT sensors.device AS device, (SELECT max(other.ts) AS max_2
                FROM environment_telemetry AS other
                WHERE other.device = sensors.device) AS [newest time]
            FROM (SELECT DISTINCT environment_telemetry_1d.device AS device
                FROM environment_telemetry_1d) AS sensors) AS [newest moments] ON environment_telemetry.device =
            [newest moments].device AND environment_telemetry.ts = [newest moments].[newest time]) AS ranked
    WHERE ranked.[row number] = 1) AS newest
CROSS APPLY (VALUES (CAST('co' AS NVARCHAR(64)) COLLATE Latin1_General_100_BIN2, CAST(newest.co AS FLOAT(53))),
        (CAST('humidity' AS NVARCHAR(64)) COLLATE Latin1_General_100_BIN2, CAST(newest.humidity AS FLOAT(53))),
        (CAST('lpg' AS NVARCHAR(64)) COLLATE Latin1_General_100_BIN2, CAST(newest.lpg AS FLOAT(53))), (CAST('smoke' AS
                NVARCHAR(64)) COLLATE Latin1_General_100_BIN2, CAST(newest.smoke AS FLOAT(53))), (CAST('temp' AS
                NVARCHAR(64)) COLLATE Latin1_General_100_BIN2, CAST(newest.temp AS FLOAT(53)))) AS [newest values]
    (measure, value)
WHERE [newest values].value IS NOT NULL UNION ALL SELECT CAST('raw_iot' AS NVARCHAR(64)) COLLATE Latin1_General_100_BIN2
    AS feed, CAST(CAST(newest.sensor_id AS NVARCHAR(200)) COLLATE Latin1_General_100_BIN2 AS NVARCHAR(200)) COLLATE
    Latin1_General_100_BIN2 AS sensor, [newest values].measure, [newest values].value, newest.timestamp AS event_time,
    DATEDIFF_BIG(MILLISECOND, newest.timestamp, SYSDATETIMEOFFSET()) / CAST(1000 AS FLOAT(53)) AS age_seconds
FROM (SELECT ranked.sensor_id AS sensor_id, ranked.timestamp AS timestamp, ranked.temperature AS temperature,
        ranked.humidity AS humidity, ranked.energy AS energy
    FROM (SELECT iot_readings.sensor_id AS sensor_id, iot_readings.timestamp AS timestamp, iot_readings.temperature AS
            temperature, iot_readings.humidity AS humidity, iot_readings.energy AS energy, row_number() OVER (PARTITION
                BY iot_readings.sensor_id ORDER BY iot_readings.source_id DESC, iot_readings.source_partition DESC,
                iot_readings.source_offset DESC, iot_readings.source_item DESC) AS [row number]
        FROM iot_readings
        JOIN (SELECT sensors.sensor_id AS sensor_id, (SELECT max(other.timestamp) AS max_3
                FROM iot_readings AS other
                WHERE other.sensor_id = sensors.sensor_id) AS [newest time]
            FROM (SELECT DISTINCT iot_readings_1d.sensor_id AS sensor_id
                FROM iot_readings_1d) AS sensors) AS [newest moments] ON iot_readings.sensor_id =
            [newest moments].sensor_id AND iot_readings.timestamp = [newest moments].[newest time]) AS ranked
    WHERE ranked.[row number] = 1) AS newest
CROSS APPLY (VALUES (CAST('temperature' AS NVARCHAR(64)) COLLATE Latin1_General_100_BIN2, CAST(newest.temperature AS
                FLOAT(53))), (CAST('humidity' AS NVARCHAR(64)) COLLATE Latin1_General_100_BIN2, CAST(newest.humidity AS
                FLOAT(53))), (CAST('energy' AS NVARCHAR(64)) COLLATE Latin1_General_100_BIN2, CAST(newest.energy AS
                FLOAT(53)))) AS [newest values] (measure, value)
WHERE [newest values].value IS NOT NULL UNION ALL SELECT CAST('room_temperatures' AS NVARCHAR(64)) COLLATE
    Latin1_General_100_BIN2 AS feed, CAST(CAST(newest.room AS NVARCHAR(200)) COLLATE Latin1_General_100_BIN2 + '/' +
        CAST(newest.place AS NVARCHAR(200)) COLLATE Latin1_General_100_BIN2 AS NVARCHAR(200)) COLLATE
    Latin1_General_100_BIN2 AS sensor, [newest values].measure, [newest values].value, newest.noted_date AS event_time,
    DATEDIFF_BIG(MILLISECOND, newest.noted_date, SYSDATETIMEOFFSET()) / CAST(1000 AS FLOAT(53)) AS age_seconds
FROM (SELECT ranked.room AS room, ranked.place AS place, ranked.noted_date AS noted_date, ranked.temp AS temp
    FROM (SELECT room_temperatures.room AS room, room_temperatures.place AS place, room_temperatures.noted_date AS
            noted_date, room_temperatures.temp AS temp, row_number() OVER (PARTITION BY room_temperatures.room,
                room_temperatures.place ORDER BY room_temperatures.source_id DESC, room_temperatures.source_partition
                DESC, room_temperatures.source_offset DESC, room_temperatures.source_item DESC) AS [row number]
        FROM room_temperatures
        JOIN (SELECT sensors.room AS room, sensors.place AS place, (SELECT max(other.noted_date) AS max_4
                FROM room_temperatures AS other
                WHERE other.room = sensors.room AND other.place = sensors.place) AS [newest time]
            FROM (SELECT DISTINCT room_temperatures_1d.room AS room, room_temperatures_1d.place AS place
                FROM room_temperatures_1d) AS sensors) AS [newest moments] ON room_temperatures.room =
            [newest moments].room AND room_temperatures.place = [newest moments].place AND room_temperatures.noted_date
            = [newest moments].[newest time]) AS ranked
    WHERE ranked.[row number] = 1) AS newest
CROSS APPLY (VALUES (CAST('temp' AS NVARCHAR(64)) COLLATE Latin1_General_100_BIN2, CAST(newest.temp AS FLOAT(53)))) AS
    [newest values] (measure, value)
WHERE [newest values].value IS NOT NULL UNION ALL SELECT CAST('sensor_readings' AS NVARCHAR(64)) COLLATE
    Latin1_General_100_BIN2 AS feed, CAST(CAST(newest.sensor_id AS NVARCHAR(200)) COLLATE Latin1_General_100_BIN2 AS
        NVARCHAR(200)) COLLATE Latin1_General_100_BIN2 AS sensor, [newest values].measure, [newest values].value,
    newest.timestamp AS event_time, DATEDIFF_BIG(MILLISECOND, newest.timestamp, SYSDATETIMEOFFSET()) / CAST(1000 AS
        FLOAT(53)) AS age_seconds
FROM (SELECT ranked.sensor_id AS sensor_id, ranked.timestamp AS timestamp, ranked.temperature AS temperature,
        ranked.humidity AS humidity
    FROM (SELECT sensor_data.sensor_id AS sensor_id, sensor_data.timestamp AS timestamp, sensor_data.temperature AS
            temperature, sensor_data.humidity AS humidity, row_number() OVER (PARTITION BY sensor_data.sensor_id ORDER
                BY sensor_data.source_id DESC, sensor_data.source_partition DESC, sensor_data.source_offset DESC,
                sensor_data.source_item DESC) AS [row number]
        FROM sensor_data
        JOIN (SELECT sensors.sensor_id AS sensor_id, (SELECT max(other.timestamp) AS max_5
                FROM sensor_data AS other
                WHERE other.sensor_id = sensors.sensor_id) AS [newest time]
            FROM (SELECT DISTINCT sensor_data_1d.sensor_id AS sensor_id
                FROM sensor_data_1d) AS sensors) AS [newest moments] ON sensor_data.sensor_id =
            [newest moments].sensor_id AND sensor_data.timestamp = [newest moments].[newest time]) AS ranked
    WHERE ranked.[row number] = 1) AS newest
CROSS APPLY (VALUES (CAST('temperature' AS NVARCHAR(64)) COLLATE Latin1_General_100_BIN2, CAST(newest.temperature AS
                FLOAT(53))), (CAST('humidity' AS NVARCHAR(64)) COLLATE Latin1_General_100_BIN2, CAST(newest.humidity AS
                FLOAT(53)))) AS [newest values] (measure, value)
WHERE [newest values].value IS NOT NULL
GO

CREATE VIEW v_etl_silent AS SELECT CAST('device_events' AS NVARCHAR(64)) COLLATE Latin1_General_100_BIN2 AS feed,
    [silent sensors].[sensor name] AS sensor, [silent sensors].[newest time] AS last_event_time, CAST('temperature' AS
        NVARCHAR(64)) COLLATE Latin1_General_100_BIN2 AS measure, (SELECT max(CAST([last readings].temperature AS
                FLOAT(53))) AS max_1
    FROM iot_device_events AS [last readings]
    WHERE [last readings].device_id = [silent sensors].device_id AND [last readings].event_time =
        [silent sensors].[newest time]) AS value, [silent sensors].[usual interval] AS interval_seconds,
    [silent sensors].[age seconds] AS silent_seconds, [silent sensors].[age seconds] /
    ([silent sensors].[usual interval] + 0.0) AS intervals
FROM (SELECT [sensor ages].device_id AS device_id, CAST(CAST([sensor ages].device_id AS NVARCHAR(200)) COLLATE
            Latin1_General_100_BIN2 AS NVARCHAR(200)) COLLATE Latin1_General_100_BIN2 AS [sensor name],
        [sensor ages].[newest time] AS [newest time], [sensor ages].[age seconds] AS [age seconds], CAST('60' AS
            FLOAT(53)) AS [usual interval]
    FROM (SELECT [known sensors].device_id AS device_id, [newest reading].[newest time] AS [newest time],
            DATEDIFF_BIG(MILLISECOND, [newest reading].[newest time], SYSDATETIMEOFFSET()) / CAST(1000 AS FLOAT(53)) AS
            [age seconds], min(CASE WHEN (DATEDIFF_BIG(MILLISECOND, [newest reading].[newest time], SYSDATETIMEOFFSET())
                    / CAST(1000 AS FLOAT(53)) >= 0) THEN DATEDIFF_BIG(MILLISECOND, [newest reading].[newest time],
                    SYSDATETIMEOFFSET()) / CAST(1000 AS FLOAT(53)) END) OVER () AS [least age]
        FROM (SELECT DISTINCT iot_device_events_1d.device_id AS device_id
            FROM iot_device_events_1d) AS [known sensors]
        CROSS APPLY (SELECT max([one sensor].event_time) AS [newest time]
            FROM iot_device_events AS [one sensor]
            WHERE [one sensor].device_id = [known sensors].device_id) AS [newest reading]) AS [sensor ages]
    WHERE [sensor ages].[age seconds] - CASE WHEN ([sensor ages].[least age] > CAST('600' AS FLOAT(53))) THEN CAST('600'
            AS FLOAT(53)) ELSE [sensor ages].[least age] END > CAST('3' AS FLOAT(53)) * CAST('60' AS FLOAT(53))) AS
    [silent sensors] UNION ALL SELECT CAST('environment_telemetry' AS NVARCHAR(64)) COLLATE Latin1_General_100_BIN2 AS
    feed, [silent sensors].[sensor name] AS sensor, [silent sensors].[newest time] AS last_event_time, CAST('co' AS
        NVARCHAR(64)) COLLATE Latin1_General_100_BIN2 AS measure, (SELECT max(CAST([last readings].co AS FLOAT(53))) AS
        max_2
    FROM environment_telemetry AS [last readings]
    WHERE [last readings].device = [silent sensors].device AND [last readings].ts = [silent sensors].[newest time]) AS
    value, [silent sensors].[usual interval] AS interval_seconds, [silent sensors].[age seconds] AS silent_seconds,
    [silent sensors].[age seconds] / ([silent sensors].[usual interval] + 0.0) AS intervals
FROM (SELECT [sensor ages].device AS device, CAST(CAST([sensor ages].device AS NVARCHAR(200)) COLLATE
            Latin1_General_100_BIN2 AS NVARCHAR(200)) COLLATE Latin1_General_100_BIN2 AS [sensor name],
        [sensor ages].[newest time] AS [newest time], [sensor ages].[age seconds] AS [age seconds], CAST('5' AS
            FLOAT(53)) AS [usual interval]
    FROM (SELECT [known sensors].device AS device, [newest reading].[newest time] AS [newest time],
            DATEDIFF_BIG(MILLISECOND, [newest reading].[newest time], SYSDATETIMEOFFSET()) / CAST(1000 AS FLOAT(53)) AS
            [age seconds], min(CASE WHEN (DATEDIFF_BIG(MILLISECOND, [newest reading].[newest time], SYSDATETIMEOFFSET())
                    / CAST(1000 AS FLOAT(53)) >= 0) THEN DATEDIFF_BIG(MILLISECOND, [newest reading].[newest time],
                    SYSDATETIMEOFFSET()) / CAST(1000 AS FLOAT(53)) END) OVER () AS [least age]
        FROM (SELECT DISTINCT environment_telemetry_1d.device AS device
            FROM environment_telemetry_1d) AS [known sensors]
        CROSS APPLY (SELECT max([one sensor].ts) AS [newest time]
            FROM environment_telemetry AS [one sensor]
            WHERE [one sensor].device = [known sensors].device) AS [newest reading]) AS [sensor ages]
    WHERE [sensor ages].[age seconds] - CASE WHEN ([sensor ages].[least age] > CAST('900' AS FLOAT(53))) THEN CAST('900'
            AS FLOAT(53)) ELSE [sensor ages].[least age] END > CAST('3' AS FLOAT(53)) * CAST('5' AS FLOAT(53))) AS
    [silent sensors] UNION ALL SELECT CAST('raw_iot' AS NVARCHAR(64)) COLLATE Latin1_General_100_BIN2 AS feed,
    [silent sensors].[sensor name] AS sensor, [silent sensors].[newest time] AS last_event_time, CAST('temperature' AS
        NVARCHAR(64)) COLLATE Latin1_General_100_BIN2 AS measure, (SELECT max(CAST([last readings].temperature AS
                FLOAT(53))) AS max_3
    FROM iot_readings AS [last readings]
    WHERE [last readings].sensor_id = [silent sensors].sensor_id AND [last readings].timestamp =
        [silent sensors].[newest time]) AS value, [silent sensors].[usual interval] AS interval_seconds,
    [silent sensors].[age seconds] AS silent_seconds, [silent sensors].[age seconds] /
    ([silent sensors].[usual interval] + 0.0) AS intervals
FROM (SELECT [sensor ages].sensor_id AS sensor_id, CAST(CAST([sensor ages].sensor_id AS NVARCHAR(200)) COLLATE
            Latin1_General_100_BIN2 AS NVARCHAR(200)) COLLATE Latin1_General_100_BIN2 AS [sensor name],
        [sensor ages].[newest time] AS [newest time], [sensor ages].[age seconds] AS [age seconds], CAST('10' AS
            FLOAT(53)) AS [usual interval]
    FROM (SELECT [known sensors].sensor_id AS sensor_id, [newest reading].[newest time] AS [newest time],
            DATEDIFF_BIG(MILLISECOND, [newest reading].[newest time], SYSDATETIMEOFFSET()) / CAST(1000 AS FLOAT(53)) AS
            [age seconds], min(CASE WHEN (DATEDIFF_BIG(MILLISECOND, [newest reading].[newest time], SYSDATETIMEOFFSET())
                    / CAST(1000 AS FLOAT(53)) >= 0) THEN DATEDIFF_BIG(MILLISECOND, [newest reading].[newest time],
                    SYSDATETIMEOFFSET()) / CAST(1000 AS FLOAT(53)) END) OVER () AS [least age]
        FROM (SELECT DISTINCT iot_readings_1d.sensor_id AS sensor_id
            FROM iot_readings_1d) AS [known sensors]
        CROSS APPLY (SELECT max([one sensor].timestamp) AS [newest time]
            FROM iot_readings AS [one sensor]
            WHERE [one sensor].sensor_id = [known sensors].sensor_id) AS [newest reading]) AS [sensor ages]
    WHERE [sensor ages].[age seconds] - CASE WHEN ([sensor ages].[least age] > CAST('600' AS FLOAT(53))) THEN CAST('600'
            AS FLOAT(53)) ELSE [sensor ages].[least age] END > CAST('3' AS FLOAT(53)) * CAST('10' AS FLOAT(53))) AS
    [silent sensors] UNION ALL SELECT CAST('room_temperatures' AS NVARCHAR(64)) COLLATE Latin1_General_100_BIN2 AS feed,
    [silent sensors].[sensor name] AS sensor, [silent sensors].[newest time] AS last_event_time, CAST('temp' AS
        NVARCHAR(64)) COLLATE Latin1_General_100_BIN2 AS measure, (SELECT max(CAST([last readings].temp AS FLOAT(53)))
        AS max_4
    FROM room_temperatures AS [last readings]
    WHERE [last readings].room = [silent sensors].room AND [last readings].place = [silent sensors].place AND
        [last readings].noted_date = [silent sensors].[newest time]) AS value, [silent sensors].[usual interval] AS
    interval_seconds, [silent sensors].[age seconds] AS silent_seconds, [silent sensors].[age seconds] /
    ([silent sensors].[usual interval] + 0.0) AS intervals
FROM (SELECT [usual intervals].room AS room, [usual intervals].place AS place, CAST(CAST([usual intervals].room AS
                NVARCHAR(200)) COLLATE Latin1_General_100_BIN2 + '/' + CAST([usual intervals].place AS NVARCHAR(200))
            COLLATE Latin1_General_100_BIN2 AS NVARCHAR(200)) COLLATE Latin1_General_100_BIN2 AS [sensor name],
        [usual intervals].[newest time] AS [newest time], [usual intervals].[age seconds] AS [age seconds],
        [usual intervals].[usual interval] AS [usual interval]
    FROM (SELECT [ranked gaps].room AS room, [ranked gaps].place AS place, [ranked gaps].[newest time] AS [newest time],
            [ranked gaps].[age seconds] AS [age seconds], [ranked gaps].[least age] AS [least age], CASE WHEN
            (avg([ranked gaps].[gap seconds]) > 0) THEN avg([ranked gaps].[gap seconds]) END AS [usual interval]
        FROM (SELECT [sensor gaps].room AS room, [sensor gaps].place AS place, [sensor gaps].[newest time] AS
                [newest time], [sensor gaps].[age seconds] AS [age seconds], [sensor gaps].[least age] AS [least age],
                [sensor gaps].[gap seconds] AS [gap seconds], row_number() OVER (PARTITION BY [sensor gaps].room,
                    [sensor gaps].place ORDER BY [sensor gaps].[gap seconds]) AS [gap number], COUNT_BIG(*) OVER
                (PARTITION BY [sensor gaps].room, [sensor gaps].place) AS [number of gaps]
            FROM (SELECT [sensor ages].room AS room, [sensor ages].place AS place, [sensor ages].[newest time] AS
                    [newest time], [sensor ages].[age seconds] AS [age seconds], [sensor ages].[least age] AS
                    [least age], DATEDIFF_BIG(MILLISECOND, lag([recent times].[reading time]) OVER (PARTITION BY
                            [sensor ages].room, [sensor ages].place ORDER BY [recent times].[reading time]),
                        SYSDATETIMEOFFSET()) / CAST(1000 AS FLOAT(53)) - DATEDIFF_BIG(MILLISECOND,
                        [recent times].[reading time], SYSDATETIMEOFFSET()) / CAST(1000 AS FLOAT(53)) AS [gap seconds]
                FROM (SELECT [known sensors].room AS room, [known sensors].place AS place,
                        [newest reading].[newest time] AS [newest time], DATEDIFF_BIG(MILLISECOND,
                            [newest reading].[newest time], SYSDATETIMEOFFSET()) / CAST(1000 AS FLOAT(53)) AS
                        [age seconds], min(CASE WHEN (DATEDIFF_BIG(MILLISECOND, [newest reading].[newest time],
                                    SYSDATETIMEOFFSET()) / CAST(1000 AS FLOAT(53)) >= 0) THEN DATEDIFF_BIG(MILLISECOND,
                                [newest reading].[newest time], SYSDATETIMEOFFSET()) / CAST(1000 AS FLOAT(53)) END) OVER
                        () AS [least age]
                    FROM (SELECT DISTINCT room_temperatures_1d.room AS room, room_temperatures_1d.place AS place
                        FROM room_temperatures_1d) AS [known sensors]
                    CROSS APPLY (SELECT max([one sensor].noted_date) AS [newest time]
                        FROM room_temperatures AS [one sensor]
                        WHERE [one sensor].room = [known sensors].room AND [one sensor].place = [known sensors].place)
                        AS [newest reading]) AS [sensor ages]
                CROSS APPLY (SELECT DISTINCT TOP 20 [recent readings].noted_date AS [reading time]
                    FROM room_temperatures AS [recent readings]
                    WHERE [recent readings].room = [sensor ages].room AND [recent readings].place = [sensor ages].place
                        ORDER BY [recent readings].noted_date DESC) AS [recent times]) AS [sensor gaps]
            WHERE [sensor gaps].[gap seconds] IS NOT NULL) AS [ranked gaps]
        WHERE [ranked gaps].[number of gaps] >= 4 AND [ranked gaps].[gap number] * 2 BETWEEN
            [ranked gaps].[number of gaps] AND [ranked gaps].[number of gaps] + 2
        GROUP BY [ranked gaps].room, [ranked gaps].place, [ranked gaps].[newest time], [ranked gaps].[age seconds],
            [ranked gaps].[least age]) AS [usual intervals]
    WHERE [usual intervals].[age seconds] - CASE WHEN ([usual intervals].[least age] > CAST('900' AS FLOAT(53))) THEN
        CAST('900' AS FLOAT(53)) ELSE [usual intervals].[least age] END > CAST('3' AS FLOAT(53)) *
        [usual intervals].[usual interval]) AS [silent sensors] UNION ALL SELECT CAST('sensor_readings' AS NVARCHAR(64))
    COLLATE Latin1_General_100_BIN2 AS feed, [silent sensors].[sensor name] AS sensor, [silent sensors].[newest time] AS
    last_event_time, CAST('temperature' AS NVARCHAR(64)) COLLATE Latin1_General_100_BIN2 AS measure, (SELECT
        max(CAST([last readings].temperature AS FLOAT(53))) AS max_5
    FROM sensor_data AS [last readings]
    WHERE [last readings].sensor_id = [silent sensors].sensor_id AND [last readings].timestamp =
        [silent sensors].[newest time]) AS value, [silent sensors].[usual interval] AS interval_seconds,
    [silent sensors].[age seconds] AS silent_seconds, [silent sensors].[age seconds] /
    ([silent sensors].[usual interval] + 0.0) AS intervals
FROM (SELECT [sensor ages].sensor_id AS sensor_id, CAST(CAST([sensor ages].sensor_id AS NVARCHAR(200)) COLLATE
            Latin1_General_100_BIN2 AS NVARCHAR(200)) COLLATE Latin1_General_100_BIN2 AS [sensor name],
        [sensor ages].[newest time] AS [newest time], [sensor ages].[age seconds] AS [age seconds], CAST('10' AS
            FLOAT(53)) AS [usual interval]
    FROM (SELECT [known sensors].sensor_id AS sensor_id, [newest reading].[newest time] AS [newest time],
            DATEDIFF_BIG(MILLISECOND, [newest reading].[newest time], SYSDATETIMEOFFSET()) / CAST(1000 AS FLOAT(53)) AS
            [age seconds], min(CASE WHEN (DATEDIFF_BIG(MILLISECOND, [newest reading].[newest time], SYSDATETIMEOFFSET())
                    / CAST(1000 AS FLOAT(53)) >= 0) THEN DATEDIFF_BIG(MILLISECOND, [newest reading].[newest time],
                    SYSDATETIMEOFFSET()) / CAST(1000 AS FLOAT(53)) END) OVER () AS [least age]
        FROM (SELECT DISTINCT sensor_data_1d.sensor_id AS sensor_id
            FROM sensor_data_1d) AS [known sensors]
        CROSS APPLY (SELECT max([one sensor].timestamp) AS [newest time]
            FROM sensor_data AS [one sensor]
            WHERE [one sensor].sensor_id = [known sensors].sensor_id) AS [newest reading]) AS [sensor ages]
    WHERE [sensor ages].[age seconds] - CASE WHEN ([sensor ages].[least age] > CAST('600' AS FLOAT(53))) THEN CAST('600'
            AS FLOAT(53)) ELSE [sensor ages].[least age] END > CAST('3' AS FLOAT(53)) * CAST('10' AS FLOAT(53))) AS
    [silent sensors]
GO

CREATE VIEW v_etl_values AS SELECT CAST('device_events' AS NVARCHAR(64)) COLLATE Latin1_General_100_BIN2 AS feed,
    [known sensors].[sensor name] AS sensor, iot_device_events.event_time AS event_time, [each value].measure,
    [each value].value, iot_device_events.log_id, iot_device_events.source_id, iot_device_events.source_partition,
    iot_device_events.source_offset, iot_device_events.source_item
FROM iot_device_events
JOIN (SELECT DISTINCT iot_device_events_1d.device_id AS device_id, CAST(CAST(iot_device_events_1d.device_id AS
                NVARCHAR(200)) COLLATE Latin1_General_100_BIN2 AS NVARCHAR(200)) COLLATE Latin1_General_100_BIN2 AS
        [sensor name]
    FROM iot_device_events_1d) AS [known sensors] ON iot_device_events.device_id = [known sensors].device_id
CROSS APPLY (VALUES (CAST('temperature' AS NVARCHAR(64)) COLLATE Latin1_General_100_BIN2,
            CAST(iot_device_events.temperature AS FLOAT(53)))) AS [each value] (measure, value)
WHERE [each value].value IS NOT NULL UNION ALL SELECT CAST('environment_telemetry' AS NVARCHAR(64)) COLLATE
    Latin1_General_100_BIN2 AS feed, [known sensors].[sensor name] AS sensor, environment_telemetry.ts AS event_time,
    [each value].measure, [each value].value, environment_telemetry.log_id, environment_telemetry.source_id,
    environment_telemetry.source_partition, environment_telemetry.source_offset, environment_telemetry.source_item
FROM environment_telemetry
JOIN (SELECT DISTINCT environment_telemetry_1d.device AS device, CAST(CAST(environment_telemetry_1d.device AS
                NVARCHAR(200)) COLLATE Latin1_General_100_BIN2 AS NVARCHAR(200)) COLLATE Latin1_General_100_BIN2 AS
        [sensor name]
    FROM environment_telemetry_1d) AS [known sensors] ON environment_telemetry.device = [known sensors].device
CROSS APPLY (VALUES (CAST('co' AS NVARCHAR(64)) COLLATE Latin1_General_100_BIN2, CAST(environment_telemetry.co AS
                FLOAT(53))), (CAST('humidity' AS NVARCHAR(64)) COLLATE Latin1_General_100_BIN2,
            CAST(environment_telemetry.humidity AS FLOAT(53))), (CAST('lpg' AS NVARCHAR(64)) COLLATE
            Latin1_General_100_BIN2, CAST(environment_telemetry.lpg AS FLOAT(53))), (CAST('smoke' AS NVARCHAR(64))
            COLLATE Latin1_General_100_BIN2, CAST(environment_telemetry.smoke AS FLOAT(53))), (CAST('temp' AS
                NVARCHAR(64)) COLLATE Latin1_General_100_BIN2, CAST(environment_telemetry.temp AS FLOAT(53)))) AS
    [each value] (measure, value)
WHERE [each value].value IS NOT NULL UNION ALL SELECT CAST('raw_iot' AS NVARCHAR(64)) COLLATE Latin1_General_100_BIN2 AS
    feed, [known sensors].[sensor name] AS sensor, iot_readings.timestamp AS event_time, [each value].measure,
    [each value].value, iot_readings.log_id, iot_readings.source_id, iot_readings.source_partition,
    iot_readings.source_offset, iot_readings.source_item
FROM iot_readings
JOIN (SELECT DISTINCT iot_readings_1d.sensor_id AS sensor_id, CAST(CAST(iot_readings_1d.sensor_id AS NVARCHAR(200))
            COLLATE Latin1_General_100_BIN2 AS NVARCHAR(200)) COLLATE Latin1_General_100_BIN2 AS [sensor name]
    FROM iot_readings_1d) AS [known sensors] ON iot_readings.sensor_id = [known sensors].sensor_id
CROSS APPLY (VALUES (CAST('temperature' AS NVARCHAR(64)) COLLATE Latin1_General_100_BIN2, CAST(iot_readings.temperature
                AS FLOAT(53))), (CAST('humidity' AS NVARCHAR(64)) COLLATE Latin1_General_100_BIN2,
            CAST(iot_readings.humidity AS FLOAT(53))), (CAST('energy' AS NVARCHAR(64)) COLLATE Latin1_General_100_BIN2,
            CAST(iot_readings.energy AS FLOAT(53)))) AS [each value] (measure, value)
WHERE [each value].value IS NOT NULL UNION ALL SELECT CAST('room_temperatures' AS NVARCHAR(64)) COLLATE
    Latin1_General_100_BIN2 AS feed, [known sensors].[sensor name] AS sensor, room_temperatures.noted_date AS
    event_time, [each value].measure, [each value].value, room_temperatures.log_id, room_temperatures.source_id,
    room_temperatures.source_partition, room_temperatures.source_offset, room_temperatures.source_item
FROM room_temperatures
JOIN (SELECT DISTINCT room_temperatures_1d.room AS room, room_temperatures_1d.place AS place,
        CAST(CAST(room_temperatures_1d.room AS NVARCHAR(200)) COLLATE Latin1_General_100_BIN2 + '/' +
            CAST(room_temperatures_1d.place AS NVARCHAR(200)) COLLATE Latin1_General_100_BIN2 AS NVARCHAR(200)) COLLATE
        Latin1_General_100_BIN2 AS [sensor name]
    FROM room_temperatures_1d) AS [known sensors] ON room_temperatures.room = [known sensors].room AND
    room_temperatures.place = [known sensors].place
CROSS APPLY (VALUES (CAST('temp' AS NVARCHAR(64)) COLLATE Latin1_General_100_BIN2, CAST(room_temperatures.temp AS
                FLOAT(53)))) AS [each value] (measure, value)
WHERE [each value].value IS NOT NULL UNION ALL SELECT CAST('sensor_readings' AS NVARCHAR(64)) COLLATE
    Latin1_General_100_BIN2 AS feed, [known sensors].[sensor name] AS sensor, sensor_data.timestamp AS event_time,
    [each value].measure, [each value].value, sensor_data.log_id, sensor_data.source_id, sensor_data.source_partition,
    sensor_data.source_offset, sensor_data.source_item
FROM sensor_data
JOIN (SELECT DISTINCT sensor_data_1d.sensor_id AS sensor_id, CAST(CAST(sensor_data_1d.sensor_id AS NVARCHAR(200))
            COLLATE Latin1_General_100_BIN2 AS NVARCHAR(200)) COLLATE Latin1_General_100_BIN2 AS [sensor name]
    FROM sensor_data_1d) AS [known sensors] ON sensor_data.sensor_id = [known sensors].sensor_id
CROSS APPLY (VALUES (CAST('temperature' AS NVARCHAR(64)) COLLATE Latin1_General_100_BIN2, CAST(sensor_data.temperature
                AS FLOAT(53))), (CAST('humidity' AS NVARCHAR(64)) COLLATE Latin1_General_100_BIN2,
            CAST(sensor_data.humidity AS FLOAT(53)))) AS [each value] (measure, value)
WHERE [each value].value IS NOT NULL
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
JOIN etl_log AS job ON job.log_id = anomaly.log_id
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
        DATEDIFF_BIG(millisecond, COALESCE(latest.end_time, latest.heartbeat_at, latest.start_time), SYSDATETIMEOFFSET()) / 1000.0
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
) AS loaded
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
) AS choices (step, status, quarantine_status, device_status, reason)
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
LEFT JOIN etl_log AS shown ON shown.log_id = whole.shown_log_id
LEFT JOIN etl_setting AS api ON api.name = 'api_url'
WHERE NOT EXISTS (
    SELECT 1
    FROM etl_log AS earlier
    WHERE earlier.cycle_id = head.cycle_id AND earlier.feed = head.feed AND earlier.log_id < head.log_id
)
GO

-- needs: etl_log etl_setting
-- One row says so where nothing has ever failed: better than an empty table, which may mean anything. A blank after each <
-- keeps a browser that is to show the link of failed_notebook from taking a message for HTML.
CREATE VIEW v_etl_failures AS
SELECT
    job.log_id,
    job.cycle_id,
    job.feed,
    CASE job.job_name WHEN 'produce' THEN '1 ' WHEN 'consume' THEN '2 ' WHEN 'merge' THEN '3 ' WHEN 'load' THEN '4 ' ELSE '' END
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
LEFT JOIN etl_setting AS api ON api.name = 'api_url'
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
    AND NOT EXISTS (SELECT 1 FROM etl_log AS failed WHERE failed.status = 'FAILED')
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
    CASE WHEN promised.sensors > fleet.sensors_seen THEN promised.sensors - fleet.sensors_seen ELSE 0 END AS sensors_missing,
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
) AS fleet
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
        DATEDIFF_BIG(millisecond, incident.opened_at, COALESCE(incident.resolved_at, SYSDATETIMEOFFSET())) / 3600000.0 AS float
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
)
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
    CASE status WHEN 'RUNNING' THEN DATEDIFF_BIG(millisecond, start_time, SYSDATETIMEOFFSET()) / 1000.0 ELSE duration_seconds END
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
FROM etl_log
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
JOIN etl_log AS job ON job.log_id = score.log_id
GO

-- needs: etl_log etl_source etl_anomaly v_etl_values
-- Score, cycle and source are looked up row by row, and not joined: so it is done for the rows that are shown, after the
-- newest of them have been found.
CREATE VIEW v_etl_readings AS
SELECT
    reading.feed,
    reading.sensor,
    reading.event_time,
    reading.measure,
    reading.value,
    (
        SELECT MAX(anomaly.score)
        FROM etl_anomaly AS anomaly
        WHERE
            anomaly.feed = reading.feed AND anomaly.event_time = reading.event_time
            AND anomaly.sensor = reading.sensor AND anomaly.measure = reading.measure
    ) AS score,
    (SELECT job.cycle_id FROM etl_log AS job WHERE job.log_id = reading.log_id) AS cycle_id,
    (SELECT origin.name FROM etl_source AS origin WHERE origin.source_id = reading.source_id) AS source_name,
    reading.source_partition,
    reading.source_offset,
    reading.source_item
FROM v_etl_values AS reading
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
JOIN etl_source AS origin ON origin.source_id = rejected.source_id
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
WHERE NOT EXISTS (SELECT 1 FROM etl_set_aside AS aside WHERE aside.feed = feed.feed AND aside.status = 'SET_ASIDE')
GO

-- needs: iot_device_events (device_id customer_id status temperature event_time)
CREATE VIEW v_iot_device_states AS
SELECT
    CAST('device_events' AS nvarchar(64)) COLLATE Latin1_General_100_BIN2 AS feed,
    device_id AS sensor,
    customer_id,
    status AS device_status,
    temperature,
    event_time
FROM iot_device_events
GO

-- needs: iot_device_events (device_id status event_time)
CREATE VIEW v_iot_device_status AS
SELECT
    device_id,
    status,
    COUNT_BIG(*) AS readings,
    1.0 * COUNT_BIG(*) / SUM(COUNT_BIG(*)) OVER (PARTITION BY device_id) AS share,
    MAX(event_time) AS last_seen
FROM iot_device_events
GROUP BY device_id, status
GO

-- needs: room_temperatures room_temperatures_5m (room place)
CREATE VIEW v_room_temperature_windows AS
SELECT
    CAST('room_temperatures' AS nvarchar(64)) COLLATE Latin1_General_100_BIN2 AS feed,
    room + '/' + place AS sensor,
    room,
    place,
    window_start,
    [count] AS readings,
    [avg] * [count] AS total,
    [min] AS lowest,
    [max] AS highest
FROM room_temperatures_5m
WHERE measure = 'temp'
GO

-- needs: room_temperatures room_temperatures_1d (place)
CREATE VIEW v_room_temperatures_by_place AS
SELECT
    place,
    window_start AS day,
    SUM([count]) AS readings,
    MIN([min]) AS lowest,
    SUM([avg] * [count]) / SUM([count]) AS average,
    MAX([max]) AS highest
FROM room_temperatures_1d
WHERE measure = 'temp'
GROUP BY place, window_start
GO

SET NOEXEC OFF
GO
