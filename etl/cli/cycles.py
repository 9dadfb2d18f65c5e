"""Carrying out what `run` planned, once or on a schedule, and printing it while it runs."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from etl.audit.states import Job
from etl.cli.console import Tell, console, print_error, progress
from etl.cli.report import endings
from etl.cli.report.audit import audit_table, balance
from etl.cli.report.cycles import cycle_fields, effort, feeds_summary, misfire, scheduled_line, so_far
from etl.cli.report.status import status_tables
from etl.cli.report.tables import print_tables
from etl.contract.durations import moment
from etl.errors import AlreadyRunning, EtlError
from etl.jobs.produce.default_messages import BY_DEFAULT
from etl.notebook.kernel import WarmKernel
from etl.operations.alerts.background import start_sending
from etl.operations.cycle import Cycle, Reporter, run_cycles
from etl.operations.plan_run import FeedPlan, RunPlan
from etl.operations.schedules.expected import Expected, expecting
from etl.operations.schedules.repeat import Stop, exit_code, repeat
from etl.operations.schedules.state import ScheduleState, Watch, watching
from etl.operations.schedules.times import Schedule
from etl.operations.status import status as read_status
from etl.settings import Settings, logs

_WORK = {
    Job.PRODUCE: "– sending readings",
    Job.CONSUME: "– reading what is new",
    Job.MERGE: "– joining parts",
    Job.LOAD: "– validating and loading",
}


def run_plan(settings: Settings, plan: RunPlan, kernel: WarmKernel | None, *, strict: bool) -> int:
    """Run the planned cycles and print them; returns the exit code.

    :param kernel: runs all notebooks, and is ended; with None each notebook gets a new kernel.
    :param strict: a cycle that loaded nothing of what it read counts as failed.
    """
    if plan.schedule:
        with logs.into_file(plan.log_file):
            return _run_on_schedule(settings, plan, plan.schedule, kernel, strict=strict)
    return _run_once(settings, plan, kernel, strict=strict)


def _run_once(settings: Settings, plan: RunPlan, kernel: WarmKernel | None, *, strict: bool) -> int:
    """One cycle of each feed, printed in full."""
    done = []
    with progress() as tell, kernel or contextlib.nullcontext():
        for cycle in run_cycles(
            settings, plan.contracts, plan.parameters, _job_reporter(tell), kernel=kernel, once=True
        ):
            _print_cycle(cycle, settings.home)
            start_sending(settings)
            done.append(cycle)
    if len(plan.feeds) > 1:
        print_tables(feeds_summary(done, [contract.feed for contract in plan.contracts]))
    return exit_code(_code(cycle, strict=strict) for cycle in done)


def _run_on_schedule(
    settings: Settings, plan: RunPlan, schedule: Schedule, kernel: WarmKernel | None, *, strict: bool
) -> int:
    """Cycles of all feeds whenever they are due, a line each."""
    feeds = tuple(contract.feed for contract in plan.contracts)
    with (
        Stop() as stop,
        progress(lines=False) as tell,
        kernel or contextlib.nullcontext(),
        watching(settings, schedule.text, feeds, kernel) as watch,
        expecting(settings, schedule, feeds) as expected,
    ):
        if kernel:
            kernel.tell = _say
        running = _Running(settings, plan, stop, watch, expected, kernel, tell, strict)
        code = repeat(
            schedule,
            running.run_all,
            cycles=plan.cycles,
            stopping=lambda: stop.requested,
            wait=stop.wait,
            late=_report_late,
            waiting=running.wait_until,
        )
    if stop.requested:
        _say("stopped; what is left is taken by the next start")
    return code


@dataclass(frozen=True)
class _Running:
    """A schedule that is running: what it does when cycles are due, and while it waits."""

    settings: Settings
    plan: RunPlan
    stop: Stop
    watch: Watch
    expected: Expected
    kernel: WarmKernel | None
    tell: Tell
    strict: bool
    open_incidents: dict[str, int] = field(default_factory=dict)
    """How many were open after a feed's last cycle."""

    def run_all(self) -> int:
        """A cycle of each feed; returns one exit code for all."""
        self.watch.waits_until(None)
        codes, began = [], time.monotonic()
        for cycle in run_cycles(
            self.settings,
            self.plan.contracts,
            self.plan.parameters,
            self._report_job,
            lambda: self.stop.requested,
            self.kernel,
        ):
            seconds, began = time.monotonic() - began, time.monotonic()
            # Another process does the feed's work; that is no failure of the schedule.
            codes.append(0 if isinstance(cycle.error, AlreadyRunning) else _code(cycle, strict=self.strict))
            self.watch.cycle_ended(seconds, failed=codes[-1] != 0)
            self.expected.cycle_ended(cycle.feed)
            if cycle.outcome.open_incidents is not None:
                self.open_incidents[cycle.feed] = cycle.outcome.open_incidents
            _print_scheduled(cycle, self.watch.state)
            start_sending(self.settings)
        return exit_code(codes)

    def _report_job(self, feed: str, job: str, event: str) -> None:
        self.expected.is_alive()
        _job_reporter(self.tell)(feed, job, event)

    def wait_until(self, due: datetime) -> None:
        """Show when the next cycle begins."""
        self.watch.waits_until(due)
        next_cycle = f"next cycle at {moment(due)}"
        if console.is_terminal:
            self.tell(f"{next_cycle} · {so_far(self.watch.state, sum(self.open_incidents.values()))}")
        else:
            _say(next_cycle, "next cycle", due=due.isoformat())


