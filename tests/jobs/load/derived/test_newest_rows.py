"""Rows that are called fresh are those that came into the table, and newer than all before; of others nothing is said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.contract.reader import load_contract
from etl.jobs.load.derived import newest_rows as fresh
from etl.jobs.load.derived.new_windows import in_memory
from etl.jobs.load.derived.newest_rows import Fresh
from etl.settings import Settings
from tests.support.windows import expected_windows, rounded

START = datetime(2025, 6, 15, tzinfo=UTC)
CONTRACT = load_contract("sensor_readings", Settings())


def rows(readings: Sequence[tuple[int | None, int | None, float | None]]) -> pa.Table:
    """Sensor, seconds after START, temperature; from 6 to 99 seconds before START they are late."""
    times = [None if seconds is None else START + timedelta(seconds=seconds) for _, seconds, _ in readings]
    return pa.table(
        {
            "sensor_id": pa.array([sensor for sensor, _, _ in readings], pa.int32()),
            "timestamp": pa.array(times, pa.timestamp("us", "UTC")),
            "temperature": pa.array([value for *_, value in readings], pa.float64()),
            "humidity": [40.0] * len(readings),
            "lateness_seconds": pa.array(
                [5.0 if -100 < (second or 0) < -5 else None for _, second, _ in readings], pa.float64()
            ),
        }
    )


def test_the_first_row_of_a_key_is_kept_sensor_by_sensor_in_the_order_of_time() -> None:
    taken = Fresh(CONTRACT, START)
    taken.keep(rows([(1, 9, 2.0), (2, 5, 1.0), (1, 3, 3.0)]))
    taken.keep(rows([(1, 9, 99.0), (2, 4, 4.0)]))
    found = taken.loaded()
    assert found is not None
    ordered = found.by(("sensor_id",))
    assert ordered.table["temperature"].to_pylist() == [3.0, 2.0, 4.0, 1.0]
    assert ordered.number_changes.tolist() == [True, False, True, False]
    assert (ordered.micros - ordered.micros[0]).tolist() == [0, 6_000_000, 1_000_000, 2_000_000]
    assert found.rows == 4
    by_humidity = found.by(("humidity",))
    assert by_humidity.table["temperature"].to_pylist() == [3.0, 4.0, 1.0, 2.0]


def test_what_is_no_newer_is_known_by_sensor_and_time_unless_it_is_late() -> None:
    taken = Fresh(CONTRACT, START)
    taken.keep(rows([(2, 1, 1.0), (1, 0, 2.0), (2, 2, 3.0), (3, 3, 4.0), (1, -9, 5.0)]))
    found = taken.loaded()
    assert found is not None
    assert (found.rows, found.older_rows) == (3, 2)
    assert found.by(("sensor_id",)).table["temperature"].to_pylist() == [1.0, 3.0, 4.0]
    since_start = {sensor: moment - fresh.micros_of(START) for sensor, moment in found.first_moments().items()}
    assert since_start == {(2,): 1_000_000, (3,): 3_000_000, (1,): 0}
    assert list(since_start) == [(2,), (3,), (1,)]


def test_windows_that_began_before_are_named_once_also_those_of_late_rows() -> None:
    taken = Fresh(CONTRACT, START)
    taken.keep(rows([(2, 1, 1.0), (2, 2, 1.0), (1, 0, 2.0), (2, 400, 3.0), (1, -50, 5.0)]))
    found = taken.loaded()
    assert found is not None
    key = ("sensor_id",)
    windows = found.in_windows_before(fresh.micros_of(START) + 300_000_000, 300, key, found.by(key))
    named = {(row["sensor_id"], (row["window_start"] - START).total_seconds()) for row in windows.to_pylist()}
    assert (len(windows), named) == (3, {(2, 0.0), (1, 0.0), (1, -300.0)})


@pytest.mark.parametrize(
    "readings",
    [
        [(1, 1, 1.0), (1, 0, 2.0), (1, -1, 2.0)],  # most are no newer than those of before
        [(1, 1, 1.0), (1, 2, 2.0), (1, -3700, 2.0)],  # one lies far back, and is not late
        [(1, 1, 1.0), (None, 2, 2.0)],
        [(1, 1, 1.0), (1, None, 2.0)],
        [],
    ],
)
def test_nothing_is_said_of_other_archives(readings: list[tuple[int | None, int | None, float | None]]) -> None:
    taken = Fresh(CONTRACT, START)
    taken.keep(rows(readings))
    assert taken.loaded() is None


def test_nothing_is_kept_of_too_many_rows_or_of_rows_with_another_key(monkeypatch: pytest.MonkeyPatch) -> None:
    other = Fresh(replace(CONTRACT, primary_key=("sensor_id",)), None)
    other.keep(rows([(1, 1, 1.0)]))
    assert other.loaded() is None
    monkeypatch.setattr(fresh, "MOST_ROWS", 2)
    older = Fresh(CONTRACT, START)
    for second in (0, 1, -1, 2):
        older.keep(rows([(1, second, 1.0)]))
    assert older.loaded() is None
    many = Fresh(CONTRACT, None)
    for second in range(3):
        many.keep(rows([(1, second, 1.0)]))
    assert many.loaded() is None


READINGS = st.lists(
    st.tuples(
        st.integers(1, 3), st.integers(-3, 900), st.none() | st.floats(-1e6, 1e6).map(lambda value: round(value, 3))
    ),
    min_size=1,
    unique_by=lambda reading: reading[:2],
)


@given(READINGS)
def test_windows_in_memory_are_those_of_a_computation_from_scratch(
    readings: list[tuple[int, int, float | None]],
) -> None:
    taken = Fresh(CONTRACT, None)
    taken.keep(rows(readings))
    found = taken.loaded()
    assert found is not None
    assert CONTRACT.windows is not None
    ordered = found.by(("sensor_id",))
    windows = in_memory(ordered, ordered.micros // 300_000_000 * 300_000_000, CONTRACT.windows)
    plain = [(sensor, START + timedelta(seconds=seconds), value, 40.0) for sensor, seconds, value in readings]
    assert rounded(tuple(row.values()) for row in windows.to_pylist()) == expected_windows(plain, 300)
