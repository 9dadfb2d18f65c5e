"""Job 4: validate archives and load them, each in one transaction with everything that follows from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from sqlalchemy import Connection, Table, and_, case, delete, func, insert, select

from etl import audit, derived, failpoints, files, growth, landing, quality
from etl.audit import Counts, JobRun
from etl.contract import Contract
from etl.database import transaction, try_lock_feed
from etl.derived import Brought
from etl.errors import AlreadyRunning, BalanceError, FailureBudgetExceeded, IntegrityError
from etl.files import Archive
from etl.insertion import Inserted, Insertion
from etl.locks import JOB_WAIT_SECONDS, feed_lock
from etl.reasons import Reason
from etl.retry import retrying
from etl.schema import ensure_feed
from etl.set_aside import ARCHIVE as ARCHIVE_KIND
from etl.set_aside import Failures
from etl.settings import Settings
from etl.sources import Sources
from etl.tables import ARCHIVE, LANDING, etl_file, etl_rejected_row, feed_table, grown
from etl.turns import Queue

if TYPE_CHECKING:
    import pandas as pd

log = structlog.get_logger("load")


@dataclass(frozen=True)
class Loaded:
    """What was loaded. `counts`: read = rows of the archives, processed = rows now in the feed's table."""

    cycle_id: str
    counts: Counts
    archives: tuple[Archive, ...]
    reasons: pd.Series
    """Rejected rows by reason."""
    sample: pd.DataFrame
    """What a few sensors sent, for a plot."""
    score: Mapping[str, float]
    """The quality score of this load and its components, 0 to 100; empty where nothing was loaded."""


def load(settings: Settings, contract: Contract, *, cycle_id: str = "", anomaly_threshold: float = 0.0) -> Loaded:
    """Load every archive that the ledger does not hold when the job begins, oldest first, taking turns with other loaders.

    One transaction takes an archive: its place in the ledger, its rows, the rejected ones, and this job's audit row. So an
    archive is loaded as a whole or not at all, and never twice. What another loader has taken meanwhile is not of this job.

    An archive that cannot be loaded fails the job, and those after it wait; the second time it is set aside, and they are
    loaded (`etl.set_aside`).

    :param anomaly_threshold: the robust z-score above which a reading is an outlier; 0: the contract's.
    :raises IntegrityError: an archive is not what its manifest says.
    :raises BalanceError: rows read are not rows loaded + rejected + duplicate, or the table holds another number.
    :raises AlreadyRunning: others hold the feed's turn, and load nothing for `settings.statement_timeout_seconds`.
    """
    if anomaly_threshold and contract.anomalies:
        contract = replace(contract, anomalies=replace(contract.anomalies, threshold=anomaly_threshold))
    parameters = {"anomaly_threshold": anomaly_threshold}
    with audit.job(settings, contract, "load", cycle_id, parameters, alone=False) as run:
        folder = files.feed_backup(settings, contract.feed)
        failures = Failures(settings, run, contract.feed, ARCHIVE_KIND)
        with transaction(run.engine) as connection:
            queue = Queue(connection, contract, folder, files.feed_output(settings, contract.feed), run.log_id)
        if run.lacks_tables:
            retrying(settings, "making tables", partial(_make_tables, run, contract))
        done: list[Archive] = []
        while queue.names:
            if archive := _load_next(settings, run, contract, folder, queue, failures):
                done.append(archive)
                queue.leave(archive)
        failures.settle()
        if contract.landing:
            _settle(settings, run, contract)
        with transaction(run.engine) as connection:
            audit.close_dead(connection, settings, contract.feed)
            return _finish(connection, run, contract, done)


def _make_tables(run: JobRun, contract: Contract) -> None:
    """Make what the feed lacks before any row is loaded: who looks into the catalogue meanwhile need not wait for a load.

    Where another loader has the turn, it does so.
    """
    with transaction(run.engine) as connection:
        if try_lock_feed(connection, contract.feed):
            ensure_feed(connection, contract)
    failpoints.reached("load.tables_made")


def _load_next(
    settings: Settings, run: JobRun, contract: Contract, folder: Path, queue: Queue, failures: Failures
) -> Archive | None:
    """Load the oldest archive of the queue; None where that is left to others, to the next job, or set aside."""
    before, notes = run.counts, dict(run.notes)
    turn = partial(_take_turn, settings, run, contract, folder, queue, before)
    try:
        return retrying(settings, f"loading {queue.names[0]}", turn)
    except Exception as error:
        # Nothing of it was committed, so nothing of it is reported either.
        run.counts, run.closed, run.notes = before, False, notes
        if not queue.names:
            raise
        name = queue.names[0]
        if not failures.count(name, error) and not failures.goes_on:
            raise
        queue.leave_out(name)
        return None


