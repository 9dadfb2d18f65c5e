"""Incidents with what people were told of them, and what is muted."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from sqlalchemy import select

from etl.audit.incidents.reading import newest_incidents
from etl.database import in_batches
from etl.database.schema.migrations import connected
from etl.database.schema.tables.incident_tables import etl_alert
from etl.operations.alerts.mutes import muted_now
from etl.settings import Settings

_alert = etl_alert.c


def list_incidents(
    settings: Settings, *, feed: str | None = None, resolved: bool = False, limit: int = 50
) -> dict[str, list[dict[str, Any]]]:
    """The newest `incidents`, all columns and their messages in `alerts`, and what is muted now in `mutes`.

    :param resolved: also those that are over.
    """
    with connected(settings, "alerts") as connection:
        incidents = newest_incidents(connection, feed=feed, is_open=None if resolved else True, limit=limit)
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
