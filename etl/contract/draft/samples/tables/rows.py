"""The lines of a CSV text, and the fields in them, split as the job does it that reads the feed's files."""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from etl.contract.formats.csv_dialect import CsvDialect

LONGEST_LINE = 1 << 20
"""Characters; a longer line is read by no job."""
MOST_VALUES = 2_000_000
"""Most fields of a sample: 10,000 lines of 200 columns."""
MOST_COLUMNS = 20_000
BLANKS = " \t"
"""What `trim` removes."""
_SURROGATES = re.compile("[\udc80-\udcff]")


@dataclass(frozen=True)
class Row:
    """A record, or a line that is none."""

    line: int
    """Number of lines before it."""
    fields: list[str] | None
    """None: it could not be split."""


def lines_of(text: str, most: int) -> list[str]:
    """The first lines, with their ends, which are CR, LF or both."""
    return list(itertools.islice(io.StringIO(text, newline=""), most))


def rows_of(lines: Sequence[str], dialect: CsvDialect, width: int, *, first: int = 0) -> Iterator[Row]:
    """The rows from a line on, without comments and blank lines. A line that is broken does not swallow those after it.

    :param width: number of fields of a record; a record of several lines with another number is broken.
    """
    return itertools.islice(_rows_of(lines, dialect, width, first), MOST_VALUES // width)


def _rows_of(lines: Sequence[str], dialect: CsvDialect, width: int, first: int) -> Iterator[Row]:
    feed = _Lines(lines, dialect.comment, first)
    options = {"delimiter": dialect.delimiter, "quotechar": dialect.quote, "skipinitialspace": dialect.trim}
    reader = csv.reader(feed, strict=True, **options)  # type: ignore[arg-type]
    while True:
        feed.taken = 0
        fields: list[str] | None = None
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error:
            pass
        if feed.taken > 1 and (fields is None or len(_fields(fields, dialect)) != width):
            feed.give_back_all_but_the_first()
            fields = None
        if fields != []:
            yield Row(feed.begin, None if fields is None or _are_damaged(fields) else _fields(fields, dialect))


def _fields(fields: list[str], dialect: CsvDialect) -> list[str]:
    if dialect.trailing_delimiter and len(fields) > 1 and not fields[-1].strip(BLANKS):
        fields = fields[:-1]
    return [field.strip(BLANKS) for field in fields] if dialect.trim else fields


def _are_damaged(fields: Sequence[str]) -> bool:
    """Whether fields have bytes that are invalid in the file's encoding; they were read as lone surrogates."""
    text = "".join(fields)
    return not text.isascii() and bool(_SURROGATES.search(text))


class _Lines:
    """Lines without comments; lines that were read can be given back."""

    def __init__(self, lines: Sequence[str], comment: str, first: int) -> None:
        self._lines = lines
        self._comment = comment
        self._next = first
        self.taken = 0
        self.begin = first
        """The first line of those that were taken."""

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        # Only between records: in a quoted field it is text.
        while not self.taken and self._comment and self._is_comment():
            self._next += 1
        if self._next >= len(self._lines):
            raise StopIteration
        if not self.taken:
            self.begin = self._next
        self.taken += 1
        self._next += 1
        return self._lines[self._next - 1]

    def _is_comment(self) -> bool:
        return self._next < len(self._lines) and self._lines[self._next].startswith(self._comment)

    def give_back_all_but_the_first(self) -> None:
        self._next = self.begin + 1
