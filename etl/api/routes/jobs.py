"""Jobs, as the audit log has them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from etl.api.audit import AfterNumber, Jobs, Limit, OfCycle, OfFeed
from etl.api.dependencies import Database
from etl.api.selection import Period
from etl.audit.states import Job, Status
from etl.operations.history import newest_jobs

router = APIRouter(tags=["runs"])


@router.get("/jobs")
def list_jobs(
    database: Database,
    times: Period,
    feed: OfFeed = None,
    cycle: OfCycle = None,
    job: Annotated[Job | None, Query(description="only this one of a cycle's jobs")] = None,
    status: Annotated[Status | None, Query(description="only in this state")] = None,
    after: AfterNumber = None,
    limit: Limit = 100,
) -> Jobs:
    """Jobs, the newest first."""
    same = {"feed": feed, "cycle_id": cycle, "job_name": job, "status": status}
    rows = newest_jobs(database, since=times.since, until=times.until, before=after, limit=limit, **same)
    return Jobs(jobs=rows, next=rows[-1]["log_id"] if len(rows) == limit else None)