def _finish(connection: Connection, run: JobRun, contract: Contract, done: list[Archive]) -> Loaded:
    """Close the audit row, if the last archive has not done that, and tell what was loaded."""
    contract = grown(connection, contract)
    # Whoever has the turn makes the tables.
    table = ensure_feed(connection, contract) if try_lock_feed(connection, contract.feed) else feed_table(contract)
    counts = run.counts
    if not run.closed:
        run.succeed(connection, counts)
    return Loaded(
        run.cycle_id,
        counts,
        tuple(done),
        _reasons(connection, run),
        _sample(connection, run, contract, table if done else None),
        quality.scored(connection, run.log_id),
    )


def _settle(settings: Settings, run: JobRun, contract: Contract) -> None:
    """Move landing files that are loaded; what another job hinders is moved by the next load."""
    try:
        with (
            feed_lock(settings, contract.feed, "job", what="job load", wait_seconds=JOB_WAIT_SECONDS),
            transaction(run.engine) as connection,
        ):
            landing.settle(settings, contract, connection)
    except AlreadyRunning as error:
        log.warning("landing files that are loaded stay for now", cause=error.cause)


def _take_turn(
    settings: Settings, run: JobRun, contract: Contract, folder: Path, queue: Queue, before: Counts
) -> Archive | None:
    """Load the oldest archive of the queue that nobody has loaded; None where others have loaded all of them.

    An attempt before this one may have loaded it, of whose COMMIT the answer was lost: the ledger knows.
    """
    run.counts, run.closed = before, False
    with transaction(run.engine) as connection:
        archive = queue.take(connection, settings.statement_timeout_seconds)
        if archive is None:
            return None
        last = queue.names == [archive.file_name]
        if queue.is_loaded(connection, archive):
            log.warning("the commit had succeeded, its answer was lost", archive=archive.file_name)
            run.counts = run.recorded(connection)
            run.closed = last
            return archive
        counts = _load_archive(connection, run, contract, folder, archive, before, last=last)
    failpoints.reached("load.committed")
    run.counts = before + counts
    run.closed = last
    log.info(
        "loaded",
        archive=archive.file_name,
        rows=counts.processed,
        rejected=counts.rejected,
        duplicates=counts.duplicate,
        late=counts.late,
    )
    return archive


def _load_archive(
    connection: Connection,
    run: JobRun,
    contract: Contract,
    folder: Path,
    archive: Archive,
    before: Counts,
    *,
    last: bool,
) -> Counts:
    """Load one archive, all but the COMMIT; returns its own counts."""
    file = files.content_of(folder, archive.file_name)
    _require_unchanged(file, archive)
    contract = _with_new_columns(connection, contract, run, archive, file)
    table = ensure_feed(connection, contract)
    sources = Sources(connection, archive)
    _enter(connection, archive, sources, run)
    inserted = Insertion(connection, run, contract, table, file, archive, sources).insert()
    counts, fresh = inserted.counts, inserted.fresh
    if counts.read != archive.rows:
        raise BalanceError(
            f"{archive.file_name}: the manifest says {archive.rows} rows, {counts.read} were read.",
            remedy="Nothing was committed. Restore the archive from its batches or from a copy.",
        )
    counts.require_balance(archive.file_name)
    _require_budget(contract, archive, counts)
    found = derived.brought(connection, contract, table, run.log_id)
    # With `keepLast` an archive may take the place of late rows that an earlier one of the same job brought.
    counts = replace(counts, late=max(0, found.late - before.late))
    total = before + counts
    if contract.on_conflict == "keepLast":
        _require_of_archive(connection, run, table, sources, inserted)
    else:
        _require_in_table(connection, run, table, total, found)
    _require_in_quarantine(connection, run, contract, total)
    derived.derive(connection, contract, table, run.log_id, sources.are_of(table), fresh)
    derived.describe_load(connection, contract, table, run.log_id, inserted.tally, found, counts.late, fresh)
    if last:
        run.succeed(connection, total)
    else:
        run.record(connection, total)
    failpoints.reached("load.before_commit")
    return counts


def _with_new_columns(
    connection: Connection, contract: Contract, run: JobRun, archive: Archive, file: Path
) -> Contract:
    """The contract with the columns that the feed gained before, and those that this archive brings."""
    contract = growth.widen(connection, grown(connection, contract), file)
    found = growth.discover(connection, file, contract, archive.files)
    if notes := found.notes(run.notes):
        log.warning("new keys", **notes)
        run.remember(notes)
    return growth.take_up(connection, contract, found.columns, run.log_id)


def _require_unchanged(file: Path, archive: Archive) -> None:
    if not file.exists():
        raise IntegrityError(f"Archive {file.name} is gone, its manifest is there.", remedy="Restore it from a copy.")
    found = files.content_sha256(file)
    if found != archive.sha256:
        raise IntegrityError(
            f"Archive {file.name} was changed after its manifest was written (SHA-256 {found[:12]}…, expected"
            f" {archive.sha256[:12]}…). Nothing of it was loaded.",
            remedy="Restore the file from a copy; to load changed rows, replay them as messages (1_produce, replay).",
        )


