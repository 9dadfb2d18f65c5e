"""Schedules that ought to run, as the database knows them, and those of them that are silent.

A schedule that is killed says nothing itself. While it lives it has a row for each of its feeds in `etl_schedule`, with the time
after which it is silent; where it ends in order, it removes them.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Connection, Row, delete, func, select

from etl.audit.heartbeat import HEARTBEAT_SECONDS
from etl.audit.incidents import register
from etl.audit.incidents.finding import Finding, Kind, Look
from etl.audit.incidents.reading import open_incidents
from etl.audit.states import Status
from etl.contract.durations import format_duration, moment
from etl.contract.reader import Contract
from etl.contract.rules.alerts import AlertRules
from etl.database import insert_rows
from etl.database.schema.migrations import connected
from etl.database.schema.tables.audit_tables import etl_log
from etl.database.schema.tables.incident_tables import etl_schedule
from etl.errors import EtlError
from etl.operations.schedules.times import Schedule
from etl.settings import Settings

log = structlog.get_logger("schedule")

_DUE_TIMES = 3
"""A schedule is silent when cycles were due so many times and none has ended."""
_START_SECONDS = 60.0
"""A schedule that begins has at least this long: kernel and Spark start, and no job has a row yet."""
_AT_WORK_SECONDS = 3 * HEARTBEAT_SECONDS
"""A job with a heartbeat that is not older than this is at work."""
_EVERY_LENGTH = 64
_schedule, _log = etl_schedule.c, etl_log.c


class Expected:
    """The rows of the schedule that runs in this process. An error of the database is logged, and fails nothing."""

    def __init__(self, settings: Settings, schedule: Schedule, feeds: tuple[str, ...]) -> None:
        self._settings = settings
        self._schedule = schedule
        self._since = datetime.now(UTC)
        self._ended: dict[str, datetime | None] = dict.fromkeys(feeds)
        self._renew_from = self._since

    def begin(self) -> None:
        """Write the rows before the first cycle."""
        self._write(self._since + timedelta(seconds=_START_SECONDS))

    def cycle_ended(self, feed: str) -> None:
        """Renew the rows after a cycle of one of the feeds."""
        self._ended[feed] = datetime.now(UTC)
        self._write()

    def is_alive(self) -> None:
        """Renew the rows during a cycle, if that takes so long that the schedule would soon look silent."""
        if datetime.now(UTC) >= self._renew_from:
            self._write()

    def remove(self) -> None:
        """Nothing is expected any more."""
        own = (_schedule.host == socket.gethostname(), _schedule.pid == os.getpid())
        try:
            with connected(self._settings, "schedule") as connection:
                connection.execute(delete(etl_schedule).where(*own))
        except EtlError as error:
            log.warning(
                "the schedule has ended and is expected still",
                cause=error.cause,
                remedy="`python -m etl alerts forget-schedule FEED` ends that.",
            )

    def _write(self, earliest: datetime | None = None) -> None:
        """Replace the rows of the feeds, also those of another schedule.

        :param earliest: the schedule is not silent before this time.
        """
        due = [datetime.now(UTC)]
        while len(due) <= _DUE_TIMES:
            due.append(self._schedule.after(due[-1]))
        own = {
            "every": self._schedule.text[:_EVERY_LENGTH],
            "since": self._since,
            "silent_after": max(due[-1], earliest or due[-1]),
            "host": socket.gethostname(),
            "pid": os.getpid(),
        }
        rows = [{"feed": feed, "last_cycle_at": ended, **own} for feed, ended in self._ended.items()]
        try:
            with connected(self._settings, "schedule") as connection:
                connection.execute(delete(etl_schedule).where(_schedule.feed.in_(list(self._ended))))
                insert_rows(connection, etl_schedule, rows)
        except EtlError as error:
            log.warning("the schedule could not be written to etl_schedule", cause=error.cause)
        self._renew_from = due[-2]


@contextmanager
def expecting(settings: Settings, schedule: Schedule, feeds: tuple[str, ...]) -> Iterator[Expected]:
    """Have the database expect the schedule of this process until it ends in order.

    After an error its rows stay, as after SIGKILL: nobody wanted it to end.
    """
    expected = Expected(settings, schedule, feeds)
    try:
        expected.begin()
        yield expected
    except KeyboardInterrupt:
        expected.remove()
        raise
    expected.remove()


def forget(connection: Connection, settings: Settings, feed: str) -> bool:
    """Expect no schedule of a feed any more, and resolve the incident about it; returns whether one was expected."""
    removed = connection.execute(delete(etl_schedule).where(_schedule.feed == feed)).rowcount > 0
    register.take(connection, settings, feed, [Look(Kind.SILENT_SCHEDULE)])
    return removed


def read_expected(connection: Connection, contracts: Mapping[str, Contract]) -> dict[str, Finding | None]:
    """Every feed whose cycles are expected, and why its schedule is silent; None where it is not.

    :param contracts: feeds for which the contract's `cycleEvery` counts, where they have no row in `etl_schedule`.
    """
    now = datetime.now(UTC)
    rows = connection.execute(select(etl_schedule).order_by(_schedule.feed)).all()
    late = {row.feed for row in rows if row.silent_after < now}
    at_work = _at_work(connection, now) if late else set()
    found = {
        row.feed: _silence(row) if row.feed in late and (row.host, row.pid) not in at_work else None for row in rows
    }
    others = {feed: contract for feed, contract in contracts.items() if feed not in found}
    return found | {feed: _overdue(connection, contract, now) for feed, contract in others.items()}


def look(connection: Connection, settings: Settings, contracts: Mapping[str, Contract]) -> None:
    """Open incidents of schedules that are silent, and resolve those of schedules that run again, in the caller's transaction.

    :param contracts: as for `read_expected`.
    """
    found = read_expected(connection, contracts)
    named = {row["feed"] for row in open_incidents(connection, found) if row["kind"] == Kind.SILENT_SCHEDULE}
    for feed, finding in found.items():
        if finding or feed in named:
            rules = contracts[feed].alerts if feed in contracts else AlertRules()
            seen = Look(Kind.SILENT_SCHEDULE, (finding,) if finding else ())
            register.take(connection, settings, feed, [seen], rules=rules)


def _at_work(connection: Connection, now: datetime) -> set[tuple[str, int]]:
    """Host and process of the schedules of which a job is running: a long cycle is not silent."""
    is_running = (_log.status == Status.RUNNING, _log.heartbeat_at > now - timedelta(seconds=_AT_WORK_SECONDS))
    # The job's own process is a kernel, so the feed is what a job and its schedule have in common.
    query = select(_schedule.host, _schedule.pid).join(etl_log, _log.feed == _schedule.feed).where(*is_running)
    return {(host, pid) for host, pid in connection.execute(query)}


def _silence(row: Row[Any]) -> Finding:
    last = (
        f"the last one ended at {moment(row.last_cycle_at)}" if row.last_cycle_at else "none has ended since it began"
    )
    return Finding(
        f"No cycle of feed {row.feed} has ended although cycles were due {_DUE_TIMES} times ({row.every}); {last}."
        f" Its schedule was begun at {moment(row.since)} as process {row.pid} on {row.host}.",
        f"Start the schedule on {row.host} again. If it is not wanted any more:"
        f" `python -m etl alerts forget-schedule {row.feed}`.",
    )


def _overdue(connection: Connection, contract: Contract, now: datetime) -> Finding | None:
    """Why the other scheduler of a feed is silent; None where it is not, no cycle ever ran, or the contract expects none."""
    every = contract.alerts.cycle_every_seconds
    if every is None:
        return None
    sign_of_life = func.coalesce(_log.heartbeat_at, _log.start_time)
    newest = select(sign_of_life).where(_log.feed == contract.feed).order_by(_log.log_id.desc()).limit(1)
    last = connection.scalar(newest)
    if last is None or now - last <= timedelta(seconds=_DUE_TIMES * every):
        return None
    return Finding(
        f"No job of feed {contract.feed} has run since {moment(last)}, although its contract expects a cycle every"
        f" {format_duration(every)} (`alerts.cycleEvery`).",
        "See why cron, systemd, Airflow or whatever starts its cycles does not; where the cycles are not wanted any more, remove"
        " `cycleEvery` from the contract.",
    )
