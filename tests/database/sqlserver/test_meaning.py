"""What SQL Server's statements do: carried out by DuckDB, which shows whether they mean the right thing."""

from __future__ import annotations

import statistics
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from etl.contract.model import EvolvedContract, Fleet
from etl.contract.reader import load_contracts
from etl.database import transaction
from etl.database.schema.views import ensure_common_views
from etl.jobs.load.job import load
from etl.jobs.load.tables import ensure_feed
from etl.operations.quarantine.replay import replay
from etl.operations.quarantine.rows import Selection
from etl.operations.undo import undo
from tests.support.golden import FOLDER
from tests.support.tsql import TSQLConnection
from tests.support.tsqlfeed import Feed, sensed


def test_of_rows_with_the_same_key_the_first_is_loaded_and_the_others_are_counted(feed: Feed) -> None:
    loaded = feed.load([sensed(1, "09:00:00", 21.0), sensed(1, "09:00:00", 21.0), sensed(2, "09:00:00", 23.0)])
    assert (loaded.counts.processed, loaded.counts.duplicate) == (2, 1)
    again = feed.load([sensed(1, "09:00:00", 24.0), sensed(1, "09:00:01", 25.0), sensed(1, "bad")])
    assert (again.counts.processed, again.counts.conflicting, again.counts.rejected) == (1, 1, 1)
    assert feed.sql("SELECT sensor_id, temperature FROM sensor_data ORDER BY 1, 2") == [(1, 21.0), (1, 25.0), (2, 23.0)]
    assert feed.sql("SELECT DISTINCT status FROM etl_log") == [("SUCCESS",)]


def test_the_last_row_of_a_key_takes_the_place_of_the_others_where_the_contract_says_so(feed: Feed) -> None:
    feed.contract = replace(feed.contract, on_conflict="keepLast")
    feed.load([sensed(1, "09:00:00", 21.0), sensed(1, "09:00:00", 22.0), sensed(2, "09:00:00", 23.0)])
    later = feed.load([sensed(2, "09:00:00", 24.0), sensed(2, "09:00:00", 25.0)])
    assert (later.counts.processed, later.counts.conflicting) == (0, 2)
    assert feed.sql("SELECT sensor_id, temperature FROM sensor_data ORDER BY 1") == [(1, 22.0), (2, 25.0)]
    feed.require_windows()
    undo(feed.settings, feed.contract, later.cycle_id)
    assert feed.sql("SELECT sensor_id, temperature FROM sensor_data ORDER BY 1") == [(1, 22.0), (2, 23.0)]
    feed.require_windows()


def test_late_rows_and_an_undo_correct_their_windows(feed: Feed) -> None:
    feed.load([sensed(sensor, f"09:{minute:02}:30.123456", 20 + minute) for sensor in (1, 2) for minute in range(20)])
    feed.require_windows()
    late = feed.load([sensed(1, "08:00:00", 1.0), sensed(1, "09:03:00", 2.0), sensed(1, "23:59:59.999999", 3.0)])
    assert late.counts.late == 2
    feed.require_windows()
    undone = undo(feed.settings, feed.contract, late.cycle_id)
    assert (undone.rows, undone.rejected, len(undone.archives)) == (3, 0, 1)
    feed.require_windows()
    assert load(feed.settings, feed.contract).counts.processed == 3
    feed.require_windows()


def test_a_load_leaves_log_ledger_quality_and_anomalies(feed: Feed) -> None:
    start = datetime(2025, 6, 15, 9, tzinfo=UTC)
    times = [(start + timedelta(seconds=10 * place)).strftime("%H:%M:%S") for place in range(200)]
    noise = [0.1 * ((7 * place) % 11) for place in range(200)]
    noise[150] = 25.0
    loaded = feed.load([sensed(1, time, 20 + n) for time, n in zip(times, noise, strict=True)])
    assert loaded.counts.processed == 200
    assert feed.sql("SELECT kind, value FROM etl_anomaly WHERE measure = 'temperature'") == [("outlier", 45.0)]
    assert feed.value("SELECT count(*) FROM etl_file") == 1
    log = feed.sql("SELECT status, records_read, last_event_time FROM etl_log WHERE job_name = 'load'")
    assert log == [("SUCCESS", 200, start + timedelta(seconds=1990))]
    assert feed.sql("SELECT sensors_expected, sensors_seen, readings_seen FROM etl_quality_score") == [(100, 1, 200)]


