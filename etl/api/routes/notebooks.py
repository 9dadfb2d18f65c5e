"""Executed notebooks as pages."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from etl.api.audit import CycleId
from etl.api.dependencies import Database, ServerSettings
from etl.api.problems import describe
from etl.audit.states import Job
from etl.notebook.page.executed import read_executed
from etl.notebook.page.render import POLICY, render

router = APIRouter(tags=["runs"])

_HEADERS = {"Content-Security-Policy": f"{POLICY}; frame-ancestors 'none'", "Referrer-Policy": "no-referrer"}


@router.get("/cycles/{cycle_id}/notebooks/{job}", response_class=HTMLResponse, responses=describe(404))
def show_notebook(cycle_id: CycleId, job: Job, database: Database, settings: ServerSettings) -> HTMLResponse:
    """The notebook of a job as it was executed, with a warning if its file was changed since. Nothing in it acts; the cell
    that failed is in view.
    """
    return HTMLResponse(render(read_executed(database, settings, cycle_id, job)), headers=_HEADERS)
