"""Rows of the audit log as a table, and the sentence that states their balance."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rich.table import Table
from rich.text import Text

from etl.audit.states import Job, Status
from etl.cli.report.tables import STATUS_STYLES, new_table


def audit_table(rows: Iterable[Mapping[str, Any]], *, title: str = "", cycles: bool = False) -> Table:
    """Rows of `etl_log` as a table.

    :param cycles: show cycle, start and feed as well, for rows of several cycles.
    """
    shown = list(rows)
    counts = {"read": "read", "processed": "processed", "rejected": "rejected", "duplicate": "duplicates"}
    if any(row.get("records_conflicting") for row in shown):
        counts["conflicting"] = "conflicting"
    numbers = ("seconds", *counts.values())
    of_cycle = ("cycle", "started (UTC)", "feed") if cycles else ()
    table = new_table(
        *of_cycle, "job", "status", *numbers, numbers=numbers, whole=("cycle", "job", "status"), title=title
    )
    for row in shown:
        seconds = row["duration_seconds"]
        where = [row["cycle_id"], f"{row['start_time']:%Y-%m-%d %H:%M:%S}", row["feed"]] if cycles else []
        table.add_row(
            *where,
            row["job_name"],
            Text(row["status"], style=STATUS_STYLES.get(row["status"], "")),
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
