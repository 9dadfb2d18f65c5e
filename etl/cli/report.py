"""What people read on the terminal: the audit table, the sentence that states the balance, status and history."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from etl.audit.states import Job, Status
from etl.cli import endings
from etl.errors import AlreadyRunning, EtlError, JobFailed
from etl.notebook.kernel import Usage
from etl.operations.cycle import Cycle
from etl.operations.doctor import Finding
from etl.operations.retention.policy import Item as PrunedItem
from etl.operations.retention.policy import Pruned
from etl.operations.schedule_state import Standing

if TYPE_CHECKING:
    pass

_ACTIONS = {"compress": "compressed", "delete": "deleted", "move": "moved", "keep": "kept"}
_STYLES = {Status.SUCCESS: "green", Status.FAILED: "bold red", Status.RUNNING: "cyan"}


def audit_table(rows: Iterable[Mapping[str, Any]], *, title: str = "", cycles: bool = False) -> Table:
    """Rows of `etl_log` as a table.

    :param cycles: show cycle and start as well, for rows of several cycles.
    """
    table = Table(
        title=title or None, title_justify="left", title_style="bold", header_style="bold", box=None, pad_edge=False
    )
    if cycles:
        table.add_column("cycle", no_wrap=True)
        table.add_column("started (UTC)", no_wrap=True)
        table.add_column("feed")
    table.add_column("job")
    table.add_column("status")
    shown = list(rows)
    counts = {"read": "read", "processed": "processed", "rejected": "rejected", "duplicate": "duplicates"}
    if any(row.get("records_conflicting") for row in shown):
        counts["conflicting"] = "conflicting"
    for name in ("seconds", *counts.values()):
        table.add_column(name, justify="right")
    for row in shown:
        seconds = row["duration_seconds"]
        where = [row["cycle_id"], f"{row['start_time']:%Y-%m-%d %H:%M:%S}", row["feed"]] if cycles else []
        table.add_row(
            *where,
            row["job_name"],
            Text(row["status"], style=_STYLES.get(row["status"], "")),
            "" if seconds is None else f"{seconds:.1f}",
            *(f"{row.get(f'records_{name}') or 0:,}" for name in counts),
        )
    return table


def balance(rows: Iterable[Mapping[str, Any]]) -> str:
    """One sentence that states the balance of a cycle's rows."""
    jobs = {row["job_name"]: row for row in rows if row["status"] == Status.SUCCESS}
    consume, load = jobs.get(Job.CONSUME), jobs.get(Job.LOAD)
    if consume is None or load is None:
        return "The cycle did not end; what was read and not loaded yet is taken by the next one."
    if not consume["records_read"] and not load["records_read"]:
        return "Balance: nothing new was read, nothing was loaded."
    conflicting = load.get("records_conflicting") or 0
    return (
        f"Balance: {consume['records_read']:,} messages read = {consume['records_processed']:,} parsed"
        f" + {consume['records_rejected']:,} unparsable; {load['records_read']:,} rows read ="
        f" {load['records_processed']:,} loaded + {load['records_rejected']:,} rejected"
        f" + {load['records_duplicate']:,} duplicate{f' + {conflicting:,} conflicting' if conflicting else ''}."
    )


def feeds_summary(cycles: Iterable[Cycle], feeds: Iterable[str]) -> Table:
    """What became of each of several feeds, also of those whose cycle was not begun."""
    done = {cycle.feed: cycle for cycle in cycles}
    table = Table(
        title="Summary", title_justify="left", title_style="bold", header_style="bold", box=None, pad_edge=False
    )
    for name in ("feed", "cycle"):
        table.add_column(name, no_wrap=True)
    table.add_column("loaded", justify="right")
    table.add_column("result", overflow="fold")
    for feed in feeds:
        cycle = done.get(feed)
        if cycle is None:
            table.add_row(feed, "–", "–", "not begun")
            continue
        loaded = sum(row["records_processed"] for row in cycle.rows if row["job_name"] == Job.LOAD)
        table.add_row(feed, cycle.cycle_id or "–", f"{loaded:,}", endings.result(cycle))
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
    told = f"{who}: {balance(cycle.rows).removeprefix('Balance: ')} {endings.in_line(cycle)}"
    return told.rstrip()


def effort(standing: Standing) -> str:
    """What the last cycle took, and what the schedule holds after it."""
    held = f"{standing.last_seconds or 0:.1f} s; {standing.own.memory >> 20:,} MB"
    if standing.kernel.memory:
        held += f" + kernel {standing.kernel.memory >> 20:,} MB, {standing.kernel.handles:,} files"
    return held


def so_far(standing: Standing) -> str:
    """The cycles of a schedule in a few words."""
    failed = f", {standing.failed:,} failed" if standing.failed else ""
    last = f" · the last one {effort(standing)}" if standing.cycles else ""
    return f"{standing.cycles:,} done{failed}{last}"


def misfire(due: datetime, late: timedelta, joined: int) -> str:
    """One line on a cycle that begins after its time."""
    others = f"; {joined} due times became this one cycle" if joined > 1 else ""
    return f"misfire: the cycle that was due at {moment(due)} begins {late.total_seconds():,.0f} s late{others}"


