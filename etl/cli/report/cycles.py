"""Cycles of several feeds, and those of a schedule: a summary, and one line each."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from rich.table import Table

from etl.audit.states import Job
from etl.cli.report.audit import balance
from etl.cli.report.endings import in_line, result
from etl.cli.report.tables import new_table
from etl.cli.report.times import moment
from etl.errors import AlreadyRunning
from etl.operations.cycle import Cycle
from etl.operations.schedule_state import ScheduleState


def feeds_summary(cycles: Iterable[Cycle], feeds: Iterable[str]) -> Table:
    """The result of each of several feeds, also of those whose cycle did not begin."""
    done = {cycle.feed: cycle for cycle in cycles}
    table = new_table(
        "feed", "cycle", "loaded", "result", numbers=("loaded",), whole=("feed", "cycle"), title="Summary"
    )
    for feed in feeds:
        cycle = done.get(feed)
        if cycle is None:
            table.add_row(feed, "–", "–", "not begun")
            continue
        loaded = sum(row["records_processed"] for row in cycle.rows if row["job_name"] == Job.LOAD)
        table.add_row(feed, cycle.cycle_id or "–", f"{loaded:,}", result(cycle))
    return table


def scheduled_line(cycle: Cycle) -> str:
    """One line on a cycle of a schedule."""
    who = f"{cycle.feed} {cycle.cycle_id}".rstrip()
    if isinstance(cycle.error, AlreadyRunning):
        return f"{who}: skipped. {cycle.error.cause}"
    if cycle.error:
        return f"{who}: failed"
    if cycle.left:
        return f"{who}: stopped before {', '.join(cycle.left)}; the next cycle takes what is left"
    line = f"{who}: {balance(cycle.rows).removeprefix('Balance: ')} {in_line(cycle)}"
    return line.rstrip()


def effort(state: ScheduleState) -> str:
    """The seconds of the last cycle, and the memory and files that the schedule holds after it."""
    held = f"{state.last_seconds or 0:.1f} s; {state.own.memory >> 20:,} MB"
    if state.kernel.memory:
        held += f" + kernel {state.kernel.memory >> 20:,} MB, {state.kernel.handles:,} files"
    return held


def so_far(state: ScheduleState) -> str:
    """The cycles of a schedule in a few words."""
    failed = f", {state.failed:,} failed" if state.failed else ""
    last = f" · the last one {effort(state)}" if state.cycles else ""
    return f"{state.cycles:,} done{failed}{last}"


def misfire(due: datetime, late: timedelta, joined: int) -> str:
    """One line on a cycle that begins after its time."""
    others = f"; {joined} due times became this one cycle" if joined > 1 else ""
    return f"misfire: the cycle that was due at {moment(due)} begins {late.total_seconds():,.0f} s late{others}"