def _code(cycle: Cycle, *, strict: bool) -> int:
    return cycle.exit_code or int(strict and cycle.outcome.is_all_lost)


def _job_reporter(tell: Tell) -> Reporter:
    def report_job(feed: str, job: str, event: str) -> None:
        mark = {"started": _WORK[Job(job)], "succeeded": "✓", "failed": "✗"}[event]
        tell(f"{feed}: {job} {mark}")

    return report_job


def _print_cycle(cycle: Cycle, home: Path) -> None:
    logs.tell("cycle ended", **cycle_fields(cycle))
    if cycle.cycle_id:
        print_tables(audit_table(cycle.rows, title=f"{cycle.feed} · cycle {cycle.cycle_id}"))
        console.print(balance(cycle.rows), soft_wrap=True)
        for line in endings.lines(cycle):
            console.print(line, soft_wrap=True)
    if following := endings.look_closer(cycle, home):
        console.print(following, markup=False, soft_wrap=True)
    if cycle.error:
        _print_error(cycle, cycle.error)


def _print_scheduled(cycle: Cycle, state: ScheduleState) -> None:
    line = scheduled_line(cycle)
    if cycle.cycle_id:
        line += f" ({effort(state)})"
    _say(line, "cycle ended", seconds=state.last_seconds, **cycle_fields(cycle))
    if cycle.error and not isinstance(cycle.error, AlreadyRunning):
        _print_error(cycle, cycle.error)


def _print_error(cycle: Cycle, error: EtlError) -> None:
    with logs.about(feed=cycle.feed, cycle_id=cycle.cycle_id):
        print_error(error)


def _report_late(due: datetime, late: timedelta, joined: int) -> None:
    fields: dict[str, Any] = {"due": due.isoformat(), "late_seconds": late.total_seconds(), "due_times": joined}
    _say(misfire(due, late, joined), "misfire", level="warning", **fields)


def _say(line: str, event: str = "", *, level: str = "info", **fields: Any) -> None:
    """A line with its time, for whoever reads a log; in JSON the event with its fields."""
    if not logs.say(line, event or line, level=level, **fields):
        console.print(f"{moment(datetime.now(UTC))} {line}", soft_wrap=True, markup=False)


def print_plan(settings: Settings, plan: RunPlan) -> None:
    """Show what `run` would do."""
    current = read_status(settings, {contract.feed: contract for contract in plan.contracts})
    print_tables(*status_tables(current))
    for feed in plan.feeds:
        console.print(f"{feed.contract.feed}: {_produced(feed)}", soft_wrap=True, markup=False)
    for job, parameters in plan.jobs.items():
        given = {name: value for name, value in parameters.items() if (name, value) != ("messages", BY_DEFAULT)}
        shown = ", ".join(f"{name}={value}" for name, value in given.items()) or "defaults"
        console.print(f"{job}: {shown}", soft_wrap=True, markup=False)
    console.print("Dry run: nothing was started, produced, read or loaded.")


def _produced(feed: FeedPlan) -> str:
    if feed.source_file:
        return f"the readings of {feed.source_file} are sent"
    if not feed.is_default:
        return f"{feed.messages:,} readings are simulated, as asked for"
    if feed.why_none:
        return f"0 readings are simulated, because {feed.why_none}; --messages N simulates some"
    return f"{feed.messages:,} readings are simulated by default; --messages 0 simulates none"
