"""Opens and resolves incidents, in the transaction of whoever shows them, and says whom to tell.

At most one incident of a feed, kind and key is open. The messages themselves are sent later, by `etl.operations.alerts`, from
the rows of `etl_alert` that are written here: so a message is as certain as the row of `etl_log` that it is about.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select, update
from sqlalchemy.exc import IntegrityError

from etl.audit.incidents.finding import Finding, Kind, Look, severity
from etl.contract.rules.alerts import AlertRules
from etl.database import in_batches, insert_row, insert_rows
from etl.database.schema.tables.incident_tables import KEY_LENGTH, etl_alert, etl_incident
from etl.settings import Settings

OPENED, RESOLVED = "opened", "resolved"
"""Events that receivers are told of."""
WAITING, SENT, MUTED, DROPPED = "WAITING", "SENT", "MUTED", "DROPPED"
"""States of a message."""
_TEXT_LENGTH = 2000
_DEFAULT_RULES = AlertRules()
_incident = etl_incident.c


@dataclass(frozen=True)
class Source:
    """The job that shows something; all None: it was no job."""

    log_id: int | None = None
    cycle_id: str | None = None
    job: str | None = None
    notebook: str | None = None


NO_JOB = Source()


def take(
    connection: Connection,
    settings: Settings,
    feed: str,
    looks: Iterable[Look],
    source: Source = NO_JOB,
    rules: AlertRules = _DEFAULT_RULES,
) -> None:
    """Open what is found and not open yet, and resolve what is open and no longer found.

    What was resolved less than the rules' quiet time ago is not opened again: something that comes and goes is told once.
    """
    now, since = datetime.now(UTC), timedelta(seconds=rules.quiet_seconds)
    still_open = _open(connection, feed)
    for look in looks:
        found = {finding.key[:KEY_LENGTH]: finding for finding in look.findings}
        same = {
            key: number
            for (kind, key), number in still_open.items()
            if kind == look.kind and (look.keys is None or key in look.keys)
        }
        _see_again(connection, [number for key, number in same.items() if key in found], now)
        _resolve(connection, [number for key, number in same.items() if key not in found], source, now)
        new = [key for key in found if key not in same]
        quiet = _quiet(connection, feed, look.kind, now - since) if new else set()
        for key in new:
            if key not in quiet:
                _open_one(connection, settings, feed, look.kind, key, found[key], source, now)


def _open(connection: Connection, feed: str) -> Mapping[tuple[str, str], int]:
    """The incidents of a feed that are open: kind and key → number."""
    columns = (_incident.kind, _incident.key, _incident.incident_id)
    query = select(*columns).where(_incident.feed == feed, _incident.resolved_at.is_(None))
    return {(row.kind, row.key): row.incident_id for row in connection.execute(query)}


def _see_again(connection: Connection, numbers: Sequence[int], now: datetime) -> None:
    seen = {"last_seen_at": now, "times_seen": _incident.times_seen + 1}
    for some in in_batches(numbers):
        connection.execute(update(etl_incident).where(_incident.incident_id.in_(some)).values(**seen))


def _resolve(connection: Connection, numbers: Sequence[int], source: Source, now: datetime) -> None:
    """Close incidents, and tell everybody who was to be told of them."""
    for some in in_batches(numbers):
        connection.execute(
            update(etl_incident)
            .where(_incident.incident_id.in_(some))
            .values(resolved_at=now, resolved_by=source.log_id)
        )
        told = etl_alert.c
        query = select(told.incident_id, told.receiver).where(told.incident_id.in_(some), told.event == OPENED)
        messages = [
            _message(number, RESOLVED, receiver, now)
            for number, receiver in connection.execute(query.order_by(told.alert_id))
        ]
        if messages:
            insert_rows(connection, etl_alert, messages)


def _quiet(connection: Connection, feed: str, kind: Kind, since: datetime) -> set[str]:
    """The keys of which an incident was resolved only lately."""
    lately = (_incident.feed == feed, _incident.kind == kind, _incident.resolved_at > since)
    return set(connection.scalars(select(_incident.key).where(*lately)))


def _open_one(
    connection: Connection,
    settings: Settings,
    feed: str,
    kind: Kind,
    key: str,
    finding: Finding,
    source: Source,
    now: datetime,
) -> None:
    values: dict[str, Any] = {
        "kind": kind,
        "feed": feed,
        "key": key,
        "severity": severity(kind),
        "cause": settings.mask(finding.cause)[:_TEXT_LENGTH],
        "remedy": settings.mask(finding.remedy)[:_TEXT_LENGTH],
        "cycle_id": source.cycle_id,
        "job_name": source.job,
        "notebook": source.notebook,
        "opened_at": now,
        "opened_by": source.log_id,
        "last_seen_at": now,
    }
    try:
        with connection.begin_nested():
            number = insert_row(connection, etl_incident, values)
    except IntegrityError:
        # Another job has opened it at the same moment.
        return
    messages = [_message(number, OPENED, receiver.label, now) for receiver in settings.receivers]
    if messages:
        insert_rows(connection, etl_alert, messages)


def _message(incident: int, event: str, receiver: str, now: datetime) -> dict[str, Any]:
    return {
        "incident_id": incident,
        "event": event,
        "receiver": receiver,
        "created_at": now,
        "next_attempt_at": now,
    }
