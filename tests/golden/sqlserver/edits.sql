-- a required column added
DROP VIEW v_tanks
GO

DROP VIEW v_tanks_latest
GO

ALTER TABLE tanks ADD volt FLOAT(53) NULL
GO

EXEC sp_refreshview N'[mine]'
GO

-- a required column made optional
ALTER TABLE tanks ALTER COLUMN rssi INTEGER NULL
GO

-- a required column removed
DROP VIEW v_tanks
GO

DROP VIEW v_tanks_latest
GO

ALTER TABLE tanks ALTER COLUMN rssi INTEGER NULL
GO

EXEC sp_refreshview N'[mine]'
GO

-- i16 to number
DROP VIEW v_tanks
GO

DROP VIEW v_tanks_latest
GO

DROP VIEW v_tanks_statistics
GO

ALTER TABLE tanks ALTER COLUMN pulses FLOAT(53) NULL
GO

EXEC sp_refreshview N'[mine]'
GO

-- i32 to i64
DROP VIEW v_tanks
GO

DROP VIEW v_tanks_latest
GO

DROP VIEW v_tanks_statistics
GO

ALTER TABLE tanks ALTER COLUMN rssi BIGINT NOT NULL
GO

EXEC sp_refreshview N'[mine]'
GO

-- a longer text
DROP VIEW v_tanks
GO

DROP VIEW v_tanks_latest
GO

DROP VIEW v_tanks_statistics
GO

ALTER TABLE tanks ALTER COLUMN note NVARCHAR(40) COLLATE Latin1_General_100_BIN2 NULL
GO

EXEC sp_refreshview N'[mine]'
GO

-- a longer text of the key
DROP VIEW v_tanks
GO

DROP VIEW v_tanks_latest
GO

DROP VIEW v_tanks_statistics
GO

ALTER TABLE tanks DROP CONSTRAINT uq_tanks
GO

ALTER TABLE tanks ALTER COLUMN device NVARCHAR(40) COLLATE Latin1_General_100_BIN2 NOT NULL
GO

ALTER TABLE tanks ADD CONSTRAINT uq_tanks UNIQUE (device, time)
GO

DROP TABLE tanks_5m
GO

DROP TABLE tanks_1h
GO

CREATE TABLE tanks_5m (
    device NVARCHAR(40) COLLATE Latin1_General_100_BIN2 NOT NULL,
    measure NVARCHAR(64) COLLATE Latin1_General_100_BIN2 NOT NULL,
    window_start DATETIMEOFFSET(6) NOT NULL,
    count BIGINT NOT NULL,
    min FLOAT(53) NOT NULL,
    max FLOAT(53) NOT NULL,
    avg FLOAT(53) NOT NULL,
    stddev FLOAT(53) NULL,
    CONSTRAINT tanks_5m_pkey PRIMARY KEY (device, measure, window_start)
)
GO

CREATE INDEX ix_tanks_5m_start ON tanks_5m (window_start)
GO

CREATE TABLE tanks_1h (
    device NVARCHAR(40) COLLATE Latin1_General_100_BIN2 NOT NULL,
    measure NVARCHAR(64) COLLATE Latin1_General_100_BIN2 NOT NULL,
    window_start DATETIMEOFFSET(6) NOT NULL,
    count BIGINT NOT NULL,
    min FLOAT(53) NOT NULL,
    max FLOAT(53) NOT NULL,
    avg FLOAT(53) NOT NULL,
    stddev FLOAT(53) NULL,
    CONSTRAINT tanks_1h_pkey PRIMARY KEY (device, measure, window_start)
)
GO

CREATE INDEX ix_tanks_1h_start ON tanks_1h (window_start)
GO

