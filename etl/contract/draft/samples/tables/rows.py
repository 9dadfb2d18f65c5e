"""The lines of a CSV text, and the fields in them, split as the job splits them that reads the feed's files."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from etl.contract.draft.samples.tables.delimiter import fields_of
from etl.contract.formats.csv_dialect import CsvDialect
from etl.contract.formats.csv_records import BLANKS, Lines, Record, read_records

MOST_VALUES = 2_000_000
"""Most fields of a sample: 10,000 lines of 200 columns."""
MOST_COLUMNS = 20_000


@dataclass(frozen=True)
class Row:
    """A record, or a line that is none."""

    line: int
    """Number of lines before it."""
    fields: list[str] | None
    """None: it is broken. Another number of fields than a record has: it is none, and they may be only roughly right."""


def lines_of(text: str, most: int) -> list[str]:
    """The first lines, with their ends, which are CR, LF or both."""
    return list(itertools.islice(io.StringIO(text, newline=""), most))


def rows_of(lines: Sequence[str], dialect: CsvDialect, width: int, *, first: int = 0) -> Iterator[Row]:
    """The rows from a line on, without comments and blank lines. A line that is broken does not swallow those after it.

    :param width: number of fields of a record; a record of several lines with another number is broken.
    """
    feed = Lines(io.StringIO("".join(lines[first:]), newline=""), dialect)
    records = itertools.islice(read_records(feed, dialect, width=width), MOST_VALUES // width)
    return (Row(first + record.line - 1, _fields(record, dialect, width)) for record in records)


def _fields(record: Record, dialect: CsvDialect, width: int) -> list[str] | None:
    if record.fields is not None:
        return [field or "" for field in record.fields]
    fields = fields_of(record.text, dialect.delimiter, dialect.quote)
    if dialect.trailing_delimiter and len(fields) > 1 and not fields[-1].strip(BLANKS):
        fields = fields[:-1]
    return None if len(fields) == width else fields
