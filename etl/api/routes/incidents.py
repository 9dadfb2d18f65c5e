"""Incidents: what went wrong, and whether it is over."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from etl.api.audit import AfterNumber, Incidents, Limit, OfFeed
from etl.api.dependencies import Database
from etl.audit.incidents.reading import newest_incidents

router = APIRouter(tags=["runs"])


@router.get("/incidents")
def list_incidents(
    database: Database,
    feed: OfFeed = None,
    is_open: Annotated[
        bool | None, Query(alias="open", description="true: only those that are not over; false: only those that are")
    ] = None,
    after: AfterNumber = None,
    limit: Limit = 100,
) -> Incidents:
    """Incidents, the newest first."""
    rows = newest_incidents(database, feed=feed, is_open=is_open, before=after, limit=limit)
    return Incidents(incidents=rows, next=rows[-1]["incident_id"] if len(rows) == limit else None)
