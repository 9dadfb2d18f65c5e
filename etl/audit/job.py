"""The life of a job: its row in `etl_log` is opened before the work, has a heartbeat while it runs, and is closed with counts
or an error.

The row is written on separate connections, so it is RUNNING while the job's transaction is open, and FAILED after that was
rolled back. Only the loader closes its row in the transaction of its data: then both become visible together.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

import structlog
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from etl.audit import log_rows, spool
from etl.audit.counts import Counts
from etl.audit.heartbeat import heartbeat
from etl.audit.incidents import job_ends, register
from etl.audit.incidents.finding import Kind, Look
from etl.audit.incidents.register import Source
from etl.audit.provenance import hand_made_cycle, new_cycle_id, notebook_of, require_cycle_name
from etl.audit.recovery import close_dead
from etl.audit.retry import retrying
from etl.audit.states import Job
from etl.contract.model import EvolvedContract
from etl.contract.reader import Contract
from etl.contract.rules.alerts import AlertRules
from etl.database import dispose, make_engine, product_of, transaction, translate_error
from etl.database.schema.comparison.compare import require_possible
from etl.database.schema.feed_table import with_added_columns
from etl.database.schema.migrations import require_current
from etl.errors import EtlError, ServiceUnavailable, describe_error
from etl.settings import Settings, logs
from etl.storage import files
from etl.storage.disk_errors import translate_disk_errors
from etl.storage.locks import JOB_WAIT_SECONDS, alive, feed_lock

log = structlog.get_logger("audit")


@dataclass
class JobRun:
    """A job that is running: its row in `etl_log`, and the database it belongs to."""

    settings: Settings
    engine: Engine
    log_id: int
    cycle_id: str
    feed: str
    job: Job
    started: datetime
    notebook: str | None = None
    """The executed notebook, relative to ETL_HOME; None: the job was not run by one."""
    rules: AlertRules = field(default_factory=AlertRules)
    counts: Counts = field(default_factory=Counts)
    closed: bool = False
    notes: dict[str, Any] = field(default_factory=dict)
    contract: EvolvedContract = field(init=False)
    """With the columns that the feed's table had when the job began. Under the feed's lock, read them again."""
    lacks_tables: bool = False
    """Whether the database lacked something that the contract asks for when the job began."""
    looks: dict[tuple[Kind, frozenset[str] | None], Look] = field(default_factory=dict)

    @property
    def source(self) -> Source:
        """Who shows incidents."""
        return Source(self.log_id, self.cycle_id, self.job, self.notebook)

    def look(self, look: Look) -> None:
        """Remember what this job saw of something that may be an incident, instead of what it saw of it before.

        The incident is opened or resolved in the transaction that closes the row as SUCCESS.
        """
        self.looks[look.kind, look.keys] = look

    def succeed(self, connection: Connection, counts: Counts) -> None:
        """Close the row as SUCCESS, in the caller's transaction.

        :raises BalanceError: the numbers do not add up.
        """
        counts.require_balance(self.job)
        log_rows.succeed(connection, self.log_id, self.started, counts, self.notes)
        looks = [*job_ends.ended_well(self.job), *self.looks.values()]
        register.take(connection, self.settings, self.feed, looks, self.source, self.rules)
        self.counts = counts
        self.closed = True

    def record(self, connection: Connection, counts: Counts) -> None:
        """Write down what is done so far; the row stays RUNNING."""
        self.counts = counts
        log_rows.record(connection, self.log_id, counts, self.notes)

    def recorded(self, connection: Connection) -> Counts:
        """The numbers in the row."""
        return log_rows.recorded_counts(connection, self.log_id)

    def remember(self, notes: Mapping[str, Any]) -> None:
        """Add notes: what a reader should know beyond the counts. They are written with the counts, at the end of a transaction.

        Until then the job's row is not locked, so that the heartbeat can be written.
        """
        self.notes |= notes

    def note(self, connection: Connection, notes: Mapping[str, Any]) -> None:
        """Add notes and write them at once, in a short transaction."""
        self.notes |= notes
        if self.notes:
            log_rows.write_notes(connection, self.log_id, self.notes)

    def fail(self, error: BaseException) -> None:
        """Close the row as FAILED, unless it is a SUCCESS already; what was recorded before stays in it."""
        failure = log_rows.failure(error, self.started, self.settings)
        with transaction(self.engine) as connection:
            if log_rows.close_failed(connection, self.log_id, failure):
                looks = job_ends.failed(self.job, failure)
                register.take(connection, self.settings, self.feed, looks, self.source, self.rules)
        self.closed = True


@contextmanager
def job_run(
    settings: Settings,
    contract: Contract,
    name: Job,
    cycle_id: str,
    parameters: Mapping[str, Any],
    *,
    alone: bool = True,
) -> Iterator[JobRun]:
    """Run a job with its audit row, and under the feed's lock file.

    At the end the row is SUCCESS with `run.counts`, unless the job has closed it already. On any error it is FAILED, and the
    error is raised.

    :param cycle_id: empty for a job that is run by hand: it joins the newest unfinished cycle that was started by hand.
    :param alone: whether the feed's lock is held; not for jobs that queue in the database.
    :raises AlreadyRunning: another job of this feed is running.
    :raises ContractError: the feed's table cannot be changed to what the contract says.
    :raises ConfigurationError: the audit tables are missing.
    :raises ParameterError: `cycle_id` cannot be part of a file name.
    """
    require_cycle_name(cycle_id)
    engine = make_engine(settings, application=name)
    feed = contract.feed
    lock = feed_lock(settings, feed, "job", what=f"job {name}", wait_seconds=JOB_WAIT_SECONDS)
    try:
        with (
            files.private(),
            translate_disk_errors(settings),
            lock if alone else nullcontext(),
            alive(settings, feed, os.getpid(), started := datetime.now(UTC)),
        ):
            run = _open(engine, settings, contract, name, cycle_id, parameters, started)
            run.rules = contract.alerts
            with _logged(run):
                try:
                    with translate_disk_errors(settings), _translating_errors(engine), heartbeat(settings, run.log_id):
                        retrying(settings, "comparing contract and table", lambda: _require_possible(run, contract))
                        yield run
                    if not run.closed:
                        retrying(settings, "closing the audit row", lambda: _succeed(run))
                except BaseException as error:
                    _fail(run, error)
                    raise
    finally:
        dispose(engine)


@contextmanager
def _logged(run: JobRun) -> Iterator[None]:
    """Log the beginning and the end of a job, and its ids with whatever is logged meanwhile; in JSON only."""
    with logs.about(cycle_id=run.cycle_id, feed=run.feed, job=run.job, log_id=run.log_id):
        logs.tell("job started")
        try:
            yield
        except BaseException as error:
            cause = describe_error(error)
            logs.tell("job failed", level="error", error_type=type(error).__name__, cause=cause)
            raise
        logs.tell("job succeeded", **asdict(run.counts))


class _RolledBack(Exception):
    pass


@contextmanager
def rehearsal(
    settings: Settings, contract: Contract, name: Job, cycle_id: str, parameters: Mapping[str, Any]
) -> Iterator[tuple[JobRun, Connection]]:
    """Run a job in a transaction that is rolled back at the end, together with its audit row: nothing is left of it."""
    engine = make_engine(settings, application=name)
    started = datetime.now(UTC)
    row = log_rows.running_row(contract.feed, name, parameters, started)
    try:
        with suppress(_RolledBack), transaction(engine) as connection:
            require_current(connection)
            log_id = log_rows.open_row(connection, {**row, **log_rows.cycle_columns(cycle_id)})
            run = JobRun(settings, engine, log_id, cycle_id, contract.feed, name, started)
            run.contract = with_added_columns(connection, contract)
            yield run, connection
            raise _RolledBack
    finally:
        dispose(engine)


def _require_possible(run: JobRun, contract: Contract) -> None:
    """Refuse a contract that the feed's table cannot follow, before the job does anything."""
    with transaction(run.engine) as connection:
        run.contract = with_added_columns(connection, contract)
        run.lacks_tables = require_possible(connection, run.contract)


