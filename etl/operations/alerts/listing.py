"""Incidents with what people were told of them, and what is muted."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from sqlalchemy import select

from etl.database import in_batches
from etl.database.schema.migrations import connected
from etl.database.schema.tables.incident_tables import etl_alert, etl_incident
from etl.operations.alerts.mutes import muted_now
from etl.settings import Settings

_alert, _incident = etl_alert.c, etl_incident.c


def list_incidents(
    settings: Settings, *, feed: str | None = None, resolved: bool = False, limit: int = 50
) -> dict[str, list[dict[str, Any]]]:
    """The newest `incidents`, all columns and their messages in `alerts`, and what is muted now in `mutes`.

    :param resolved: also those that are over.
    """
    query = select(etl_incident).order_by(_incident.incident_id.desc()).limit(limit)
    if feed:
        query = query.where(_incident.feed == feed)
    if not resolved:
        query = query.where(_incident.resolved_at.is_(None))
    with connected(settings, "alerts") as connection:
        incidents = [dict(row) for row in connection.execute(query).mappings()]
        alerts = defaultdict[int, list[dict[str, Any]]](list)
        for some in in_batches(incident["incident_id"] for incident in incidents):
            messages = select(etl_alert).where(_alert.incident_id.in_(some)).order_by(_alert.alert_id)
            for row in connection.execute(messages).mappings():
                alerts[row["incident_id"]].append(dict(row))
        mutes = muted_now(connection)
    return {
        "incidents": [{**incident, "alerts": alerts[incident["incident_id"]]} for incident in incidents],
        "mutes": mutes,
    }
