"""Items that jobs could not process: failed attempts are counted; after the second one the item is set aside, and the feed
goes on without it.

An item is a landing file, a batch or an archive. Only its own failures are counted. Not counted is a failure of what every
item needs: a database or broker that is unavailable, a disk, a setting, a missing right, memory; nor an interrupt or a kill.

The first failure of an item fails the job, unless an item of the feed had failed before the job began: then the job goes on,
and the next one tries the item again. So a feed never fails twice in a row because of an item.

An item that is set aside is an incident until it is processed after all. Nothing that was set aside is lost. It is in
`backup/<feed>/` (archives) or `backup/<feed>/quarantine/` (landing files and batches), is never pruned, and is processed again
after `python -m etl quarantine retry NAME`.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import structlog
from sqlalchemy import ColumnElement, Connection, Row, Select, and_, func, insert, select, update

from etl.audit.incidents import register
from etl.audit.incidents.finding import Finding, Kind, Look
from etl.audit.job import JobRun
from etl.contract.shell_words import shell_word
from etl.database import transaction
from etl.database.schema.tables.audit_tables import etl_set_aside
from etl.database.schema.tables.incident_tables import KEY_LENGTH
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
from etl.storage import disk_errors

log = structlog.get_logger("set_aside")

LANDING_FILE, BATCH, ARCHIVE = "landing", "batch", "archive"
"""Kinds of items."""
FAILING, SET_ASIDE, RETRIED, RESOLVED = "FAILING", "SET_ASIDE", "RETRIED", "RESOLVED"
ATTEMPTS = 2
"""An item is set aside after this many failed attempts in a row."""

_NAMED_IN_NOTES = 100
_SHARED_CAUSES = (
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
_SHARED_ERRNOS = {*disk_errors.REMEDIES, errno.EMFILE, errno.ENFILE, errno.ENOMEM}
_entry = etl_set_aside.c


def is_set_aside(feed: str, kind: str) -> ColumnElement[bool]:
    """The condition for entries of a feed's items that are set aside now."""
    return and_(_entry.feed == feed, _entry.kind == kind, _entry.status == SET_ASIDE)


def names(feed: str, kind: str) -> Select[str]:
    """A query for the names of a feed's items that are set aside."""
    return select(_entry.name).where(is_set_aside(feed, kind))


def count_per_feed(connection: Connection) -> dict[str, int]:
    """The number of items that are set aside, by feed; without feeds that have none."""
    query = select(_entry.feed, func.count().label("things")).where(_entry.status == SET_ASIDE).group_by(_entry.feed)
    return {row.feed: row.things for row in connection.execute(query)}


def is_item_error(error: Exception) -> bool:
    """Whether an error is the item's own, rather than one of what every item needs."""
    if isinstance(error, OSError) and error.errno in _SHARED_ERRNOS:
        return False
    return not isinstance(error, _SHARED_CAUSES)


def cause_of(settings: Settings, error: BaseException) -> str:
    """The cause of an error, without row data and secrets."""
    return settings.mask(error.cause if isinstance(error, EtlError) else describe_error(error))


class Failures:
    """The failed items of one job, and those of earlier jobs."""

    def __init__(self, settings: Settings, run: JobRun, feed: str, kind: str) -> None:
        """Read the failures of earlier jobs.

        :param kind: the kind of items that this job processes.
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
            entries = connection.execute(query).all()
        self.set_aside = frozenset((row.kind, row.name) for row in entries if row.status == SET_ASIDE)
        """Kind and name of the items that were set aside before this job."""
        of_kind = [row for row in entries if row.kind == kind]
        self._open = {row.name: row.status for row in of_kind if row.status in (FAILING, RETRIED)}
        self.goes_on = FAILING in self._open.values()
        """Whether the job goes on after the first failure of an item."""

    def count(self, name: str, error: Exception, *, at_once: bool = False, noted: bool = True) -> bool:
        """Record in a separate transaction that an item failed; returns whether it is set aside.

        :param at_once: set it aside at the first failure, because another attempt cannot succeed.
        :param noted: whether the job's notes name it.
        :raises Exception: the error itself, if it is not the item's own, or could not be recorded.
        """
        if not is_item_error(error):
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
        """Whether an item failed in this job."""
        return name in self._met

    def settle(self) -> None:
        """At the end of a job: items that failed before and not in this job are processed, or gone."""
        self._resolve(name for name in self._open if name not in self._met)

    def resolve(self, name: str) -> None:
        """Record that an item that was set aside without being moved has been processed after all."""
        if (self._kind, name) in self.set_aside:
            self._resolve([name])

    def _resolve(self, names: Iterable[str]) -> None:
        for name in names:
            with transaction(self._run.engine) as connection:
                _change(connection, self._is_entry(name), status=RESOLVED, decided_at=datetime.now(UTC))
                self._show(connection, name)

    def _write(self, name: str, error: Exception, *, at_once: bool, noted: bool) -> bool:
        now = datetime.now(UTC)
        with transaction(self._run.engine) as connection:
            query = select(_entry.status, _entry.attempts, _entry.log_id).where(self._is_entry(name))
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
                _change(connection, self._is_entry(name), **values)
            else:
                values = {"first_failed_at": now, **values}
                connection.execute(insert(etl_set_aside).values(feed=self._feed, kind=self._kind, name=name, **values))
            if aside:
                self._show(connection, name, cause_of(self._settings, error))
            if noted:
                self._note(connection, "set_aside" if aside else "failing", name, cause_of(self._settings, error))
        return aside

    def _show(self, connection: Connection, name: str, *causes: str) -> None:
        """Open the incident of an item that is set aside, or, without a cause, resolve it."""
        key = f"{self._kind} {name}"[:KEY_LENGTH]
        remedy = (
            "`python -m etl quarantine list --files` shows it. Repair it or what reads it, then run"
            f" `python -m etl quarantine retry {shell_word(name)}`."
        )
        findings = tuple(Finding(f"{name} was set aside: {cause}", remedy, key) for cause in causes)
        look = Look(Kind.QUARANTINE_GROWTH, findings, frozenset({key}))
        register.take(connection, self._settings, self._feed, [look], self._run.source, self._run.rules)

    def _attempts(self, entry: Row[str, int, int] | None) -> int:
        """Failed attempts in a row including this one; those of one job count once."""
        if entry is None or entry.status not in (FAILING, SET_ASIDE):
            return 1
        return int(entry.attempts) + int(entry.log_id != self._run.log_id)

    def _note(self, connection: Connection, key: str, name: str, cause: str) -> None:
        named = self._run.notes.get(key, {})
        if len(named) < _NAMED_IN_NOTES:
            self._run.note(connection, {key: {**named, name: cause}})

    def _is_entry(self, name: str) -> ColumnElement[bool]:
        return and_(_entry.feed == self._feed, _entry.kind == self._kind, _entry.name == name)


def _change(connection: Connection, which: ColumnElement[bool], **values: Any) -> None:
    connection.execute(update(etl_set_aside).where(which).values(**values))