@contextmanager
def _translating_errors(engine: Engine) -> Iterator[None]:
    """Translate database errors that a job raises outside `transaction`."""
    try:
        yield
    except DBAPIError as error:
        raise translate_error(error, engine) from error


def _succeed(run: JobRun) -> None:
    with transaction(run.engine) as connection:
        run.succeed(connection, run.counts)


def _fail(run: JobRun, error: BaseException) -> None:
    """Close the row as FAILED, or keep it for later. It does not raise: the error to report is that of the job."""
    try:
        run.fail(error)
    except EtlError as unwritten:
        error.add_note(f"etl_log row {run.log_id} could not be closed yet: {unwritten.cause}")
        _keep(run.settings, {"log_id": run.log_id, **log_rows.failure(error, run.started, run.settings)})


def _keep(settings: Settings, row: Mapping[str, Any]) -> None:
    """Keep how the job ended until the database is available. If the disk fails too, the next job closes the row as `Died`."""
    try:
        spool.keep(settings, row)
    except OSError as error:
        log.warning("the end of the job could not be kept", folder=str(settings.spool), cause=str(error))


def _open(
    engine: Engine,
    settings: Settings,
    contract: Contract,
    name: Job,
    cycle_id: str,
    parameters: Mapping[str, Any],
    started: datetime,
) -> JobRun:
    row = log_rows.running_row(contract.feed, name, parameters, started)
    try:
        retrying(settings, "writing kept audit rows", lambda: spool.flush(settings, engine))
        return retrying(settings, "opening the audit row", lambda: _insert(engine, settings, row, cycle_id))
    except ServiceUnavailable as error:
        cycle = log_rows.cycle_columns(cycle_id or new_cycle_id(by_hand=True))
        _keep(settings, {**row, **cycle, **log_rows.failure(error, started, settings)})
        raise


def _insert(engine: Engine, settings: Settings, row: Mapping[str, Any], cycle_id: str) -> JobRun:
    """Close dead rows of the feed and write the new one, in one transaction."""
    with transaction(engine) as connection:
        require_current(connection)
        if opened := log_rows.find_opened(connection, row):
            log.warning("the audit row was written already, the answer to its COMMIT was lost", log_id=opened.log_id)
            return _run(engine, settings, row, opened.log_id, opened.cycle_id)
        close_dead(connection, settings, row["feed"])
        cycle_id = cycle_id or hand_made_cycle(connection, row["feed"])
        executed, source = notebook_of(settings, cycle_id, row["job_name"])
        sha256 = hashlib.sha256(source.read_bytes()).hexdigest() if source.is_file() else None
        notebook = {"notebook": executed, "notebook_sha256": sha256}
        log_id = log_rows.open_row(connection, {**row, **log_rows.cycle_columns(cycle_id), **notebook})
        for warning, remedy in product_of(connection.dialect).warnings(connection):
            log.warning(warning, remedy=remedy)
    return _run(engine, settings, row, log_id, cycle_id)


def _run(engine: Engine, settings: Settings, row: Mapping[str, Any], log_id: int, cycle_id: str) -> JobRun:
    executed, _ = notebook_of(settings, cycle_id, row["job_name"])
    return JobRun(
        settings, engine, log_id, cycle_id, row["feed"], row["job_name"], row["start_time"], notebook=executed
    )
