"""Windows on a real database: always what a computation from scratch would give."""

from __future__ import annotations

import random
import statistics
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, true

from etl.database import make_engine, transaction
from etl.database.postgresql import product
from etl.database.schema.feed_table import feed_table, with_added_columns
from etl.jobs.load.derived import anomalies as judging
from etl.jobs.load.derived import newest_rows as fresh
from etl.jobs.load.job import load
from etl.operations.quarantine.replay import replay
from etl.operations.quarantine.rows import Selection
from etl.operations.undo import undo
from tests.support.commands import statements
from tests.support.edits import Tanks
from tests.support.readings import (
    load_readings,
    reading,
    require_windows,
    require_windows_from_scratch,
    take_everything_back,
)
from tests.support.stack import Project
from tests.support.windows import SIZES

ARRIVALS = st.lists(
    st.lists(
        st.tuples(st.integers(1, 3), st.integers(0, 40), st.floats(-10, 40).map(lambda v: round(v, 2))), max_size=8
    ),
    min_size=1,
    max_size=5,
)


@given(ARRIVALS, st.integers(0, 4))
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_windows_equal_those_from_scratch_after_any_order_of_arrival(
    project: Project, arrivals: list[list[tuple[int, int, float]]], taken_back: int
) -> None:
    cycles = []
    for some in arrivals:
        found = load_readings(
            project, [reading(s, f"09:{m:02d}:00", v) for s, m, v in some] or [reading(9, "08:00:00")]
        )
        if found.counts.read:
            cycles.append(found.cycle_id)
    require_windows_from_scratch(project)
    if taken_back < len(cycles):
        undo(project.settings, project.contract, cycles[taken_back])
        require_windows_from_scratch(project)
        load(project.settings, project.contract)
        require_windows_from_scratch(project)


DERIVED = {
    **{f"sensor_data_{size}": "sensor_id, measure, window_start, count, min, max, avg, stddev" for size in SIZES},
    "etl_anomaly": "sensor, measure, event_time, value, expected_low, expected_high, score, kind",
    "etl_quality_score": "sensors_expected, sensors_seen, readings_expected, readings_seen",
}


def unruly_readings() -> list[dict[str, str | None]]:
    """Three sensors over two hours: one is silent for a while, one stuck, and some readings are wrong."""
    chance = random.Random(7)
    readings = [
        reading(
            sensor,
            f"{hour:02d}:{minute:02d}:{second:02d}",
            round(20 + sensor + chance.gauss(0, 0.2), 2),
            40 if sensor == 3 else round(40 + chance.gauss(0, 0.5), 1),
        )
        for hour in (9, 10)
        for minute in range(60)
        for second in (0, 20, 40)
        for sensor in (1, 2, 3)
        if not (sensor == 2 and (hour, minute) > (9, 20) and (hour, minute) < (10, 40))
    ]
    for place in (300, 600):
        readings[place]["temperature"] = "50"
    return readings


