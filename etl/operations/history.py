"""The audit log, newest first: jobs, and cycles. Separate from `status` because it needs only the database."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Column, Connection, MetaData, Table, and_, func, or_, select

from etl.audit.states import Status
from etl.database import DOUBLE, MOMENT, text_of
from etl.database.schema.migrations import connected
from etl.database.schema.tables.audit_tables import etl_log
from etl.settings import Settings

v_etl_cycles = Table(
    "v_etl_cycles",
    MetaData(),
    Column("cycle_id", text_of(64), nullable=False),
    Column("feed", text_of(64), nullable=False),
    Column(
        "status", text_of(16), nullable=False, comment="FAILED if a job failed, RUNNING while one runs, else SUCCESS"
    ),
    Column("start_time", MOMENT, nullable=False, comment="of its first job"),
    Column("end_time", MOMENT, comment="of its last job that has ended"),
    Column("duration_seconds", DOUBLE, comment="so far, while a job runs"),
    Column("records_loaded", BigInteger, nullable=False),
    Column("records_rejected", BigInteger, nullable=False),
    Column("records_duplicate", BigInteger, nullable=False),
    Column("records_conflicting", BigInteger, nullable=False),
)
"""The view of all cycles, as queries use it."""
_cycle = v_etl_cycles.c


def history(
    settings: Settings, *, feed: str | None = None, cycle_id: str | None = None, failed: bool = False, limit: int = 20
) -> list[dict[str, Any]]:
    """Rows of `etl_log`, newest first, with the names of its columns.

    :raises ServiceUnavailable: the database does not answer.
    """
    status = Status.FAILED if failed else None
    with connected(settings, "history") as connection:
        return newest_jobs(connection, feed=feed, cycle_id=cycle_id, status=status, limit=limit)


def newest_jobs(
    connection: Connection,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    before: int | None = None,
    limit: int = 20,
    **same: str | None,
) -> list[dict[str, Any]]:
    """Rows of `etl_log`, newest first, with the names of its columns.

    :param since: those that began then or later; `until`: and earlier than this.
    :param before: those with a smaller `log_id`.
    :param same: values of columns; None does not restrict.
    """
    query = select(etl_log).filter_by(**_given(same))
    if since:
        query = query.where(etl_log.c.start_time >= since)
    if until:
        query = query.where(etl_log.c.start_time < until)
    if before is not None:
        query = query.where(etl_log.c.log_id < before)
    return [dict(row) for row in connection.execute(query.order_by(etl_log.c.log_id.desc()).limit(limit)).mappings()]


def newest_cycles(
    connection: Connection,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    before: str | None = None,
    limit: int = 20,
    **same: str | None,
) -> list[dict[str, Any]]:
    """Cycles, newest first, with the columns of `v_etl_cycles`.

    :param since: those that began then or later; `until`: and earlier than this.
    :param before: those that come after the cycle with this id in this order.
    :param same: values of columns; None does not restrict.
    """
    query = select(v_etl_cycles).filter_by(**_given(same))
    if since:
        query = query.where(_cycle.start_time >= since)
    if until:
        query = query.where(_cycle.start_time < until)
    if before:
        start = select(func.min(etl_log.c.start_time)).where(etl_log.c.cycle_id == before).scalar_subquery()
        is_next = and_(_cycle.start_time == start, _cycle.cycle_id < before)
        query = query.where(_cycle.start_time <= start, or_(_cycle.start_time < start, is_next))
    ordered = query.order_by(_cycle.start_time.desc(), _cycle.cycle_id.desc())
    return [dict(row) for row in connection.execute(ordered.limit(limit)).mappings()]


def _given(same: dict[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in same.items() if value}
