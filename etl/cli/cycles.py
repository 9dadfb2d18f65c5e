"""Running cycles from the command line: once or on a schedule, and how that is told."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from etl import report
from etl.cli.console import Tell, console, errors_console, progress
from etl.contract import Contract
from etl.cycle import Cycle, Reporter, run_cycles, warm_kernel
from etl.errors import AlreadyRunning
from etl.schedule import Schedule, Stop, exit_code, repeat
from etl.settings import Settings
from etl.status import status as read_status
from etl.warm import WarmKernel
from etl.watch import watching

_WORK = {
    "produce": "– sending readings",
    "consume": "– reading with Spark",
    "merge": "– joining parts",
    "load": "– validating and loading",
}


def run_once(
    settings: Settings, contracts: list[Contract], parameters: Mapping[str, Any], *, fresh_kernels: bool = False
) -> int:
    """One cycle of each feed, told in full; returns the exit code."""
    done = []
    with progress() as tell, _kernel(settings, contracts, fresh=fresh_kernels) as kernel:
        for cycle in run_cycles(settings, contracts, parameters, _job_teller(tell), kernel=kernel):
            _print_cycle(cycle)
            done.append(cycle)
    if len(contracts) > 1:
        console.print(report.feeds_summary(done, [contract.feed for contract in contracts]))
    return exit_code(cycle.exit_code for cycle in done)


def run_on_schedule(
    settings: Settings,
    contracts: list[Contract],
    parameters: Mapping[str, Any],
    schedule: Schedule,
    cycles: int | None,
    *,
    fresh_kernels: bool = False,
) -> int:
    """Cycles of all feeds whenever they are due, a line each; returns the exit code."""
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
                codes.append(0 if isinstance(cycle.error, AlreadyRunning) else cycle.exit_code)
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


def _kernel(
    settings: Settings, contracts: list[Contract], *, fresh: bool
) -> contextlib.AbstractContextManager[WarmKernel | None]:
    return contextlib.nullcontext() if fresh else warm_kernel(settings, contracts)


def _job_teller(tell: Tell) -> Reporter:
    def report_job(feed: str, job: str, what: str) -> None:
        mark = {"started": _WORK[job], "succeeded": "✓", "failed": "✗"}[what]
        tell(f"{feed}: {job} {mark}")

    return report_job


def _print_cycle(cycle: Cycle) -> None:
    if cycle.cycle_id:
        console.print(report.audit_table(cycle.rows, title=f"{cycle.feed} · cycle {cycle.cycle_id}"))
        console.print(report.balance(cycle.rows), soft_wrap=True)
    if cycle.error:
        report.print_error(errors_console, cycle.error)


def _print_scheduled(cycle: Cycle, effort: str) -> None:
    _say(f"{report.scheduled_line(cycle)} ({effort})" if cycle.cycle_id else report.scheduled_line(cycle))
    if cycle.error and not isinstance(cycle.error, AlreadyRunning):
        report.print_error(errors_console, cycle.error)


def _say(line: str) -> None:
    """A line with its time, for whoever reads a log."""
    console.print(f"{report.moment(datetime.now(UTC))} {line}", soft_wrap=True, markup=False)


def print_plan(settings: Settings, contracts: list[Contract], divided: Mapping[str, Mapping[str, Any]]) -> None:
    """Show what `run` would do."""
    found = read_status(settings, {contract.feed: contract for contract in contracts})
    for table in report.status_tables(found):
        console.print(table)
        console.print()
    for job, parameters in divided.items():
        shown = ", ".join(f"{name}={value}" for name, value in parameters.items()) or "defaults"
        console.print(f"{job}: {shown}")
    console.print("Dry run: nothing was started, produced, read or loaded.")