def test_views_show_the_newest_reading_and_pooled_statistics(feed: Feed) -> None:
    feed.load([sensed(1, "09:00:00", 10.0), sensed(1, "23:59:00", 12.0), sensed(2, "09:00:00", 5.0)])
    feed.load([{**sensed(1, ""), "timestamp": "2025-06-16 09:00:00", "temperature": "17.0"}])
    newest = "SELECT sensor_id, temperature FROM v_sensor_data_latest ORDER BY 1"
    assert feed.sql(newest) == [(1, 17.0), (2, 5.0)]
    figures = "SELECT count, min, max, avg, stddev FROM v_sensor_data_statistics WHERE measure = 'temperature' AND sensor_id = 1"
    (found,) = feed.sql(figures)
    assert found[:4] == (3, 10.0, 17.0, 13.0)
    assert found[4] == pytest.approx(statistics.stdev([10.0, 12.0, 17.0]))
    assert feed.value("SELECT count(*) FROM v_sensor_data WHERE source_name = 'sensor-data'") == 4


def test_the_dashboards_views_tell_what_happened(feed: Feed) -> None:
    loaded = feed.load([sensed(1, "09:00:00", 20.0), sensed(1, "09:00:00"), sensed(2, "09:00:00", 999.0)])
    feed.load([sensed(1, "08:00:00", 10.0)])
    with transaction(feed.engine) as connection:  # type: ignore[arg-type]
        ensure_common_views(connection, [EvolvedContract.of(feed.contract)])
    for (view,) in feed.sql("SELECT view_name FROM duckdb_views() WHERE NOT internal"):
        feed.sql(f"SELECT * FROM {view}")
    cycle = f"cycle_id = '{loaded.cycle_id}'"
    counts = "records_loaded, records_rejected, records_duplicate"
    assert feed.sql(f"SELECT status, {counts} FROM v_etl_cycles WHERE {cycle}") == [("SUCCESS", 1, 1, 1)]
    assert feed.sql("SELECT waiting_for_merge, waiting_for_load, running_jobs FROM v_etl_backlog") == [(0, 0, 0)]
    assert feed.sql("SELECT step, unaccounted FROM v_etl_jobs ORDER BY log_id") == 2 * [("3 merge", 0), ("4 load", 0)]
    assert feed.sql("SELECT reason, column_name FROM v_etl_rejects") == [("out_of_range", "temperature")]
    assert feed.sql("SELECT lateness_max_seconds > 0 FROM v_etl_quality ORDER BY log_id") == [(False,), (True,)]
    assert feed.value("SELECT error_type FROM v_etl_failures") == "none"
    of_times = "SELECT state, is_open, told, hours_open < 1 FROM v_etl_incidents WHERE kind = 'stale'"
    assert feed.sql(of_times) == [("OPEN", 1, "no receiver", True)]
    (fresh,) = feed.sql("SELECT last_event_time, sensors_expected, freshness FROM v_etl_freshness")
    assert fresh == (datetime(2025, 6, 15, 9, tzinfo=UTC), 100, "STALE")
    assert feed.sql("SELECT sensor, measure, value FROM v_etl_latest ORDER BY measure") == [
        ("1", "humidity", 40.0),
        ("1", "temperature", 20.0),
    ]
    values = "SELECT sensor, measure, value, score, source_name FROM v_etl_readings"
    assert feed.sql(f"{values} WHERE {cycle} ORDER BY measure") == [
        ("1", "humidity", 40.0, None, "sensor-data"),
        ("1", "temperature", 20.0, None, "sensor-data"),
    ]
    totals = "SELECT sum(total) / sum(readings) FROM v_etl_windows WHERE measure = 'temperature'"
    assert feed.value(totals) == 15.0


