"""The records of a CSV file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from etl.contract.draft.samples.content import Content
from etl.contract.draft.samples.encoding import Text
from etl.contract.draft.samples.tables.dialect import find_layout
from etl.contract.draft.samples.tables.known import known_layout
from etl.contract.draft.samples.tables.layout import Layout
from etl.contract.draft.samples.tables.rows import Row, lines_of, rows_of
from etl.contract.draft.samples.wording import counted, notes
from etl.contract.formats.csv_records import LONGEST_LINE
from etl.errors import ConfigurationError

_MORE_LINES = 2_000
"""Lines that are read beyond the number of records: a preamble, comments, and records of several lines."""
_SUMMARIES = frozenset(
    {
        *("total", "totals", "sum", "average", "avg", "mean", "median", "min", "max", "minimum", "maximum", "count"),
        *("summe", "gesamt", "mittelwert", "durchschnitt", "anzahl", "moyenne", "media", "promedio"),
    }
)
_MOST_SUMMARIES = 6


@dataclass(frozen=True)
class Table:
    """Records, and the layout of their file."""

    layout: Layout
    records: list[dict[str, Any]]
    share: float
    """About which share of the text was read."""


def read_table(content: Content, text: Text, most: int) -> Table:
    """The first records of a CSV text.

    :raises ConfigurationError: it has no columns, or no records.
    """
    lines = lines_of(text.text, most + _MORE_LINES)
    if not content.is_whole and len(lines) > 1 and not lines[-1].endswith(("\n", "\r")):
        lines.pop()
    _require_lines(content, lines)
    usable = [line if len(line) < LONGEST_LINE else "\n" for line in lines]
    layout = known_layout(content.name, usable, text.encoding) or find_layout(content.name, usable, text.encoding)
    rows = list(rows_of(usable, layout.dialect, len(layout.names), first=_first_line(usable, layout)))
    taken, evidence = _records(rows[:most], layout)
    records = [dict(zip(layout.names, [field or None for field in row], strict=True)) for row in taken]
    for record in records:
        record.pop("", None)
    if not records:
        found = f": {'; '.join(evidence)}" if evidence else ""
        raise ConfigurationError(
            f"{content.name} has no records{found}.", remedy="Give a file with some lines of values."
        )
    read = sum(map(len, lines[: rows[most].line])) if len(rows) > most else sum(map(len, lines))
    long = len(lines) - sum(len(line) < LONGEST_LINE for line in lines)
    evidence += [f"{counted(long, 'line')} of more than {LONGEST_LINE:,} characters: rejected"] * bool(long)
    layout = replace(layout, evidence=(*layout.evidence, *evidence))
    return Table(layout, records, read / len(text.text))


def _require_lines(content: Content, lines: Sequence[str]) -> None:
    if not any(line.strip() for line in lines):
        raise ConfigurationError(f"{content.name} has no records: it is blank.", remedy="Give a file with some lines.")
    if all(len(line) >= LONGEST_LINE or not line.strip() for line in lines):
        raise ConfigurationError(
            f"A line of {content.name} has {len(lines[0]):,} characters or more, and is not JSON.",
            remedy=f"Lines of a CSV file may have at most {LONGEST_LINE:,} characters.",
        )


def _first_line(lines: Sequence[str], layout: Layout) -> int:
    """The line of the first record."""
    dialect = layout.dialect
    if not dialect.header:
        return dialect.skip_rows
    header = next(rows_of(lines, dialect, len(layout.names), first=dialect.skip_rows), Row(dialect.skip_rows, None))
    return header.line + 1 + dialect.skip_after_header


def _records(rows: Sequence[Row], layout: Layout) -> tuple[list[list[str]], list[str]]:
    """The fields of the records, and what was found about the other lines."""
    width = len(layout.names)
    whole = [row.fields for row in rows if row.fields is not None and len(row.fields) == width]
    filled = [fields for fields in whole if any(field.strip() for field in fields)]
    header = list(layout.names)
    values = [fields for fields in filled if [field.strip() for field in fields] != header]
    records = _without_summaries(values)
    found = {
        ("line", "with another number of fields, or broken: rejected"): len(rows) - len(whole),
        ("line", "without any value: rejected"): len(whole) - len(filled),
        ("header", "among the records: rejected"): len(filled) - len(values),
        ("summary", "at the end: rejected"): len(values) - len(records),
    }
    return records, notes(found)


def _without_summaries(rows: list[list[str]]) -> list[list[str]]:
    """Records without the totals and averages that follow the last one."""
    end = len(rows)
    while end > 1 and len(rows) - end < _MOST_SUMMARIES and _is_summary(rows[end - 1]):
        end -= 1
    return rows[:end]


def _is_summary(fields: Sequence[str]) -> bool:
    first = next((field for field in fields if field.strip()), "")
    return first.strip().rstrip(":").lower() in _SUMMARIES
