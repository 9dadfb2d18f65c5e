"""CSV files that other programs wrote, record by record: a broken line never swallows the lines after it."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TextIO

from etl.contract.formats.csv_dialect import CsvDialect

_LONGEST_LINE = 1 << 20


@dataclass(frozen=True)
class Record:
    """A record of a file: the number of its first line (the header is line 1), its text, and its fields if it could be split."""

    line: int
    text: str
    fields: list[str | None] | None


def read_records(stream: TextIO, dialect: CsvDialect, *, width: int | None = None) -> Iterator[Record]:
    """The records of a file, without blank lines.

    :param width: number of fields of a record; None: that of the first one.
    """
    lines = _Lines(stream)
    reader = csv.reader(lines, delimiter=dialect.delimiter, quotechar=dialect.quote, strict=True)
    while True:
        lines.begin_record()
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield lines.give_back_all_but_the_first()
            continue
        width = width or len(fields) or None
        if len(fields) != width and len(lines.taken) > 1:
            yield lines.give_back_all_but_the_first()
        elif fields:
            text = "".join(lines.taken)
            is_whole = len(fields) == width and not _is_damaged(text) and not hides_separator(text, dialect)
            yield Record(lines.first, text, fields_with_nulls(fields, text, dialect) if is_whole else None)


class _Lines:
    """The lines of a file; lines that were read can be given back."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._returned: list[str] = []
        self._number = 0
        self.taken: list[str] = []

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._returned.pop() if self._returned else self._stream.readline(_LONGEST_LINE)
        if not line:
            raise StopIteration
        self._number += 1
        self.taken.append(line)
        return line

    @property
    def first(self) -> int:
        return self._number - len(self.taken) + 1

    def begin_record(self) -> None:
        self.taken.clear()

    def give_back_all_but_the_first(self) -> Record:
        broken = Record(self.first, self.taken[0], None)
        self._returned += self.taken[:0:-1]
        self._number -= len(self.taken) - 1
        return broken


def _is_damaged(text: str) -> bool:
    """Whether a text has bytes that are invalid in its encoding; they were read as lone surrogates."""
    return not text.isascii() and any("\udc80" <= letter <= "\udcff" for letter in text)


def split_line(text: str, dialect: CsvDialect) -> list[str | None] | None:
    """The fields of a record: None for one that is empty and not quoted; no list where the record is broken."""
    # Lines end as in the file: `str.splitlines` would also end one at a vertical tab or at U+2028.
    lines = io.StringIO(text, newline="")
    try:
        rows = list(csv.reader(lines, delimiter=dialect.delimiter, quotechar=dialect.quote, strict=True))
    except csv.Error:
        return None
    if len(rows) != 1 or hides_separator(text, dialect):
        return None
    return fields_with_nulls(rows[0], text, dialect)


def fields_with_nulls(fields: Sequence[str], text: str, dialect: CsvDialect) -> list[str | None]:
    """The fields that Python's reader found in a record, with None for those that are empty and not quoted.

    The reader itself distinguishes the two only from Python 3.12 on.
    """
    if dialect.quote * 2 not in text:
        return [field or None for field in fields]
    # Each match starts at a field.
    written = (match[0] for match in _field_pattern(dialect.quote, dialect.delimiter).finditer(text.rstrip("\r\n")))
    return [
        field if field or source.startswith(dialect.quote) else None
        for field, source in zip(fields, written, strict=False)
    ]


def hides_separator(text: str, dialect: CsvDialect) -> bool:
    """Whether a quote inside an unquoted field has a partner that ends a field, with a separator between the two.

    Then a separator may be missing before the first quote, and all fields after it would be shifted. RFC 4180, 2.5, allows no
    quote in an unquoted field; a single one, as in `5" pipe`, is unambiguous and is text.
    """
    if dialect.quote not in text or _clean_pattern(dialect.quote, dialect.delimiter).fullmatch(text):
        return False
    line = text.rstrip("\r\n")
    for match in _field_pattern(dialect.quote, dialect.delimiter).finditer(line):
        first = line.find(dialect.quote, match.start(), match.end())
        if first <= match.start():
            continue
        partner = line.find(dialect.quote, first + 1)
        ends_field = partner + 1 == len(line) or line.startswith(dialect.delimiter, partner + 1)
        if partner > 0 and ends_field and dialect.delimiter in line[first:partner]:
            return True
    return False


@cache
def _field_pattern(quote: str, delimiter: str) -> re.Pattern[str]:
    """A field with the delimiter after it: quoted (a quote inside is doubled), or up to the next delimiter."""
    quote, delimiter = re.escape(quote), re.escape(delimiter)
    return re.compile(rf"(?:{quote}[^{quote}]*(?:{quote}{quote}[^{quote}]*)*{quote}|[^{delimiter}]*)(?:{delimiter}|\Z)")


@cache
def _clean_pattern(quote: str, delimiter: str) -> re.Pattern[str]:
    """A record whose quotes are around fields, or doubled inside such a field."""
    quote, delimiter = re.escape(quote), re.escape(delimiter)
    field = rf"(?:{quote}[^{quote}]*(?:{quote}{quote}[^{quote}]*)*{quote}|[^{quote}{delimiter}]*)"
    return re.compile(rf"{field}(?:{delimiter}{field})*[\r\n]*")
