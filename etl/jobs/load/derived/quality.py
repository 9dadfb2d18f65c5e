"""How good the readings of a load are: per rule how many values were checked and how many failed, and one score.

The score follows four of the six dimensions of DAMA UK, "The Six Primary Dimensions for Data Quality Assessment" (2013);
the two others, accuracy and consistency, need a truth to compare with. Each component is a percentage:

* completeness: required values that are there; with a `fleet` in the contract, times the share of expected readings seen;
* validity: rows that were not rejected, or only for a missing value;
* uniqueness: valid rows that are the first with their key, neither duplicates nor conflicting;
* timeliness: loaded rows that were not late.

The score is their mean, weighted by WEIGHTS: a choice of this project, because a wrong reading misleads more than a
late one. It rates what arrived; docs/quality.md shows an example.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import ColumnElement, Connection, and_, delete, func, insert, literal_column, select

from etl.contract.model import EvolvedContract
from etl.database import insert_rows, window_start
from etl.database.schema.audit_tables import etl_quality, etl_quality_score
from etl.jobs.load.derived.base import Derived, NewRows
from etl.jobs.load.derived.newest_rows import FreshRows
from etl.jobs.load.derived.tally import ON_TIME, READABLE, UNIQUE, VALID, Tally, dimension

WEIGHTS = {"completeness": 0.3, "validity": 0.4, "uniqueness": 0.15, "timeliness": 0.15}

# With a space, which no column of a contract can have.
_TIME, _SLOT, _FIRST, _LAST = "event time", "time slot", "first time", "last time"


@dataclass(frozen=True)
class Fleet:
    """The sensors and readings expected in the time that a load covers, and those that came."""

    sensors_expected: int
    sensors_seen: int
    readings_expected: int
    readings_seen: int


class Quality(Derived):
    """The rules' tallies and the score of each load, in `etl_quality` and `etl_quality_score`."""

    def update(self, connection: Connection, new: NewRows) -> None:
        """Add an archive's tally to that of its load, and recompute the load's score."""
        if new.tally is None or new.summary is None:
            return
        summed = _with_earlier(connection, new.log_id, new.tally)
        connection.execute(delete(etl_quality).where(etl_quality.c.log_id == new.log_id))
        rows = [
            {
                "log_id": new.log_id,
                "feed": new.contract.feed,
                "rule": rule,
                "dimension": dimension(rule),
                "checked": checked,
                "failed": summed.failed[rule],
            }
            for rule, checked in sorted(summed.checked.items())
        ]
        if not rows or not summed.checked[READABLE]:
            return
        insert_rows(connection, etl_quality, rows)
        is_all = new.kept is not None and new.kept.rows == new.summary.rows
        fleet = _fleet_of(new.contract, new.kept) if new.kept is not None and is_all else _fleet(connection, new)
        connection.execute(delete(etl_quality_score).where(etl_quality_score.c.log_id == new.log_id))
        connection.execute(
            insert(etl_quality_score).values(
                log_id=new.log_id,
                feed=new.contract.feed,
                age_seconds=new.summary.age_seconds,
                lateness_mean_seconds=new.summary.lateness_mean_seconds,
                lateness_max_seconds=new.summary.lateness_max_seconds,
                **score(summed, fleet),
                **(vars(fleet) if fleet else {}),
            )
        )

    def forget(self, connection: Connection, loads: list[int]) -> None:
        for table in (etl_quality, etl_quality_score):
            connection.execute(delete(table).where(table.c.log_id.in_(loads)))


def scored(connection: Connection, log_id: int) -> dict[str, float]:
    """The score of a load and its components; empty where it loaded nothing."""
    names = ("score", *WEIGHTS)
    row = connection.execute(select(etl_quality_score).where(etl_quality_score.c.log_id == log_id)).mappings().first()
    return {name: row[name] for name in names} if row else {}


def score(tally: Tally, fleet: Fleet | None = None) -> dict[str, float]:
    """The components and their weighted mean, each from 0 to 100. What was not checked counts as good."""
    seen = min(1.0, fleet.readings_seen / fleet.readings_expected) if fleet and fleet.readings_expected else 1.0
    components = {
        "completeness": 100 * seen * _good(tally, [rule for rule in tally.checked if rule.endswith(".required")]),
        "validity": 100 * _good(tally, [VALID]),
        "uniqueness": 100 * _good(tally, [UNIQUE]),
        "timeliness": 100 * _good(tally, [ON_TIME]),
    }
    return {**components, "score": sum(WEIGHTS[name] * value for name, value in components.items())}


def _good(tally: Tally, rules: list[str]) -> float:
    """The share of checked values that did not fail, 0 to 1."""
    checked = sum(tally.checked[rule] for rule in rules)
    return 1 - sum(tally.failed[rule] for rule in rules) / checked if checked else 1.0


def _with_earlier(connection: Connection, log_id: int, tally: Tally) -> Tally:
    """The tally with those of the archives that the same load took before."""
    summed = Tally(Counter(tally.checked), Counter(tally.failed))
    for row in connection.execute(select(etl_quality).where(etl_quality.c.log_id == log_id)):
        summed.add(row.rule, row.checked, row.failed)
    return summed


def _fleet(connection: Connection, new: NewRows) -> Fleet | None:
    """Sensors and readings between the first and the last reading of a load, against what the contract expects.

    Late readings do not count: each would extend that time into that of earlier loads.
    """
    contract, table = new.contract, new.table
    if contract.fleet is None:
        return None
    time = table.c[contract.event_time.column]
    on_time = and_(table.c.log_id == new.log_id, table.c.lateness_seconds.is_(None))
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


def _fleet_of(contract: EvolvedContract, fresh: FreshRows) -> Fleet | None:
    """The same of rows in memory, of which none is late."""
    if contract.fleet is None:
        return None
    readings = fresh.by(contract.sensor)
    slots = readings.micros // round(contract.fleet.interval_seconds * 1_000_000)
    seen = int(readings.number_changes.sum())
    spans = int(slots.max() - slots.min()) + 1
    reported = int((readings.number_changes | (np.diff(slots, prepend=-1) != 0)).sum())
    return Fleet(contract.fleet.sensors, seen, contract.fleet.sensors * spans, reported)
