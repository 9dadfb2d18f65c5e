"""The quality score of a load is lower than the contract allows."""

from __future__ import annotations

from sqlalchemy import Connection

from etl.audit.incidents.finding import Finding, Kind, Look
from etl.jobs.load.conditions.base import LoadEnd
from etl.jobs.load.derived.quality import WEIGHTS, scored


def look(connection: Connection, load: LoadEnd) -> Look | None:
    """Compare the load's score with `minScore`; a load that has none shows nothing."""
    scores, lowest = scored(connection, load.log_id), load.contract.alerts.min_score
    if not scores:
        return None
    if scores["score"] >= lowest:
        return Look(Kind.LOW_QUALITY)
    components = ", ".join(f"{name} {scores[name]:.1f}" for name in WEIGHTS)
    finding = Finding(
        f"The quality score of the load is {scores['score']:.1f}, below {lowest:g}: {components}.",
        remedy="`python -m etl explain` with the cycle's name tells what lowered it. If so much is usual for this feed, give it a"
        " lower `minScore` under `alerts` of the contract.",
    )
    return Look(Kind.LOW_QUALITY, (finding,))