def moment(when: datetime) -> str:
    """A time for people, in UTC as everywhere else."""
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def print_error(console: Console, error: EtlError) -> None:
    """Cause, remedy and, where there is one, the executed notebook."""
    console.print(Text("Error: ", style="bold red") + Text(error.cause), soft_wrap=True)
    if error.remedy:
        console.print(Text("Remedy: ", style="bold") + Text(error.remedy), soft_wrap=True)
    if isinstance(error, JobFailed) and error.notebook:
        console.print(Text("Notebook: ", style="bold") + Text(error.notebook), soft_wrap=True)


def status_tables(found: Mapping[str, Any]) -> list[Table]:
    """`status` as two tables: services and feeds."""
    services = Table(header_style="bold", box=None, pad_edge=False)
    for name in ("service", "state", "address"):
        services.add_column(name, overflow="fold")
    for name, service in found["services"].items():
        up = service["reachable"]
        # Nobody needs Superset for a cycle: that it does not run is no fault.
        down = Text("off", style="dim") if service.get("optional") else Text("down", style="bold red")
        state = Text("up", style="green") if up else down
        kind = "embedded" if service["embedded"] else "your own"
        address = service.get("bootstrap") or service.get("url") or ""
        services.add_row(f"{name} ({kind})", state, address if up else service.get("error", address))
    feeds = Table(header_style="bold", box=None, pad_edge=False)
    feeds.add_column("feed")
    for name in ("messages to read", "files to read", "batches to merge", "archives to load", "set aside"):
        feeds.add_column(name, justify="right")
    feeds.add_column("last cycle")
    feeds.add_column("status")
    for name, feed in found["feeds"].items():
        backlog, last = feed["backlog"], feed["last_cycle"] or {}
        other = "files" if backlog["messages"] is not None else "messages"
        numbers = [
            f"{value:,}" if value is not None else "" if kind == other else "?" for kind, value in backlog.items()
        ]
        numbers.append("?" if feed["set_aside"] is None else f"{feed['set_aside']:,}")
        state = last.get("status", "–")
        feeds.add_row(name, *numbers, last.get("cycle_id", "–"), Text(state, style=_STYLES.get(state, "")))
    return [services, feeds, *([_schedules(found["schedules"])] if found["schedules"] else [])]


def _schedules(found: Iterable[Mapping[str, Any]]) -> Table:
    table = Table(header_style="bold", box=None, pad_edge=False)
    for name in ("schedule", "feeds", "process"):
        table.add_column(name, overflow="fold")
    for name in ("cycles", "failed", "MB", "files", "threads"):
        table.add_column(name, justify="right")
    table.add_column("next cycle", overflow="fold")
    for standing in found:
        held = Usage(**standing["own"]) + Usage(**standing["kernel"])
        numbers = (standing["cycles"], standing["failed"], held.memory >> 20, held.handles, held.threads)
        due = moment(datetime.fromisoformat(standing["next_due"])) if standing["next_due"] else "running"
        shown = (standing["every"], ", ".join(standing["feeds"]), str(standing["pid"]))
        table.add_row(*shown, *(f"{number:,}" for number in numbers), due)
    return table


def pruned(done: Pruned) -> list[Table]:
    """What `prune` did: a line per kind; in a dry run also a line for each thing, and one for each that is kept though old."""
    sums = Table(header_style="bold", box=None, pad_edge=False, caption="Nothing was done." if done.dry_run else None)
    sums.add_column("what")
    sums.add_column("would be" if done.dry_run else "was")
    for name in ("number", "bytes", "freed"):
        sums.add_column(name, justify="right")
    groups: dict[tuple[str, str], list[PrunedItem]] = {}
    for item in done.items:
        groups.setdefault((item.kind, _ACTIONS[item.action]), []).append(item)
    for (kind, action), items in groups.items():
        sums.add_row(kind, action, f"{sum(item.count for item in items):,}", _bytes(items), _freed(items))
    sums.add_row("all together", "", "", _bytes(done.items), _freed(done.items), style="bold")
    listed = [item for item in done.items if done.dry_run or item.action == "keep"]
    if not listed:
        return [sums]
    each = Table(header_style="bold", box=None, pad_edge=False)
    for name in ("what", "feed", "name", "would be" if done.dry_run else "was"):
        each.add_column(name, overflow="fold")
    each.add_column("bytes", justify="right")
    for item in listed:
        said = f"{_ACTIONS[item.action]}: {item.why}" if item.why else _ACTIONS[item.action]
        each.add_row(item.kind, item.feed, item.name, said, _bytes([item]))
    return [each, sums]


def _bytes(items: Iterable[PrunedItem]) -> str:
    return f"{sum(item.bytes for item in items):,}"


def _freed(items: Iterable[PrunedItem]) -> str:
    found = list(items)
    known = f"{sum(item.freed or 0 for item in found):,}"
    return f"{known} + ?" if any(item.freed is None for item in found) else known


def findings_table(findings: Iterable[Finding]) -> Table:
    """What `doctor` found."""
    table = Table(header_style="bold", box=None, pad_edge=False)
    table.add_column("")
    table.add_column("check", no_wrap=True)
    table.add_column("found", overflow="fold")
    for finding in findings:
        mark = Text("ok", style="green") if finding.ok else Text("!!", style="bold red")
        text = Text(finding.found)
        if not finding.ok and finding.remedy:
            text.append(f"\n{finding.remedy}", style="bold")
        table.add_row(mark, finding.check, text)
    return table
