"""How good the readings of a load are: per rule how many values were checked and how many failed, and one score.

The score follows four of the six dimensions of DAMA UK, "The Six Primary Dimensions for Data Quality Assessment" (2013);
the two others, accuracy and consistency, need a truth to compare with. Each component is a percentage:

* completeness: required values that are there; with a `fleet` in the contract, times the share of expected readings seen;
* validity: rows that were not rejected, or only for a missing value;
* uniqueness: valid rows that are the first with their key, neither duplicates nor conflicting;
* timeliness: loaded rows that were not late.

The score is their mean, weighted by WEIGHTS: our choice, because a reading that is wrong misleads more than one that is
late. It is that of what arrived; docs/quality.md shows an example.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from sqlalchemy import ColumnElement, Connection, Table, and_, delete, func, insert, literal_column, select

from etl.contract.model import Column, EvolvedContract
from etl.database import insert_rows, window_start
from etl.database.schema.audit_tables import etl_quality, etl_quality_score
from etl.jobs.load.derived.newest_rows import FreshRows
from etl.validation.reasons import Reason

if TYPE_CHECKING:
    from etl.validation.validate import Validated

WEIGHTS = {"completeness": 0.3, "validity": 0.4, "uniqueness": 0.15, "timeliness": 0.15}

_RULES: dict[str, tuple[str, set[Reason]]] = {
    "required": ("completeness", {Reason.MISSING}),
    "type": ("validity", {Reason.WRONG_TYPE, Reason.NOT_FINITE, Reason.INVALID_TEXT, Reason.BAD_TIME}),
    "range": ("validity", {Reason.OUT_OF_RANGE, Reason.TIME_OUT_OF_RANGE}),
    "length": ("validity", {Reason.TOO_SHORT, Reason.TOO_LONG}),
    "pattern": ("validity", {Reason.PATTERN}),
}
READABLE, VALID, UNIQUE, ON_TIME = "message.readable", "row.valid", "key.unique", "time.on_time"
# A space, so that no column of a contract is called the same.
_TIME, _SLOT, _FIRST, _LAST = "event time", "time slot", "first time", "last time"
_WHOLE = {READABLE: "validity", VALID: "validity", UNIQUE: "uniqueness", ON_TIME: "timeliness"}


@dataclass
class Tally:
    """Checked and failed values by rule, summed over the chunks of an archive."""

    checked: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)

    def count(self, contract: EvolvedContract, found: Validated) -> None:
        """Add a chunk that was validated."""
        rows = found.accepted.num_rows + found.rejected.num_rows
        unreadable = sum(number for (column, _), number in found.failures.items() if column is None)
        missing = found.rejected["reason"].to_pylist().count(Reason.MISSING.value)
        self.add(READABLE, rows, unreadable)
        self.add(VALID, rows, found.rejected.num_rows - missing)
        for column in contract.columns:
            for rule in _rules(column, contract):
                checked = rows - unreadable if rule == "required" else found.present.get(column.name, 0)
                failed = sum(found.failures[column.name, reason] for reason in _RULES[rule][1])
                self.add(f"{column.name}.{rule}", checked, failed)

    def add(self, rule: str, checked: int, failed: int) -> None:
        self.checked[rule] += checked
        self.failed[rule] += failed


@dataclass(frozen=True)
class Fleet:
    """Who ought to have reported in the time that a load covers, and who did."""

    sensors_expected: int
    sensors_seen: int
    readings_expected: int
    readings_seen: int


def record(
    connection: Connection,
    contract: EvolvedContract,
    table: Table,
    log_id: int,
    tally: Tally,
    times: Mapping[str, float | None],
    fresh: FreshRows | None = None,
) -> None:
    """Add an archive's tally to that of its load, and score the load anew; in the load's transaction.

    :param times: what is recorded beside the score: how old the newest reading is, how late the late ones are.
    :param fresh: the rows of the load, where they were kept in memory.
    """
    summed = _with_earlier(connection, log_id, tally)
    connection.execute(delete(etl_quality).where(etl_quality.c.log_id == log_id))
    rows = [
        {
            "log_id": log_id,
            "feed": contract.feed,
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
    fleet = _fleet_of(contract, fresh) if fresh else _fleet(connection, contract, table, log_id)
    connection.execute(delete(etl_quality_score).where(etl_quality_score.c.log_id == log_id))
    connection.execute(
        insert(etl_quality_score).values(
            log_id=log_id,
            feed=contract.feed,
            **times,
            **score(summed, fleet),
            **(vars(fleet) if fleet else {}),
        )
    )


def scored(connection: Connection, log_id: int) -> dict[str, float]:
    """The score of a load and its components; empty where it brought nothing."""
    names = ("score", *WEIGHTS)
    row = connection.execute(select(etl_quality_score).where(etl_quality_score.c.log_id == log_id)).mappings().first()
    return {name: row[name] for name in names} if row else {}


def forget(connection: Connection, logs: list[int]) -> None:
    """Remove what was recorded of some loads."""
    for table in (etl_quality, etl_quality_score):
        connection.execute(delete(table).where(table.c.log_id.in_(logs)))


def dimension(rule: str) -> str:
    """The dimension of data quality that a rule belongs to."""
    return _WHOLE.get(rule) or _RULES[rule.rpartition(".")[2]][0]


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


def _rules(column: Column, contract: EvolvedContract) -> Iterator[str]:
    if column.required:
        yield "required"
    yield "type"
    if column.minimum is not None or column.maximum is not None or column.name == contract.event_time.column:
        yield "range"
    if column.min_length is not None or column.max_length is not None:
        yield "length"
    if column.pattern is not None:
        yield "pattern"


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


def _fleet(connection: Connection, contract: EvolvedContract, table: Table, log_id: int) -> Fleet | None:
    """Sensors and readings between the first and the last reading of a load, against what the contract expects.

    Late readings do not count: each would stretch that time, in which the others came with earlier loads.
    """
    if contract.fleet is None:
        return None
    time = table.c[contract.event_time.column]
    mine = and_(table.c.log_id == log_id, table.c.lateness_seconds.is_(None))
    sensor = [table.c[name] for name in contract.sensor]
    interval: ColumnElement[Any] = literal_column(f"{contract.fleet.interval_seconds:g}")
    slot = window_start(time, interval).label(_SLOT)
    rows = select(*sensor, time.label(_TIME), slot).where(mine).subquery()
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
