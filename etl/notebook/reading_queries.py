"""The queries of the notebook that explores readings."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pyarrow as pa
from sqlalchemy import Connection, Select, Table, and_, func, select

from etl.contract.model import EvolvedContract
from etl.database.schema.audit_tables import etl_anomaly, etl_log
from etl.database.schema.sensor_name import sensor_name_in_sql
from etl.database.schema.windows import window_tables
from etl.errors import ConfigurationError
from etl.jobs.load.derived.detect import find


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
    connection: Connection, contract: EvolvedContract, table: Table, within: tuple[Any, ...], sensors: int
) -> pd.DataFrame:
    """The newest readings of a few sensors, in the order of sensor and time: first those with the most recorded anomalies."""
    keys = [table.c[name] for name in contract.sensor]
    name = sensor_name_in_sql(keys, length=None)
    remarkable = (
        select(etl_anomaly.c.sensor, func.count().label("anomalies"))
        .where(etl_anomaly.c.feed == contract.feed)
        .group_by(etl_anomaly.c.sensor)
        .subquery()
    )
    present = select(*keys, name.label(_NAME)).where(*within).distinct().subquery()
    shown = (
        select(*(present.c[key.name] for key in keys))
        .join(remarkable, remarkable.c.sensor == present.c[_NAME], isouter=True)
        .order_by(func.coalesce(remarkable.c.anomalies, 0).desc(), *(present.c[key.name] for key in keys))
        .limit(sensors)
        .subquery("some sensors")
    )
    same = [table.c[name] == shown.c[name] for name in contract.sensor]
    time = table.c[contract.event_time.column]
    query = (
        select(*(table.c[name] for name in contract.column_names))
        .join(shown, and_(*same))
        .where(*within)
        .order_by(time.desc())
        .limit(READINGS_SHOWN)
    )
    readings = frame_of(connection, query)
    return readings.sort_values([*contract.sensor, contract.event_time.column], ignore_index=True)


def windows_of(connection: Connection, contract: EvolvedContract, begin: datetime, end: datetime) -> pd.DataFrame:
    """Statistics over all sensors; per day if the small windows are more than a plot can show."""
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
        .where(columns.window_start >= begin - timedelta(days=1), columns.window_start <= end)
        .group_by(columns.window_start, columns.measure)
        .order_by(columns.window_start)
    )
    return frame_of(connection, query)


def hours(connection: Connection, contract: EvolvedContract, begin: datetime, end: datetime) -> pd.DataFrame:
    """Average of the first measure by day (rows) and hour (columns), from the smallest windows."""
    tables = list(window_tables(contract))
    if not tables or contract.windows is None:
        return pd.DataFrame()
    columns = tables[0].c
    query = select(columns.window_start, columns.avg, columns.count).where(
        columns.measure == contract.windows.measures[0], columns.window_start >= begin, columns.window_start <= end
    )
    windows = frame_of(connection, query)
    if windows.empty:
        return windows
    times = pd.to_datetime(windows["window_start"], utc=True)
    weighted = windows.assign(
        day=times.dt.date, hour=times.dt.hour, sum=windows["avg"].astype(float) * windows["count"].astype(int)
    )
    sums = weighted.groupby(["day", "hour"])[["sum", "count"]].sum()
    return (sums["sum"] / sums["count"]).unstack("hour").reindex(columns=range(24))


def anomalies_of(contract: EvolvedContract, readings: pd.DataFrame, threshold: float) -> pd.DataFrame:
    """Anomalies of the shown readings; the first ones of each sensor are only the baseline for the others."""
    rules = contract.anomalies
    if rules is None or readings.empty:
        return pd.DataFrame()
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

# A space, so that no column of a contract is called the same.
_NAME, _NEW = "whole name", "is new"
