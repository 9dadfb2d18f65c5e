"""Rejected rows and files that were set aside, as tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from etl.cli.report.tables import new_table

if TYPE_CHECKING:
    from etl.operations.quarantine.replay import Replayed

_BAD_SHOWN = 20

_FIELD_SHOWN = 24
"""Characters of a field that a terminal shows."""

_BESIDE_NAME = 67
"""Width of the columns beside a name, with some room for the cause."""


def quarantine_summary(rows: Iterable[Mapping[str, Any]]) -> Table:
    """How many rejected rows there are per feed, reason and status."""
    table = new_table("feed", "reason", "status", "rows", numbers=("rows",), whole=("reason", "status"))
    for row in rows:
        table.add_row(row["feed"], row["reason"], row["status"], f"{row['rows']:,}")
    return table


def quarantine_table(rows: Iterable[Mapping[str, Any]]) -> Table:
    """Rejected rows, a line each; a terminal shows the beginning of long values and texts."""
    fields = ("column", "value", "source")
    table = new_table("id", "reason", *fields, "text", numbers=("id",), whole=("reason",), cut=(*fields, "text"))
    for column in table.columns:
        if column.header in fields:
            column.max_width = _FIELD_SHOWN
    for row in rows:
        first = row["problems"][0]
        place = f"{row['source_name']}/{row['source_partition']}/{row['source_offset']}"
        beside = "".join(f" · {origin}: {value}" for origin, value in (row["beside_message"] or {}).items())
        values = (row["reason"], first["column"] or "", first["value"] or "", place, row["raw"] + beside)
        table.add_row(str(row["rejected_id"]), *(Text(str(value)) for value in values))
    return table


def set_aside_table(rows: Iterable[Mapping[str, Any]], *, width: int) -> Table:
    """Files, batches and archives that no job could process.

    :param width: of the terminal, in characters; where it is wide enough, names stay in one piece, to be copied.
    """
    files = list(rows)
    longest = max((len(row["name"]) for row in files), default=0)
    whole = ("feed", "kind", "since (UTC)", *(("name",) if longest <= width - _BESIDE_NAME else ()))
    table = new_table("feed", "kind", "name", "since (UTC)", "attempts", "cause", numbers=("attempts",), whole=whole)
    for row in files:
        since = f"{row['set_aside_at'].astimezone(UTC):%Y-%m-%d %H:%M:%S}"
        values = (row["feed"], row["kind"], row["name"], since, str(row["attempts"]), row["cause"])
        table.add_row(*map(Text, values))
    return table


def rejected_row(row: Mapping[str, Any]) -> Table:
    """One rejected row: its whole text, and its first problems."""
    table = new_table("field", "value", whole=("field",), show_header=False)
    table.columns[0].style = "bold"
    rebuilt = " (made from its columns)" if row["raw_rebuilt"] else ""
    place = f"{row['source_name']}, partition {row['source_partition']}, offset {row['source_offset']}, item {row['source_item']}"
    lines = {
        "row": f"{row['rejected_id']} of feed {row['feed']}, {row['status']}",
        "from": place,
        "rejected by": f"cycle {row['cycle_id']}",
        f"text{rebuilt}": row["raw"],
        **{f"beside it, {origin}": value for origin, value in (row["beside_message"] or {}).items()},
        **{
            f"problem {i}": " · ".join(str(part) for part in (p["rule"], p["column"], p["value"]) if part is not None)
            for i, p in enumerate(row["problems"][:_BAD_SHOWN], start=1)
        },
        "more problems": f"{more:,}; `--json` has all" if (more := len(row["problems"]) - _BAD_SHOWN) > 0 else None,
        "replayed by": f"log row {row['replayed_by']}" if row["replayed_by"] else None,
        "note": row["note"],
    }
    for name, value in lines.items():
        if value is not None:
            table.add_row(name, Text(str(value)))
    return table


def replayed(done: Replayed, *, dry_run: bool) -> str:
    """One sentence on a replay, and a line for each row that is still bad."""
    counts = done.counts
    if not counts.read:
        return "No quarantined row matches; nothing to do."
    would = "would be " if dry_run else ""
    sentence = (
        f"{counts.read} rows: {counts.processed} {would}loaded, {counts.duplicate} {would}duplicate,"
        f" {counts.rejected} still bad."
    )
    bad = [f"  {row['rejected_id']}: {row['reason']}" for row in done.still_bad[:_BAD_SHOWN]]
    return "\n".join([sentence, *bad, *(["  …"] if len(done.still_bad) > _BAD_SHOWN else [])])
