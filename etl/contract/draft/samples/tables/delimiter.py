"""The delimiter and the quote of CSV lines: those that give the most lines the same number of plain fields."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from etl.contract.draft.samples.tables.fields import column_kinds, kind_of
from etl.errors import ConfigurationError

_DELIMITERS = (",", ";", "\t", "|")
_LABELS = {"\t": "tab", " ": "blank"}
_EXAMINED = 300
"""Lines whose fields are looked at."""
_MOST_FIELDS = 100_000
_ENOUGH = 0.5
"""Share of consistent lines with plain fields from which on a delimiter is taken."""
_WITHOUT_NAMES = 0.75
"""What a delimiter counts that does not divide the header as it divides the records."""
_CLOSE = 0.8
"""A delimiter with this share of the best one's score is a candidate as well."""
_BLANK_ENOUGH = 0.7
_BLANK_LINES = 0.8
"""Share of all lines that a blank must divide; R's header has a field less."""
_DECIMAL_COMMA = re.compile(r"[+-]?[\d. \u00a0\u202f\u2009']*\d,\d+ ?\D{0,6}|[+-]?,\d+|[A-Za-z]{3,9},? .*\d{4}.*")
_LINE_PROTOCOL = re.compile(r"[^\s,=]+(,[^\s,=]+=[^\s,=]+)* [^\s,=]+=[^\s,]+(,[^\s,=]+=[^\s,]+)*( -?\d{9,20})?")


@dataclass(frozen=True)
class Delimiter:
    """A delimiter, with the evidence for it."""

    mark: str
    quote: str
    width: int
    """Fields that most lines have."""
    lines: int
    """Lines with this number of fields."""
    all_lines: int
    """Lines from the first to the last one of these."""
    score: float
    question: str = ""

    @property
    def label(self) -> str:
        return _LABELS.get(self.mark, self.mark)

    @property
    def evidence(self) -> str:
        return f"delimiter {self.label}: {self.width} fields in {self.lines:,} of {self.all_lines:,} lines"


def find_delimiter(name: str, lines: Sequence[str]) -> Delimiter:
    """The delimiter of lines that are neither blank nor comments.

    :raises ConfigurationError: none gives columns.
    """
    _refuse_line_protocol(name, lines)
    quote = _quote(lines)
    found = sorted((_examine(lines, mark, quote) for mark in _DELIMITERS), key=lambda tried: -tried.score)
    best, second = found[0], found[1]
    if best.score < _ENOUGH:
        blank = _examine(lines, " ", quote)
        if blank.score > _BLANK_ENOUGH and blank.lines > _BLANK_LINES * len(lines) and _has_columns(lines, blank):
            return blank
        if best.score < _ENOUGH / 2 or blank.score > best.score:
            raise _no_delimiter(name, lines)
    if second.score > _CLOSE * best.score or best.score < _ENOUGH:
        others = ", or ".join(f"{_quoted(one)} ({one.evidence})" for one in found if one.score > _CLOSE * second.score)
        question = others if best.score >= _ENOUGH else f"few lines agree: {_quoted(best)} ({best.evidence})?"
        return Delimiter(best.mark, quote, best.width, best.lines, best.all_lines, best.score, question)
    return best


def _has_columns(lines: Sequence[str], blank: Delimiter) -> bool:
    """Whether single blanks divide lines into columns with numbers or times, rather than words."""
    rows = [fields for line in lines[:_EXAMINED] if len(fields := fields_of(line, " ", blank.quote)) == blank.width]
    kinds = [kind for kind, _ in column_kinds(rows[1:] or rows)]
    return sum(kind in ("number", "time") for kind in kinds) > 1 and "" not in kinds


def _quoted(found: Delimiter) -> str:
    return '"\\t"' if found.mark == "\t" else f'"{found.mark}"'


