"""The CSV dialect of the program that writes a feed's files."""

from __future__ import annotations

import codecs
from dataclasses import dataclass, fields
from typing import Any, Self

from etl.contract.properties.custom_properties import CustomProperties

CAMEL = {
    "skip_rows": "skipRows",
    "skip_after_header": "skipAfterHeader",
    "trailing_delimiter": "trailingDelimiter",
}
"""Field of a dialect → its key in a contract, where that is another."""
_OF_LINES = ("delimiter", "quote", "comment")
"""Marks that divide a file into lines and fields."""
_MOST_SKIPPED = 1_000
_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", " ": "blanks"}


@dataclass(frozen=True)
class CsvDialect:
    """How the lines of a CSV file are written."""

    delimiter: str = ","
    quote: str = '"'
    encoding: str = "utf-8"
    """A byte-order mark at the beginning of a file takes precedence."""
    header: bool = True
    """Whether the first line names the columns; otherwise they are the contract's, in its order."""
    decimal: str = "."
    """The decimal mark of columns of numbers that have none of their own."""
    thousands: str = ""
    """The mark between groups of three digits, likewise; empty: there is none."""
    comment: str = ""
    """Lines that begin with it are no records; empty: there are none."""
    skip_rows: int = 0
    """Number of lines before the header, or before the first record where there is no header."""
    skip_after_header: int = 0
    """Number of lines between the header and the first record, such as a line of units."""
    trim: bool = False
    """Whether blanks and tabs at both ends of a field are removed."""
    trailing_delimiter: bool = False
    """Whether lines end in a delimiter after the last field."""

    @classmethod
    def from_properties(cls, given: CustomProperties) -> Self:
        """The dialect under `csv`; what it does not name is the default.

        :raises ContractError: a mark is not one character, two marks are equal, or the encoding cannot be used.
        """
        if "csv" not in given.values:
            return cls()
        names = {CAMEL.get(field.name, field.name): field.name for field in fields(cls)}
        values = given.mapping("csv", set(names))
        dialect = cls(**{names[name]: value for name, value in values.items()})
        for name, value in values.items():
            if problem := _problem(name, value, dialect):
                raise given.fail(f"{given.place}.csv.{name}", *problem)
        return dialect

    @property
    def raw_encoding(self) -> str:
        """The encoding in which a record's own text is kept: the file's, or UTF-8 where ASCII is not part of the file's."""
        return self.encoding if _is_ascii_superset(self.encoding) else "utf-8"

    @property
    def in_words(self) -> str:
        delimiter = _DELIMITERS.get(self.delimiter, self.delimiter)
        sentence = f"{self.encoding}, fields divided by {delimiter}, quotes {self.quote}"
        more = {
            "no header": not self.header,
            f"decimal mark {self.decimal}": self.decimal != ".",
            f"thousands mark {self.thousands}": self.thousands,
            f"comments after {self.comment}": self.comment,
            f"{self.skip_rows} lines before the header": self.skip_rows,
            f"{self.skip_after_header} lines after the header": self.skip_after_header,
            "blanks around fields removed": self.trim,
            "a delimiter at the end of a line": self.trailing_delimiter,
        }
        return ", ".join([sentence, *(text for text, applies in more.items() if applies)])


def _problem(name: str, value: Any, dialect: CsvDialect) -> tuple[str, str] | None:
    """What is wrong with a value, and the remedy."""
    if name in ("delimiter", "quote", "comment", "decimal", "thousands"):
        return _mark_problem(name, value, dialect)
    if name in ("header", "trim", "trailingDelimiter"):
        return None if isinstance(value, bool) else (f"{value!r}", "Use true or false.")
    if name in ("skipRows", "skipAfterHeader"):
        is_count = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST_SKIPPED
        return None if is_count else (f"{value!r}", f"Give a number of lines from 0 to {_MOST_SKIPPED}.")
    return _encoding_problem(value)


def _mark_problem(name: str, value: Any, dialect: CsvDialect) -> tuple[str, str] | None:
    may_be_empty = name in ("comment", "thousands")
    if value == "" and may_be_empty:
        return None
    if not isinstance(value, str) or len(value) != 1 or value in "\r\n\0":
        return f"{value!r}", "Give one character."
    if name in ("decimal", "thousands") and (value.isalnum() or value in "+-"):
        return f"{value!r} is part of a number", "Give the mark, such as a comma."
    if dialect.decimal == dialect.thousands:
        return f"{value!r} is both the decimal and the thousands mark", "Give two different marks."
    others = {other: getattr(dialect, other) for other in _OF_LINES if name in _OF_LINES and other != name}
    if same := [other for other, mark in others.items() if mark == value]:
        return f"{value!r} is the {same[0]}, too", "Give two different marks."
    return None


def _encoding_problem(value: Any) -> tuple[str, str] | None:
    try:
        codecs.lookup(value)
        "a,\n".encode(value)
    except (LookupError, TypeError, ValueError):
        return f"{value!r} is not known", "Use utf-8, utf-16, cp1252 or latin-1."
    if codecs.lookup(value).name == "utf-8-sig":
        return f"{value!r} writes a byte-order mark", "Write utf-8: the mark is recognised."
    is_wide = codecs.lookup(value).name.startswith(("utf-16", "utf-32"))
    if not is_wide and not _is_ascii_superset(value):
        return f"{value!r} is not a superset of ASCII", "Convert the files."
    return None


def _is_ascii_superset(encoding: str) -> bool:
    return "a,\n".encode(encoding) == b"a,\n"
