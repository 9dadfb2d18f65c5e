"""Rows that are called unseen have keys of their own, newer than all that was loaded; of others nothing is said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.contract.reader import load_contract
from etl.jobs.load.key_filter import KeyFilter
from etl.settings import Settings

START = datetime(2025, 6, 15, tzinfo=UTC)
CONTRACT = load_contract("sensor_readings", Settings())
UTC_MICROS = pa.timestamp("us", "UTC")


def rows(keys: Sequence[tuple[object, int | None]], kind: pa.DataType | None = None) -> pa.Table:
    """Rows of sensors at seconds after START; `place` distinguishes them."""
    times = [None if second is None else START + timedelta(seconds=second) for _, second in keys]
    sensors = pa.array([sensor for sensor, _ in keys], kind or pa.int32())
    places = pa.array(range(len(keys)), pa.int64())
    return pa.table({"sensor_id": sensors, "timestamp": pa.array(times, UTC_MICROS), "place": places})


def places(table: pa.Table) -> list[int]:
    found: list[int] = table["place"].to_pylist()
    return found


def test_the_first_row_of_a_key_is_unseen_and_its_repetitions_are_not() -> None:
    unseen = KeyFilter(CONTRACT, None, rows=6)
    fresh, others = unseen.split(rows([(1, 0), (2, 0), (1, 0), (1, 1)]))
    assert (places(fresh), places(others)) == ([0, 1, 3], [2])
    fresh, others = unseen.split(rows([(2, 0), (2, 1)]))
    assert (places(fresh), places(others)) == ([1], [0])


def test_only_rows_newer_than_all_that_was_loaded_are_unseen() -> None:
    unseen = KeyFilter(CONTRACT, START + timedelta(seconds=10), rows=4)
    fresh, others = unseen.split(rows([(1, 9), (1, 10), (1, 11), (2, None)]))
    assert (places(fresh), places(others)) == ([2], [0, 1, 3])


@pytest.mark.parametrize(
    ("kind", "sensors"),
    [
        (pa.string(), ["a", "b", "", None, "a"]),
        (pa.float64(), [0.5, 1.5, 2.5, None, 0.5]),
        (pa.bool_(), [True, False, None, None, True]),
    ],
)
def test_keys_of_every_type_are_distinguished(kind: pa.DataType, sensors: list[object]) -> None:
    keys = [(sensor, second) for second, sensor in enumerate(sensors[:-1])] + [(sensors[-1], 0)]
    # Texts have another hash in each process. Among so many places two of them do not meet.
    fresh, others = KeyFilter(CONTRACT, None, rows=1_000_000).split(rows(keys, kind))
    assert (places(fresh), places(others)) == ([0, 1, 2, 3], [4])


def test_without_a_key_of_its_own_a_feed_goes_by_where_rows_came_from() -> None:
    keyless = replace(CONTRACT, primary_key=())
    origin = {"source_partition": [0, 0, 1], "source_offset": [5, 5, 5], "source_item": [0, 1, 0]}
    table = rows([(1, 0), (1, 0), (1, 0)])
    for name, values in origin.items():
        table = table.append_column(name, pa.array(values, pa.int64()))
    fresh, others = KeyFilter(keyless, None, rows=3).split(table)
    assert (places(fresh), places(others)) == ([0, 1, 2], [])


@given(st.lists(st.lists(st.tuples(st.integers(1, 5), st.integers(0, 20)), max_size=30), max_size=4))
def test_no_key_is_called_unseen_twice_and_no_row_is_lost(chunks: list[list[tuple[int, int]]]) -> None:
    unseen = KeyFilter(CONTRACT, START + timedelta(seconds=3), rows=sum(map(len, chunks)))
    called = []
    for chunk in chunks:
        fresh, others = unseen.split(rows(chunk))
        assert sorted(places(fresh) + places(others)) == list(range(len(chunk)))
        assert places(fresh) == sorted(places(fresh))
        assert places(others) == sorted(places(others))
        called += [chunk[place] for place in places(fresh)]
    assert len(called) == len(set(called))
    assert all(second > 3 for _, second in called)


def test_of_many_distinct_keys_few_are_compared_for_nothing() -> None:
    unseen = KeyFilter(CONTRACT, None, rows=20_000)
    fresh = sum(
        unseen.split(rows([(sensor, chunk * 100 + second) for second in range(100) for sensor in range(50)]))[
            0
        ].num_rows
        for chunk in range(4)
    )
    assert fresh > 0.97 * 20_000
