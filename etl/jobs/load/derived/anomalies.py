"""Anomalies among the readings of a load, compared with what their sensors sent before.

Readings that a load has kept in memory are examined there, with the earlier ones that `etl.jobs.load.derived.detect` asks
for. Others are taken from the table in slices of time, each with that context, so that memory stays bounded. Late readings
are not examined: what their sensor sent around them may be in any archive.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    Table,
    and_,
    case,
    cast,
    column,
    delete,
    false,
    func,
    literal_column,
    select,
    true,
    union_all,
    values,
)
from sqlalchemy.sql.selectable import LateralFromClause

from etl.contract.model import EvolvedContract
from etl.contract.rules.anomalies import AnomalyRules
from etl.database import DOUBLE, MOMENT, add_seconds, for_each, insert_rows, keep_in_temporary, read_table, window_start
from etl.database.schema.feed_table import column_type
from etl.database.schema.sensor_name import sensor_name
from etl.database.schema.tables.audit_tables import etl_anomaly
from etl.jobs.load.derived.base import Derived, NewRows
from etl.jobs.load.derived.detect import context_readings, context_start, find
from etl.jobs.load.derived.newest_rows import FreshRows, Ordered, moments

ROWS_PER_SLICE = 500_000
# With a space, which no column of a contract can have.
_NUMBER, _NEW, _START, _FIRST, _LAST = "sensor number", "is new", "context start", "first new", "last new"
_TIES = ("source_id", "source_partition", "source_offset", "source_item")
"""Tell readings of one moment apart, so that their order is always the same."""
_MOST_SENSORS = 2_000
_NO_LIMIT = 2**31 - 1
_UTC = pa.timestamp("us", "UTC")


class Anomalies(Derived):
    """Outliers, stuck sensors and gaps among the rows of each load, in `etl_anomaly`."""

    def update(self, connection: Connection, new: NewRows) -> None:
        """Record the anomalies among new rows, which are those of one archive, so that each row is examined once."""
        rules = new.contract.anomalies
        if rules is None:
            return
        if new.newest is None or not _detect_in_memory(connection, new, new.newest, rules):
            _detect_in_table(connection, new, rules)

    def forget(self, connection: Connection, loads: list[int]) -> None:
        connection.execute(delete(etl_anomaly).where(etl_anomaly.c.log_id.in_(loads)))


def _detect_in_table(connection: Connection, new: NewRows, rules: AnomalyRules) -> None:
    time = new.table.c[new.contract.event_time.column]
    condition = and_(
        new.table.c.log_id == new.log_id, new.table.c.lateness_seconds.is_(None), time.is_not(None), new.of_archive
    )
    for begin, end in _slices(connection, new.contract, new.table, condition):
        _detect_in_slice(connection, new, rules, and_(condition, time >= begin, time <= end))


def _detect_in_memory(connection: Connection, new: NewRows, kept: FreshRows, rules: AnomalyRules) -> bool:
    """The same for rows that are kept in memory; False if there are too many sensors for it."""
    contract, table = new.contract, new.table
    first = kept.first_moments()
    if len(first) > _MOST_SENSORS:
        return False
    examined = _examined(kept.by(contract.sensor), kept.time, rules)
    if kept.newest is not None:
        sensors = _known_sensors(connection, contract, rules, first)
        condition = and_(table.c.log_id == new.log_id, table.c.lateness_seconds.is_(None), new.of_archive)
        earlier = read_table(
            connection, _earlier_query(contract, table, rules, sensors, kept.newest, condition), examined.schema
        )
        # All of them are earlier than what is examined, which is in order.
        examined = pa.concat_tables([earlier.sort_by([(name, "ascending") for name in (_NUMBER, kept.time)]), examined])
        examined = examined.take(pa.array(np.argsort(examined[_NUMBER].to_numpy(), kind="stable")))
    _record(connection, contract, new.log_id, _found(examined, kept.time, rules), dict(enumerate(first)))
    return True


def anomalies_in(readings: Ordered, time: str, rules: AnomalyRules) -> pa.Table:
    """The anomalies among the first readings of a feed, which are ordered by sensor; as `find` returns them."""
    return _found(_examined(readings, time, rules), time, rules)


def _examined(readings: Ordered, time: str, rules: AnomalyRules) -> pa.Table:
    """New readings in the form in which they are examined: number of the sensor, time, measures, whether they are new."""
    return pa.table(
        {
            _NUMBER: np.cumsum(readings.number_changes) - 1,
            time: moments(readings.micros),
            **{name: pc.cast(readings.table[name], pa.float64()) for name in rules.measures},
            _NEW: np.ones(len(readings.micros), bool),
        }
    )


def _found(examined: pa.Table, time: str, rules: AnomalyRules) -> pa.Table:
    return find(examined, rules, key=(_NUMBER,), time=time, measures=rules.measures, new=_NEW)


def _slices(
    connection: Connection, contract: EvolvedContract, table: Table, new: ColumnElement[bool]
) -> Iterator[tuple[datetime, datetime]]:
    """First and last moment of slices of time, none with more than about twice `ROWS_PER_SLICE` rows.

    Slices are equally long, and a slice with far more rows than others is sliced once more: a single very old reading must not
    put all others into one slice.
    """
    time = table.c[contract.event_time.column]
    rows, first, last = connection.execute(select(func.count(), func.min(time), func.max(time)).where(new)).one()
    if rows <= ROWS_PER_SLICE:
        if rows:
            yield first, last
        return
    seconds = max(1, math.ceil((last - first).total_seconds() * ROWS_PER_SLICE / rows))
    placed = select(time.label("time"), window_start(time, literal_column(str(seconds))).label("slice")).where(new)
    slices = placed.subquery("placed")
    figures = select(func.count(), func.min(slices.c.time), func.max(slices.c.time)).group_by(slices.c.slice)
    for inside, begin, end in connection.execute(figures.order_by(slices.c.slice)).all():
        if inside <= 2 * ROWS_PER_SLICE or seconds == 1:
            yield begin, end
        else:
            yield from _slices(connection, contract, table, and_(new, time >= begin, time <= end))


def _detect_in_slice(connection: Connection, new: NewRows, rules: AnomalyRules, condition: ColumnElement[bool]) -> None:
    contract, table = new.contract, new.table
    time = contract.event_time.column
    sensors = _new_sensors(connection, contract, table, rules, condition)
    schema = pa.schema(
        [
            (_NUMBER, pa.int64()),
            (time, _UTC),
            *((name, pa.float64()) for name in rules.measures),
            (_NEW, pa.bool_()),
        ]
    )
    readings = read_table(connection, _readings_query(contract, table, rules, sensors, condition), schema)
    anomalies = _found(readings, time, rules)
    if anomalies.num_rows:
        named = {row[0]: tuple(row[1:]) for row in connection.execute(_sensor_names(contract, sensors))}
        _record(connection, contract, new.log_id, anomalies, named)


def _record(
    connection: Connection,
    contract: EvolvedContract,
    log_id: int,
    anomalies: pa.Table,
    named: Mapping[int, tuple[Any, ...]],
) -> None:
    rows = [
        {"log_id": log_id, "feed": contract.feed, "sensor": sensor_name(named[row.pop(_NUMBER)]), **row}
        for row in anomalies.to_pylist()
    ]
    insert_rows(connection, etl_anomaly, rows)


def _sensor_names(contract: EvolvedContract, sensors: Table) -> Select[Any]:
    return select(sensors.c[_NUMBER], *(sensors.c[name] for name in contract.sensor))


def _new_sensors(
    connection: Connection, contract: EvolvedContract, table: Table, rules: AnomalyRules, new: ColumnElement[bool]
) -> Table:
    """Per sensor with new readings: a number for it, from when on its readings are needed
    (`etl.jobs.load.derived.detect.context_start`), and until when.
    """
    time = table.c[contract.event_time.column]
    keys = [table.c[name] for name in contract.sensor]
    first = (
        select(*keys, func.min(time).label(_FIRST), func.max(time).label(_LAST)).where(new).group_by(*keys).subquery()
    )
    block: ColumnElement[datetime] = window_start(first.c[_FIRST], literal_column(f"{rules.block_seconds:g}"))
    earlier: ColumnElement[datetime] = add_seconds(
        first.c[_FIRST], literal_column(f"{-2 * (rules.stuck_seconds or 0):g}")
    )
    start = case((earlier < block, earlier), else_=block).label(_START)
    names = [first.c[name] for name in contract.sensor]
    query = select(func.row_number().over(order_by=names).label(_NUMBER), *names, start, first.c[_LAST])
    return keep_in_temporary(connection, f"judged_{contract.table}", query)


def _known_sensors(
    connection: Connection,
    contract: EvolvedContract,
    rules: AnomalyRules,
    first: Mapping[tuple[Any, ...], int],
) -> Table:
    """Like `_new_sensors`, of sensors whose first new readings are known, and which are numbered in their order."""
    names = [(name, column_type(contract.column(name))) for name in contract.sensor]
    columns = [column(_NUMBER, BigInteger()), *(column(*name) for name in names), column(_START, MOMENT)]
    begins = moments(np.array([*first.values()])).to_pylist()
    rows = [
        (number, *sensor, context_start(begin, rules))
        for number, (sensor, begin) in enumerate(zip(first, begins, strict=True))
    ]
    starts = values(*columns, name="known", literal_binds=True).data(rows)
    # Cast, because a temporary table takes its types from the query.
    shown = (cast(starts.c[field.name], field.type).label(field.name) for field in columns)
    return keep_in_temporary(connection, f"judged_{contract.table}", select(*shown))


def _earlier_query(
    contract: EvolvedContract,
    table: Table,
    rules: AnomalyRules,
    sensors: Table,
    newest: datetime,
    new: ColumnElement[bool],
) -> Select[Any]:
    """What `find` needs of the readings up to `newest`, sensor by sensor along the index."""
    time = table.c[contract.event_time.column]
    same = and_(*(table.c[name] == sensors.c[name] for name in contract.sensor))
    names = [contract.event_time.column, *rules.measures]
    near = (
        select(*(table.c[name] for name in names), case((new, true()), else_=false()).label(_NEW))
        .where(same, time >= sensors.c[_START], time <= newest)
        # A limit keeps PostgreSQL from making a join of it, which reads the whole table.
        .limit(_NO_LIMIT)
        .correlate(sensors)
        .lateral("near")
    )
    far = _context_query(contract, table, rules, sensors, names)
    parts = (
        select(sensors.c[_NUMBER], *(part.c[name] for name in names), is_new.label(_NEW)).select_from(
            for_each(sensors, part)
        )
        for part, is_new in ((near, near.c[_NEW]), (far, false()))
    )
    everything = union_all(*parts).subquery()
    measures = (cast(everything.c[name], DOUBLE) for name in rules.measures)
    return select(everything.c[_NUMBER], everything.c[contract.event_time.column], *measures, everything.c[_NEW])


def _context_query(
    contract: EvolvedContract, table: Table, rules: AnomalyRules, sensors: Table, names: Sequence[str]
) -> LateralFromClause:
    """The last readings before each sensor's start that give the context."""
    time = table.c[contract.event_time.column]
    same = and_(*(table.c[name] == sensors.c[name] for name in contract.sensor))
    return (
        select(*(table.c[name] for name in names))
        .where(same, time < sensors.c[_START])
        .order_by(time.desc(), *(table.c[name].desc() for name in _TIES))
        .limit(context_readings(rules))
        .correlate(sensors)
        .lateral("before")
    )


