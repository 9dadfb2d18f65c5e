"""Cycles: the newest ones, and each in detail."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import PlainTextResponse

from etl.api.audit import AfterName, CycleId, Cycles, Explained, Limit, OfFeed
from etl.api.dependencies import Database, MayRead, ServerSettings
from etl.api.problems import describe
from etl.api.selection import Period
from etl.api.tokens import Scope
from etl.audit.states import Status
from etl.operations.explain import facts_of, in_words
from etl.operations.history import newest_cycles

router = APIRouter(tags=["runs"])


@router.get("/cycles")
def list_cycles(
    database: Database,
    times: Period,
    feed: OfFeed = None,
    status: Annotated[Status | None, Query(description="FAILED: a job of it has failed")] = None,
    after: AfterName = None,
    limit: Limit = 100,
) -> Cycles:
    """Cycles, the newest first."""
    rows = newest_cycles(
        database, feed=feed, status=status, since=times.since, until=times.until, before=after, limit=limit
    )
    return Cycles(cycles=rows, next=rows[-1]["cycle_id"] if len(rows) == limit else None)


@router.get(
    "/cycles/{cycle_id}",
    response_model=Explained,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}, **describe(404)},
)
def explain(
    cycle_id: CycleId, request: Request, database: Database, settings: ServerSettings, token: MayRead
) -> Explained | Response:
    """What a cycle read, what became of it, and where its files are; in words if `Accept` has text/plain and no JSON."""
    facts = facts_of(database, settings, cycle_id)
    if Scope.RAW not in token.scopes:
        facts["causes"] = [{**cause, "examples": ()} for cause in facts["causes"]]
    accepted = request.headers.get("accept", "").lower()
    if "text/plain" in accepted and "application/json" not in accepted:
        return PlainTextResponse("\n".join([*in_words(settings, facts), ""]))
    return Explained(**facts)