def test_what_is_derived_in_memory_is_what_the_database_derives(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    readings = unruly_readings()
    found = []
    for most, sensors in ((0, 9), (9_999, 9), (9_999, 2)):
        monkeypatch.setattr(fresh, "MOST_ROWS", most)
        monkeypatch.setattr(judging, "_MOST_SENSORS", sensors)
        chance = random.Random(8)
        for first, end in pairwise([0, 100, 450, len(readings)]):
            some = readings[first:end]
            with statements() as said:
                load_readings(project, [*chance.sample(some, len(some)), {**some[-1], "temperature": "30"}])
            # It asks from when to when its slices of time are.
            assert any("min(sensor_data.timestamp)" in one for one in said) == (most == 0 or sensors == 2)
        require_windows_from_scratch(project)
        found.append(
            {
                table: sorted(
                    tuple(round(value, 9) if isinstance(value, float) else value for value in row)
                    for row in project.sql(f"SELECT {names} FROM {table}")
                )
                for table, names in DERIVED.items()
            }
        )
        take_everything_back(project)
    assert found[0] == found[1] == found[2]
    assert {row[-1] for row in found[0]["etl_anomaly"]} == {"outlier", "stuck", "gap"}


def test_a_row_that_was_inserted_by_hand_is_in_its_window(project: Project) -> None:
    load_readings(project, [reading(1, "09:00:00")])
    names = "sensor_id, temperature, humidity, source_id, source_partition, source_item, log_id"
    project.sql(
        f"INSERT INTO sensor_data ({names}, timestamp, source_offset)"
        f" SELECT {names}, '2025-06-15 09:06:00+00:00', -1 FROM sensor_data"
    )
    load_readings(project, [reading(1, "09:07:00")])
    require_windows_from_scratch(project)


@pytest.mark.postgresql
def test_a_new_table_has_statistics_before_it_is_asked_for_newer_rows(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    has_statistics = "SELECT reltuples >= 0 FROM pg_class WHERE oid = to_regclass('sensor_data')"
    load(project.settings, project.contract)
    project.sql("ALTER TABLE sensor_data SET (autovacuum_enabled = false)")
    load_readings(project, [reading(1, "09:00:00")])
    assert not project.value(has_statistics)
    monkeypatch.setattr(product, "_LARGE_BYTES", 0)
    load_readings(project, [reading(1, "09:07:00")])
    assert project.value(has_statistics)
    require_windows_from_scratch(project)


def test_windows_are_computed_from_the_largest_that_fill_them(project: Project) -> None:
    assert project.contract.windows is not None
    sizes = {"15m": 900, "20m": 1_200, "1h": 3_600, "1d": 86_400}
    windows = replace(project.contract.windows, sizes=tuple(reversed(sizes.items())))
    readings = unruly_readings()
    load_readings(project, readings[::2], windows=windows)
    with statements() as said:
        load_readings(project, readings[1::2], windows=windows)
    for size, source in {"15m": "", "20m": "", "1h": "_20m", "1d": "_1h"}.items():
        (insert,) = (one for one in said if one.startswith(f"INSERT INTO sensor_data_{size} "))
        assert f"FROM sensor_data{source} " in insert
        require_windows(project, size, sizes[size])


def test_a_replayed_reading_is_in_its_window(project: Project) -> None:
    load_readings(project, [reading(1, "09:00:01"), reading(1, "09:00:11", 99)])
    replay(project.settings, project.contract, Selection(), changes={"temperature": "22"})
    assert project.value("SELECT avg FROM sensor_data_5m WHERE measure = 'temperature'") == 21
    require_windows_from_scratch(project)


def test_the_latest_reading_and_the_figures_of_each_sensor_can_be_looked_up(project: Project) -> None:
    load_readings(project, [reading(1, "23:59:00", 10), reading(1, "08:00:00", 20), reading(2, "09:00:00", 5)])
    load_readings(project, [{**reading(1, "", 33), "timestamp": "2025-06-16 01:00:00"}])
    assert project.sql("SELECT sensor_id, temperature FROM v_sensor_data_latest ORDER BY 1") == [(1, 33.0), (2, 5.0)]
    figures = project.sql(
        "SELECT sensor_id, count, min, max, avg, stddev FROM v_sensor_data_statistics WHERE measure = 'temperature' ORDER BY 1"
    )
    assert figures == [
        (1, 3, 10.0, 33.0, 21.0, pytest.approx(statistics.stdev([10, 20, 33]))),
        (2, 1, 5.0, 5.0, 5.0, None),
    ]


def test_a_window_that_the_contract_gains_is_filled_from_what_is_loaded(project: Project) -> None:
    assert project.contract.windows is not None
    load_readings(project, [reading(1, "09:00:00", 10), reading(1, "09:59:00", 20)])
    hours = replace(project.contract.windows, sizes=(("1h", 3600),))
    load_readings(project, [reading(2, "09:00:00")], windows=hours)
    averages = project.sql("SELECT sensor_id, avg FROM sensor_data_1h WHERE measure = 'temperature' ORDER BY 1")
    assert averages == [(1, 15.0), (2, 20.0)]


def test_one_reading_of_long_ago_does_not_put_all_others_into_one_slice(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_readings(
        project, [reading(1, "00:00:00"), *(reading(1, f"23:{n // 60:02d}:{n % 60:02d}") for n in range(200))]
    )
    monkeypatch.setattr(judging, "ROWS_PER_SLICE", 10)
    engine = make_engine(project.settings)
    with transaction(engine) as connection:
        contract = with_added_columns(connection, project.contract)
        table = feed_table(contract)
        time = table.c.timestamp
        slices = list(judging._slices(connection, contract, table, true()))
        counts = [
            connection.scalar(select(func.count()).where(time >= begin, time <= end).select_from(table))
            for begin, end in slices
        ]
    engine.dispose()
    assert sum(filter(None, counts)) == 201
    assert max(filter(None, counts)) <= 20
    assert all(before[1] < after[0] for before, after in pairwise(slices))


def test_windows_are_the_databases_where_it_takes_keys_for_equal_that_differ_in_memory(project: Project) -> None:
    """Such as the two zeros of floating-point numbers; or two texts, by a collation that an administrator chose."""
    feed = Tanks(project)
    feed.columns["device"].update(logicalType="number", logicalTypeOptions={})
    feed.load({"device": 1, "level": 1})
    times = [f"2025-06-01T00:00:0{second}Z" for second in range(4)]
    zeros = ("0.0", "-0.0", "0.0", "-0.0")
    rows = [{"device": zero, "time": time, "level": n} for n, (zero, time) in enumerate(zip(zeros, times, strict=True))]
    assert feed.load(*rows).counts.processed == 4
    for table in ("tanks_5m", "tanks_1h"):
        figures = f"SELECT count, min, max FROM {table} WHERE measure = 'level' AND device = 0"
        assert project.sql(figures) == [(4, 0, 3)]
