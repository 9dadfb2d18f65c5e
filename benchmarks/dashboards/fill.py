"""Rows as after months of use: made by the database itself, which is a hundred times as fast as loading them."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection, text

LOG_ROWS = 1_000_000
READINGS = 10_000_000
_FEEDS = {
    "sensor_readings": "sensor_data",
    "device_events": "iot_device_events",
    "raw_iot": "iot_readings",
    "room_temperatures": "room_temperatures",
    "environment_telemetry": "environment_telemetry",
}

# Four jobs per cycle, a cycle of each of the five feeds every five minutes; every hundredth cycle fails in its load. The log
# ends now.
_LOG = """
CREATE TEMPORARY TABLE feeds (number int, feed text, table_name text);
INSERT INTO feeds VALUES {feeds};
CREATE TEMPORARY TABLE jobs AS
SELECT
    ((tick * 5 + number) * 4 + step + 1) AS log_id, tick, number, feed, step,
    date_trunc('minute', now()) - make_interval(mins => 5 * ({ticks} - tick)) + make_interval(secs => number * 20 + step * 4)
        AS start_time,
    (tick * 5 + number) % 100 = 99 AND step = 3 AS failed
FROM generate_series(0, {ticks} - 1) AS tick, feeds, generate_series(0, 3) AS step;
INSERT INTO etl_log (
    log_id, cycle_id, feed, job_name, status, start_time, end_time, heartbeat_at, duration_seconds,
    records_read, records_processed, records_rejected, records_duplicate, records_late,
    error_type, error_message, notebook, parameters, host, pid, code_version, last_event_time
)
OVERRIDING SYSTEM VALUE
SELECT
    log_id, to_char(start_time, 'YYYYMMDD"T"HH24MI') || '-' || number, feed,
    (ARRAY['produce', 'consume', 'merge', 'load'])[step + 1],
    CASE WHEN failed THEN 'FAILED' ELSE 'SUCCESS' END, start_time, start_time + interval '3 seconds', start_time,
    1 + 3 * random(), 1000, CASE WHEN step = 3 THEN 970 ELSE 1000 END, CASE WHEN step = 3 THEN 20 ELSE 0 END,
    CASE WHEN step = 3 THEN 10 ELSE 0 END, CASE WHEN step = 3 THEN 5 ELSE 0 END,
    CASE WHEN failed THEN 'ServiceUnavailable' END, CASE WHEN failed THEN 'The database does not answer.' END,
    'output/runs/x/4_load.ipynb', '{{}}', 'host', 1, '1.0', CASE WHEN step = 3 AND NOT failed THEN start_time END
FROM jobs ORDER BY log_id;
CREATE TEMPORARY TABLE loads AS SELECT * FROM jobs WHERE step = 3 AND NOT failed;
INSERT INTO etl_setting VALUES ('api_url', 'http://127.0.0.1:8000');
INSERT INTO etl_feed SELECT feed, table_name, 'source', 100, 10, 600, 'about ' || feed FROM feeds;
INSERT INTO etl_source (feed, name, identity, first_seen) SELECT feed, 'topic', feed, now() FROM feeds ORDER BY number;
INSERT INTO etl_file (feed, file_name, sha256, source_id, bytes, rows, offset_ranges, archived_at, loaded_at, log_id)
SELECT feed, log_id || '.csv', md5(log_id::text) || md5(feed), number + 1, 1, 1000, '{{}}', start_time, start_time, log_id
FROM loads;
INSERT INTO etl_quality_score
SELECT log_id, feed, 90 + 10 * random(), 95, 98, 99, 100, 60, 100, 97, 1000, 980, 30, 600 FROM loads ORDER BY log_id;
INSERT INTO etl_rejected_row (
    log_id, feed, source_id, source_partition, source_offset, source_item, raw, raw_rebuilt, reason, problems
)
SELECT log_id, feed, number + 1, 0, log_id * 2 + i, 0, '{{"sensor_id": 7, "temperature": 20.1}}', false,
    (ARRAY['missing', 'out_of_range', 'wrong_type', 'bad_time'])[1 + (log_id + i) % 4],
    '[{{"column": "temperature", "rule": "out_of_range", "value": "140"}}]'
FROM loads, generate_series(0, 1) AS i ORDER BY log_id;
INSERT INTO etl_anomaly (log_id, feed, sensor, measure, event_time, value, expected_low, expected_high, score, kind)
SELECT log_id, feed, (log_id % 100)::text, 'temperature', start_time, 40, 15, 25, 5 + 20 * random(),
    (ARRAY['outlier', 'stuck', 'gap'])[1 + log_id % 3]
