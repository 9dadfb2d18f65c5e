"""Late readings: those that lie behind the feed's watermark when they are loaded.

The watermark is the newest event time that was loaded before, less the lateness that the contract allows; a sensor's clock that
runs ahead cannot push it into the future. It does not move within one archive, in which readings may come in any order.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, func, select

from etl.contract.model import Contract
from etl.database.schema.tables.audit_tables import etl_log


def watermark(connection: Connection, contract: Contract, *, now: datetime) -> datetime | None:
    """The feed's watermark; None before its first load."""
    newest = newest_loaded(connection, contract)
    return None if newest is None else min(newest, now) - timedelta(seconds=contract.lateness_seconds)


def newest_loaded(connection: Connection, contract: Contract) -> datetime | None:
    """The newest event time that was ever loaded, and not undone; None before the feed's first load."""
    of_feed = (etl_log.c.feed == contract.feed, etl_log.c.undone_at.is_(None))
    newest = connection.scalar(select(func.max(etl_log.c.last_event_time)).where(*of_feed))
    return None if newest is None else newest.astimezone(UTC)


def with_lateness(rows: pa.Table, contract: Contract, mark: datetime | None) -> pa.Table:
    """Rows with the column `lateness_seconds`: by how much each lies behind the watermark; NULL where it does not."""
    if mark is None:
        late = pa.nulls(rows.num_rows, pa.float64())
    else:
        behind = pc.subtract(pa.scalar(mark, pa.timestamp("us", "UTC")), rows[contract.event_time.column])
        seconds = pc.divide(behind.cast(pa.int64()).cast(pa.float64()), 1e6)
        late = pc.if_else(pc.fill_null(pc.greater(seconds, 0.0), False), seconds, pa.scalar(None, pa.float64()))
    return rows.append_column("lateness_seconds", late)