DROP TABLE IF EXISTS [#touched_tanks_5m]
GO

DROP TABLE IF EXISTS [#touched_tanks_1h]
GO

INSERT INTO tanks_5m (device, measure, window_start, count, min, max, avg, stddev) SELECT [touched windows].device,
    long.measure, [touched windows].window_start, long.count, long.min, long.max, long.avg, long.stddev
FROM [#touched_tanks_5m] AS [touched windows]
CROSS APPLY (SELECT COUNT_BIG(tanks.level) AS count_0, min(tanks.level) AS min_0, max(tanks.level) AS max_0,
        avg(tanks.level) AS avg_0, STDEV(tanks.level) AS stddev_0, COUNT_BIG(tanks.pulses) AS count_1, min(tanks.pulses)
        AS min_1, max(tanks.pulses) AS max_1, avg(CAST(tanks.pulses AS FLOAT(53))) AS avg_1, STDEV(CAST(tanks.pulses AS
                FLOAT(53))) AS stddev_1
    FROM tanks
    WHERE tanks.device = [touched windows].device AND tanks.time >= [touched windows].window_start AND tanks.time <
        [touched windows].[window end]) AS inside
CROSS APPLY (VALUES ('level', inside.count_0, inside.min_0, inside.max_0, inside.avg_0, inside.stddev_0), ('pulses',
            inside.count_1, inside.min_1, inside.max_1, inside.avg_1, inside.stddev_1)) AS long (measure, count, min,
        max, avg, stddev)
WHERE long.count > ?
GO

INSERT INTO tanks_1h (device, measure, window_start, count, min, max, avg, stddev) SELECT [touched windows].device,
    measured.measure, [touched windows].window_start, pooled.count, pooled.min, pooled.max, pooled.avg, pooled.stddev
FROM [#touched_tanks_1h] AS [touched windows]
CROSS APPLY (VALUES ('level'), ('pulses')) AS measured (measure)
CROSS APPLY (SELECT CAST(sum(parts.count) AS BIGINT) AS count, min(parts.min) AS min, max(parts.max) AS max,
        max(parts.mean) AS avg, CASE WHEN (sum(parts.count) > ?) THEN sqrt(sum((parts.count - ?) *
                coalesce(parts.stddev, ?) * coalesce(parts.stddev, ?) + parts.count * (parts.avg - parts.mean) *
                (parts.avg - parts.mean)) / ((sum(parts.count) - ?) + 0.0)) END AS stddev
    FROM (SELECT part.count AS count, part.min AS min, part.max AS max, part.avg AS avg, part.stddev AS stddev,
            sum(part.avg * part.count) OVER () / (sum(part.count) OVER () + 0.0) AS mean
        FROM tanks_5m AS part
        WHERE part.device = [touched windows].device AND part.measure = measured.measure AND part.window_start >=
            [touched windows].window_start AND part.window_start < [touched windows].[window end]) AS parts) AS pooled
WHERE pooled.count > ?
GO

EXEC sp_refreshview N'[mine]'
GO

-- another sensor
DROP VIEW v_tanks
GO

DROP VIEW v_tanks_latest
GO

DROP VIEW v_tanks_statistics
GO

CREATE INDEX ix_tanks_sensor ON tanks (site, time)
GO

DROP TABLE tanks_5m
GO

DROP TABLE tanks_1h
GO

CREATE TABLE tanks_5m (
    site NVARCHAR(20) COLLATE Latin1_General_100_BIN2 NOT NULL,
    measure NVARCHAR(64) COLLATE Latin1_General_100_BIN2 NOT NULL,
    window_start DATETIMEOFFSET(6) NOT NULL,
    count BIGINT NOT NULL,
    min FLOAT(53) NOT NULL,
    max FLOAT(53) NOT NULL,
    avg FLOAT(53) NOT NULL,
    stddev FLOAT(53) NULL,
    CONSTRAINT tanks_5m_pkey PRIMARY KEY (site, measure, window_start)
)
GO

CREATE INDEX ix_tanks_5m_start ON tanks_5m (window_start)
GO

CREATE TABLE tanks_1h (
    site NVARCHAR(20) COLLATE Latin1_General_100_BIN2 NOT NULL,
    measure NVARCHAR(64) COLLATE Latin1_General_100_BIN2 NOT NULL,
    window_start DATETIMEOFFSET(6) NOT NULL,
    count BIGINT NOT NULL,
    min FLOAT(53) NOT NULL,
    max FLOAT(53) NOT NULL,
    avg FLOAT(53) NOT NULL,
    stddev FLOAT(53) NULL,
    CONSTRAINT tanks_1h_pkey PRIMARY KEY (site, measure, window_start)
)
GO

CREATE INDEX ix_tanks_1h_start ON tanks_1h (window_start)
GO

DROP TABLE IF EXISTS [#touched_tanks_5m]
GO

DROP TABLE IF EXISTS [#touched_tanks_1h]
GO

INSERT INTO tanks_5m (site, measure, window_start, count, min, max, avg, stddev) SELECT [touched windows].site,
    long.measure, [touched windows].window_start, long.count, long.min, long.max, long.avg, long.stddev
FROM [#touched_tanks_5m] AS [touched windows]
CROSS APPLY (SELECT COUNT_BIG(tanks.level) AS count_0, min(tanks.level) AS min_0, max(tanks.level) AS max_0,
        avg(tanks.level) AS avg_0, STDEV(tanks.level) AS stddev_0, COUNT_BIG(tanks.pulses) AS count_1, min(tanks.pulses)
        AS min_1, max(tanks.pulses) AS max_1, avg(CAST(tanks.pulses AS FLOAT(53))) AS avg_1, STDEV(CAST(tanks.pulses AS
                FLOAT(53))) AS stddev_1
    FROM tanks
    WHERE tanks.site = [touched windows].site AND tanks.time >= [touched windows].window_start AND tanks.time <
        [touched windows].[window end]) AS inside
CROSS APPLY (VALUES ('level', inside.count_0, inside.min_0, inside.max_0, inside.avg_0, inside.stddev_0), ('pulses',
            inside.count_1, inside.min_1, inside.max_1, inside.avg_1, inside.stddev_1)) AS long (measure, count, min,
        max, avg, stddev)
WHERE long.count > ?
GO

INSERT INTO tanks_1h (site, measure, window_start, count, min, max, avg, stddev) SELECT [touched windows].site,
    measured.measure, [touched windows].window_start, pooled.count, pooled.min, pooled.max, pooled.avg, pooled.stddev
FROM [#touched_tanks_1h] AS [touched windows]
CROSS APPLY (VALUES ('level'), ('pulses')) AS measured (measure)
CROSS APPLY (SELECT CAST(sum(parts.count) AS BIGINT) AS count, min(parts.min) AS min, max(parts.max) AS max,
        max(parts.mean) AS avg, CASE WHEN (sum(parts.count) > ?) THEN sqrt(sum((parts.count - ?) *
                coalesce(parts.stddev, ?) * coalesce(parts.stddev, ?) + parts.count * (parts.avg - parts.mean) *
                (parts.avg - parts.mean)) / ((sum(parts.count) - ?) + 0.0)) END AS stddev
    FROM (SELECT part.count AS count, part.min AS min, part.max AS max, part.avg AS avg, part.stddev AS stddev,
            sum(part.avg * part.count) OVER () / (sum(part.count) OVER () + 0.0) AS mean
        FROM tanks_5m AS part
        WHERE part.site = [touched windows].site AND part.measure = measured.measure AND part.window_start >=
            [touched windows].window_start AND part.window_start < [touched windows].[window end]) AS parts) AS pooled
WHERE pooled.count > ?
GO

UPDATE etl_feed SET windows=? WHERE etl_feed.feed = ?
GO

EXEC sp_refreshview N'[mine]'
GO

-- other windows
DROP VIEW v_tanks
GO

DROP VIEW v_tanks_latest
GO

DROP VIEW v_tanks_statistics
GO

DROP TABLE tanks_1h
GO

CREATE TABLE tanks_1d (
    device NVARCHAR(20) COLLATE Latin1_General_100_BIN2 NOT NULL,
    measure NVARCHAR(64) COLLATE Latin1_General_100_BIN2 NOT NULL,
    window_start DATETIMEOFFSET(6) NOT NULL,
    count BIGINT NOT NULL,
    min FLOAT(53) NOT NULL,
    max FLOAT(53) NOT NULL,
    avg FLOAT(53) NOT NULL,
    stddev FLOAT(53) NULL,
    CONSTRAINT tanks_1d_pkey PRIMARY KEY (device, measure, window_start)
)
GO

CREATE INDEX ix_tanks_1d_start ON tanks_1d (window_start)
GO

DELETE FROM tanks_5m WHERE tanks_5m.measure IN (?)
GO

DROP TABLE IF EXISTS [#touched_tanks_5m]
GO

DROP TABLE IF EXISTS [#touched_tanks_1d]
GO

INSERT INTO tanks_5m (device, measure, window_start, count, min, max, avg, stddev) SELECT [touched windows].device,
    long.measure, [touched windows].window_start, long.count, long.min, long.max, long.avg, long.stddev
FROM [#touched_tanks_5m] AS [touched windows]
CROSS APPLY (SELECT COUNT_BIG(tanks.rssi) AS count_0, min(tanks.rssi) AS min_0, max(tanks.rssi) AS max_0,
        avg(CAST(tanks.rssi AS FLOAT(53))) AS avg_0, STDEV(CAST(tanks.rssi AS FLOAT(53))) AS stddev_0
    FROM tanks
    WHERE tanks.device = [touched windows].device AND tanks.time >= [touched windows].window_start AND tanks.time <
        [touched windows].[window end]) AS inside
CROSS APPLY (VALUES ('rssi', inside.count_0, inside.min_0, inside.max_0, inside.avg_0, inside.stddev_0)) AS long
    (measure, count, min, max, avg, stddev)
WHERE long.count > ?
GO

INSERT INTO tanks_1d (device, measure, window_start, count, min, max, avg, stddev) SELECT [touched windows].device,
    measured.measure, [touched windows].window_start, pooled.count, pooled.min, pooled.max, pooled.avg, pooled.stddev
FROM [#touched_tanks_1d] AS [touched windows]
CROSS APPLY (VALUES ('level'), ('rssi')) AS measured (measure)
CROSS APPLY (SELECT CAST(sum(parts.count) AS BIGINT) AS count, min(parts.min) AS min, max(parts.max) AS max,
        max(parts.mean) AS avg, CASE WHEN (sum(parts.count) > ?) THEN sqrt(sum((parts.count - ?) *
                coalesce(parts.stddev, ?) * coalesce(parts.stddev, ?) + parts.count * (parts.avg - parts.mean) *
                (parts.avg - parts.mean)) / ((sum(parts.count) - ?) + 0.0)) END AS stddev
    FROM (SELECT part.count AS count, part.min AS min, part.max AS max, part.avg AS avg, part.stddev AS stddev,
            sum(part.avg * part.count) OVER () / (sum(part.count) OVER () + 0.0) AS mean
        FROM tanks_5m AS part
        WHERE part.device = [touched windows].device AND part.measure = measured.measure AND part.window_start >=
            [touched windows].window_start AND part.window_start < [touched windows].[window end]) AS parts) AS pooled
WHERE pooled.count > ?
GO

UPDATE etl_feed SET windows=? WHERE etl_feed.feed = ?
GO

EXEC sp_refreshview N'[mine]'
GO
