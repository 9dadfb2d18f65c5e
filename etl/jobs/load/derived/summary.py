"""What a load has inserted so far, counted in the feed's table: for its balance, its watermark and its quality."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, Table, func, insert, select, update

from etl.audit import log_rows
from etl.contract.model import EvolvedContract
from etl.database.schema import windows
from etl.database.schema.audit_tables import etl_feed


@dataclass(frozen=True)
class LoadSummary:
    """The rows of one load that are in the feed's table."""

    rows: int
    late: int
    newest: datetime | None
    """The newest event time."""
    lateness_mean_seconds: float | None
    """Of the late rows."""
    lateness_max_seconds: float | None

    @property
    def age_seconds(self) -> float | None:
        """How old the newest reading is now."""
        return (datetime.now(UTC) - self.newest).total_seconds() if self.newest else None

    def write_watermark(self, connection: Connection, log_id: int) -> None:
        """Record how far the load's readings reach: from it the next load computes its watermark.

        Call it last: the heartbeat writes to the same row, and waits until the transaction ends.
        """
        log_rows.write_last_event_time(connection, log_id, self.newest)


def summarise(connection: Connection, contract: EvolvedContract, table: Table, log_id: int) -> LoadSummary:
    """Count what the table holds of a load."""
    time = table.c[contract.event_time.column]
    behind = table.c.lateness_seconds
    figures = select(func.count(), func.count(behind), func.max(time), func.avg(behind), func.max(behind))
    rows, late, newest, mean, longest = connection.execute(figures.where(table.c.log_id == log_id)).one()
    return LoadSummary(int(rows), int(late), newest, mean, longest)


def describe_feed(connection: Connection, contract: EvolvedContract) -> None:
    """Write what the contract promises to `etl_feed`, where dashboards read it."""
    values = {
        "table_name": contract.table,
        "source": contract.source.name,
        "sensors": contract.fleet.sensors if contract.fleet else None,
        "interval_seconds": contract.fleet.interval_seconds if contract.fleet else None,
        "freshness_seconds": contract.freshness_seconds,
        "description": contract.description[:400],
    }
    updated = connection.execute(update(etl_feed).where(etl_feed.c.feed == contract.feed).values(**values))
    if not updated.rowcount:
        definitions = {contract.table: windows.definitions(contract)}
        connection.execute(insert(etl_feed).values(feed=contract.feed, windows=definitions, **values))
