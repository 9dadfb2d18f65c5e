"""Rejected rows and files that were set aside, as tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from etl.operations.quarantine.replay import Replayed

_BAD_SHOWN = 20

_FIELD_SHOWN = 24

_BESIDE_NAME = 67
"""Columns that stand beside a name, and some room for the cause."""


def quarantine_summary(rows: Iterable[Mapping[str, Any]]) -> Table:
    """How many rejected rows there are per feed, reason and status."""
    table = Table(header_style="bold", box=None, pad_edge=False)
    for name in ("feed", "reason", "status"):
        table.add_column(name)
    table.add_column("rows", justify="right")
    for row in rows:
        table.add_row(row["feed"], row["reason"], row["status"], f"{row['rows']:,}")
    return table


def quarantine_table(rows: Iterable[Mapping[str, Any]]) -> Table:
    """Rejected rows, a line each."""
    table = Table(header_style="bold", box=None, pad_edge=False)
    table.add_column("id", justify="right", no_wrap=True, min_width=4)
    for name in ("reason", "column", "value", "source"):
        table.add_column(name, no_wrap=True, max_width=_FIELD_SHOWN)
    # The only column that gives way on a narrow terminal.
    table.add_column("text")
    for row in rows:
        first = row["problems"][0]
        place = f"{row['source_name']}/{row['source_partition']}/{row['source_offset']}"
        shown = (row["reason"], first["column"] or "", first["value"] or "", place)
        text = Text(row["raw"], no_wrap=True, overflow="ellipsis")
        table.add_row(str(row["rejected_id"]), *(Text(str(value)) for value in shown), text)
    return table


def set_aside_table(rows: Iterable[Mapping[str, Any]], *, width: int) -> Table:
    """Files, batches and archives that no job could process.

    :param width: of the terminal, in characters; where it is wide enough, names stand in one piece, to be copied.
    """
    table = Table(header_style="bold", box=None, pad_edge=False)
    table.add_column("feed", no_wrap=True)
    table.add_column("kind", no_wrap=True)
    found = list(rows)
    longest = max((len(row["name"]) for row in found), default=0)
    table.add_column("name", overflow="fold", min_width=min(longest, max(0, width - _BESIDE_NAME)))
    table.add_column("since (UTC)", no_wrap=True)
    table.add_column("attempts", justify="right")
    table.add_column("cause", overflow="fold")
    for row in found:
        since = f"{row['set_aside_at'].astimezone(UTC):%Y-%m-%d %H:%M:%S}"
        texts = (Text(row["feed"]), Text(row["kind"]), Text(row["name"]), Text(since), Text(str(row["attempts"])))
        table.add_row(*texts, Text(row["cause"]))
    return table


def rejected_row(row: Mapping[str, Any]) -> Table:
    """One rejected row in full."""
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    rebuilt = " (made from its columns)" if row["raw_rebuilt"] else ""
    place = f"{row['source_name']}, partition {row['source_partition']}, offset {row['source_offset']}, item {row['source_item']}"
    lines = {
        "row": f"{row['rejected_id']} of feed {row['feed']}, {row['status']}",
        "from": place,
        "rejected by": f"cycle {row['cycle_id']}",
        f"text{rebuilt}": row["raw"],
        **{
            f"problem {i}": " · ".join(str(part) for part in (p["rule"], p["column"], p["value"]) if part is not None)
            for i, p in enumerate(row["problems"], start=1)
        },
        "replayed by": f"log row {row['replayed_by']}" if row["replayed_by"] else None,
        "note": row["note"],
    }
    for name, value in lines.items():
        if value is not None:
            table.add_row(name, Text(str(value)))
    return table


def replayed(done: Replayed, *, dry_run: bool) -> str:
    """One sentence on a replay, and a line for each row that is bad still."""
    counts = done.counts
    if not counts.read:
        return "No quarantined rows are meant by this; nothing to do."
    would = "would be " if dry_run else ""
    said = (
        f"{counts.read} rows: {counts.processed} {would}loaded, {counts.duplicate} {would}duplicate,"
        f" {counts.rejected} still bad."
    )
    bad = [f"  {row['rejected_id']}: {row['reason']}" for row in done.still_bad[:_BAD_SHOWN]]
    return "\n".join([said, *bad, *(["  …"] if len(done.still_bad) > _BAD_SHOWN else [])])
