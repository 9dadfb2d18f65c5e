"""Undo a cycle: remove exactly the rows that it loaded, so that its archives can be loaded again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, delete, func, select, update

from etl.audit import ledger, log_rows
from etl.audit.recovery import close_dead
from etl.audit.states import Job, Status
from etl.contract.model import EvolvedContract
from etl.contract.reader import Contract
from etl.database import dispose, lock_feed, make_engine, transaction
from etl.database.schema.feed_table import with_added_columns
from etl.database.schema.migrations import connected, require_current
from etl.database.schema.tables.audit_tables import etl_log, etl_rejected_row
from etl.errors import AlreadyRunning, ConfigurationError
from etl.jobs.load import conflicts
from etl.jobs.load.derived import registry
from etl.jobs.load.tables import ensure_feed
from etl.operations.quarantine.rows import QUARANTINED, REPLAY_SUFFIX, REPLAYED, REPLAYED_ROWS
from etl.settings import Settings
from etl.storage import manifests
from etl.storage.archive_file import ArchiveFile
from etl.storage.locks import feed_lock


@dataclass(frozen=True)
class Undone:
    """What was removed."""

    cycle_id: str
    rows: int
    """From the feed's table."""
    rejected: int
    """Rows removed from the quarantine; of a replay, rows that were put back into it."""
    archives: tuple[str, ...]
    """Archives that the next load will load again."""


def feed_of(settings: Settings, cycle_id: str) -> str:
    """The feed of a cycle.

    :raises ConfigurationError: there is no such cycle.
    """
    with connected(settings, "undo") as connection:
        feed = connection.scalar(select(etl_log.c.feed).where(etl_log.c.cycle_id == cycle_id).limit(1))
    if feed is None:
        raise ConfigurationError(f"There is no cycle {cycle_id!r}.", remedy="`python -m etl history` lists them.")
    return str(feed)


def undo(settings: Settings, contract: Contract, cycle_id: str) -> Undone:
    """Remove every row that a cycle's loads inserted, and mark ledger and log, in one transaction and under the feed's locks.

    Where several rows have the same key, the next load of the archives decides again, in their order, which one is the first.

    :raises ConfigurationError: nothing of the cycle is loaded (any more), rows that it rejected were replayed since, its rows
        could not be loaded again, because `prune` has deleted its archives or the rows that it replayed, or the contract
        rejects rows by now that it replaced.
    :raises AlreadyRunning: the cycle, or another job of the feed, is running.
    """
    engine = make_engine(settings, application="undo")
    try:
        with (
            feed_lock(settings, contract.feed, "cycle", what=f"undo of cycle {cycle_id}"),
            feed_lock(settings, contract.feed, "job", what=f"undo of cycle {cycle_id}"),
            transaction(engine) as connection,
        ):
            require_current(connection)
            lock_feed(connection, contract.feed)
            close_dead(connection, settings, contract.feed)
            _refuse_running(connection, cycle_id)
            loads = _loads(connection, contract, cycle_id)
            _refuse_replayed(connection, cycle_id, loads)
            _refuse_pruned(settings, connection, contract, cycle_id, loads)
            return _remove(connection, with_added_columns(connection, contract), cycle_id, loads)
    finally:
        dispose(engine)


def _refuse_running(connection: Connection, cycle_id: str) -> None:
    running = select(etl_log.c.log_id).where(etl_log.c.cycle_id == cycle_id, etl_log.c.status == Status.RUNNING)
    if connection.scalar(running.limit(1)) is not None:
        raise AlreadyRunning(f"Cycle {cycle_id} is still running.", remedy="Wait until it has ended.")


