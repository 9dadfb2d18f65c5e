"""One `etl_log` row per job: opened before the work, kept alive while it runs, closed with its counts or its error.

The row is written on connections of its own, so it says RUNNING while the job's transaction is still open, and FAILED
after that was rolled back. Only the loader closes its row inside its transaction: then data and row become visible together.
"""

from __future__ import annotations

import hashlib
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import structlog
from sqlalchemy import Connection, Engine, Row, select, update
from sqlalchemy.exc import DBAPIError

from etl.audit import spool
from etl.audit.counts import Counts, columns_of
from etl.audit.heartbeat import heartbeat
from etl.audit.provenance import (
    HAND_SUFFIX,
    code_version,
    hand_made_cycle,
    new_cycle_id,
    notebook_of,
    require_cycle_name,
)
from etl.audit.recovery import close_dead
from etl.audit.retry import retrying
from etl.contract.model import EvolvedContract
from etl.contract.reader import Contract
from etl.database import dispose, explain, insert_row, make_engine, product_of, transaction
from etl.database.schema.audit_tables import etl_log
from etl.database.schema.changes import require_possible
from etl.database.schema.feed_table import with_added_columns
from etl.database.schema.migrations import require_current
from etl.errors import EtlError, ServiceUnavailable
from etl.settings import Settings
from etl.storage import disk_errors as storage
from etl.storage import files
from etl.storage.locks import JOB_WAIT_SECONDS, alive, feed_lock

_MESSAGE_LENGTH = 2000

log = structlog.get_logger("audit")


@dataclass
class JobRun:
    """A job that is running: its row in `etl_log`, and the database it belongs to."""

    engine: Engine
    log_id: int
    cycle_id: str
    job: str
    started: datetime
    counts: Counts = field(default_factory=Counts)
    closed: bool = False
    notes: dict[str, Any] = field(default_factory=dict)
    contract: EvolvedContract = field(init=False)
    """With the columns that the feed's table had when the job began. Under the feed's lock, read them again."""
    lacks_tables: bool = False
    """Whether the database lacked something that the contract asks for when the job began."""

    def succeed(self, connection: Connection, counts: Counts) -> None:
        """Close the row as SUCCESS on a transaction of the job's own."""
        counts.require_balance(self.job)
        values = {**self._ended("SUCCESS"), **self._so_far(counts)}
        connection.execute(update(etl_log).where(etl_log.c.log_id == self.log_id).values(**values))
        self.counts = counts
        self.closed = True

    def record(self, connection: Connection, counts: Counts) -> None:
        """Write down what is done so far; the row stays RUNNING."""
        self.counts = counts
        connection.execute(update(etl_log).where(etl_log.c.log_id == self.log_id).values(**self._so_far(counts)))

    def recorded(self, connection: Connection) -> Counts:
        """The numbers that stand in the row."""
        columns = [etl_log.c[name] for name in columns_of(Counts())]
        return Counts(*connection.execute(select(*columns).where(etl_log.c.log_id == self.log_id)).one())

    def remember(self, notes: Mapping[str, Any]) -> None:
        """Note what a reader should know beyond the numbers; it is written with them, at the end of a transaction.

        Until then nothing is changed in the job's row, so that signs of life can be written there.
        """
        self.notes |= notes

    def note(self, connection: Connection, notes: Mapping[str, Any]) -> None:
        """Write such notes at once, in a short transaction; they are added to what stands there."""
        self.notes |= notes
        if self.notes:
            connection.execute(update(etl_log).where(etl_log.c.log_id == self.log_id).values(notes=self.notes))

    def fail(self, error: BaseException, settings: Settings) -> None:
        """Close the row as FAILED; what was recorded before stays in it.

        Only a RUNNING row: a SUCCESS that was committed, while its answer got lost, stays one.
        """
        with transaction(self.engine) as connection:
            connection.execute(
                update(etl_log)
                .where(etl_log.c.log_id == self.log_id, etl_log.c.status == "RUNNING")
                .values(**self.failure(error, settings))
            )
        self.closed = True

    def failure(self, error: BaseException, settings: Settings) -> dict[str, Any]:
        """The columns of a row that failed."""
        return {
            **self._ended("FAILED"),
            "error_type": type(error).__name__,
            "error_message": settings.mask(describe(error)),
        }

    def _so_far(self, counts: Counts) -> dict[str, Any]:
        return {**columns_of(counts), **({"notes": self.notes} if self.notes else {})}

    def _ended(self, status: str) -> dict[str, Any]:
        ended = datetime.now(UTC)
        seconds = (ended - self.started).total_seconds()
        return {"status": status, "end_time": ended, "heartbeat_at": ended, "duration_seconds": seconds}


@contextmanager
def job(
    settings: Settings,
    contract: Contract,
    name: str,
    cycle_id: str,
    parameters: Mapping[str, Any],
    *,
    alone: bool = True,
) -> Iterator[JobRun]:
    """Do a job with its audit row, and under the feed's lock unless it takes turns with others by itself.

    At the end the row is SUCCESS with `run.counts`, unless the job has closed it itself. On any error it is FAILED and
    the error goes on.

    :param cycle_id: empty for a job that is run by hand: it joins the newest unfinished cycle that was begun by hand.
    :param alone: whether it is the feed's only job on this machine while it lasts.
    :raises AlreadyRunning: another job of this feed runs.
    :raises ContractError: the contract asks for what the feed's table cannot become.
    :raises ConfigurationError: the audit tables are missing.
    :raises ParameterError: the cycle's name can name no file.
    """
    require_cycle_name(cycle_id)
    engine = make_engine(settings, application=name)
    feed = contract.feed
    lock = feed_lock(settings, feed, "job", what=f"job {name}", wait_seconds=JOB_WAIT_SECONDS)
    try:
        with (
            files.private(),
            storage.explaining(settings),
            lock if alone else nullcontext(),
            alive(settings, feed, os.getpid(), started := datetime.now(UTC)),
        ):
            run = _open(engine, settings, contract, name, cycle_id, parameters, started)
            try:
                with storage.explaining(settings), _explaining(engine), heartbeat(settings, run.log_id):
                    retrying(settings, "comparing contract and table", lambda: _require_possible(run, contract))
                    yield run
                if not run.closed:
                    retrying(settings, "closing the audit row", lambda: _succeed(run))
            except BaseException as error:
                _fail(run, error, settings)
                raise
    finally:
        dispose(engine)


