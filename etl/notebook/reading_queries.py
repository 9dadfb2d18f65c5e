"""The queries of the notebook that explores readings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pyarrow as pa
from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Select,
    Subquery,
    Table,
    and_,
    case,
    func,
    literal,
    select,
)

from etl.contract.model import Column, EvolvedContract
from etl.database import text_of
from etl.database.schema.tables.audit_tables import etl_anomaly, etl_log
from etl.database.schema.windows import window_tables
from etl.errors import ConfigurationError
from etl.jobs.load.derived.detect import find
from etl.notebook.choice import is_of_sensors
from etl.notebook.explore.units import spellings, unit_columns, unit_name, with_units


def newest_time(connection: Connection, contract: EvolvedContract) -> datetime:
    loads = select(func.max(etl_log.c.last_event_time)).where(
        etl_log.c.feed == contract.feed, etl_log.c.undone_at.is_(None)
    )
    newest: datetime | None = connection.scalar(loads)
    if newest is None:
        raise ConfigurationError(
            f"Feed {contract.feed} has no readings yet.", remedy=f"Load some: `python -m etl run {contract.feed}`."
        )
    return newest.astimezone(UTC)


def summary_of(
    connection: Connection,
    contract: EvolvedContract,
    table: Table,
    within: tuple[Any, ...],
    begin: datetime,
    end: datetime,
) -> pd.DataFrame:
    time = table.c[contract.event_time.column]
    sensors = select(*(table.c[name] for name in contract.sensor)).where(*within).distinct().subquery()
    anomalies = select(func.count()).where(
        etl_anomaly.c.feed == contract.feed, etl_anomaly.c.event_time >= begin, etl_anomaly.c.event_time <= end
    )
    figures = select(
        func.count().label("readings"),
        select(func.count()).select_from(sensors).scalar_subquery().label("sensors"),
        func.min(time).label("first"),
        func.max(time).label("last"),
        func.count(table.c.lateness_seconds).label("late"),
        anomalies.scalar_subquery().label("anomalies recorded"),
    ).where(*within)
    return frame_of(connection, figures)


def newest_readings(
    connection: Connection,
    contract: EvolvedContract,
    table: Table,
    within: tuple[Any, ...],
    sensors: Sequence[tuple[Any, ...]],
    measures: Sequence[str],
) -> pd.DataFrame:
    """Some measures in the newest readings of a few sensors, in the order of sensor and time.

    :param sensors: the values that identify each of them.
    """
    time = table.c[contract.event_time.column]
    units = [column for measure, column in unit_columns(contract).items() if measure in measures]
    names = dict.fromkeys([*contract.sensor, contract.event_time.column, *measures, *units])
    query = (
        select(*(table.c[name] for name in names))
        .where(is_of_sensors(contract, table, sensors), *within)
        .order_by(time.desc())
        .limit(READINGS_SHOWN)
    )
    readings = frame_of(connection, query)
    return with_units(readings.sort_values([*contract.sensor, contract.event_time.column], ignore_index=True), contract)


def windows_of(
    connection: Connection,
    contract: EvolvedContract,
    readings: Table,
    begin: datetime,
    end: datetime,
    measures: Sequence[str],
) -> pd.DataFrame:
    """Statistics of some measures, over all sensors that measure in the same unit; per day if the small windows are more than a
    plot can show.

    :param readings: the feed's table.
    """
    tables = list(window_tables(contract))
    table = tables[-1] if end - begin > timedelta(days=14) else tables[0]
    columns = _with_units(contract, table, readings, begin, end, measures).c
    names = (columns.window_start, columns.measure, columns[_UNIT])
    total = func.sum(columns.count)
    query = (
        select(
            *names,
            func.min(columns["min"]).label("low"),
            (func.sum(columns.avg * columns.count) / total).label("average"),
            func.max(columns["max"]).label("high"),
            total.label("readings"),
        )
        .group_by(*names)
        .order_by(columns.window_start)
    )
    return frame_of(connection, query).rename(columns={_UNIT: "unit"})


def hours(
    connection: Connection,
    contract: EvolvedContract,
    readings: Table,
    begin: datetime,
    end: datetime,
    measure: str,
    unit: str,
) -> pd.DataFrame:
    """Average of one measure over the sensors with one unit by day (rows) and hour (columns), from the smallest windows.

    :param unit: as `windows_of` finds it.
    """
    columns = _with_units(contract, next(window_tables(contract)), readings, begin, end, [measure]).c
    query = (
        select(
            columns.window_start,
            func.sum(columns.avg * columns.count).label("window sum"),
            func.sum(columns.count).label("window count"),
        )
        .where(columns[_UNIT] == unit, columns.window_start >= max(begin, end - timedelta(days=DAYS_SHOWN)))
        .group_by(columns.window_start)
    )
    windows = frame_of(connection, query)
    if windows.empty:
        return windows
    times = pd.to_datetime(windows["window_start"], utc=True)
    numbers = windows[["window sum", "window count"]].astype(float).assign(day=times.dt.date, hour=times.dt.hour)
    sums = numbers.groupby(["day", "hour"]).sum()
    return (sums["window sum"] / sums["window count"]).unstack("hour").reindex(columns=range(24))


def _with_units(
    contract: EvolvedContract, table: Table, readings: Table, begin: datetime, end: datetime, measures: Sequence[str]
) -> Subquery:
    """Windows of some measures between two times, and of the day before, with `_UNIT`: that of the key's readings in that time.

    It is empty where no column gives units. A key with several units has two of them.
    """
    begin -= timedelta(days=1)
    source: FromClause = table
    unit: ColumnElement[Any] = literal("", text_of(None))
    given = {measure: column for measure, column in unit_columns(contract).items() if measure in measures}
    key = contract.windows.key if contract.windows else ()
    if given and key:
        time = readings.c[contract.event_time.column]
        units = (
            select(*(readings.c[name] for name in key), *(_unit(readings.c[given[name]], name) for name in given))
            .where(time >= begin, time <= end)
            .group_by(*(readings.c[name] for name in key))
            .subquery("units")
        )
        source = table.outerjoin(units, and_(*(table.c[name] == units.c[name] for name in key)))
        of_measure = ((name, _as_in_contract(units.c[unit_name(name)], contract.column(name))) for name in given)
        unit = case(*((table.c.measure == name, text) for name, text in of_measure), else_=unit)
    columns = (table.c[name] for name in ("window_start", "measure", "min", "avg", "max", "count"))
    within = (table.c.measure.in_(measures), table.c.window_start >= begin, table.c.window_start <= end)
    # A table of its own, because two statements of the same expression with parameters are two for GROUP BY.
    return select(*columns, unit.label(_UNIT)).select_from(source).where(*within).subquery("windows")


def _unit(column: ColumnElement[Any], measure: str) -> ColumnElement[str]:
    """The unit in some readings; the first and the last one where there are several."""
    first, last = func.min(column), func.max(column)
    return case((first == last, first), (first != last, func.concat(first, " / ", last))).label(unit_name(measure))


def _as_in_contract(unit: ColumnElement[str], column: Column) -> ColumnElement[str]:
    text = func.coalesce(unit, "")
    return case((text.in_(spellings(column)), column.unit), else_=text)


def anomalies_of(
    contract: EvolvedContract, readings: pd.DataFrame, threshold: float, measures: Sequence[str]
) -> pd.DataFrame:
    """Anomalies of some measures in the shown readings; the first ones of each sensor are only the baseline for the others."""
    if contract.anomalies is None or readings.empty or not measures:
        return pd.DataFrame()
    rules = replace(contract.anomalies, measures=tuple(measures))
    if threshold:
        rules = replace(rules, threshold=threshold)
    # A sensor has the same units in all of its readings, so they can go along with what names it.
    units = [name for name in map(unit_name, measures) if name in readings]
    names = [*contract.sensor, contract.event_time.column, *rules.measures, *units]
    # Prefixed, because `find` returns other columns beside the sensor's.
    key = tuple(f"sensor {name}" for name in contract.sensor)
    columns = {_NEW: True, **{new: readings[name] for new, name in zip(key, contract.sensor, strict=True)}}
    table = pa.Table.from_pandas(readings[names].assign(**columns), preserve_index=False)
    time = contract.event_time.column
    anomalies = find(table, rules, key=(*key, *units), time=time, measures=rules.measures, new=_NEW)
    taken = set(anomalies.column_names)
    plain = {new: name for new, name in zip(key, contract.sensor, strict=True) if name not in taken}
    return anomalies.to_pandas().rename(columns=plain)


def frame_of(connection: Connection, query: Select[Any]) -> pd.DataFrame:
    result = connection.execute(query)
    return pd.DataFrame(result.all(), columns=list(result.keys()))


READINGS_SHOWN = 20_000
DAYS_SHOWN = 31
_UNIT = "unit of the key"
"""With spaces, so that no column of a contract is called the same."""

# A space, so that no column of a contract is called the same.
_NEW = "is new"
