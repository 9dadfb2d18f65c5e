"""Job 4: validate archives and load them, each in one transaction with everything that follows from it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import structlog
from sqlalchemy import Connection, Table, delete, func, insert, select

from etl import audit, derived, failpoints, files, growth, landing, quality
from etl.ahead import one_ahead
from etl.audit import Counts, JobRun
from etl.chunks import read_chunks
from etl.contract import Contract
from etl.database import Refused, Stage, make_stage, transaction, try_lock_feed
from etl.derived import Brought
from etl.errors import AlreadyRunning, BalanceError, FailureBudgetExceeded, IntegrityError
from etl.files import Archive
from etl.fresh import Fresh, FreshRows
from etl.lateness import newest_loaded, watermark, with_lateness
from etl.locks import JOB_WAIT_SECONDS, feed_lock
from etl.quality import UNIQUE, VALID, Tally
from etl.reasons import Reason
from etl.retry import retrying
from etl.schema import ensure_feed
from etl.settings import Settings
from etl.sources import Sources
from etl.tables import ARCHIVE, LANDING, etl_file, etl_rejected_row, feed_table, grown
from etl.turns import Queue
from etl.unseen import Unseen
from etl.validate import COORDINATES, Validated, validate

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
        with transaction(run.engine) as connection:
            queue = Queue(connection, contract, folder, run.log_id)
        done: list[Archive] = []
        while queue.names:
            turn = partial(_take_turn, settings, run, contract, folder, queue, run.counts)
            if archive := retrying(settings, f"loading {queue.names[0]}", turn):
                done.append(archive)
                queue.leave(archive)
        if contract.landing:
            _settle(settings, run, contract)
        with transaction(run.engine) as connection:
            audit.close_dead(connection, settings, contract.feed)
            return _finish(connection, run, contract, done)


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
    counts, tally, fresh = _insert_rows(connection, run, contract, table, file, archive, sources)
    if counts.read != archive.rows:
        raise BalanceError(
            f"{archive.file_name}: the manifest says {archive.rows} rows, {counts.read} were read.",
            remedy="Nothing was committed. Restore the archive from its batches or from a copy.",
        )
    counts.require_balance(archive.file_name)
    _require_budget(contract, archive, counts)
    found = derived.brought(connection, contract, table, run.log_id)
    counts = replace(counts, late=found.late - before.late)
    total = before + counts
    _require_in_table(connection, run, table, total, found)
    derived.derive(connection, contract, table, run.log_id, sources.are_of(table), fresh)
    derived.describe_load(connection, contract, table, run.log_id, tally, found, counts.late, fresh)
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
        run.note(connection, notes)
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
        for source_id, file in zip(sources.files, archive.files, strict=True)
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


def _insert_rows(
    connection: Connection,
    run: JobRun,
    contract: Contract,
    table: Table,
    file: Path,
    archive: Archive,
    sources: Sources,
) -> tuple[Counts, Tally, FreshRows | None]:
    """Copy all rows of an archive chunk by chunk, and insert what the tables do not hold yet.

    Returns the numbers, how good the rows are, and those of them that are newer than the ones of before, where most are.
    """
    own = ["source_id"] if sources.files else []
    good = make_stage(connection, table, [*contract.column_names, *COORDINATES, "lateness_seconds", *own])
    bad = make_stage(connection, etl_rejected_row, [*COORDINATES, "raw", "raw_rebuilt", "reason", "problems", *own])
    mark = watermark(connection, contract, now=run.started)
    newest = newest_loaded(connection, contract)
    sieve, fresh = Unseen(contract, newest, archive.rows), Fresh(contract, newest)
    constants = {**sources.constants(), "log_id": run.log_id}
    tally, unknown = Tally(), Counter[str]()
    read = accepted = refused = 0

    def prepared(chunk: pa.RecordBatch) -> tuple[int, Validated, pa.Table, pa.Table]:
        checked = validate(chunk, contract, now=run.started, headers=sources.headers)
        return chunk.num_rows, checked, *sieve.split(with_lateness(checked.accepted, contract, mark))

    # While the database takes one chunk, the next is read and checked.
    for rows, checked, unseen, others in one_ahead(map(prepared, read_chunks(file))):
        read += rows
        accepted += checked.accepted.num_rows
        refused += checked.rejected.num_rows
        tally.count(contract, checked)
        unknown += checked.unknown
        good.copy_unseen(sources.of_rows(unseen), constants)
        if others.num_rows:
            good.copy(sources.of_rows(others))
        fresh.keep(unseen)
        fresh.keep(others)
        if checked.rejected.num_rows:
            bad.copy(sources.of_rows(checked.rejected))
        failpoints.reached("load.copying")
    loaded, unwanted = good.insert_new(constants)
    if unwanted:
        bad.copy(_refused_rows(good, unwanted, contract, own))
        accepted -= len(unwanted)
        refused += len(unwanted)
        tally.add(VALID, 0, len(unwanted))
    rejected, _ = bad.insert_new({**constants, "feed": contract.feed})
    if unknown:
        run.note(connection, {"unknown_keys": dict(unknown.most_common(50))})
    counts = Counts(read, loaded, rejected, (accepted - loaded) + (refused - rejected), 0)
    tally.add(UNIQUE, accepted, accepted - loaded)
    return counts, tally, fresh.loaded()


def _refused_rows(good: Stage, unwanted: list[Refused], contract: Contract, own: list[str]) -> pa.Table:
    """Rows that the database refused, in the form of rejected ones."""
    rows = [(good.read(refused.row), refused.state) for refused in unwanted]
    problem = {"column": None, "rule": Reason.DATABASE_REFUSED.value}
    return pa.Table.from_pylist(
        [
            {
                **{name: row[name] for name in COORDINATES},
                "raw": json.dumps({name: row[name] for name in contract.column_names}, default=str, ensure_ascii=False),
                "raw_rebuilt": True,
                "reason": Reason.DATABASE_REFUSED.value,
                "problems": json.dumps([{**problem, "value": f"SQLSTATE {state}"}]),
                **{name: row[name] for name in own},
            }
            for row, state in rows
        ]
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
    """Compare what this job has counted with what the database holds of it."""
    rejected = connection.scalar(
        select(func.count()).select_from(etl_rejected_row).where(etl_rejected_row.c.log_id == run.log_id)
    )
    if (found.rows, rejected) != (total.processed, total.rejected):
        raise BalanceError(
            f"{table.name} holds {found.rows} rows of this load and the quarantine {rejected}; counted were"
            f" {total.processed} and {total.rejected}. Nothing was committed.",
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