class _RolledBack(Exception):
    pass


@contextmanager
def rehearsal(
    settings: Settings, contract: Contract, name: str, cycle_id: str, parameters: Mapping[str, Any]
) -> Iterator[tuple[JobRun, Connection]]:
    """A job in a transaction that is rolled back at its end, its audit row with it: nothing is left of it."""
    engine = make_engine(settings, application=name)
    started = datetime.now(UTC)
    row = _row(contract, name, parameters, started)
    try:
        with suppress(_RolledBack), transaction(engine) as connection:
            require_current(connection)
            log_id = insert_row(connection, etl_log, {**row, **_of_cycle(cycle_id)})
            run = JobRun(engine, log_id, cycle_id, name, started)
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
def _explaining(engine: Engine) -> Iterator[None]:
    """The database's errors that a job met outside `transaction`."""
    try:
        yield
    except DBAPIError as error:
        raise explain(error, engine) from error


def _succeed(run: JobRun) -> None:
    with transaction(run.engine) as connection:
        run.succeed(connection, run.counts)


def _fail(run: JobRun, error: BaseException, settings: Settings) -> None:
    """Close the row as FAILED. The first error is the one to report, whatever becomes of the row."""
    try:
        run.fail(error, settings)
    except EtlError as unwritten:
        error.add_note(f"etl_log row {run.log_id} could not be closed yet: {unwritten.cause}")
        _keep(settings, {"log_id": run.log_id, **run.failure(error, settings)})


def _keep(settings: Settings, row: Mapping[str, Any]) -> None:
    """Keep how the job ended until the database is back; without a disk as well, the next job closes the row as `Died`."""
    try:
        spool.keep(settings, row)
    except OSError as error:
        log.warning("how the job ended could not be kept", folder=str(settings.spool), cause=str(error))


def describe(error: BaseException) -> str:
    """What `etl_log` says of an error: ours in full, of a stranger its type and first line only, for it may hold data."""
    if isinstance(error, EtlError):
        return str(error)[:_MESSAGE_LENGTH]
    if isinstance(error, KeyboardInterrupt):
        return "Interrupted by the user."
    first = (str(error).strip().splitlines() or ["no message"])[0]
    return f"{type(error).__name__}: {first[:300]}"


def _open(
    engine: Engine,
    settings: Settings,
    contract: Contract,
    name: str,
    cycle_id: str,
    parameters: Mapping[str, Any],
    started: datetime,
) -> JobRun:
    row = _row(contract, name, parameters, started)
    try:
        retrying(settings, "writing kept audit rows", lambda: spool.flush(settings, engine))
        return retrying(settings, "opening the audit row", lambda: _insert(engine, settings, row, cycle_id))
    except ServiceUnavailable as error:
        run = JobRun(engine, 0, cycle_id, name, started)
        cycle = _of_cycle(cycle_id or new_cycle_id(by_hand=True))
        _keep(settings, {**row, **cycle, **run.failure(error, settings)})
        raise


def _row(contract: Contract, name: str, parameters: Mapping[str, Any], started: datetime) -> dict[str, Any]:
    """The audit row of a job that begins."""
    return {
        "feed": contract.feed,
        "job_name": name,
        "status": "RUNNING",
        "start_time": started,
        "heartbeat_at": started,
        "parameters": dict(parameters),
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "code_version": code_version(),
    }


def _insert(engine: Engine, settings: Settings, row: Mapping[str, Any], cycle_id: str) -> JobRun:
    """Close dead rows of the feed and write the new one, in one transaction."""
    with transaction(engine) as connection:
        require_current(connection)
        if mine := _own_row(connection, row):
            log.warning("the audit row had been written, its answer was lost", log_id=mine.log_id)
            return JobRun(engine, mine.log_id, mine.cycle_id, row["job_name"], row["start_time"])
        close_dead(connection, settings, row["feed"])
        cycle_id = cycle_id or hand_made_cycle(connection, row["feed"])
        executed, source = notebook_of(settings, cycle_id, row["job_name"])
        found = hashlib.sha256(source.read_bytes()).hexdigest() if source.is_file() else None
        values = {**row, **_of_cycle(cycle_id), "notebook": executed, "notebook_sha256": found}
        log_id = insert_row(connection, etl_log, values)
        for what, remedy in product_of(connection.dialect).warnings(connection):
            log.warning(what, remedy=remedy)
    return JobRun(engine, log_id, cycle_id, row["job_name"], row["start_time"])


def _of_cycle(cycle_id: str) -> dict[str, Any]:
    return {"cycle_id": cycle_id, "by_hand": cycle_id.endswith(HAND_SUFFIX)}


def _own_row(connection: Connection, row: Mapping[str, Any]) -> Row[Any, Any] | None:
    """The row that an attempt before this one has written, of whose COMMIT the answer was lost."""
    same = {name: row[name] for name in ("feed", "job_name", "status", "host", "pid", "start_time")}
    return connection.execute(select(etl_log.c.log_id, etl_log.c.cycle_id).filter_by(**same)).one_or_none()
