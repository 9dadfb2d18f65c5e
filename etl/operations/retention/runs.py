"""Executed notebooks of old cycles."""

from __future__ import annotations

import re
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection, func, select

from etl.database import in_batches
from etl.database.schema.tables.audit_tables import etl_log
from etl.operations.retention.policy import Item, PruneRun
from etl.settings import Settings

_UNKNOWN_CYCLE_AGE = timedelta(days=1)
"""Least age of notebooks of a cycle that is not in `etl_log`: it may have just started."""

_CYCLE_ID = re.compile(r"\d{8}T\d{6}Z-\w+")


def old_runs(this: PruneRun, connection: Connection, feed: str) -> list[Path]:
    """Folders of executed notebooks of old cycles."""
    log = etl_log.c
    ended = (
        select(log.cycle_id, func.max(log.heartbeat_at).label("last")).where(log.feed == feed).group_by(log.cycle_id)
    )
    old = {row.cycle_id for row in connection.execute(ended) if this.is_old(row.last, this.policy.delete_after)}
    return [folder for folder in _runs(this.settings) if folder.name in old]


def unknown_runs(this: PruneRun, connection: Connection) -> list[Path]:
    """Folders of cycles without an audit row, because the database was unavailable from beginning to end."""
    if this.policy.delete_after is None:
        return []
    age = max(this.policy.delete_after, _UNKNOWN_CYCLE_AGE)
    old = [folder for folder in _runs(this.settings) if this.is_old(_last_change(folder), age)]
    recorded: set[str] = set()
    for batch in in_batches(folder.name for folder in old):
        recorded |= set(connection.scalars(select(etl_log.c.cycle_id).where(etl_log.c.cycle_id.in_(batch))))
    return [folder for folder in old if folder.name not in recorded]


def _runs(settings: Settings) -> list[Path]:
    entries = settings.runs.iterdir() if settings.runs.is_dir() else ()
    return sorted(
        path for path in entries if _CYCLE_ID.fullmatch(path.name) and path.is_dir() and not path.is_symlink()
    )


def _last_change(folder: Path) -> datetime:
    return datetime.fromtimestamp(max(path.stat().st_mtime for path in (folder, *folder.rglob("*"))), UTC)


def delete_run(this: PruneRun, feed: str, folder: Path) -> Item:
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    if not this.dry_run:
        shutil.rmtree(folder)
    return Item("notebooks", "delete", feed, folder.name, 1, size, size)
