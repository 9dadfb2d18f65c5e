"""The executed copy of a notebook: where it is, whether it is still what the cycle has left, and the address of its page."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, select

from etl.audit.states import NOTEBOOKS, Job
from etl.database.schema.tables.audit_tables import etl_log
from etl.errors import NotFound
from etl.settings import Settings
from etl.storage import files

LARGEST = 20_000_000
"""Bytes of a notebook that is read as a whole; one of a cycle has less than a hundredth of it."""
FAILED_CELL = "failed"
"""The part of a page where the cell is that failed."""
_NOT_RECORDED = (
    "The audit log does not have the SHA-256 of this file, as of a cycle that was started without `run`, or that runs still:"
    " whether it was changed is not known."
)
_CHANGED = "This file was changed after its cycle had ended: its SHA-256 is not the one in the audit log."


@dataclass(frozen=True)
class Executed:
    """An executed notebook as its file is now."""

    feed: str
    cycle_id: str
    job: Job
    status: str
    """Of the job."""
    content: bytes
    warning: str
    """Why it may not be what the job has left; empty where its SHA-256 is the recorded one."""


def read_executed(connection: Connection, settings: Settings, cycle_id: str, job: Job) -> Executed:
    """The notebook of a job that `etl_log` knows. No other file is read, whatever the cycle is called.

    :raises NotFound: there is no such job, or its notebook is not in `output/runs`, or larger than 20 MB.
    """
    log = etl_log.c
    query = select(log.feed, log.status, log.executed_sha256).where(log.cycle_id == cycle_id, log.job_name == job)
    row = connection.execute(query.order_by(log.log_id.desc()).limit(1)).one_or_none()
    if row is None:
        raise NotFound(
            f"There is no job {job} of a cycle {cycle_id!r}.", remedy="`python -m etl history` lists jobs and cycles."
        )
    content = _content(settings, cycle_id, job)
    warning = ""
    if row.executed_sha256 is None:
        warning = _NOT_RECORDED
    elif row.executed_sha256 != hashlib.sha256(content).hexdigest():
        warning = _CHANGED
    return Executed(row.feed, cycle_id, job, row.status, content, warning)


def executed_sha256(settings: Settings, cycle_id: str) -> dict[Job, str]:
    """The SHA-256 of each executed copy that a cycle has left; jobs that did not begin have none."""
    copies = {job: settings.runs / cycle_id / f"{name}.ipynb" for job, name in NOTEBOOKS.items()}
    return {job: files.sha256(file) for job, file in copies.items() if file.is_file()}


def page_address(settings: Settings, cycle_id: str, job: Job) -> str:
    """Where the API shows the notebook, at the cell that failed; empty where ETL_API_URL is not set."""
    if not settings.api_url:
        return ""
    return f"{settings.api_url}/cycles/{quote(cycle_id, safe='')}/notebooks/{job}#{FAILED_CELL}"


def has_failed(cell: Mapping[str, Any]) -> bool:
    """Whether a cell of a notebook has ended with an error."""
    return any(output["output_type"] == "error" for output in cell.get("outputs", ()))


def _content(settings: Settings, cycle_id: str, job: Job) -> bytes:
    name = f"{NOTEBOOKS[job]}.ipynb"
    runs = settings.runs.resolve()
    try:
        # Neither a name nor a link leads out of the folder.
        file = (runs / cycle_id / name).resolve()
        if file.is_relative_to(runs) and file.is_file():
            return _whole(file)
    except OSError:
        pass
    raise NotFound(
        f"The notebook {name} of cycle {cycle_id} is not in output/runs, or cannot be read.",
        remedy="It is on the machine that ran the cycle until `prune` deletes it. A job that was run by hand has none.",
    )


def _whole(file: Path) -> bytes:
    if file.stat().st_size > LARGEST:
        raise NotFound(
            f"The notebook {file.name} has more than {LARGEST // 1_000_000} MB.", remedy="Open its file in JupyterLab."
        )
    return file.read_bytes()
