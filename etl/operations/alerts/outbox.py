"""The outbox: which messages wait for a receiver, and what became of them.

A receiver gets its messages in the order in which they were written, so that it is told of an incident before it is told that
the incident is over. After a failure all that waits for it waits for the next attempt.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, exists, func, not_, or_, select, update

from etl.audit.incidents.register import DROPPED, MUTED, OPENED, SENT, WAITING
from etl.database import in_batches
from etl.database.schema.tables.audit_tables import etl_log
from etl.database.schema.tables.incident_tables import etl_alert, etl_alert_mute, etl_incident

_FIRST_PAUSE = timedelta(seconds=30)
_LONGEST_PAUSE = timedelta(hours=1)
_DOUBLED = 7
"""After so many attempts the pause is the longest one."""
_UNKNOWN_KEPT = timedelta(days=7)
"""How long messages wait for a receiver that is not set any more, or not on this machine."""
_AT_ONCE = 1000
_ERROR_LENGTH = 500
_alert, _incident, _mute = etl_alert.c, etl_incident.c, etl_alert_mute.c


def due_receivers(connection: Connection, labels: Collection[str], now: datetime, *, early: bool = False) -> list[str]:
    """The receivers to whom something is to be sent now.

    :param labels: only these.
    :param early: also those that failed lately, and whose next attempt is later.
    """
    first = (
        select(func.min(_alert.alert_id).label("alert_id"))
        .join(etl_incident, _incident.incident_id == _alert.incident_id)
        .where(_alert.status == WAITING, _alert.receiver.in_(list(labels)), not_(_is_muted(now)))
        .group_by(_alert.receiver)
        .subquery()
    )
    query = select(_alert.receiver).join(first, first.c.alert_id == _alert.alert_id).order_by(_alert.alert_id)
    if not early:
        query = query.where(_alert.next_attempt_at <= now)
    return list(connection.scalars(query))


def waiting(connection: Connection, receiver: str, now: datetime) -> list[dict[str, Any]]:
    """What is to be sent to a receiver, in this order, at most a thousand.

    Each has `alert_id`, `event`, `attempts`, the columns of its incident, and the cycle that has resolved it in `resolved_in`.
    """
    query = (
        select(_alert.alert_id, _alert.event, _alert.attempts, etl_incident, etl_log.c.cycle_id.label("resolved_in"))
        .select_from(
            etl_alert.join(etl_incident, _incident.incident_id == _alert.incident_id).outerjoin(
                etl_log, etl_log.c.log_id == _incident.resolved_by
            )
        )
        .where(_alert.status == WAITING, _alert.receiver == receiver, not_(_is_muted(now)))
        .order_by(_alert.alert_id)
        .limit(_AT_ONCE)
    )
    return [dict(row) for row in connection.execute(query).mappings()]


def mark_sent(connection: Connection, alert_ids: Iterable[int], now: datetime) -> None:
    """The receiver has taken them."""
    values = {"status": SENT, "sent_at": now, "attempts": _alert.attempts + 1, "last_error": None}
    for some in in_batches(alert_ids):
        connection.execute(update(etl_alert).where(_alert.alert_id.in_(some)).values(**values))


def put_off(connection: Connection, messages: Iterable[dict[str, Any]], error: str, now: datetime) -> None:
    """The receiver did not take them: try again later.

    :param messages: of `waiting`, sent together; the first says how often that was tried.
    :param error: without secrets.
    """
    tried = list(messages)
    pause = min(_FIRST_PAUSE * 2 ** min(tried[0]["attempts"], _DOUBLED), _LONGEST_PAUSE)
    values = {
        "attempts": _alert.attempts + 1,
        "next_attempt_at": now + pause,
        "last_error": error[:_ERROR_LENGTH],
    }
    for some in in_batches(message["alert_id"] for message in tried):
        connection.execute(update(etl_alert).where(_alert.alert_id.in_(some)).values(**values))


def settle(connection: Connection, labels: Collection[str], now: datetime) -> None:
    """Give up what nobody is to be told: incidents that came and went while they were muted, and messages that have waited for a
    week for a receiver that is not known here.

    :param labels: the receivers that are known.
    """
    opening = etl_alert.alias("opening")
    was_told = exists().where(
        opening.c.incident_id == _alert.incident_id,
        opening.c.receiver == _alert.receiver,
        opening.c.event == OPENED,
        opening.c.status == SENT,
    )
    over = select(_incident.incident_id).where(_incident.resolved_at.is_not(None), _is_muted(now))
    unheard = and_(_alert.incident_id.in_(over), not_(was_told))
    connection.execute(update(etl_alert).where(_alert.status == WAITING, unheard).values(status=MUTED))
    unknown = and_(_alert.receiver.not_in(list(labels)), _alert.created_at < now - _UNKNOWN_KEPT)
    connection.execute(update(etl_alert).where(_alert.status == WAITING, unknown).values(status=DROPPED))


def _is_muted(now: datetime) -> ColumnElement[bool]:
    """Whether nobody is to be told of an incident now."""
    return exists().where(
        or_(_mute.kind == "", _mute.kind == _incident.kind),
        or_(_mute.feed == "", _mute.feed == _incident.feed),
        _mute.until > now,
    )
