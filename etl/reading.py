"""What the reading notebooks ask of the database, as frames: readings, windows and anomalies of a feed, and the audit log.

Bounded whatever the tables hold: figures over long times come from the windows, single readings of a few sensors only.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import reduce
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
from sqlalchemy import ColumnElement, Connection, Select, Table, and_, cast, func, select

from etl.anomalies import find
from etl.contract import Contract
from etl.custom import parse_seconds
from etl.database import copy_csv, text_of
from etl.errors import ConfigurationError
from etl.settings import Settings
from etl.tables import (
    connected,
    etl_anomaly,
    etl_log,
    etl_quality_score,
    etl_rejected_row,
    feed_table,
    grown,
)
from etl.windows import window_tables

READINGS_SHOWN = 20_000
# A space, so that no column of a contract is called the same.
_NAME, _NEW = "whole name", "is new"


@dataclass(frozen=True)
class Explored:
    """A feed between two moments."""

    contract: Contract
    since: datetime
    until: datetime
    summary: pd.DataFrame
    """One line: readings, sensors, first and last event time, late ones, recorded anomalies."""
    readings: pd.DataFrame
    """The newest readings of a few sensors."""
    windows: pd.DataFrame
    """Window, measure, low, average and high over all sensors; of the size that gives a readable number of windows."""
    hours: pd.DataFrame
    """Average by day and hour of the first measure."""
    anomalies: pd.DataFrame
    """Anomalies of the shown sensors, judged with the given threshold."""
    threshold: float


@dataclass(frozen=True)
class Health:
    """The audit log since some moment, of one feed or of all."""

    since: datetime
    jobs: pd.DataFrame
    """One row per job."""
    quality: pd.DataFrame
    """Score and components per load."""
    quarantine: pd.DataFrame
    """Rejected rows by feed, reason and status."""
    failures: pd.DataFrame
    """The newest jobs that failed, with their cause."""


def moment(text: str, *, now: datetime) -> datetime:
    """An ISO time (UTC where it has no offset), or a duration such as 24h or 7d before now.

    :raises ConfigurationError: it is neither.
    """
    if not text:
        return now
    seconds = parse_seconds(text)
    if seconds is not None:
        return now - timedelta(seconds=seconds)
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigurationError(f"{text!r} is no time.", remedy="Write 24h, 7d or 2025-06-15 09:00.") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def explore(
    settings: Settings,
    contract: Contract,
    *,
    since: str = "24h",
    until: str = "",
    sensors: int = 5,
    threshold: float = 0.0,
) -> Explored:
    """A feed's readings, windows and anomalies between two moments.

    Where `since` is a duration it counts back from the newest reading, so that old data can be looked at as well.

    :param sensors: of how many sensors single readings are shown.
    :param threshold: the robust z-score above which a reading is an outlier; 0: the contract's.
    :raises ConfigurationError: a time cannot be understood, or nothing was loaded yet.
    """
    with connected(settings, "reading") as connection:
        contract = grown(connection, contract)
        newest = _newest(connection, contract)
        begin, end = moment(since, now=newest), moment(until, now=newest)
        table = feed_table(contract)
        time = table.c[contract.event_time.column]
        within = (time >= begin, time <= end)
        readings = _readings(connection, contract, table, within, sensors)
        rules = contract.anomalies
        judged = _judged(contract, readings, threshold) if rules else pd.DataFrame()
        return Explored(
            contract,
            begin,
            end,
            _summary(connection, contract, table, within, begin, end),
            readings,
            _windows(connection, contract, begin, end),
            _hours(connection, contract, begin, end),
            judged,
            threshold or (rules.threshold if rules else 0.0),
        )


def export(settings: Settings, explored: Explored, file: str) -> pd.DataFrame:
    """Write every reading between the two moments as a CSV file, in the order of time; nothing without a name.

    :returns: one line with file, rows and size; empty where there was nothing to do.
    """
    if not file:
        return pd.DataFrame(columns=["file", "rows", "MB"])
    path = Path(file).expanduser()
    target = path if path.is_absolute() else settings.output / path
    target.parent.mkdir(parents=True, exist_ok=True)
    table = feed_table(explored.contract)
    time = table.c[explored.contract.event_time.column]
    columns = [table.c[name] for name in explored.contract.column_names]
    with connected(settings, "reading") as connection, target.open("wb") as handle:
        rows = copy_csv(
            connection, select(*columns).where(time >= explored.since, time <= explored.until).order_by(time), handle
        )
    return pd.DataFrame([{"file": str(target), "rows": f"{rows:,}", "MB": f"{target.stat().st_size / 1e6:.1f}"}])


def health(settings: Settings, *, feed: str = "", since: str = "7d", failures: int = 10) -> Health:
    """The audit log of one feed, or of all.

    :raises ConfigurationError: the time cannot be understood.
    """
    begin = moment(since, now=datetime.now(UTC))
    with connected(settings, "reading") as connection:
        mine = [etl_log.c.start_time >= begin, *([etl_log.c.feed == feed] if feed else [])]
        jobs = _frame(connection, select(etl_log).where(*mine).order_by(etl_log.c.start_time))
        scores = (
            select(etl_quality_score, etl_log.c.end_time, etl_log.c.cycle_id)
            .join(etl_log, etl_log.c.log_id == etl_quality_score.c.log_id)
            .where(*mine)
            .order_by(etl_log.c.end_time)
        )
        names = (etl_rejected_row.c.feed, etl_rejected_row.c.reason, etl_rejected_row.c.status)
        rejected = (
            select(*names, func.count().label("rows"))
            .join(etl_log, etl_log.c.log_id == etl_rejected_row.c.log_id)
            .where(*mine)
            .group_by(*names)
            .order_by(func.count().desc())
        )
        failed = (
            select(
                *(
                    etl_log.c[name]
                    for name in ("start_time", "feed", "job_name", "error_type", "error_message", "notebook")
                )
            )
            .where(*mine, etl_log.c.status == "FAILED")
            .order_by(etl_log.c.log_id.desc())
            .limit(failures)
        )
        return Health(
            begin,
            jobs,
            _frame(connection, scores),
            _frame(connection, rejected),
            _frame(connection, failed),
        )


def _newest(connection: Connection, contract: Contract) -> datetime:
    loads = select(func.max(etl_log.c.last_event_time)).where(
        etl_log.c.feed == contract.feed, etl_log.c.undone_at.is_(None)
    )
    newest: datetime | None = connection.scalar(loads)
    if newest is None:
        raise ConfigurationError(
            f"Feed {contract.feed} has no readings yet.", remedy=f"Load some: `python -m etl run {contract.feed}`."
        )
    return newest.astimezone(UTC)


def _summary(
    connection: Connection, contract: Contract, table: Table, within: tuple[Any, ...], begin: datetime, end: datetime
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
    return _frame(connection, figures)


def _readings(
    connection: Connection, contract: Contract, table: Table, within: tuple[Any, ...], sensors: int
) -> pd.DataFrame:
    """The newest readings of a few sensors, in the order of sensor and time: first those with most recorded anomalies."""
    keys = [table.c[name] for name in contract.sensor]
    parts: list[ColumnElement[str]] = [cast(key, text_of(None)) for key in keys]
    name = reduce(lambda before, part: before + "/" + part, parts)
    remarkable = (
        select(etl_anomaly.c.sensor, func.count().label("anomalies"))
        .where(etl_anomaly.c.feed == contract.feed)
        .group_by(etl_anomaly.c.sensor)
        .subquery()
    )
    present = select(*keys, name.label(_NAME)).where(*within).distinct().subquery()
    some = (
        select(*(present.c[key.name] for key in keys))
        .join(remarkable, remarkable.c.sensor == present.c[_NAME], isouter=True)
        .order_by(func.coalesce(remarkable.c.anomalies, 0).desc(), *(present.c[key.name] for key in keys))
        .limit(sensors)
        .subquery("some sensors")
    )
    same = [table.c[name] == some.c[name] for name in contract.sensor]
    time = table.c[contract.event_time.column]
    query = (
        select(*(table.c[name] for name in contract.column_names))
        .join(some, and_(*same))
        .where(*within)
        .order_by(time.desc())
        .limit(READINGS_SHOWN)
    )
    found = _frame(connection, query)
    return found.sort_values([*contract.sensor, contract.event_time.column], ignore_index=True)


def _windows(connection: Connection, contract: Contract, begin: datetime, end: datetime) -> pd.DataFrame:
    """Statistics over all sensors; of days, where the small windows would be more than a plot can show."""
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
    return _frame(connection, query)


def _hours(connection: Connection, contract: Contract, begin: datetime, end: datetime) -> pd.DataFrame:
    """Average of the first measure by day (rows) and hour (columns), from the smallest windows."""
    tables = list(window_tables(contract))
    if not tables or contract.windows is None:
        return pd.DataFrame()
    columns = tables[0].c
    query = select(columns.window_start, columns.avg, columns.count).where(
        columns.measure == contract.windows.measures[0], columns.window_start >= begin, columns.window_start <= end
    )
    found = _frame(connection, query)
    if found.empty:
        return found
    times = pd.to_datetime(found["window_start"], utc=True)
    weighted = found.assign(
        day=times.dt.date, hour=times.dt.hour, sum=found["avg"].astype(float) * found["count"].astype(int)
    )
    sums = weighted.groupby(["day", "hour"])[["sum", "count"]].sum()
    return (sums["sum"] / sums["count"]).unstack("hour").reindex(columns=range(24))


def _judged(contract: Contract, readings: pd.DataFrame, threshold: float) -> pd.DataFrame:
    """Anomalies of the shown readings; the first ones of each sensor only give the ground for the others."""
    rules = contract.anomalies
    if rules is None or readings.empty:
        return pd.DataFrame()
    if threshold:
        rules = replace(rules, threshold=threshold)
    names = [*contract.sensor, contract.event_time.column, *rules.measures]
    # What `find` returns beside the sensor has names of its own.
    key = tuple(f"sensor {name}" for name in contract.sensor)
    columns = {_NEW: True, **{new: readings[name] for new, name in zip(key, contract.sensor, strict=True)}}
    table = pa.Table.from_pandas(readings[names].assign(**columns), preserve_index=False)
    found = find(table, rules, key=key, time=contract.event_time.column, measures=rules.measures, new=_NEW)
    taken = set(found.column_names)
    plain = {new: name for new, name in zip(key, contract.sensor, strict=True) if name not in taken}
    return found.to_pandas().rename(columns=plain)


def _frame(connection: Connection, query: Select[Any]) -> pd.DataFrame:
    result = connection.execute(query)
    return pd.DataFrame(result.all(), columns=list(result.keys()))
