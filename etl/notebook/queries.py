"""What the reading notebooks query, as data frames: readings, windows and anomalies of a feed, and the audit log.

The results are small whatever the size of the tables: statistics over long periods come from the windows, single readings only
from a few sensors.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
from sqlalchemy import func, select

from etl.audit.states import Status
from etl.contract.durations import parse_duration
from etl.contract.model import EvolvedContract
from etl.contract.reader import Contract
from etl.database import copy_csv
from etl.database.schema.feed_table import feed_table, with_added_columns
from etl.database.schema.migrations import connected
from etl.database.schema.tables.audit_tables import etl_log, etl_quality_score, etl_rejected_row
from etl.errors import ConfigurationError
from etl.notebook.choice import Choice, choose_measures, choose_sensors
from etl.notebook.explore.units import main_unit
from etl.notebook.reading_queries import (
    anomalies_of,
    frame_of,
    hours,
    newest_readings,
    newest_time,
    summary_of,
    windows_of,
)
from etl.settings import Settings


@dataclass(frozen=True)
class Explored:
    """A feed between two times."""

    contract: EvolvedContract
    since: datetime
    until: datetime
    measures: Choice
    """The measures that are shown."""
    sensors: Choice
    """The sensors whose single readings are shown."""
    summary: pd.DataFrame
    """One line: readings, sensors, first and last event time, late ones, recorded anomalies."""
    readings: pd.DataFrame
    """The shown measures, and their units (`with_units`), in the newest readings of the shown sensors."""
    windows: pd.DataFrame
    """Window, shown measure, unit, low, average and high over all sensors; of a size that gives a readable number of windows."""
    hours: pd.DataFrame
    """Average by day and hour of the first shown measure that has windows, in its `main_unit`, on the last days."""
    anomalies: pd.DataFrame
    """Anomalies of the shown sensors and measures with the given threshold."""
    threshold: float

    @property
    def in_windows(self) -> tuple[str, ...]:
        """The shown measures that have windows."""
        windows = self.contract.windows
        return tuple(name for name in self.measures.names if windows and name in windows.measures)

    @property
    def examined(self) -> tuple[str, ...]:
        """The shown measures that are examined for anomalies."""
        rules = self.contract.anomalies
        return tuple(name for name in self.measures.names if rules and name in rules.measures)


@dataclass(frozen=True)
class Health:
    """The audit log since a certain time, of one feed or of all."""

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
    """An ISO time (UTC if it has no offset), or a duration such as 24h or 7d before now.

    :raises ConfigurationError: it is neither.
    """
    if not text:
        return now
    seconds = parse_duration(text)
    if seconds is not None:
        return now - timedelta(seconds=seconds)
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigurationError(f"{text!r} is not a time.", remedy="Write 24h, 7d or 2025-06-15 09:00.") from None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def explore(
    settings: Settings,
    contract: Contract,
    *,
    since: str = "24h",
    until: str = "",
    sensors: int = 5,
    sensor_names: str = "",
    measures: str = "",
    threshold: float = 0.0,
) -> Explored:
    """A feed's readings, windows and anomalies between two times.

    If `since` is a duration, it counts back from the newest reading, so that old data can be shown as well.

    :param sensors: number of sensors whose single readings are shown, at most `etl.notebook.choice.MOST_SENSORS`.
    :param sensor_names: names of the sensors to show instead, with commas between them.
    :param measures: names of the measures to show, with commas between them, in which `*` stands for any characters.
    :param threshold: the robust z-score above which a reading is an outlier; 0: the contract's value.
    :raises ConfigurationError: a time cannot be parsed, or nothing was loaded yet.
    :raises ParameterError: there is no such measure or sensor.
    """
    with connected(settings, "reading") as connection:
        evolved = with_added_columns(connection, contract)
        newest = newest_time(connection, evolved)
        begin, end = moment(since, now=newest), moment(until, now=newest)
        table = feed_table(evolved)
        time = table.c[evolved.event_time.column]
        within = (time >= begin, time <= end)
        summary = summary_of(connection, evolved, table, within, begin, end)
        shown = choose_measures(connection, evolved, measures, begin, end)
        total = int(summary["sensors"].iloc[0])
        named, keys = choose_sensors(connection, evolved, table, within, most=sensors, wanted=sensor_names, total=total)
        readings = newest_readings(connection, evolved, table, within, keys, shown.names)
        rules = evolved.anomalies
        empty = pd.DataFrame()
        explored = Explored(
            evolved,
            begin,
            end,
            shown,
            named,
            summary,
            readings,
            windows=empty,
            hours=empty,
            anomalies=empty,
            threshold=threshold or (rules.threshold if rules else 0.0),
        )
        if explored.in_windows:
            windows = windows_of(connection, evolved, table, begin, end, explored.in_windows)
            first = explored.in_windows[0]
            by_hour = hours(connection, evolved, table, begin, end, first, main_unit(windows, first))
            explored = replace(explored, windows=windows, hours=by_hour)
    return with_threshold(explored, explored.threshold)


def with_threshold(explored: Explored, threshold: float) -> Explored:
    """The same readings with the anomalies that another threshold finds in them; asks no database."""
    found = anomalies_of(explored.contract, explored.readings, threshold, explored.examined)
    return replace(explored, threshold=threshold, anomalies=found)


def export(settings: Settings, explored: Explored, file: str) -> pd.DataFrame:
    """Write every reading between the two times to a CSV file, in the order of time; without a file name, nothing.

    :returns: one line with file, rows and size; empty if there was nothing to do.
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

    :raises ConfigurationError: the time cannot be parsed.
    """
    begin = moment(since, now=datetime.now(UTC))
    with connected(settings, "reading") as connection:
        conditions = [etl_log.c.start_time >= begin, *([etl_log.c.feed == feed] if feed else [])]
        jobs = frame_of(connection, select(etl_log).where(*conditions).order_by(etl_log.c.start_time))
        scores = (
            select(etl_quality_score, etl_log.c.end_time, etl_log.c.cycle_id)
            .join(etl_log, etl_log.c.log_id == etl_quality_score.c.log_id)
            .where(*conditions)
            .order_by(etl_log.c.end_time)
        )
        names = (etl_rejected_row.c.feed, etl_rejected_row.c.reason, etl_rejected_row.c.status)
        rejected = (
            select(*names, func.count().label("rows"))
            .join(etl_log, etl_log.c.log_id == etl_rejected_row.c.log_id)
            .where(*conditions)
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
            .where(*conditions, etl_log.c.status == Status.FAILED)
            .order_by(etl_log.c.log_id.desc())
            .limit(failures)
        )
        return Health(
            begin,
            jobs,
            frame_of(connection, scores),
            frame_of(connection, rejected),
            frame_of(connection, failed),
        )
