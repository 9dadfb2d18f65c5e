"""One cycle: the four notebooks in order, through papermill, under the feed's cycle lock."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog
from sqlalchemy import Engine

from etl.audit import log_rows, provenance, recovery
from etl.audit.states import NOTEBOOKS, Job
from etl.contract.reader import Contract
from etl.database import dispose, make_engine, transaction
from etl.errors import EtlError, Interrupted, PermanentError, describe_error
from etl.notebook.execute import execute
from etl.notebook.kernel import WarmKernel
from etl.notebook.page.executed import executed_sha256
from etl.notebook.parameters import divide_parameters
from etl.operations.outcome import Outcome, read_outcome
from etl.operations.pings import Pings
from etl.operations.schedules import expected
from etl.settings import Settings, logs
from etl.settings.packaged import notebook_file
from etl.storage import files
from etl.storage.disk_errors import translate_disk_errors
from etl.storage.locks import JOB_WAIT_SECONDS, feed_lock

log = structlog.get_logger("cycle")

Reporter = Callable[[str, str, str], None]
"""Receives a feed, its job, and the event: "started", "succeeded" or "failed"."""


@dataclass(frozen=True)
class Cycle:
    """A cycle that has ended: its rows of `etl_log` in order, and the error if a job failed."""

    feed: str
    cycle_id: str
    """Empty if the cycle could not begin."""
    rows: tuple[dict[str, Any], ...]
    error: EtlError | None = None
    left: tuple[str, ...] = ()
    """Jobs that were not started because a stop was requested."""
    outcome: Outcome = field(default_factory=Outcome)
    """What it left out, and why."""

    @property
    def exit_code(self) -> int:
        return self.error.exit_code if self.error else 0


def run_cycles(
    settings: Settings,
    contracts: Iterable[Contract],
    parameters: Mapping[str, Any],
    report: Reporter = lambda feed, job, event: None,
    stopping: Callable[[], bool] = lambda: False,
    kernel: WarmKernel | None = None,
    *,
    once: bool = False,
) -> Iterator[Cycle]:
    """Run a cycle of each feed, one after the other; the failure of one does not stop the others.

    After an interrupt, or once `stopping()` is true, no further cycle begins. See `run_cycle` for the other parameters.

    :param once: the kernel runs no cycles after these: Spark ends as soon as the last of them has read its messages.
    """
    left = list(contracts)
    while left and not stopping():
        contract = left.pop(0)
        is_last = once and not any(other.source.needs_spark for other in left)
        try:
            cycle = run_cycle(settings, contract, parameters, report, stopping, kernel, is_last=is_last)
        except EtlError as error:
            cycle = Cycle(contract.feed, "", (), error)
        except (OSError, RuntimeError) as error:
            # After a full disk, or a kernel that does not start, other feeds and the next cycle are still tried.
            unexpected = PermanentError(describe_error(error), remedy="`python -m etl doctor` may show the cause.")
            cycle = Cycle(contract.feed, "", (), unexpected)
        yield cycle
        if isinstance(cycle.error, Interrupted):
            return


def run_cycle(
    settings: Settings,
    contract: Contract,
    parameters: Mapping[str, Any],
    report: Reporter = lambda feed, job, event: None,
    stopping: Callable[[], bool] = lambda: False,
    kernel: WarmKernel | None = None,
    *,
    is_last: bool = False,
) -> Cycle:
    """Run produce, consume, merge and load once; the first failure ends the cycle.

    Executed copies are in `output/runs/<cycle>/`, also those of failed notebooks.

    :param parameters: for the notebooks; each goes to every notebook that has it.
    :param stopping: checked before each job; once it is true, the remaining jobs are left to the next cycle.
    :param kernel: runs all notebooks, as long as none fails; with None each gets a new kernel.
    :param is_last: nothing needs Spark after this cycle.
    :raises ParameterError: a parameter is unknown or has another type, or a notebook has no cell `parameters`. Nothing ran.
    :raises AlreadyRunning: another cycle of this feed runs. Nothing ran.
    """
    shares = divide_parameters(settings, parameters)
    cycle_id = provenance.new_cycle_id()
    with (
        files.private(),
        translate_disk_errors(settings),
        feed_lock(settings, contract.feed, "cycle", what=f"cycle {cycle_id}"),
        logs.about(cycle_id=cycle_id, feed=contract.feed),
        Pings(settings.heartbeat_url, contract.feed, cycle_id) as pings,
    ):
        (settings.runs / cycle_id).mkdir(parents=True, exist_ok=True)
        left = list(NOTEBOOKS)
        error: EtlError | None = None
        while left and not error and not stopping():
            job = left.pop(0)
            report(contract.feed, job, "started")
            error = _try_job(settings, job, {**shares[job], "feed": contract.feed, "cycle_id": cycle_id}, kernel)
            report(contract.feed, job, "failed" if error else "succeeded")
            if kernel and is_last and job == Job.CONSUME:
                kernel.end_companions()
        if kernel:
            kernel.end_cycle()
        try:
            _close_dead(settings, contract)
            rows, outcome = _ended(settings, contract, cycle_id)
        except EtlError:
            if error is None:
                raise
            rows, outcome = (), Outcome()  # The job failed for the same cause; its error has more details.
        if not error:
            pings.succeeded(rows)
        return Cycle(contract.feed, cycle_id, rows, error, () if error else tuple(left), outcome)


def _try_job(settings: Settings, job: Job, parameters: dict[str, Any], kernel: WarmKernel | None) -> EtlError | None:
    notebook = notebook_file(settings.home, NOTEBOOKS[job])
    executed = settings.runs / parameters["cycle_id"] / notebook.name
    try:
        with translate_disk_errors(settings):
            execute(settings, notebook, executed, parameters, kernel)
    except EtlError as error:
        return error
    return None


def _ended(settings: Settings, contract: Contract, cycle_id: str) -> tuple[tuple[dict[str, Any], ...], Outcome]:
    """The rows of `etl_log` of a cycle, in the order in which the jobs began, and what it left out."""
    engine = make_engine(settings)
    try:
        _look_at_schedules(engine, settings, contract)
        with transaction(engine) as connection:
            log_rows.write_executed_sha256(connection, cycle_id, executed_sha256(settings, cycle_id))
            rows = log_rows.rows_of_cycle(connection, cycle_id)
            return tuple(rows), read_outcome(connection, contract, rows)
    finally:
        dispose(engine)


def _look_at_schedules(engine: Engine, settings: Settings, contract: Contract) -> None:
    """Name the feeds whose schedules are silent, and those whose schedules are not any more; an error fails nothing."""
    try:
        with transaction(engine) as connection:
            expected.look(connection, settings, {contract.feed: contract})
    except EtlError as error:
        log.warning("silent schedules could not be looked for", cause=error.cause)


def _close_dead(settings: Settings, contract: Contract) -> None:
    """Close the audit row of a job whose kernel died with it."""
    engine = make_engine(settings)
    try:
        with (
            feed_lock(settings, contract.feed, "job", what="the cycle's end", wait_seconds=JOB_WAIT_SECONDS),
            transaction(engine) as connection,
        ):
            recovery.close_dead(connection, settings, contract.feed)
    finally:
        dispose(engine)
