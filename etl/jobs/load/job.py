"""Job 4: validate archives and load them, each in one transaction with everything that follows from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from sqlalchemy import Connection, func, select

from etl.audit import ledger, recovery
from etl.audit.counts import Counts
from etl.audit.job import JobRun, job_run
from etl.audit.retry import retrying
from etl.audit.set_aside import ARCHIVE, Failures
from etl.audit.sources import Sources
from etl.audit.states import Job
from etl.contract.model import EvolvedContract
from etl.contract.reader import Contract
from etl.database import transaction, try_lock_feed
from etl.database.schema.feed_table import feed_table, with_added_columns
from etl.database.schema.tables.audit_tables import etl_rejected_row
from etl.jobs.load.checks import (
    require_all_read,
    require_budget,
    require_in_quarantine,
    require_in_table,
    require_unchanged,
)
from etl.jobs.load.conditions.registry import look_at
from etl.jobs.load.derived import registry
from etl.jobs.load.derived.base import LoadSoFar, NewRows
from etl.jobs.load.derived.quality import scored
from etl.jobs.load.derived.summary import describe_feed, summarise
from etl.jobs.load.loaded_sources import SETTLING
from etl.jobs.load.new_columns import discover, take_up, widen
from etl.jobs.load.queue import Queue
from etl.jobs.load.rows import Insertion
from etl.jobs.load.sample import MOST_ROWS, sample_of_load
from etl.jobs.load.tables import ensure_feed
from etl.settings import Settings
from etl.storage import failpoints
from etl.storage.manifests import Archive

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
    """What a few sensors sent, for a plot: sensor, time and some measures."""
    score: Mapping[str, float]
    """The quality score of this load and its components, 0 to 100; empty where nothing was loaded."""


def load(settings: Settings, contract: Contract, *, cycle_id: str = "", anomaly_threshold: float = 0.0) -> Loaded:
    """Load every archive that the ledger does not hold when the job begins, oldest first, taking turns with other loaders.

    One transaction loads an archive: its entry in the ledger, its rows, its rejected rows, and this job's audit row. So an
    archive is loaded as a whole or not at all, and never twice. Archives that another loader loads meanwhile do not count here.

    An archive that cannot be loaded fails the job, and those after it wait; the second time it is set aside, and they are
    loaded (`etl.audit.set_aside`).

    :param anomaly_threshold: the robust z-score above which a reading is an outlier; 0: the contract's.
    :raises IntegrityError: an archive is not what its manifest says.
    :raises BalanceError: rows read are not rows loaded + rejected + duplicate + conflicting, or the table holds another number.
    :raises AlreadyRunning: another loader holds the feed's lock and loads nothing for `settings.statement_timeout_seconds`.
    """
    if anomaly_threshold and contract.anomalies:
        contract = replace(contract, anomalies=replace(contract.anomalies, threshold=anomaly_threshold))
    parameters = {"anomaly_threshold": anomaly_threshold}
    with job_run(settings, contract, Job.LOAD, cycle_id, parameters, alone=False) as run:
        failures = Failures(settings, run, contract.feed, ARCHIVE)
        with transaction(run.engine) as connection:
            queue = Queue(connection, settings, contract, run.log_id)
        if run.lacks_tables:
            retrying(settings, "making tables", partial(_make_tables, run))
        done: list[Archive] = []
        so_far = LoadSoFar()
        while queue.files:
            if archive := _load_next(settings, run, queue, failures, so_far):
                done.append(archive)
                queue.leave_first()
        failures.settle()
        SETTLING[type(contract.source)](settings, run, contract, contract.source)
        with transaction(run.engine) as connection:
            recovery.close_dead(connection, settings, contract.feed)
            return _finish(connection, run, done, so_far)


def _make_tables(run: JobRun) -> None:
    """Create what the feed lacks before any row is loaded, so that queries of the catalogue need not wait for the load.

    Where another loader holds the lock, it creates them.
    """
    with transaction(run.engine) as connection:
        if try_lock_feed(connection, run.contract.feed):
            ensure_feed(connection, with_added_columns(connection, run.contract))
    failpoints.reached("load.tables_made")


def _load_next(settings: Settings, run: JobRun, queue: Queue, failures: Failures, so_far: LoadSoFar) -> Archive | None:
    """Load the oldest archive of the queue; None where other loaders or the next job load it, or it is set aside."""
    before, notes = run.counts, dict(run.notes)
    turn = partial(_take_turn, settings, run, queue, before, so_far)
    try:
        return retrying(settings, f"loading {queue.files[0].name}", turn)
    except Exception as error:
        # Nothing of this archive was committed, so nothing of it is reported.
        run.counts, run.closed, run.notes = before, False, notes
        if not queue.files:
            raise
        if not failures.count(queue.files[0].name, error) and not failures.goes_on:
            raise
        queue.leave_first()
        return None


def _finish(connection: Connection, run: JobRun, done: list[Archive], so_far: LoadSoFar) -> Loaded:
    """Close the audit row, if the last archive has not done that, and return what was loaded."""
    is_locked = try_lock_feed(connection, run.contract.feed)
    contract = with_added_columns(connection, run.contract)
    # The loader that holds the lock creates the tables.
    table = ensure_feed(connection, contract) if is_locked else feed_table(contract)
    counts, sample = run.counts, so_far.sample
    if sample is None or sample.empty or (len(done) > 1 and len(sample) < MOST_ROWS):
        sample = sample_of_load(connection, contract, table if done else None, run.log_id)
    if not run.closed:
        look_at(connection, run, contract, counts, has_tables=is_locked or bool(done))
        run.succeed(connection, counts)
    return Loaded(
        run.cycle_id,
        counts,
        tuple(done),
        _reasons(connection, run),
        sample,
        scored(connection, run.log_id),
    )


def _take_turn(settings: Settings, run: JobRun, queue: Queue, before: Counts, so_far: LoadSoFar) -> Archive | None:
    """Load the oldest archive of the queue that no loader has loaded; None where others have loaded all of them.

    An earlier attempt may have loaded it: if its COMMIT succeeded but the answer was lost, the ledger has the archive.

    :param so_far: is brought up to date when the archive is committed.
    """
    run.counts, run.closed = before, False
    after = replace(so_far)
    with transaction(run.engine) as connection:
        archive = queue.take(connection, settings.statement_timeout_seconds)
        if archive is None:
            return None
        last = len(queue.files) == 1
        if queue.is_loaded(connection, archive):
            log.warning("the commit had succeeded, its answer was lost", archive=archive.file_name)
            run.counts = run.recorded(connection)
            run.closed = last
            so_far.take(_in_table(connection, run))
            return archive
        counts = _load_archive(connection, run, queue.files[0].content, archive, before, after, last=last)
    failpoints.reached("load.committed")
    so_far.take(after)
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
    file: Path,
    archive: Archive,
    before: Counts,
    so_far: LoadSoFar,
    *,
    last: bool,
) -> Counts:
    """Load one archive, except for the COMMIT; returns its counts, and adds to what is known of the load so far."""
    require_unchanged(file, archive)
    contract = _with_new_columns(connection, run, archive, file)
    table = ensure_feed(connection, contract)
    sources = Sources(connection, archive)
    ledger.enter(connection, archive, run.log_id, source_id=sources.archive, landing_sources=sources.new_files)
    inserted = Insertion(connection, run, contract, table, file, archive, sources).insert()
    counts = inserted.counts
    require_all_read(archive, counts)
    counts.require_balance(archive.file_name)
    require_budget(contract, archive, counts)
    held = require_in_table(connection, run, contract, table, sources, inserted)
    counts = replace(counts, late=held.late)
    total = before + counts
    require_in_quarantine(connection, run, contract, total)
    inserted.tally.count_late(counts.late)
    so_far.summary += held
    kept = inserted.fresh
    new = NewRows(
        contract,
        table,
        run.log_id,
        sources.are_of(table),
        held.rows,
        kept=kept,
        kept_are_newest=kept is not None and inserted.follows_all and kept.rows == held.newer,
        kept_are_all=kept is not None and kept.rows + kept.older_rows == held.rows,
        tally=inserted.tally,
        load=so_far,
    )
    registry.update(connection, new)
    describe_feed(connection, contract)
    so_far.summary.write_watermark(connection, run.log_id)
    if last:
        so_far.sample = sample_of_load(connection, contract, table, run.log_id, inserted.whereabouts)
        look_at(connection, run, contract, total)
        run.succeed(connection, total)
    else:
        run.record(connection, total)
    failpoints.reached("load.before_commit")
    return counts


def _in_table(connection: Connection, run: JobRun) -> LoadSoFar:
    """What the feed's table tells about the load so far."""
    return LoadSoFar(summarise(connection, run.contract, feed_table(run.contract), run.log_id), None)


def _with_new_columns(connection: Connection, run: JobRun, archive: Archive, file: Path) -> EvolvedContract:
    """The contract with the columns that earlier loads, also those of other jobs, have added, and those that this archive adds.

    Right only under the feed's lock.
    """
    contract = widen(connection, with_added_columns(connection, run.contract), file)
    new = discover(connection, file, contract, archive.files)
    if notes := new.notes(run.notes):
        log.warning("new keys", **notes)
        run.remember(notes)
    return take_up(connection, contract, new.columns, run.log_id)


def _reasons(connection: Connection, run: JobRun) -> pd.Series:
    import pandas as pd

    rows = connection.execute(
        select(etl_rejected_row.c.reason, func.count().label("rows"))
        .where(etl_rejected_row.c.log_id == run.log_id)
        .group_by(etl_rejected_row.c.reason)
        .order_by(func.count().desc(), etl_rejected_row.c.reason)
    ).all()
    return pd.Series({row.reason: row.rows for row in rows}, name="rejected rows", dtype="int64")
