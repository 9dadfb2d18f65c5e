"""What archives add to a fleet's figures one by one is what they bring together, or nothing is said."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from etl.contract.model import Fleet
from etl.contract.reader import load_contract
from etl.jobs.load.derived import fleet
from etl.jobs.load.derived.newest_rows import Fresh
from etl.settings import Settings

START = datetime(2025, 6, 15, tzinfo=UTC)
EXPECTED = Fleet(3, 10.0)
CONTRACT = replace(load_contract("sensor_readings", Settings()), fleet=EXPECTED)
Reading = tuple[int, int]
"""Sensor, and seconds after START."""


def seen_with(before: fleet.Seen | None, newest: datetime | None, readings: list[Reading]) -> fleet.Seen | None:
    """What has been seen after one archive more; None where it is not known."""
    taken = Fresh(CONTRACT, newest)
    times = [START + timedelta(seconds=seconds) for _, seconds in readings]
    taken.keep(
        pa.table(
            {
                "sensor_id": pa.array([sensor for sensor, _ in readings], pa.int32()),
                "timestamp": pa.array(times, pa.timestamp("us", "UTC")),
                "temperature": [20.0] * len(readings),
                "humidity": [40.0] * len(readings),
                "lateness_seconds": pa.nulls(len(readings), pa.float64()),
            }
        )
    )
    kept = taken.loaded()
    return before.with_archive(kept, EXPECTED) if before and kept else None


def from_scratch(readings: list[Reading]) -> fleet.Fleet:
    slots = [seconds // 10 for _, seconds in readings]
    spans = max(slots) - min(slots) + 1
    sensors = {sensor for sensor, _ in readings}
    return fleet.Fleet(3, len(sensors), 3 * spans, len({(s, seconds // 10) for s, seconds in readings}))


@given(
    st.lists(
        st.lists(st.tuples(st.integers(1, 4), st.integers(0, 120)), min_size=1, max_size=12), min_size=1, max_size=4
    )
)
def test_archives_one_by_one_give_the_figures_of_all_of_them_or_none(archives: list[list[Reading]]) -> None:
    seen: fleet.Seen | None = fleet.Seen()
    done: set[Reading] = set()
    for archive in archives:
        new = [reading for reading in dict.fromkeys(archive) if reading not in done]
        if not new:
            continue
        newest = max((START + timedelta(seconds=seconds) for _, seconds in done), default=None)
        is_back = any(sensor == other and s // 10 < t // 10 for sensor, s in new for other, t in done)
        before, seen = seen, seen_with(seen, newest, new)
        done |= set(new)
        if seen is None:
            assert before is not None
            is_mostly_old = newest is not None and 2 * sum(START + timedelta(seconds=s) > newest for _, s in new) < len(
                new
            )
            assert is_back or is_mostly_old
            return
        assert not is_back
        assert seen.against(EXPECTED) == from_scratch([*done])


def test_a_load_without_readings_on_time_has_no_figures() -> None:
    assert fleet.Seen().against(EXPECTED) is None