def _enter(connection: Connection, archive: Archive, sources: Sources, run: JobRun) -> None:
    """Enter an archive and its landing files into the ledger. Source and SHA-256 are unique there, so that a second entry
    fails the transaction.

    An entry whose load was undone gives way to the new one.
    """
    same_moment = {"archived_at": datetime.fromisoformat(archive.archived_at), "loaded_at": datetime.now(UTC)}
    entries = [
        (ARCHIVE, sources.archive, archive.file_name, archive.sha256, archive.bytes, archive.rows, archive.offsets)
    ]
    entries += [
        (LANDING, source_id, file.name, file.sha256, file.bytes, file.rows, {})
        for number, (source_id, file) in enumerate(zip(sources.files, archive.files, strict=True))
        if number not in sources.loaded_before
    ]
    for kind, source_id, name, sha256, size, rows, offsets in entries:
        same = (etl_file.c.source_id == source_id, etl_file.c.sha256 == sha256)
        connection.execute(delete(etl_file).where(*same, etl_file.c.undone_at.is_not(None)))
        connection.execute(
            insert(etl_file).values(
                feed=archive.feed,
                kind=kind,
                file_name=name,
                sha256=sha256,
                source_id=source_id,
                bytes=size,
                rows=rows,
                offset_ranges={partition: vars(found) for partition, found in offsets.items()},
                log_id=run.log_id,
                **same_moment,
            )
        )


def _require_budget(contract: Contract, archive: Archive, counts: Counts) -> None:
    """Refuse an archive of which too much is bad: then something upstream has changed, and somebody should look.

    :raises FailureBudgetExceeded: more than the contract's share of its rows was rejected.
    """
    if counts.rejected > contract.failure_budget * counts.read:
        raise FailureBudgetExceeded(
            f"{archive.file_name}: {counts.rejected} of {counts.read} rows would be rejected, more than the contract's"
            f" failureBudget of {contract.failure_budget:g}. Nothing was committed.",
            remedy="Mend the source or the contract, or raise failureBudget; then run again.",
        )


def _require_in_table(connection: Connection, run: JobRun, table: Table, total: Counts, found: Brought) -> None:
    """Compare what this job has counted with what the feed's table holds of it."""
    if found.rows != total.processed:
        raise _unlike(f"{table.name} holds {found.rows} rows of this load; {total.processed} were counted.")


def _require_of_archive(
    connection: Connection, run: JobRun, table: Table, sources: Sources, inserted: Inserted
) -> None:
    """The same for one archive, of whose rows some took the place of others; a later archive may take theirs."""
    mine = and_(table.c.log_id == run.log_id, sources.are_of(table))
    held = connection.scalar(select(func.count()).select_from(table).where(mine))
    counted = inserted.counts.processed + inserted.taken.rows - inserted.taken.own
    if held != counted:
        raise _unlike(f"{table.name} holds {held} rows of this archive; {counted} were counted.")


def _require_in_quarantine(connection: Connection, run: JobRun, contract: Contract, total: Counts) -> None:
    """Compare what this job has rejected with what the quarantine holds of it."""
    row = etl_rejected_row.c
    conflicting = case((row.reason == Reason.CONFLICTING.value, 1), else_=0)
    rows, different = connection.execute(
        select(func.count(), func.coalesce(func.sum(conflicting), 0)).where(row.log_id == run.log_id)
    ).one()
    kept = total.conflicting if contract.on_conflict == "quarantine" else different
    if (rows - different, different) != (total.rejected, kept):
        raise _unlike(
            f"The quarantine holds {rows - different} rejected and {different} conflicting rows of this load;"
            f" {total.rejected} and {total.conflicting} were counted."
        )


def _unlike(cause: str) -> BalanceError:
    return BalanceError(
        f"{cause} Nothing was committed.",
        remedy="Run again. If it stays so, this is a defect: keep backup/ as it is and report it.",
    )


def _reasons(connection: Connection, run: JobRun) -> pd.Series:
    import pandas as pd

    rows = connection.execute(
        select(etl_rejected_row.c.reason, func.count().label("rows"))
        .where(etl_rejected_row.c.log_id == run.log_id)
        .group_by(etl_rejected_row.c.reason)
        .order_by(func.count().desc(), etl_rejected_row.c.reason)
    ).all()
    return pd.Series({row.reason: row.rows for row in rows}, name="rejected rows", dtype="int64")


def _sample(connection: Connection, run: JobRun, contract: Contract, table: Table | None) -> pd.DataFrame:
    """What a few sensors sent: enough for a plot, whatever the number of rows."""
    import pandas as pd

    if table is None:
        return pd.DataFrame(columns=list(contract.column_names))
    mine = table.c.log_id == run.log_id
    key = table.c[contract.message_key]
    # Two queries: of rows that came a moment ago the planner knows nothing yet, and would join each with each.
    sensors = connection.scalars(select(key).where(mine).group_by(key).order_by(key).limit(5)).all()
    rows = (
        select(*(table.c[name] for name in contract.column_names))
        .where(mine, key.in_(sensors))
        .order_by(table.c[contract.event_time.column].desc())
        .limit(2_000)
    )
    return pd.DataFrame(connection.execute(rows).all(), columns=list(contract.column_names))
