"""CSV files that other programs wrote, record by record: a broken line never swallows the lines after it."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TextIO

from etl.contract.formats.csv_dialect import CsvDialect

LONGEST_LINE = 1 << 20
BLANKS = " \t"
"""What `trim` removes."""


@dataclass(frozen=True)
class Record:
    """A record of a file: the number of its first line (the file's first is line 1), its text, and its fields if it could be
    split.
    """

    line: int
    text: str
    fields: list[str | None] | None


class Lines:
    """The lines of a file, without its comments; lines that were read can be given back."""

    def __init__(self, stream: TextIO, dialect: CsvDialect) -> None:
        self._stream = stream
        self._dialect = dialect
        self._comment = dialect.comment
        self._trims = dialect.trim
        self._returned: list[str] = []
        self._number = 0
        self.taken: list[str] = []

    def __iter__(self) -> Lines:
        return self

    def __next__(self) -> str:
        line = self._returned.pop() if self._returned else self._stream.readline(LONGEST_LINE)
        if self._comment and not self.taken:
            # Only between records: in a quoted field it is text.
            line = self._after_comments(line)
        if not line:
            raise StopIteration
        self._number += 1
        self.taken.append(line)
        return _unpadded(line, self._dialect) if self._trims and len(self.taken) == 1 else line

    @property
    def first(self) -> int:
        return self._number - len(self.taken) + 1

    def begin_record(self) -> None:
        self.taken.clear()

    def skip(self, lines: int) -> None:
        """Pass over the next lines; what follows them is the next record."""
        for _ in range(lines):
            self._whole_line(self._returned.pop() if self._returned else self._stream.readline(LONGEST_LINE))
            self._number += 1
        self.taken.clear()

    def give_back_all_but_the_first(self) -> Record:
        broken = Record(self.first, self.taken[0], None)
        self._returned += self.taken[:0:-1]
        self._number -= len(self.taken) - 1
        return broken

    def _after_comments(self, line: str) -> str:
        while line.startswith(self._comment):
            self._whole_line(line)
            self._number += 1
            line = self._returned.pop() if self._returned else self._stream.readline(LONGEST_LINE)
        return line

    def _whole_line(self, line: str) -> None:
        """Read the rest of a line that is longer than what is read at once."""
        while len(line) == LONGEST_LINE and not line.endswith(("\n", "\r")):
            line = self._stream.readline(LONGEST_LINE)


def read_records(lines: Lines, dialect: CsvDialect, *, width: int | None = None) -> Iterator[Record]:
    """The records of a file, without blank lines.

    :param width: number of fields of a record; None: that of the first one.
    """
    reader = csv.reader(lines, **_reader_options(dialect))
    is_plain = not dialect.trim and not dialect.trailing_delimiter
    while True:
        lines.begin_record()
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield lines.give_back_all_but_the_first()
            continue
        count = len(fields) if is_plain else _count(fields, dialect)
        width = width or count or None
        if count != width and len(lines.taken) > 1:
            yield lines.give_back_all_but_the_first()
        elif fields:
            text = "".join(lines.taken)
            is_whole = count == width and not _is_damaged(text) and not hides_separator(text, dialect)
            yield Record(lines.first, text, fields_with_nulls(fields, text, dialect) if is_whole else None)


def _reader_options(dialect: CsvDialect) -> dict[str, Any]:
    return {
        "delimiter": dialect.delimiter,
        "quotechar": dialect.quote,
        "strict": True,
        # A quote after a blank begins a quoted field.
        "skipinitialspace": dialect.trim,
    }


def _is_damaged(text: str) -> bool:
    """Whether a text has bytes that are invalid in its encoding; they were read as lone surrogates."""
    return not text.isascii() and any("\udc80" <= letter <= "\udcff" for letter in text)


def split_line(text: str, dialect: CsvDialect) -> list[str | None] | None:
    """The fields of a record: None for one that is empty and not quoted; no list where the record is broken."""
    # Lines end as in the file: `str.splitlines` would also end one at a vertical tab or at U+2028.
    lines = io.StringIO(_unpadded(text, dialect) if dialect.trim else text, newline="")
    try:
        rows = list(csv.reader(lines, **_reader_options(dialect)))
    except csv.Error:
        return None
    if len(rows) != 1 or hides_separator(text, dialect):
        return None
    return fields_with_nulls(rows[0], text, dialect)


def _unpadded(text: str, dialect: CsvDialect) -> str:
    """A record without the blanks between quotes and delimiters that Python's reader does not pass over."""
    quote, delimiter = dialect.quote, dialect.delimiter
    if not any(padding in text for padding in (f"{quote} ", f"{quote}\t", f"\t{quote}")):
        return text
    line = text.rstrip("\r\n")
    fields = [match[0] for match in _field_pattern(quote, delimiter, dialect.trim).finditer(line)]
    for place, field in enumerate(fields):
        value, mark = (field[:-1], delimiter) if field.endswith(delimiter) else (field, "")
        bare = value.strip(BLANKS)
        if not bare.startswith(quote):
            continue
        if len(bare) < 2 or bare[-1] != quote or bare.count(quote) % 2:
            # A field that is open at the line's end: what follows is inside of it.
            break
        fields[place] = bare + mark
    return "".join(fields) + text[len(line) :]


def _count(fields: Sequence[str], dialect: CsvDialect) -> int:
    """Number of fields, without the empty one after a delimiter at the line's end."""
    is_ended = dialect.trailing_delimiter and len(fields) > 1 and not fields[-1].strip(BLANKS)
    return len(fields) - 1 if is_ended else len(fields)


def fields_with_nulls(fields: Sequence[str], text: str, dialect: CsvDialect) -> list[str | None]:
    """The fields that Python's reader found in a record, with None for those that are empty and not quoted.

    The reader itself distinguishes the two only from Python 3.12 on. Blanks around fields, and the empty field after a
    delimiter at the line's end, are removed as the dialect says.
    """
    if dialect.trailing_delimiter:
        fields = fields[: _count(fields, dialect)]
    if dialect.trim:
        fields = [field.strip(BLANKS) for field in fields]
    if dialect.quote not in text or (dialect.quote * 2 not in text and not dialect.trim):
        return [field or None for field in fields]
    # Each match starts at a field.
    written = (
        match[0]
        for match in _field_pattern(dialect.quote, dialect.delimiter, dialect.trim).finditer(text.rstrip("\r\n"))
    )
    if dialect.trim:
        written = (source.lstrip(BLANKS) for source in written)
    return [
        field if field or source.startswith(dialect.quote) else None
        for field, source in zip(fields, written, strict=False)
    ]


def hides_separator(text: str, dialect: CsvDialect) -> bool:
    """Whether a quote inside an unquoted field has a partner that ends a field, with a separator between the two.

    Then a separator may be missing before the first quote, and all fields after it would be shifted. RFC 4180, 2.5, allows no
    quote in an unquoted field; a single one, as in `5" pipe`, is unambiguous and is text.
    """
    if dialect.quote not in text or _clean_pattern(dialect.quote, dialect.delimiter, dialect.trim).fullmatch(text):
        return False
    line = text.rstrip("\r\n")
    for match in _field_pattern(dialect.quote, dialect.delimiter, dialect.trim).finditer(line):
        start = match.start()
        if dialect.trim:
            start += len(match[0]) - len(match[0].lstrip(BLANKS))
        first = line.find(dialect.quote, match.start(), match.end())
        if first <= start:
            continue
        partner = line.find(dialect.quote, first + 1)
        ends_field = partner + 1 == len(line) or line.startswith(dialect.delimiter, partner + 1)
        if partner > 0 and ends_field and dialect.delimiter in line[first:partner]:
            return True
    return False


@cache
def _field_pattern(quote: str, delimiter: str, trim: bool) -> re.Pattern[str]:
    """A field with the delimiter after it: quoted (a quote inside is doubled), or up to the next delimiter."""
    blanks = f"[{BLANKS.replace(delimiter, '')}]*" if trim else ""
    quote, delimiter = re.escape(quote), re.escape(delimiter)
    quoted = rf"{blanks}{quote}[^{quote}]*(?:{quote}{quote}[^{quote}]*)*{quote}{blanks}"
    return re.compile(rf"(?:{quoted}|[^{delimiter}]*)(?:{delimiter}|\Z)")


@cache
def _clean_pattern(quote: str, delimiter: str, trim: bool) -> re.Pattern[str]:
    """A record whose quotes are around fields, or doubled inside such a field."""
    blanks = f"[{BLANKS.replace(delimiter, '')}]*" if trim else ""
    quote, delimiter = re.escape(quote), re.escape(delimiter)
    quoted = rf"{blanks}{quote}[^{quote}]*(?:{quote}{quote}[^{quote}]*)*{quote}{blanks}"
    field = rf"(?:{quoted}|[^{quote}{delimiter}]*)"
    return re.compile(rf"{field}(?:{delimiter}{field})*[\r\n]*")
