"""`status` as tables: services, feeds, and schedules where any run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.table import Table
from rich.text import Text

from etl.cli.report.tables import STATUS_STYLES, new_table
from etl.contract.durations import moment
from etl.notebook.kernel import Usage


def status_tables(status: Mapping[str, Any]) -> list[Table]:
    """What `etl.operations.status.status` returns, as two or three tables."""
    schedules = status["schedules"]
    return [_services(status["services"]), _feeds(status["feeds"]), *([_schedules(schedules)] if schedules else [])]


def _services(services: Mapping[str, Mapping[str, Any]]) -> Table:
    table = new_table("service", "state", "address", whole=("service", "state"))
    for name, service in services.items():
        up = service["reachable"]
        # No cycle needs Superset: it is not a fault that it does not run.
        down = Text("off", style="dim") if service.get("optional") else Text("down", style="bold red")
        state = Text("up", style="green") if up else down
        kind = "embedded" if service["embedded"] else "your own"
        address = service.get("bootstrap") or service.get("url") or ""
        table.add_row(f"{name} ({kind})", state, Text(address if up else service.get("error", address)))
    return table


def _feeds(feeds: Mapping[str, Mapping[str, Any]]) -> Table:
    numbers = ("messages to read", "files to read", "batches to merge", "archives to load", "set aside", "incidents")
    look = (
        "What to do about incidents: python -m etl alerts list" if any(f["incidents"] for f in feeds.values()) else ""
    )
    table = new_table(
        "feed", *numbers, "last cycle", "status", numbers=numbers, whole=("last cycle", "status"), caption=look
    )
    for name, feed in feeds.items():
        backlog, last = feed["backlog"], feed["last_cycle"] or {}
        other = "files" if backlog["messages"] is not None else "messages"
        counts = [
            f"{value:,}" if value is not None else "" if kind == other else "?" for kind, value in backlog.items()
        ]
        counts.append("?" if feed["set_aside"] is None else f"{feed['set_aside']:,}")
        state = last.get("status", "–")
        shown = Text(state, style=STATUS_STYLES.get(state, ""))
        table.add_row(name, *counts, _incidents(feed["incidents"]), last.get("cycle_id", "–"), shown)
    return table


def _incidents(opened: Sequence[Mapping[str, Any]] | None) -> Text:
    """How many are open."""
    return Text("?") if opened is None else Text(f"{len(opened):,}", style="bold red" if opened else "")


def _schedules(schedules: Iterable[Mapping[str, Any]]) -> Table:
    numbers = ("cycles", "failed", "MB", "files", "threads")
    table = new_table("schedule", "feeds", "process", *numbers, "next cycle", numbers=numbers, whole=("process",))
    for state in schedules:
        held = Usage(**state["own"]) + Usage(**state["kernel"])
        counts = (state["cycles"], state["failed"], held.memory >> 20, held.handles, held.threads)
        due = moment(datetime.fromisoformat(state["next_due"])) if state["next_due"] else "running"
        which = (state["every"], ", ".join(state["feeds"]), str(state["pid"]))
        table.add_row(*which, *(f"{count:,}" for count in counts), due)
    return table
