"""The audit log, newest first. Separate from `status` because it needs only the database."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from etl.audit.states import Status
from etl.database.schema.migrations import connected
from etl.database.schema.tables.audit_tables import etl_log
from etl.settings import Settings


def history(
    settings: Settings, *, feed: str | None = None, cycle_id: str | None = None, failed: bool = False, limit: int = 20
) -> list[dict[str, Any]]:
    """Rows of `etl_log`, newest first, with the names of its columns.

    :raises ServiceUnavailable: the database does not answer.
    """
    query = select(etl_log).order_by(etl_log.c.log_id.desc()).limit(limit)
    if feed:
        query = query.where(etl_log.c.feed == feed)
    if cycle_id:
        query = query.where(etl_log.c.cycle_id == cycle_id)
    if failed:
        query = query.where(etl_log.c.status == Status.FAILED)
    with connected(settings, "history") as connection:
        return [dict(row) for row in connection.execute(query).mappings()]
