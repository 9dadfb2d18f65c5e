"""Running cycles from the command line: once or on a schedule, and how that is told."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from etl.audit.states import Job
from etl.cli import endings, report
from etl.cli.console import Tell, console, errors_console, progress
from etl.contract.reader import Contract
from etl.errors import AlreadyRunning
from etl.jobs.produce.default_messages import BY_DEFAULT, default_messages
from etl.notebook.kernel import WarmKernel
from etl.operations.cycle import Cycle, Reporter, run_cycles, warm_kernel
from etl.operations.schedule import Schedule, Stop, exit_code, repeat
from etl.operations.schedule_state import watching
from etl.operations.status import status as read_status
from etl.settings import Settings

_WORK = {
    Job.PRODUCE: "– sending readings",
    Job.CONSUME: "– reading with Spark",
    Job.MERGE: "– joining parts",
    Job.LOAD: "– validating and loading",
}


def run_once(
    settings: Settings,
    contracts: list[Contract],
    parameters: Mapping[str, Any],
    *,
    fresh_kernels: bool = False,
    strict: bool = False,
) -> int:
    """One cycle of each feed, told in full; returns the exit code.

    :param strict: a cycle that loaded nothing of what it read counts as failed.
    """
    done = []
    with progress() as tell, _kernel(settings, contracts, fresh=fresh_kernels) as kernel:
        for cycle in run_cycles(settings, contracts, parameters, _job_teller(tell), kernel=kernel):
            _print_cycle(cycle)
            done.append(cycle)
    if len(contracts) > 1:
        console.print(report.feeds_summary(done, [contract.feed for contract in contracts]))
    return exit_code(_code(cycle, strict=strict) for cycle in done)


def run_on_schedule(
    settings: Settings,
    contracts: list[Contract],
    parameters: Mapping[str, Any],
    schedule: Schedule,
    cycles: int | None,
    *,
    fresh_kernels: bool = False,
    strict: bool = False,
) -> int:
    """Cycles of all feeds whenever they are due, a line each; returns the exit code. See `run_once`."""
    feeds = tuple(contract.feed for contract in contracts)
    with (
        Stop() as stop,
        progress(lines=False) as tell,
        _kernel(settings, contracts, fresh=fresh_kernels) as kernel,
        watching(settings, schedule.text, feeds, kernel) as watch,
    ):
        if kernel:
            kernel.tell = _say

        def run_all() -> int:
            watch.waits_until(None)
            codes, began = [], time.monotonic()
            for cycle in run_cycles(settings, contracts, parameters, _job_teller(tell), lambda: stop.asked, kernel):
                seconds, began = time.monotonic() - began, time.monotonic()
                # Somebody else does the feed's work; that is no failure of the schedule.
                codes.append(0 if isinstance(cycle.error, AlreadyRunning) else _code(cycle, strict=strict))
                watch.cycle_ended(seconds, failed=codes[-1] != 0)
                _print_scheduled(cycle, report.effort(watch.standing))
            return exit_code(codes)

        def wait_until(due: datetime) -> None:
            watch.waits_until(due)
            next_one = f"next cycle at {report.moment(due)}"
            if console.is_terminal:
                tell(f"{next_one} · {report.so_far(watch.standing)}")
            else:
                _say(next_one)

        code = repeat(
            schedule,
            run_all,
            cycles=cycles,
            stopping=lambda: stop.asked,
            wait=stop.wait,
            late=lambda *how: _say(report.misfire(*how)),
            waiting=wait_until,
        )
    if stop.asked:
        _say("stopped; what is left is taken by the next start")
    return code


def _code(cycle: Cycle, *, strict: bool) -> int:
    return cycle.exit_code or int(strict and cycle.outcome.is_all_lost)


def _kernel(
    settings: Settings, contracts: list[Contract], *, fresh: bool
) -> contextlib.AbstractContextManager[WarmKernel | None]:
    return contextlib.nullcontext() if fresh else warm_kernel(settings, contracts)


def _job_teller(tell: Tell) -> Reporter:
    def report_job(feed: str, job: str, what: str) -> None:
        mark = {"started": _WORK[Job(job)], "succeeded": "✓", "failed": "✗"}[what]
        tell(f"{feed}: {job} {mark}")

    return report_job


def _print_cycle(cycle: Cycle) -> None:
    if cycle.cycle_id:
        console.print(report.audit_table(cycle.rows, title=f"{cycle.feed} · cycle {cycle.cycle_id}"))
        console.print(report.balance(cycle.rows), soft_wrap=True)
        for line in endings.lines(cycle):
            console.print(line, soft_wrap=True)
    if cycle.error:
        report.print_error(errors_console, cycle.error)


def _print_scheduled(cycle: Cycle, effort: str) -> None:
    _say(f"{report.scheduled_line(cycle)} ({effort})" if cycle.cycle_id else report.scheduled_line(cycle))
    if cycle.error and not isinstance(cycle.error, AlreadyRunning):
        report.print_error(errors_console, cycle.error)


def _say(line: str) -> None:
    """A line with its time, for whoever reads a log."""
    console.print(f"{report.moment(datetime.now(UTC))} {line}", soft_wrap=True, markup=False)


def print_defaults(settings: Settings, contracts: list[Contract]) -> None:
    """Say of which feeds nothing is simulated unless somebody asks for it, and why."""
    for contract in contracts:
        if why_none := default_messages(settings, contract).why_none:
            told = f"{contract.feed}: no readings are simulated, because {why_none}; --messages N simulates some."
            console.print(told, soft_wrap=True, markup=False)


def print_plan(settings: Settings, contracts: list[Contract], divided: Mapping[str, Mapping[str, Any]]) -> None:
    """Show what `run` would do."""
    found = read_status(settings, {contract.feed: contract for contract in contracts})
    for table in report.status_tables(found):
        console.print(table)
        console.print()
    for contract in contracts:
        planned = _planned_messages(settings, contract, divided[Job.PRODUCE])
        console.print(f"{contract.feed}: {planned}", soft_wrap=True, markup=False)
    for job, parameters in divided.items():
        given = {name: value for name, value in parameters.items() if (name, value) != ("messages", BY_DEFAULT)}
        shown = ", ".join(f"{name}={value}" for name, value in given.items()) or "defaults"
        console.print(f"{job}: {shown}", soft_wrap=True, markup=False)
    console.print("Dry run: nothing was started, produced, read or loaded.")


def _planned_messages(settings: Settings, contract: Contract, produce: Mapping[str, Any]) -> str:
    if replay := produce.get("replay"):
        return f"the readings of {replay} are sent"
    if produce["messages"] != BY_DEFAULT:
        return f"{produce['messages']:,} readings are simulated, as asked for"
    default = default_messages(settings, contract)
    if default.why_none:
        return f"0 readings are simulated, because {default.why_none}; --messages N simulates some"
    return f"{default.messages:,} readings are simulated by default; --messages 0 simulates none"
