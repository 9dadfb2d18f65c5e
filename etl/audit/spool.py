"""Audit rows that could not be written because the database was away: kept on the disk, written by the next job.

One JSON file per row under `ETL_HOME/.services/audit-spool/`. A row without `log_id` is inserted, once, however often that
is tried; one with `log_id` closes a row that is RUNNING still.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, insert, select, update

from etl.database import transaction
from etl.database.schema.audit_tables import etl_log
from etl.settings import Settings
from etl.storage import files

_TIMES = ("start_time", "end_time", "heartbeat_at")


def keep(settings: Settings, row: Mapping[str, Any]) -> None:
    """Keep a row until the database is back."""
    settings.spool.mkdir(mode=0o700, parents=True, exist_ok=True)
    plain = {name: value.isoformat() if isinstance(value, datetime) else value for name, value in row.items()}
    files.write_json(settings.spool / f"{plain['end_time']}-{secrets.token_hex(4)}.json".replace(":", ""), plain)


def flush(settings: Settings, engine: Engine) -> int:
    """Write the rows that were kept; returns how many. A file goes only after its row was committed.

    :raises ServiceUnavailable: the database is away still.
    """
    found = settings.spool.glob("*.json") if settings.spool.is_dir() else ()
    # `glob` finds hidden names as well: a row that somebody is writing now, or was writing when its process died.
    waiting = sorted(file for file in found if not file.name.startswith(files.TEMPORARY_PREFIX))
    if not waiting:
        return 0
    rows = [files.read_json(file) for file in waiting]
    with transaction(engine) as connection:
        for row in rows:
            _write(connection, {**row, **{name: datetime.fromisoformat(row[name]) for name in _TIMES if name in row}})
    for file in waiting:
        file.unlink(missing_ok=True)
    return len(rows)


def _write(connection: Connection, row: dict[str, Any]) -> None:
    log_id = row.pop("log_id", None)
    if log_id is not None:
        _close(connection, log_id, row)
        return
    same = {name: row[name] for name in ("feed", "job_name", "start_time", "host", "pid")}
    known = connection.scalar(select(etl_log.c.log_id).filter_by(**same))
    if known is None:
        connection.execute(insert(etl_log).values(**row))
    else:
        # It was written by this very call before, or as RUNNING by a job that never heard so; such a row knows its cycle.
        del row["cycle_id"]
        row.pop("by_hand", None)
        _close(connection, known, row)


def _close(connection: Connection, log_id: int, row: dict[str, Any]) -> None:
    still_open = (etl_log.c.log_id == log_id, etl_log.c.status == "RUNNING")
    connection.execute(update(etl_log).where(*still_open).values(**row))
