"""Cycles of several feeds, and those of a schedule: a summary, and one line each."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from rich.table import Table

from etl.audit.counts import Counts, columns_of
from etl.audit.states import Job
from etl.cli.report.audit import balance
from etl.cli.report.endings import counted, in_line, result
from etl.cli.report.tables import new_table
from etl.contract.durations import moment
from etl.errors import AlreadyRunning
from etl.operations.cycle import Cycle
from etl.operations.schedules.state import ScheduleState

_COLUMNS = {name.removeprefix("records_"): name for name in columns_of(Counts())}


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
        return f"{who}: failed{_incidents(cycle.outcome.open_incidents)}"
    if cycle.left:
        return f"{who}: stopped before {', '.join(cycle.left)}; the next cycle takes what is left"
    line = f"{who}: {balance(cycle.rows).removeprefix('Balance: ')} {in_line(cycle)}"
    return line.rstrip() + _incidents(cycle.outcome.open_incidents)


def _incidents(opened: int | None) -> str:
    return f" · {counted(opened, 'open incident')}: python -m etl alerts list" if opened else ""


def cycle_fields(cycle: Cycle) -> dict[str, Any]:
    """The same for a log in JSON, with the counts of the load."""
    loads = [row for row in cycle.rows if row["job_name"] == Job.LOAD]
    is_skipped = isinstance(cycle.error, AlreadyRunning)
    ended_as = "skipped" if is_skipped else "failed" if cycle.error else "stopped" if cycle.left else "succeeded"
    return {
        "feed": cycle.feed,
        "cycle_id": cycle.cycle_id,
        "result": ended_as,
        **{name: sum(row[column] for row in loads) for name, column in _COLUMNS.items()},
    }


def effort(state: ScheduleState) -> str:
    """The seconds of the last cycle, and the memory and files that the schedule holds after it."""
    held = f"{state.last_seconds or 0:.1f} s; {state.own.memory >> 20:,} MB"
    if state.kernel.memory:
        held += f" + kernel {state.kernel.memory >> 20:,} MB, {state.kernel.handles:,} files"
    return held


def so_far(state: ScheduleState, open_incidents: int = 0) -> str:
    """The cycles of a schedule in a few words, and how many incidents of its feeds are open."""
    failed = f", {state.failed:,} failed" if state.failed else ""
    last = f" · the last one {effort(state)}" if state.cycles else ""
    opened = f" · {counted(open_incidents, 'open incident')}" if open_incidents else ""
    return f"{state.cycles:,} done{failed}{opened}{last}"


def misfire(due: datetime, late: timedelta, joined: int) -> str:
    """One line on a cycle that begins after its time."""
    others = f"; {joined} due times became this one cycle" if joined > 1 else ""
    return f"misfire: the cycle that was due at {moment(due)} begins {late.total_seconds():,.0f} s late{others}"
