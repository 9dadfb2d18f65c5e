"""The queries of the notebook that explores readings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pyarrow as pa
from sqlalchemy import Connection, Select, Table, func, select

from etl.contract.model import EvolvedContract
from etl.database.schema.tables.audit_tables import etl_anomaly, etl_log
from etl.database.schema.windows import window_tables
from etl.errors import ConfigurationError
from etl.jobs.load.derived.detect import find
from etl.notebook.choice import is_of_sensors


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
    names = dict.fromkeys([*contract.sensor, contract.event_time.column, *measures])
    query = (
        select(*(table.c[name] for name in names))
        .where(is_of_sensors(contract, table, sensors), *within)
        .order_by(time.desc())
        .limit(READINGS_SHOWN)
    )
    readings = frame_of(connection, query)
    return readings.sort_values([*contract.sensor, contract.event_time.column], ignore_index=True)


def windows_of(
    connection: Connection, contract: EvolvedContract, begin: datetime, end: datetime, measures: Sequence[str]
) -> pd.DataFrame:
    """Statistics of some measures over all sensors; per day if the small windows are more than a plot can show."""
    tables = list(window_tables(contract))
    if not tables:
        return pd.DataFrame(columns=["window_start", "measure", "low", "average", "high"])
    table = tables[-1] if end - begin > timedelta(days=14) else tables[0]
    columns = table.c
    total = func.sum(columns.count)
    query = (
        select(
            columns.window_start,
            columns.measure,
            func.min(columns["min"]).label("low"),
            (func.sum(columns.avg * columns.count) / total).label("average"),
            func.max(columns["max"]).label("high"),
            total.label("readings"),
        )
        .where(
            columns.measure.in_(measures),
            columns.window_start >= begin - timedelta(days=1),
            columns.window_start <= end,
        )
        .group_by(columns.window_start, columns.measure)
        .order_by(columns.window_start)
    )
    return frame_of(connection, query)


def hours(
    connection: Connection, contract: EvolvedContract, begin: datetime, end: datetime, measure: str
) -> pd.DataFrame:
    """Average of one measure over all sensors by day (rows) and hour (columns), from the smallest windows."""
    columns = next(window_tables(contract)).c
    query = (
        select(
            columns.window_start,
            func.sum(columns.avg * columns.count).label("window sum"),
            func.sum(columns.count).label("window count"),
        )
        .where(
            columns.measure == measure,
            columns.window_start >= max(begin, end - timedelta(days=DAYS_SHOWN)),
            columns.window_start <= end,
        )
        .group_by(columns.window_start)
    )
    windows = frame_of(connection, query)
    if windows.empty:
        return windows
    times = pd.to_datetime(windows["window_start"], utc=True)
    numbers = windows[["window sum", "window count"]].astype(float).assign(day=times.dt.date, hour=times.dt.hour)
    sums = numbers.groupby(["day", "hour"]).sum()
    return (sums["window sum"] / sums["window count"]).unstack("hour").reindex(columns=range(24))


def anomalies_of(
    contract: EvolvedContract, readings: pd.DataFrame, threshold: float, measures: Sequence[str]
) -> pd.DataFrame:
    """Anomalies of some measures in the shown readings; the first ones of each sensor are only the baseline for the others."""
    if contract.anomalies is None or readings.empty or not measures:
        return pd.DataFrame()
    rules = replace(contract.anomalies, measures=tuple(measures))
    if threshold:
        rules = replace(rules, threshold=threshold)
    names = [*contract.sensor, contract.event_time.column, *rules.measures]
    # Prefixed, because `find` returns other columns beside the sensor's.
    key = tuple(f"sensor {name}" for name in contract.sensor)
    columns = {_NEW: True, **{new: readings[name] for new, name in zip(key, contract.sensor, strict=True)}}
    table = pa.Table.from_pandas(readings[names].assign(**columns), preserve_index=False)
    anomalies = find(table, rules, key=key, time=contract.event_time.column, measures=rules.measures, new=_NEW)
    taken = set(anomalies.column_names)
    plain = {new: name for new, name in zip(key, contract.sensor, strict=True) if name not in taken}
    return anomalies.to_pandas().rename(columns=plain)


def frame_of(connection: Connection, query: Select[Any]) -> pd.DataFrame:
    result = connection.execute(query)
    return pd.DataFrame(result.all(), columns=list(result.keys()))


READINGS_SHOWN = 20_000
DAYS_SHOWN = 31

# A space, so that no column of a contract is called the same.
_NEW = "is new"
