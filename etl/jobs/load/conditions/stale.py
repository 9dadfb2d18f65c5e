"""The newest reading of the feed is older than the contract promises."""

from __future__ import annotations

from sqlalchemy import Connection

from etl.audit.incidents.finding import Finding, Kind, Look
from etl.contract.durations import format_duration, moment
from etl.jobs.load.conditions.base import LoadEnd


def look(connection: Connection, load: LoadEnd) -> Look:
    """Whether the feed is stale, also where the load found nothing new."""
    promised = load.contract.freshness_seconds
    if not load.is_stale or load.newest is None or promised is None:
        return Look(Kind.STALE)
    finding = Finding(
        f"The newest reading is of {moment(load.newest)}; the contract promises that it is at most"
        f" {format_duration(promised)} old.",
        remedy=f"See whether {load.contract.source.name} still receives readings, and whether cycles begin often enough. If the"
        " readings are older by nature, correct `latency` under `slaProperties` of the contract.",
    )
    return Look(Kind.STALE, (finding,))
