"""Audit rows that could not be written because the database was unavailable: kept on disk, and written by the next job.

One JSON file per row under `ETL_HOME/.services/audit-spool/`.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine

from etl.audit import log_rows
from etl.audit.incidents import job_ends, register
from etl.audit.incidents.register import Source
from etl.database import transaction
from etl.settings import Settings
from etl.storage import files

_TIMES = ("start_time", "end_time", "heartbeat_at")


def keep(settings: Settings, row: Mapping[str, Any]) -> None:
    """Keep a row, as `etl.audit.log_rows.write_kept` takes it, until the database is available."""
    settings.spool.mkdir(mode=0o700, parents=True, exist_ok=True)
    plain = {name: value.isoformat() if isinstance(value, datetime) else value for name, value in row.items()}
    files.write_json(settings.spool / f"{plain['end_time']}-{secrets.token_hex(4)}.json".replace(":", ""), plain)


def flush(settings: Settings, engine: Engine) -> int:
    """Write the rows that were kept; returns how many. A file is deleted only after its row was committed.

    :raises ServiceUnavailable: the database is still unavailable.
    """
    paths = settings.spool.glob("*.json") if settings.spool.is_dir() else ()
    # `glob` finds hidden names as well: a row that another process is writing, or was writing when it died.
    waiting = sorted(file for file in paths if not file.name.startswith(files.TEMPORARY_PREFIX))
    if not waiting:
        return 0
    rows = [files.read_json(file) for file in waiting]
    with transaction(engine) as connection:
        for row in rows:
            times = {name: datetime.fromisoformat(row[name]) for name in _TIMES if name in row}
            if log_id := log_rows.write_kept(connection, {**row, **times}):
                _open_incident(connection, settings, log_rows.row_of(connection, log_id))
    for file in waiting:
        file.unlink(missing_ok=True)
    return len(rows)


def _open_incident(connection: Connection, settings: Settings, row: Mapping[str, Any]) -> None:
    """What the row shows is an incident, unless the job has ended well since."""
    if not log_rows.has_succeeded_since(connection, row):
        source = Source(row["log_id"], row["cycle_id"], row["job_name"], row["notebook"])
        register.take(connection, settings, row["feed"], job_ends.failed(row["job_name"], row), source)
