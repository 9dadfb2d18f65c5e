"""What a job belongs to: its cycle, its notebook, the version of the code."""

from __future__ import annotations

import os
import re
import secrets
import subprocess
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from sqlalchemy import Connection, and_, case, exists, select

from etl import __version__
from etl.audit.states import NOTEBOOKS, Job, Status
from etl.database.schema.tables.audit_tables import etl_log
from etl.errors import ParameterError
from etl.settings import Settings
from etl.settings.packaged import CLONE, notebook_file

HAND_SUFFIX = "-hand"

_CYCLE_NAME = re.compile(r"[A-Za-z0-9][\w.+-]{0,63}", re.ASCII)


def new_cycle_id(*, by_hand: bool = False) -> str:
    """A new name for a cycle: unique, and sortable by time."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}{HAND_SUFFIX if by_hand else ''}"


def require_cycle_name(cycle_id: str) -> None:
    """Check a cycle's name, which may come from a scheduler: archives and folders have it in their names.

    :raises ParameterError: it cannot be part of a file name.
    """
    if cycle_id and not _CYCLE_NAME.fullmatch(cycle_id):
        raise ParameterError(
            f"cycle_id is {cycle_id!r}.",
            remedy="Use at most 64 characters: letters, digits and . _ + -, beginning with a letter or digit.",
        )


def hand_made_cycle(connection: Connection, feed: str) -> str:
    """The newest cycle that was started by hand and is not loaded yet, or a new one."""
    loaded = etl_log.alias("loaded")
    finished = exists().where(
        and_(loaded.c.cycle_id == etl_log.c.cycle_id, loaded.c.job_name == Job.LOAD, loaded.c.status == Status.SUCCESS)
    )
    newest = connection.execute(
        select(etl_log.c.cycle_id, case((finished, 1), else_=0).label("finished"))
        .where(etl_log.c.feed == feed, etl_log.c.by_hand)
        .order_by(etl_log.c.log_id.desc())
        .limit(1)
    ).first()
    return newest.cycle_id if newest and not newest.finished else new_cycle_id(by_hand=True)


def notebook_of(settings: Settings, cycle_id: str, job: Job) -> tuple[str | None, Path]:
    """The executed notebook, relative to ETL_HOME, and the notebook that it was made from."""
    source = notebook_file(settings.home, NOTEBOOKS[job])
    executed = settings.runs / cycle_id / source.name
    if executed.is_file():
        return executed.relative_to(settings.home).as_posix(), source
    if opened := os.environ.get("JPY_SESSION_NAME"):
        # JupyterLab sets this variable for the kernel of a notebook.
        return f"notebooks/{Path(opened).name}", source
    return None, source


@cache
def code_version() -> str:
    """The version of the package, and the commit where it runs from a clone that is a git repository."""
    if CLONE is None:
        return __version__
    try:
        run = subprocess.run(
            ["git", "describe", "--always", "--dirty"],
            cwd=CLONE,
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return __version__
    return f"{__version__}+{run.stdout.strip()}" if run.returncode == 0 else __version__
