"""What jobs could not process: failed attempts are counted, and after the second one a file is set aside and the feed goes on.

Counted are failures of the thing itself: a landing file, a batch, an archive. Not those of what all need alike: a database or
broker that is away, a disk, a setting, a missing right, memory, somebody who interrupts. Who is killed counts nothing either.

A job fails because of the first failure of a thing, unless something had failed already before the job began: then it leaves
the thing to the next job and goes on. So a feed never fails twice in a row because of what it has to process.

Nothing that was set aside is lost. It stands in `backup/<feed>/` (archives) or `backup/<feed>/quarantine/` (landing files and
batches), is never pruned, and is taken again after `python -m etl quarantine retry NAME`.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import structlog
from sqlalchemy import ColumnElement, Connection, Row, Select, and_, func, insert, select, update

from etl.audit.job import JobRun
from etl.database import transaction
from etl.database.schema.audit_tables import etl_set_aside
from etl.errors import (
    ConfigurationError,
    EtlError,
    Interrupted,
    MissingRight,
    SetupError,
    StorageError,
    TransientError,
    describe_error,
)
from etl.settings import Settings
from etl.storage import disk_errors as storage

log = structlog.get_logger("set_aside")

LANDING_FILE, BATCH, ARCHIVE = "landing", "batch", "archive"
"""Kinds of things."""
FAILING, SET_ASIDE, RETRIED, RESOLVED = "FAILING", "SET_ASIDE", "RETRIED", "RESOLVED"
ATTEMPTS = 2
"""With so many failed ones in a row a thing is set aside."""

_NAMED_IN_NOTES = 100
_OF_ALL = (
    TransientError,
    StorageError,
    ConfigurationError,
    MissingRight,
    SetupError,
    Interrupted,
    MemoryError,
    ConnectionError,
    TimeoutError,
)
_NUMBERS_OF_ALL = {*storage.REMEDIES, errno.EMFILE, errno.ENFILE, errno.ENOMEM}
_entry = etl_set_aside.c


def is_set_aside(feed: str, kind: str) -> ColumnElement[bool]:
    """The entries of a feed's things that are set aside now."""
    return and_(_entry.feed == feed, _entry.kind == kind, _entry.status == SET_ASIDE)


def names(feed: str, kind: str) -> Select[str]:
    """A query for the names of what is set aside."""
    return select(_entry.name).where(is_set_aside(feed, kind))


def count_per_feed(connection: Connection) -> dict[str, int]:
    """How many things are set aside; feeds that have none are not named."""
    query = select(_entry.feed, func.count().label("things")).where(_entry.status == SET_ASIDE).group_by(_entry.feed)
    return {row.feed: row.things for row in connection.execute(query)}


def is_of_the_thing(error: Exception) -> bool:
    """Whether an error tells something about what was processed, rather than about what all jobs need."""
    if isinstance(error, OSError) and error.errno in _NUMBERS_OF_ALL:
        return False
    return not isinstance(error, _OF_ALL)


def cause_of(settings: Settings, error: BaseException) -> str:
    """An error's cause in one line, without row data and secrets."""
    return settings.mask(error.cause if isinstance(error, EtlError) else describe_error(error))


class Failures:
    """The failures that one job meets, and those of the jobs before it."""

    def __init__(self, settings: Settings, run: JobRun, feed: str, kind: str) -> None:
        """Asks the database once.

        :param kind: what this job processes.
        """
        self._settings = settings
        self._run = run
        self._feed = feed
        self._kind = kind
        self._met: set[str] = set()
        query = select(_entry.kind, _entry.name, _entry.status).where(
            _entry.feed == feed, _entry.status.in_((FAILING, SET_ASIDE, RETRIED))
        )
        with transaction(run.engine) as connection:
            found = connection.execute(query).all()
        self.set_aside = frozenset((row.kind, row.name) for row in found if row.status == SET_ASIDE)
        """Kind and name of what was set aside before this job."""
        mine = [row for row in found if row.kind == kind]
        self._open = {row.name: row.status for row in mine if row.status in (FAILING, RETRIED)}
        self.goes_on = FAILING in self._open.values()
        """Whether the job goes on after the first failure of a thing."""

    def count(self, name: str, error: Exception, *, at_once: bool = False, noted: bool = True) -> bool:
        """Write down, in a transaction of its own, that a thing failed; returns whether it is set aside.

        :param at_once: it is set aside whatever happened before: another attempt cannot end otherwise.
        :param noted: whether the job's notes name it.
        :raises Exception: the error itself, where it is not the thing's own, or cannot be written down.
        """
        if not is_of_the_thing(error):
            raise error
        try:
            aside = self._write(name, error, at_once=at_once, noted=noted)
        except EtlError as unwritten:
            log.warning("a failed attempt could not be counted", name=name, cause=unwritten.cause)
            raise error from None
        self._met.add(name)
        log.warning("set aside" if aside else "failed for the first time", kind=self._kind, name=name)
        return aside

    def met(self, name: str) -> bool:
        """Whether a thing failed in this job."""
        return name in self._met

    def settle(self) -> None:
        """At the end of a job: what failed before and did not fail now turned out well, or is gone."""
        self._resolve(name for name in self._open if name not in self._met)

    def turned_out_well(self, name: str) -> None:
        """A thing that was set aside without being moved away has been processed after all."""
        if (self._kind, name) in self.set_aside:
            self._resolve([name])

    def _resolve(self, names: Iterable[str]) -> None:
        for name in names:
            with transaction(self._run.engine) as connection:
                _change(connection, self._mine(name), status=RESOLVED, decided_at=datetime.now(UTC))

    def _write(self, name: str, error: Exception, *, at_once: bool, noted: bool) -> bool:
        now = datetime.now(UTC)
        with transaction(self._run.engine) as connection:
            query = select(_entry.status, _entry.attempts, _entry.log_id).where(self._mine(name))
            entry = connection.execute(query).first()
            attempts = self._attempts(entry)
            aside = at_once or attempts >= ATTEMPTS
            values: dict[str, Any] = {
                "status": SET_ASIDE if aside else FAILING,
                "attempts": attempts,
                "cause": self._settings.mask(describe_error(error)),
                "last_failed_at": now,
                "set_aside_at": now if aside else None,
                "log_id": self._run.log_id,
                "decided_at": None,
            }
            if attempts == 1:
                values["first_failed_at"] = now
            if entry:
                _change(connection, self._mine(name), **values)
            else:
                values = {"first_failed_at": now, **values}
                connection.execute(insert(etl_set_aside).values(feed=self._feed, kind=self._kind, name=name, **values))
            if noted:
                self._note(connection, "set_aside" if aside else "failing", name, cause_of(self._settings, error))
        return aside

    def _attempts(self, entry: Row[str, int, int] | None) -> int:
        """Failed ones in a row, with this one; the same job's count as one."""
        if entry is None or entry.status not in (FAILING, SET_ASIDE):
            return 1
        return int(entry.attempts) + int(entry.log_id != self._run.log_id)

    def _note(self, connection: Connection, key: str, name: str, cause: str) -> None:
        known = self._run.notes.get(key, {})
        if len(known) < _NAMED_IN_NOTES:
            self._run.note(connection, {key: {**known, name: cause}})

    def _mine(self, name: str) -> ColumnElement[bool]:
        return and_(_entry.feed == self._feed, _entry.kind == self._kind, _entry.name == name)


def _change(connection: Connection, which: ColumnElement[bool], **values: Any) -> None:
    connection.execute(update(etl_set_aside).where(which).values(**values))
