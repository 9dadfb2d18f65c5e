"""Sensors and readings that came with a load, against those that the contract's `fleet` expects in the same time.

Time is divided into slots as long as the interval between two readings of a sensor; a sensor is expected once in each slot.
Late readings do not count: each would extend the load's time into that of earlier loads.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sqlalchemy import ColumnElement, Connection, Table, and_, func, literal_column, select

from etl.contract.model import EvolvedContract
from etl.contract.model import Fleet as Expected
from etl.database import window_start
from etl.jobs.load.derived.newest_rows import FreshRows, Ordered

# With a space, which no column of a contract can have.
_TIME, _SLOT, _FIRST, _LAST = "event time", "time slot", "first time", "last time"


@dataclass(frozen=True)
class Fleet:
    """The sensors and readings expected in the time that a load covers, and those that came."""

    sensors_expected: int
    sensors_seen: int
    readings_expected: int
    readings_seen: int


@dataclass(frozen=True)
class Seen:
    """The readings of a load so far, in memory, with what it takes to add those of the next archive."""

    newest_slots: Mapping[tuple[Any, ...], int] = field(default_factory=dict)
    """Each sensor's newest time slot."""
    first_slot: int | None = None
    readings: int = 0
    """In how many slots a sensor has reported, summed over the sensors."""

    def with_archive(self, kept: FreshRows, expected: Expected) -> Seen | None:
        """Add the rows of an archive, all of which the table holds.

        None where a sensor has sent earlier readings than before: whether these are in slots of their own is not known here.
        """
        older = kept.older_on_time
        seen = self._with(older, kept.sensor, expected) if older else self
        return seen and seen._with(kept.by(kept.sensor), kept.sensor, expected)

    def _with(self, readings: Ordered, sensor: tuple[str, ...], expected: Expected) -> Seen | None:
        slots = readings.micros // round(expected.interval_seconds * 1_000_000)
        opens = readings.begins
        firsts, lasts = slots[opens].tolist(), slots[np.append(opens[1:], len(slots)) - 1].tolist()
        repeated, newest = 0, dict(self.newest_slots)
        for name, first, last in zip(readings.keys(sensor), firsts, lasts, strict=True):
            before = newest.get(name, first - 1)
            if first < before:
                return None
            repeated += first == before
            newest[name] = last
        earliest = min(firsts) if self.first_slot is None else min(self.first_slot, *firsts)
        reported = int((readings.number_changes | (np.diff(slots, prepend=-1) != 0)).sum())
        return Seen(newest, earliest, self.readings + reported - repeated)

    def against(self, expected: Expected) -> Fleet | None:
        """The figures; None without a reading."""
        if self.first_slot is None:
            return None
        spans = max(self.newest_slots.values()) - self.first_slot + 1
        return Fleet(expected.sensors, len(self.newest_slots), expected.sensors * spans, self.readings)


def fleet_of_load(connection: Connection, contract: EvolvedContract, table: Table, log_id: int) -> Fleet | None:
    """The figures of a load, from the feed's table; None without a reading, or where the contract names no fleet."""
    if contract.fleet is None:
        return None
    time = table.c[contract.event_time.column]
    on_time = and_(table.c.log_id == log_id, table.c.lateness_seconds.is_(None))
    sensor = [table.c[name] for name in contract.sensor]
    interval: ColumnElement[Any] = literal_column(f"{contract.fleet.interval_seconds:g}")
    slot = window_start(time, interval).label(_SLOT)
    rows = select(*sensor, time.label(_TIME), slot).where(on_time).subquery()
    by = [rows.c[name] for name in contract.sensor]
    span = (func.min(rows.c[_TIME]).label(_FIRST), func.max(rows.c[_TIME]).label(_LAST))
    slots = select(*by, *span).group_by(*by, rows.c[_SLOT]).subquery()
    by = [slots.c[name] for name in contract.sensor]
    span = (func.min(slots.c[_FIRST]).label("first"), func.max(slots.c[_LAST]).label("last"))
    sensors = select(func.count().label("readings"), *span).group_by(*by).subquery()
    figures = (func.count(), func.sum(sensors.c.readings), func.min(sensors.c.first), func.max(sensors.c.last))
    seen, readings, first, last = connection.execute(select(*figures)).one()
    if first is None:
        return None
    spans = math.floor(last.timestamp() / contract.fleet.interval_seconds) + 1
    spans -= math.floor(first.timestamp() / contract.fleet.interval_seconds)
    return Fleet(contract.fleet.sensors, int(seen), contract.fleet.sensors * spans, int(readings or 0))
