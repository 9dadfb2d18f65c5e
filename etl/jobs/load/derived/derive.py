"""What follows from rows that came into a feed's table, or left it: windows, quality, anomalies. In the same transaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, Connection, Table, and_, delete, func, insert, select, update

from etl.audit import log_rows
from etl.contract.model import EvolvedContract
from etl.database.schema import windows
from etl.database.schema.audit_tables import etl_anomaly, etl_feed
from etl.jobs.load.derived import quality
from etl.jobs.load.derived.new_windows import add_fresh
from etl.jobs.load.derived.newest_rows import FreshRows
from etl.jobs.load.derived.quality import ON_TIME, Tally


@dataclass(frozen=True)
class Brought:
    """What a load has brought so far, counted in the feed's table."""

    rows: int
    late: int
    newest: datetime | None
    """The newest event time."""
    lateness_mean_seconds: float | None
    """Of the late rows."""
    lateness_max_seconds: float | None


def brought(connection: Connection, contract: EvolvedContract, table: Table, log_id: int) -> Brought:
    """Count what the table holds of a load."""
    time = table.c[contract.event_time.column]
    behind = table.c.lateness_seconds
    figures = select(func.count(), func.count(behind), func.max(time), func.avg(behind), func.max(behind))
    rows, late, *others = connection.execute(figures.where(table.c.log_id == log_id)).one()
    return Brought(int(rows), int(late), *others)


def derive(
    connection: Connection,
    contract: EvolvedContract,
    table: Table,
    log_id: int,
    mine: ColumnElement[bool],
    fresh: FreshRows | None = None,
) -> None:
    """Bring windows up to date after rows came in, and judge them.

    :param mine: which rows of the load in the table are these.
    :param fresh: the rows, where they were kept in memory.
    """
    from etl.jobs.load.derived.anomalies import judge, judge_fresh

    if fresh is not None and _nothing_else_is_newer(connection, table, fresh):
        add_fresh(connection, contract, table, fresh, and_(table.c.log_id == log_id, mine))
        if not judge_fresh(connection, contract, table, log_id, mine, fresh):
            judge(connection, contract, table, log_id, mine)
        return
    new = select(table).where(table.c.log_id == log_id, mine).subquery("new")
    windows.recompute(connection, contract, table, windows.touch(connection, contract, new))
    judge(connection, contract, table, log_id, mine)


def _nothing_else_is_newer(connection: Connection, table: Table, fresh: FreshRows) -> bool:
    """Whether the table holds these rows and none else after the newest of before. That one is known from the audit log,
    whereas somebody may have changed the table by hand.
    """
    count = select(func.count()).select_from(table)
    if fresh.newest is not None:
        count = count.where(table.c[fresh.time] > fresh.newest)
    return connection.scalar(count) == fresh.rows


def describe_load(
    connection: Connection,
    contract: EvolvedContract,
    table: Table,
    log_id: int,
    tally: Tally,
    found: Brought,
    late: int,
    fresh: FreshRows | None = None,
) -> None:
    """Record the quality of an archive's rows, and how far the feed's readings reach now.

    :param late: how many of the archive's own rows were late.
    :param fresh: the archive's rows, where they were kept in memory.
    """
    tally.add(ON_TIME, tally.checked[quality.UNIQUE] - tally.failed[quality.UNIQUE], late)
    age = (datetime.now(UTC) - found.newest).total_seconds() if found.newest else None
    times = {
        "age_seconds": age,
        "lateness_mean_seconds": found.lateness_mean_seconds,
        "lateness_max_seconds": found.lateness_max_seconds,
    }
    is_all = fresh is not None and fresh.rows == found.rows
    quality.record(connection, contract, table, log_id, tally, times, fresh if is_all else None)
    _describe_feed(connection, contract)
    # Last, because signs of life go to the same row.
    reach(connection, log_id, found)


def reach(connection: Connection, log_id: int, found: Brought) -> None:
    """Write down how far the readings of a load reach: the next one's watermark."""
    log_rows.write_last_event_time(connection, log_id, found.newest)


def forget(connection: Connection, logs: list[int]) -> None:
    """Remove what was derived from single loads."""
    quality.forget(connection, logs)
    connection.execute(delete(etl_anomaly).where(etl_anomaly.c.log_id.in_(logs)))


def _describe_feed(connection: Connection, contract: EvolvedContract) -> None:
    """Keep what the contract promises where dashboards find it."""
    values = {
        "table_name": contract.table,
        "source": contract.source.name,
        "sensors": contract.fleet.sensors if contract.fleet else None,
        "interval_seconds": contract.fleet.interval_seconds if contract.fleet else None,
        "freshness_seconds": contract.freshness_seconds,
        "description": contract.description[:400],
    }
    known = connection.execute(update(etl_feed).where(etl_feed.c.feed == contract.feed).values(**values))
    if not known.rowcount:
        known_windows = {contract.table: windows.definitions(contract)}
        connection.execute(insert(etl_feed).values(feed=contract.feed, windows=known_windows, **values))