def _quote(lines: Sequence[str]) -> str:
    """The quote: ' where whole fields are in single quotes and none in double ones; else the usual one."""
    text = "".join(lines[:_EXAMINED])
    single = len(re.findall(r"(?:^|[,;\t|])'[^']*'(?=[,;\t|]|$)", text, re.MULTILINE))
    return "'" if '"' not in text and single * 2 > len(lines[:_EXAMINED]) else '"'


def fields_of(line: str, mark: str, quote: str) -> list[str]:
    """The fields of one line by itself."""
    if quote not in line:
        return line.rstrip("\r\n").split(mark)
    try:
        return next(csv.reader([line], delimiter=mark, quotechar=quote), [])
    except csv.Error:
        return []


def _examine(lines: Sequence[str], mark: str, quote: str) -> Delimiter:
    widths = [line.count(mark) + 1 if quote not in line else len(fields_of(line, mark, quote)) for line in lines]
    frequent = Counter(width for width in widths if width > 1).most_common(1)
    if not frequent:
        return Delimiter(mark, quote, 1, 0, len(lines), 0.0)
    width, count = frequent[0]
    places = [place for place, other in enumerate(widths) if other == width]
    spanned = places[-1] - places[0] + 1
    examined = places[:: 1 + max(len(places) // _EXAMINED, len(places) * width // _MOST_FIELDS)]
    plain = _plain_share([fields_of(lines[place], mark, quote) for place in examined], mark)
    if (width == 2 and count * 2 < len(lines)) or (count == 1 and len(lines) > 1):
        # A mark in some sentences.
        plain = -1.0
    header = 1.0 if _holds_names(fields_of(lines[places[0]], mark, quote)) else _WITHOUT_NAMES
    return Delimiter(mark, quote, width, count, spanned, count / spanned * (1 + plain) / 2 * header)


def _holds_names(fields: Sequence[str]) -> bool:
    """Whether the first line of that width may be a header."""
    return all(kind_of(field) in ("text", "") for field in fields)


def _plain_share(rows: Sequence[Sequence[str]], mark: str) -> float:
    """The share of fields that no other delimiter divides; a decimal comma is none."""
    others = [other for other in _DELIMITERS if other != mark]
    fields = [field for row in rows for field in row]
    return sum(_is_plain(field, others) for field in fields) / len(fields)


def _is_plain(field: str, others: Sequence[str]) -> bool:
    """Whether no other delimiter separates anything in a field; in prose, blanks follow it."""
    within = [other for other in others if other in field]
    return all(field.count(other) == field.count(f"{other} ") for other in within) or _has_decimal_comma(field)


def _has_decimal_comma(field: str) -> bool:
    return bool(_DECIMAL_COMMA.fullmatch(field.strip()))


def _refuse_line_protocol(name: str, lines: Sequence[str]) -> None:
    first = [line.strip() for line in lines[:_EXAMINED]]
    if sum(bool(_LINE_PROTOCOL.fullmatch(line)) for line in first) > len(first) / 2:
        raise ConfigurationError(
            f"{name} is in InfluxDB's line protocol.",
            remedy="Export JSON or CSV instead, such as `influx query --raw`.",
        )


def _no_delimiter(name: str, lines: Sequence[str]) -> ConfigurationError:
    """Why there are no columns, and what helps."""
    first = [line.strip() for line in lines[:_EXAMINED]]
    if sum(len(line.split()) > 1 and len(re.split(r"\s{2,}|\t", line)) > 1 for line in first) > len(first) / 2:
        return ConfigurationError(
            f"The columns of {name} are between runs of blanks; a CSV file needs one delimiter.",
            remedy=f"Make one: sed -E 's/^ +//; s/ +/,/g' {name} > {name}.csv (and look whether a text has blanks in it).",
        )
    return ConfigurationError(
        f"{name} is neither JSON nor lines of fields between , ; | or tabs.",
        remedy="Give a file of records: JSON, JSON lines, CSV or Parquet.",
    )
