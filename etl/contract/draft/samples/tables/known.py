"""Layouts of CSV files that known programs write, by their first line."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from etl.contract.draft.samples.tables.delimiter import fields_of
from etl.contract.draft.samples.tables.fields import plain_unit
from etl.contract.draft.samples.tables.layout import Layout, made_up_names
from etl.contract.formats.csv_dialect import CsvDialect
from etl.errors import ConfigurationError

_ANNOTATIONS = ("#group", "#datatype", "#default", "#constant")
_TOA5_LINES = 4
_NO_UNITS = ("", "TS", "RN")
"""What TOA5 has instead of the units of times and record numbers."""
_SEPARATOR = re.compile(r'"?sep=(.)"?\s*')


def known_layout(name: str, lines: Sequence[str], encoding: str) -> Layout | None:
    """The layout of a program's files; None for all others.

    :raises ConfigurationError: the program has written what a feed cannot read.
    """
    first = fields_of(lines[0], ",", '"') if lines else []
    reader = _KNOWN.get(first[0].split(" ")[0] if first else "")
    return reader(name, lines, encoding) if reader else None


def named_separator(lines: Sequence[str]) -> str:
    """The delimiter that the first line names for Excel; empty if it names none."""
    found = _SEPARATOR.fullmatch(lines[0]) if lines else None
    return found[1] if found else ""


def _toa5(name: str, lines: Sequence[str], encoding: str) -> Layout | None:
    """A table of a Campbell Scientific logger: the station, names, units, and how values were made, then the records.

    None where the names do not tell the columns apart.
    """
    if len(lines) < _TOA5_LINES:
        return None
    names, units = fields_of(lines[1], ",", '"'), fields_of(lines[2], ",", '"')
    if len(names) < 2 or "" in names or len(set(names)) < len(names):
        return None
    evidence = "TOA5, a Campbell Scientific logger: names in line 2, units in line 3, records from line 5 on"
    return Layout(
        CsvDialect(encoding=encoding, skip_rows=1, skip_after_header=2),
        tuple(names),
        (evidence,),
        units={
            key: unit for key, field in zip(names, units, strict=False) if (unit := plain_unit(field)) not in _NO_UNITS
        },
    )


def _annotated(name: str, lines: Sequence[str], encoding: str) -> Layout | None:
    """InfluxDB's annotated CSV: annotations, a header, and records; then a blank line, and the next table.

    :raises ConfigurationError: the tables have different columns.
    """
    headers: dict[tuple[str, ...], int] = {}
    is_header = False
    for number, line in enumerate(lines, start=1):
        if line.startswith("#"):
            is_header = True
        elif is_header and line.strip():
            headers.setdefault(tuple(field.strip() for field in fields_of(line, ",", '"')), number)
            is_header = False
    if not headers:
        return None
    if len(headers) > 1:
        places = " and ".join(f"line {number}" for number in list(headers.values())[:3])
        raise ConfigurationError(
            f"{name} holds InfluxDB tables with different columns ({places}).",
            remedy="Export them separately, or with one set of columns: `|> pivot(…)`, `|> group()` at the end of the query.",
        )
    (header,) = headers
    evidence = "InfluxDB's annotated CSV: lines that begin with # are annotations"
    if header.count("") > 1 or len(set(header)) < len(header):
        made = made_up_names(list(header), len(header))
        return Layout(CsvDialect(encoding=encoding, comment="#", header=False), made, (evidence,))
    return Layout(CsvDialect(encoding=encoding, comment="#"), header, (evidence,))


_Reader = Callable[[str, Sequence[str], str], Layout | None]
_KNOWN: dict[str, _Reader] = {"TOA5": _toa5, **dict.fromkeys(_ANNOTATIONS, _annotated)}
"""First field of the first line, up to a blank → who reads the layout."""
