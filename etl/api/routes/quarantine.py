"""Rejected rows: how many for which reason, and each with its text for a token that may read it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from etl.api.audit import OfCycle, OfFeed, RejectedId, RejectedRow, RejectedRows
from etl.api.dependencies import Database, MayRead
from etl.api.problems import describe
from etl.api.tokens import Scope
from etl.operations.quarantine.rows import Selection, counted, row_of
from etl.validation.reasons import Reason

router = APIRouter(tags=["quarantine"])


@router.get("/quarantine")
def count_rows(
    database: Database,
    feed: OfFeed = None,
    cycle: OfCycle = None,
    reason: Annotated[Reason | None, Query(description="only rejected for this reason")] = None,
) -> list[RejectedRows]:
    """How many rows were rejected, by feed, reason and status; the largest number first."""
    selection = Selection(feed=feed, cycle_id=cycle, reason=reason, status=None)
    return [RejectedRows(**row) for row in counted(database, selection)]


@router.get("/quarantine/{rejected_id}", responses=describe(404))
def show_row(rejected_id: RejectedId, database: Database, token: MayRead) -> RejectedRow:
    """A rejected row, and what is wrong with it."""
    row = row_of(database, rejected_id)
    if Scope.RAW not in token.scopes:
        row |= {"raw": None, "beside_message": None, "problems": [{**each, "value": None} for each in row["problems"]]}
    return RejectedRow(**row)
