"""Which incidents there are."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, func, or_, select

from etl.database.schema.tables.incident_tables import etl_incident

_incident = etl_incident.c


def count_open(connection: Connection) -> dict[str, int]:
    """How many incidents are open, by feed; without feeds that have none."""
    query = select(_incident.feed, func.count()).where(_incident.resolved_at.is_(None)).group_by(_incident.feed)
    return {feed: int(number) for feed, number in connection.execute(query)}


def open_incidents(connection: Connection, feeds: Iterable[str] | None = None) -> list[dict[str, Any]]:
    """The incidents that are open, all columns, the oldest first.

    :param feeds: only of these; None: of all.
    """
    query = select(etl_incident).where(_incident.resolved_at.is_(None))
    if feeds is not None:
        query = query.where(_incident.feed.in_(list(feeds)))
    ordered = query.order_by(_incident.opened_at, _incident.incident_id)
    return [dict(row) for row in connection.execute(ordered).mappings()]


def newest_incidents(
    connection: Connection,
    *,
    feed: str | None = None,
    is_open: bool | None = None,
    before: int | None = None,
    limit: int = 50,
) -> list[dict[str, Any]]:
    """Incidents, all columns, the newest first.

    :param is_open: those that are not over, or those that are; None: all.
    :param before: those with a smaller `incident_id`.
    """
    query = select(etl_incident)
    if feed:
        query = query.where(_incident.feed == feed)
    if is_open is not None:
        query = query.where(_incident.resolved_at.is_(None) if is_open else _incident.resolved_at.is_not(None))
    if before is not None:
        query = query.where(_incident.incident_id < before)
    ordered = query.order_by(_incident.incident_id.desc()).limit(limit)
    return [dict(row) for row in connection.execute(ordered).mappings()]


def shown_by(connection: Connection, log_ids: Iterable[int]) -> list[dict[str, Any]]:
    """The incidents that some jobs have opened or resolved, all columns, the oldest first."""
    jobs = list(log_ids)
    query = select(etl_incident).where(or_(_incident.opened_by.in_(jobs), _incident.resolved_by.in_(jobs)))
    return [dict(row) for row in connection.execute(query.order_by(_incident.incident_id)).mappings()]