@pytest.mark.parametrize("fleet", [Fleet(2, 60.0), None], ids=["a fleet's interval", "the usual interval"])
def test_a_sensor_that_stops_is_silent_while_another_goes_on(feed: Feed, fleet: Fleet | None) -> None:
    """The readings are old; without a promised latency only the newest one counts."""
    feed.contract = replace(feed.contract, fleet=fleet, freshness_seconds=None)
    both = [sensed(sensor, f"09:{minute:02}:00", 20 + minute) for sensor in (1, 2) for minute in range(6)]
    feed.load([*both, *(sensed(1, f"09:{minute:02}:00") for minute in (6, 7))])
    with transaction(feed.engine) as connection:  # type: ignore[arg-type]
        ensure_common_views(connection, [EvolvedContract.of(feed.contract)])
    assert feed.sql("SELECT sensor FROM v_etl_silent") == []
    feed.load([sensed(1, "09:09:00")])
    columns = "feed, sensor, measure, value, last_event_time"
    assert feed.sql(f"SELECT {columns} FROM v_etl_silent") == [
        ("sensor_readings", "2", "temperature", 25.0, datetime(2025, 6, 15, 9, 5, tzinfo=UTC))
    ]
    assert feed.value("SELECT interval_seconds FROM v_etl_silent") == pytest.approx(60, abs=0.002)
    assert feed.sql("SELECT kind, key FROM etl_incident WHERE resolved_at IS NULL") == [("silent_sensor", "2")]


def test_what_superset_sends_is_carried_out_and_means_the_right_thing(feed: Feed) -> None:
    """The statements of every chart and filter, as tests/superset/test_offline.py gets them from Superset."""
    contracts = [EvolvedContract.of(contract) for contract in load_contracts(feed.settings).values()]
    connection = TSQLConnection(feed.engine)
    for contract in contracts:
        ensure_feed(connection, contract)  # type: ignore[arg-type]
    ensure_common_views(connection, contracts)  # type: ignore[arg-type]
    readings = [("09:59:59", 1.0), ("10:00:00", 2.0), ("10:04:59", 4.0), ("10:05:00", 8.0)]
    feed.load(
        [{**sensed(1, time, value), "timestamp": f"2026-01-01 {time}"} for time, value in readings]
        + [{**sensed(2, ""), "timestamp": "2026-01-02 00:00:00"}]
    )
    asked = (FOLDER / "sqlserver" / "dashboards.sql").read_text("utf-8").split("\nGO\n")
    answers = {text.partition("\n")[0]: connection.carry_out(text, []) for text in asked}
    assert len(answers) > 30
    names, rows = answers["-- charts/readings_by_sensor.yaml"]
    moments = [datetime(2026, 1, 1, 9, 55), datetime(2026, 1, 1, 10), datetime(2026, 1, 1, 10, 5)]
    assert names == ["window_start", "sensor", "Mean"]
    assert sorted(rows) == [(moments[0], "1", 1.0), (moments[1], "1", 3.0), (moments[2], "1", 8.0)]
    _, rows = answers["-- charts/readings_by_hour.yaml"]
    assert sorted(rows) == [
        (datetime(2026, 1, 1, 9), "sensor_readings", 2),
        (datetime(2026, 1, 1, 10), "sensor_readings", 6),
    ]
    assert answers["-- dashboards/readings.yaml: Sensor"] == (["sensor"], [("1",), ("2",)])


def test_a_replay_loads_what_was_rejected_and_can_be_undone(feed: Feed) -> None:
    feed.load([sensed(1, "09:00:00"), sensed(1, "09:00:10", 999.0), sensed(1, "09:00:20", "warm")])
    done = replay(feed.settings, feed.contract, Selection(reason="out_of_range"), changes={"temperature": "30"})
    assert (done.counts.processed, done.still_bad) == (1, ())
    assert feed.sql("SELECT reason, status FROM etl_rejected_row ORDER BY 1") == [
        ("out_of_range", "REPLAYED"),
        ("wrong_type", "QUARANTINED"),
    ]
    feed.require_windows()
    assert done.cycle_id is not None
    assert undo(feed.settings, feed.contract, done.cycle_id).rejected == 1
    assert feed.value("SELECT count(*) FROM etl_rejected_row WHERE status = 'QUARANTINED'") == 2
    feed.require_windows()


def test_whole_numbers_have_an_average_with_a_fraction(feed: Feed) -> None:
    columns = tuple(
        replace(column, type="integer") if column.name == "humidity" else column for column in feed.contract.columns
    )
    feed.contract = replace(feed.contract, columns=columns)
    feed.load([{**sensed(1, "09:00:00"), "humidity": "40"}, {**sensed(1, "09:00:01"), "humidity": "41"}])
    assert feed.value("SELECT avg FROM sensor_data_5m WHERE measure = 'humidity'") == 40.5
    feed.require_windows()
