"""What a load has inserted so far, counted in the feed's table: for its balance, its watermark and its quality."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, case, func, insert, select, update

from etl.audit import log_rows
from etl.contract.model import EvolvedContract
from etl.database.schema import windows
from etl.database.schema.tables.audit_tables import etl_feed


@dataclass(frozen=True)
class LoadSummary:
    """The rows of one load, or of one of its archives, that are in the feed's table."""

    rows: int = 0
    late: int = 0
    newest: datetime | None = None
    """The newest event time."""
    lateness_mean_seconds: float | None = None
    """Of the late rows."""
    lateness_max_seconds: float | None = None
    newer: int = 0
    """Rows, also of others, that are newer than the moment that was asked about."""

    def __add__(self, other: LoadSummary) -> LoadSummary:
        late = self.late + other.late
        seconds = sum(part.late * (part.lateness_mean_seconds or 0.0) for part in (self, other))
        return LoadSummary(
            self.rows + other.rows,
            late,
            _largest(self.newest, other.newest),
            seconds / late if late else None,
            _largest(self.lateness_max_seconds, other.lateness_max_seconds),
            self.newer + other.newer,
        )

    @property
    def age_seconds(self) -> float | None:
        """How old the newest reading is now."""
        return (datetime.now(UTC) - self.newest).total_seconds() if self.newest else None

    def write_watermark(self, connection: Connection, log_id: int) -> None:
        """Record how far the load's readings reach: from it the next load computes its watermark.

        Call it last: the heartbeat writes to the same row, and waits until the transaction ends.
        """
        log_rows.write_last_event_time(connection, log_id, self.newest)


def _largest(*values: Any) -> Any:
    return max((value for value in values if value is not None), default=None)


def summarise(
    connection: Connection,
    contract: EvolvedContract,
    table: Table,
    log_id: int,
    where: ColumnElement[bool] | None = None,
    after: datetime | None = None,
) -> LoadSummary:
    """Count what the table holds of a load.

    :param where: a part of the table; None: all rows of the load.
    :param after: the moment for `newer`; None: all rows are newer.
    """
    time = table.c[contract.event_time.column]
    behind = table.c.lateness_seconds
    newer: ColumnElement[int] = func.count() if after is None else func.count(case((time > after, 1)))
    figures = select(
        table.c.log_id, newer, func.count(), func.count(behind), func.max(time), func.avg(behind), func.max(behind)
    )
    # The load is chosen from the result: as a condition it would make the planner prefer an index on it to the given part.
    query = figures.where(table.c.log_id == log_id if where is None else where).group_by(table.c.log_id)
    found = {row[0]: row[1:] for row in connection.execute(query)}
    _, rows, late, newest, mean, longest = found.get(log_id, (0, 0, 0, None, None, None))
    return LoadSummary(int(rows), int(late), newest, mean, longest, sum(int(row[0]) for row in found.values()))


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