def _readings_query(
    contract: EvolvedContract, table: Table, rules: AnomalyRules, sensors: Table, new: ColumnElement[bool]
) -> Any:
    """The sensors' readings from their start on, and the ones before it that give the context; in order."""
    time = table.c[contract.event_time.column]
    order = (contract.event_time.column, *_TIES)
    names = [contract.event_time.column, *rules.measures, *_TIES]
    same = and_(*(table.c[name] == sensors.c[name] for name in contract.sensor))
    recent = (
        select(sensors.c[_NUMBER], *(table.c[name] for name in names), case((new, true()), else_=false()).label(_NEW))
        .select_from(sensors.join(table, same))
        .where(time >= sensors.c[_START], time <= sensors.c[_LAST])
    )
    before = _context_query(contract, table, rules, sensors, names)
    context = select(sensors.c[_NUMBER], *(before.c[name] for name in names), false().label(_NEW)).select_from(
        for_each(sensors, before)
    )
    everything = union_all(recent, context).subquery()
    measures = (cast(everything.c[name], DOUBLE) for name in rules.measures)
    shown = (everything.c[_NUMBER], everything.c[contract.event_time.column], *measures, everything.c[_NEW])
    return select(*shown).order_by(everything.c[_NUMBER], *(everything.c[name] for name in order))
