"""The page of a cycle's notebook for a person at this machine: an address that a browser can open."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import mkstemp
from typing import Any

from etl.audit.states import Job, Status
from etl.database.schema.migrations import connected
from etl.notebook.page.executed import FAILED_CELL, page_address, read_executed
from etl.settings import Settings


def openable_address(settings: Settings, jobs: Sequence[Mapping[str, Any]]) -> str:
    """Where the notebook is shown of the job that failed, or of the last one: by the API, or without ETL_API_URL in a temporary
    file that only this user can read.

    :param jobs: the rows of `etl_log` of a cycle, in order.
    :raises NotFound: the notebook is not on this machine.
    """
    row = next((job for job in jobs if job["status"] == Status.FAILED), jobs[-1])
    cycle_id, job = row["cycle_id"], Job(row["job_name"])
    return page_address(settings, cycle_id, job) or f"{_file(settings, cycle_id, job).as_uri()}#{FAILED_CELL}"


def _file(settings: Settings, cycle_id: str, job: Job) -> Path:
    # nbconvert is not loaded where the API shows the page.
    from etl.notebook.page.render import render

    with connected(settings, "explain") as connection:
        executed = read_executed(connection, settings, cycle_id, job)
    handle, name = mkstemp(prefix=f"etl-{job}-", suffix=".html")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(render(executed))
    return Path(name)