def _loads(connection: Connection, contract: Contract, cycle_id: str) -> list[int]:
    loads = connection.scalars(
        select(etl_log.c.log_id).where(
            etl_log.c.cycle_id == cycle_id,
            etl_log.c.feed == contract.feed,
            etl_log.c.job_name == Job.LOAD,
            etl_log.c.records_read > 0,
            etl_log.c.undone_at.is_(None),
        )
    ).all()
    if not loads:
        raise ConfigurationError(
            f"Cycle {cycle_id!r} of feed {contract.feed} has loaded nothing that could be undone.",
            remedy="`python -m etl history` shows what each cycle did; a cycle can be undone once.",
        )
    return list(loads)


def _refuse_replayed(connection: Connection, cycle_id: str, loads: Sequence[int]) -> None:
    row = etl_rejected_row.c
    replay = connection.scalar(
        select(etl_log.c.cycle_id)
        .join(etl_rejected_row, row.replayed_by == etl_log.c.log_id)
        .where(row.log_id.in_(loads), row.status == REPLAYED)
        .limit(1)
    )
    if replay is not None:
        raise ConfigurationError(
            f"Rows that cycle {cycle_id} rejected were replayed since, by cycle {replay}.",
            remedy=f"Undo that one first: `python -m etl undo {replay}`.",
        )


def _refuse_pruned(
    settings: Settings, connection: Connection, contract: Contract, cycle_id: str, loads: Sequence[int]
) -> None:
    """Refuse to remove rows that could not be loaded again."""
    folder = manifests.feed_backup(settings, contract.feed)
    for name, moved_to in ledger.places_of_archives(connection, loads).items():
        if not ArchiveFile(folder, name).is_complete():
            raise ConfigurationError(
                f"Archive {name} of cycle {cycle_id} is no longer in backup/{contract.feed}/, so that its rows"
                " could not be loaded again.",
                remedy=f"Copy it and its manifest back first, from {moved_to}."
                if moved_to
                else "Restore the archive and its manifest from a copy first; `prune` deletes what is old and loaded.",
            )
    if not cycle_id.endswith(REPLAY_SUFFIX):
        return
    log, row = etl_log.c, etl_rejected_row.c
    # Earlier versions did not note the number; they loaded one reading per row.
    replayed = sum(
        (notes or {}).get(REPLAYED_ROWS, rows)
        for notes, rows in connection.execute(
            select(log.notes, log.records_processed + log.records_duplicate).where(log.log_id.in_(loads))
        )
    )
    of_replay = (row.replayed_by.in_(loads), row.status == REPLAYED)
    kept = connection.scalar(select(func.count()).select_from(etl_rejected_row).where(*of_replay))
    if kept != replayed:
        raise ConfigurationError(
            f"{replayed} rows were replayed by cycle {cycle_id}, {kept} of them are still in the quarantine: the others could"
            " not be replayed again.",
            remedy="Rows that `prune` deleted from the quarantine stay loaded; only SQL can remove them.",
        )


def _remove(connection: Connection, contract: EvolvedContract, cycle_id: str, loads: Sequence[int]) -> Undone:
    now = datetime.now(UTC)
    table = ensure_feed(connection, contract)
    of_loads = select(table).where(table.c.log_id.in_(loads)).subquery()
    with registry.following(connection, contract, table, of_loads):
        rows = connection.execute(delete(table).where(table.c.log_id.in_(loads))).rowcount
    conflicts.put_back(connection, contract, table, loads)
    conflicts.forget_replaced(connection, loads)
    registry.forget(connection, list(loads))
    quarantine = etl_rejected_row.c
    if cycle_id.endswith(REPLAY_SUFFIX):
        rejected = connection.execute(
            update(etl_rejected_row)
            .where(quarantine.replayed_by.in_(loads))
            .values(status=QUARANTINED, replayed_by=None, decided_at=None, note=None)
        ).rowcount
    else:
        rejected = connection.execute(delete(etl_rejected_row).where(quarantine.log_id.in_(loads))).rowcount
    archives = ledger.mark_undone(connection, loads, now)
    log_rows.mark_undone(connection, loads, now)
    return Undone(cycle_id, int(rows), int(rejected), archives)