FROM loads ORDER BY log_id;
"""
# A reading from each of 100 sensors every ten seconds, the last one now. Readings belong to the cycle of their time.
_READINGS = """
INSERT INTO sensor_data (
    sensor_id, temperature, humidity, timestamp, source_id, source_partition, source_offset, source_item, log_id
)
SELECT
    1 + n % 100, 20 + 5 * sin(n / 1e5) + random(), 50 + 10 * random(), moment, 1, 0, n, 0,
    (({ticks} - 1 - floor(extract(epoch FROM date_trunc('minute', now()) - moment) / 300)::bigint) * 5) * 4 + 4
FROM (
    SELECT n, date_trunc('minute', now()) - make_interval(secs => 10 * ({rows} / 100 - 1 - n / 100) + (n % 100) / 10.0) AS moment
    FROM generate_series(0, {rows} - 1) AS n
) AS readings;
INSERT INTO iot_device_events (
    event_id, event_offset, event_publisher, customer_id, device_id, temperature, measure, status, event_time,
    source_id, source_partition, source_offset, source_item, log_id
)
SELECT
    n::text, n, 'publisher', 'CI' || n % 7, 'D' || n % 50, 20 + (n % 50) / 5.0 + random(), 'C',
    (ARRAY['SUCCESS', 'SUCCESS', 'SUCCESS', 'STANDBY', 'ERROR'])[1 + floor(5 * random())::int],
    date_trunc('minute', now()) - make_interval(secs => 60 * ({rows} / 500 - 1 - n / 50) + n % 50), 2, 0, n, 0, 8
FROM generate_series(0, {rows} / 10 - 1) AS n;
INSERT INTO room_temperatures (id, room, noted_date, temp, place, source_id, source_partition, source_offset, source_item, log_id)
SELECT
    n::text, 'Room ' || n / 2 % 5, date_trunc('minute', now()) - make_interval(mins => {rows} / 1000 - 1 - n / 10),
    CASE n % 2 WHEN 0 THEN 22 ELSE 8 END + random(), CASE n % 2 WHEN 0 THEN 'In' ELSE 'Out' END, 4, 0, n, 0, 16
FROM generate_series(0, {rows} / 100 - 1) AS n;
"""
# What a load computes for the windows it affects, here for all at once.
_WINDOWS = """
INSERT INTO {table}_{size} ({keys}, measure, window_start, count, min, max, avg, stddev)
SELECT {keys}, '{measure}', date_bin('{length}', {time}, '1970-01-01 00:00+00'), count(*), min({measure}), max({measure}),
    avg({measure}), stddev_samp({measure})
FROM {table} GROUP BY {keys}, date_bin('{length}', {time}, '1970-01-01 00:00+00');
"""
_MEASURES = (
    ("sensor_data", "sensor_id", "timestamp", ("temperature", "humidity")),
    ("iot_device_events", "device_id", "event_time", ("temperature",)),
    ("room_temperatures", "room, place", "noted_date", ("temp",)),
)


def fill(
    connection: Connection, tell: Callable[[str], None], *, log_rows: int = LOG_ROWS, readings: int = READINGS
) -> None:
    """Fill the tables, which must exist and be empty."""
    ticks = log_rows // 20
    values = ", ".join(f"({n}, '{feed}', '{table}')" for n, (feed, table) in enumerate(_FEEDS.items()))
    tell(f"{log_rows:,} rows of etl_log")
    _run(connection, _LOG.format(ticks=ticks, feeds=values))
    tell(f"{readings:,} readings")
    _run(connection, _READINGS.format(ticks=ticks, rows=readings))
    for table, keys, time, measures in _MEASURES:
        tell(f"windows of {table}")
        for measure in measures:
            for size, length in (("5m", "5 minutes"), ("1d", "1 day")):
                names = {"table": table, "keys": keys, "time": time, "measure": measure, "size": size}
                _run(connection, _WINDOWS.format(**names, length=length))
    connection.commit()
    tell("statistics")
    with connection.execution_options(isolation_level="AUTOCOMMIT") as autocommit:
        autocommit.execute(text("VACUUM ANALYZE"))


def _run(connection: Connection, statements: str) -> None:
    for statement in statements.split(";\n"):
        if statement.strip():
            connection.exec_driver_sql(statement.replace("%", "%%"))
