"""The view of sensors that are silent: who is in it, what it says of them, and what it costs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event

from etl.contract.model import Fleet
from etl.contract.reader import Contract
from etl.contract.rules.alerts import AlertRules
from etl.database import make_engine, transaction
from etl.jobs.load.tables import ensure_feeds
from tests.support.incidents import reported
from tests.support.readings import load_readings
from tests.support.stack import Project


@pytest.fixture
def engine(project: Project) -> Iterator[Engine]:
    made = make_engine(project.settings)
    yield made
    made.dispose()


@pytest.fixture
def begin() -> datetime:
    return datetime.now(UTC) - timedelta(minutes=5)


def ensure(engine: Engine, *contracts: Contract) -> None:
    with transaction(engine) as connection:
        ensure_feeds(connection, contracts)


def about(seconds: float) -> Any:
    """On SQL Server a time difference is a number of milliseconds."""
    return pytest.approx(seconds, abs=0.002)


def silent(project: Project, columns: str = "sensor") -> list[tuple[Any, ...]]:
    return project.sql(f"SELECT {columns} FROM v_etl_silent ORDER BY sensor")


def test_a_sensor_is_shown_with_its_last_time_and_value(project: Project, begin: datetime) -> None:
    project.etl("init")
    load_readings(project, reported(begin, [1, 2, 3], [0, 10]))
    load_readings(project, reported(begin, [3], [20], temperature="17.5"))
    load_readings(project, reported(begin, [1, 2], [49]))
    assert silent(project) == []
    load_readings(project, reported(begin, [1, 2], [51]))
    columns = "feed, sensor, measure, value, interval_seconds, last_event_time, silent_seconds, intervals"
    ((*shown, last, seconds, intervals),) = silent(project, columns)
    assert shown == ["sensor_readings", "3", "temperature", 17.5, 10.0]
    assert last == begin + timedelta(seconds=20)
    assert 280 <= seconds <= 280 + 120
    assert intervals == pytest.approx(seconds / 10)
    load_readings(project, reported(begin, [3], [50]))
    assert silent(project) == []


def test_without_a_fleet_the_interval_is_the_median_of_the_last_gaps(
    project: Project, engine: Engine, begin: datetime
) -> None:
    contract = replace(project.contract, fleet=None)
    ensure(engine, contract)
    # Gaps of 10, 20, 21, 30 and 500 seconds, in another order: 21. Of 10, 20, 30 and 40: 25.
    odd = reported(begin, [1], [-600, -100, -90, -69, -39, -19])
    even = reported(begin, [2], [-119, -79, -69, -49, -19])
    few = reported(begin, [3], [-59, -49, -39, -29])
    load_readings(project, [*odd, *even, *few, *reported(begin, [4], [0, 40])], fleet=None)
    # 59 seconds are less than three intervals of both; 65 seconds more than that of the first.
    assert silent(project) == []
    load_readings(project, reported(begin, [4], [46]), fleet=None)
    assert silent(project, "sensor, interval_seconds") == [("1", about(21))]
    load_readings(project, reported(begin, [4], [57]), fleet=None)
    assert silent(project, "sensor, interval_seconds") == [("1", about(21)), ("2", about(25))]


def test_only_the_last_readings_tell_the_interval(project: Project, engine: Engine, begin: datetime) -> None:
    ensure(engine, replace(project.contract, fleet=None))
    often = range(-3_400, -2_900, 1)
    seldom = range(-2_800, -399, 120)
    load_readings(project, reported(begin, [1], [*often, *seldom]), fleet=None)
    load_readings(project, reported(begin, [2], [-50]), fleet=None)
    assert silent(project) == []
    load_readings(project, reported(begin, [2], [-30]), fleet=None)
    assert silent(project, "sensor, interval_seconds") == [("1", about(120))]


def test_a_clock_that_runs_ahead_makes_nobody_silent(project: Project, engine: Engine) -> None:
    ensure(engine, project.contract)
    now = datetime.now(UTC)
    load_readings(project, [*reported(now, [1, 2], [-20]), *reported(now, [3], [1_800])])
    assert silent(project) == []


def test_where_the_whole_feed_stops_all_are_shown_once_they_are_late_by_the_contract(
    project: Project, engine: Engine, begin: datetime
) -> None:
    ensure(engine, project.contract)
    load_readings(project, reported(begin, [1, 2], [0]))
    assert silent(project) == []
    ensure(engine, replace(project.contract, freshness_seconds=120.0))
    assert silent(project) == [("1",), ("2",)]
    ensure(engine, replace(project.contract, freshness_seconds=None))
    assert silent(project) == []


def test_a_feed_without_windows_per_sensor_is_left_out(project: Project, engine: Engine, begin: datetime) -> None:
    other = project.feed("environment_telemetry")
    ensure(engine, replace(project.contract, windows=None), other)
    load_readings(project, reported(begin, [1], [0]), windows=None)
    load_readings(project, reported(begin, [2], [100]), windows=None)
    assert silent(project) == []


def test_the_view_is_replaced_when_a_limit_changes_and_only_then(project: Project, engine: Engine) -> None:
    other = project.feed("environment_telemetry")
    made: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *call: made.append(call[2]))
    contract, fleet = project.contract, Fleet(100, 2.5)
    assert other.fleet is not None
    variants = [
        contract,
        replace(contract, fleet=fleet),
        # The other feed has this interval, too.
        replace(contract, fleet=other.fleet),
        replace(contract, fleet=None),
        replace(contract, fleet=fleet),
        replace(contract, fleet=fleet, alerts=AlertRules(silent_intervals=2.5)),
        replace(contract, fleet=fleet, freshness_seconds=3_600_000.0),
        replace(contract, fleet=fleet, freshness_seconds=None),
        contract,
    ]
    counts = []
    for variant in variants:
        for _ in range(2):
            made.clear()
            ensure(engine, variant, other)
            counts.append(sum(bool(re.search("CREATE .*VIEW v_etl_silent", statement)) for statement in made))
    assert counts == [1, 0] * len(variants)


@pytest.mark.postgresql
def test_a_few_readings_of_each_sensor_are_read_however_many_there_are(project: Project, engine: Engine) -> None:
    ensure(engine, project.contract)
    project.sql(
        "INSERT INTO sensor_data (sensor_id, temperature, humidity, timestamp, source_id, source_partition, source_offset,"
        " source_item, log_id) SELECT s, 20, 40, now() - make_interval(secs => 10 * t), 1, s, t, 0, 1"
        " FROM generate_series(1, 200) s, generate_series(1, 1000) t"
    )
    project.sql(
        "INSERT INTO sensor_data_1d (sensor_id, measure, window_start, count, min, max, avg)"
        " SELECT s, 'temperature', now(), 1, 1, 1, 1 FROM generate_series(1, 200) s"
    )
    with project.stack.connect(project.database, autocommit=True) as connection:
        connection.execute("ANALYZE")
    for contract in (project.contract, replace(project.contract, fleet=None)):
        ensure(engine, contract)
        plan = "\n".join(line for (line,) in project.sql("EXPLAIN SELECT * FROM v_etl_silent"))
        assert re.search(r"Index (Only )?Scan .*on sensor_data\b", plan), plan
        assert not re.search(r"(Seq Scan|Bitmap Heap Scan) on sensor_data\b", plan), plan
