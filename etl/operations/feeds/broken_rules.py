"""Which line of a contract rejects rows: from a reason and a column to the place in the file, and to words."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import pyarrow as pa
import yaml

from etl.contract.model import Column, Contract
from etl.contract.yaml_lines import YamlLines
from etl.validation.reasons import Reason
from etl.validation.values.numbers import plain_numbers
from etl.validation.values.times import times

_FORMAT = "servers[0].format"
_CSV = "servers[0].customProperties.csv"
_UNKNOWN_KEYS = "customProperties.unknownKeys"
_KINDS = {
    "text": "text",
    "integer": "whole number",
    "double": "number",
    "boolean": "boolean (true or false)",
    "timestamp": "time",
}


@dataclass(frozen=True)
class BrokenRule:
    """A rule of a contract that rows break."""

    words: str
    """What is wrong with the rows, as a clause: "temperature is no number"."""
    line: str
    """File, line and its text: "contracts/meters.odcs.yaml line 34, logicalType: number"; empty where it is not known."""
    can_be_corrected: bool
    """Whether an edit of the contract can make such rows good."""


def broken_rule(contract: Contract | None, reason: Reason, column: str | None, example: str | None) -> BrokenRule:
    """The rule behind a reason.

    :param contract: None where the feed has no contract (any more) that can be read.
    :param column: the column with the problem; None where the message as a whole is wrong.
    :param example: a value that breaks the rule: it decides between a smallest and a largest value.
    """
    rule = _RULES[reason]
    known = None if contract is None else next((c for c in contract.columns if c.name == column), None)
    kind = _KINDS[known.type] if known else "value of the column's type"
    key = ", ".join(contract.primary_key) if contract else ""
    words = rule.words.format(column=column or "the text", kind=kind, key=f" ({key})" if key else "")
    line = "" if contract is None else _line(contract, rule.place(contract, column or "", example or ""))
    return BrokenRule(words, line, rule.can_be_corrected)


def shown_path(file: Path) -> str:
    """A file's path from the current folder, where it is below that; else the whole path."""
    relative = os.path.relpath(file)
    return str(file) if relative.startswith(os.pardir) else relative


def _line(contract: Contract, place: str) -> str:
    """The line of a place, or of the object that lacks it."""
    try:
        status = contract.file.stat()
        rows, lines = _read(contract.file, status.st_mtime_ns, status.st_size)
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return ""
    number = lines.line(place)
    written = rows[number - 1].partition(" #")[0].strip()
    return f"{shown_path(contract.file)} line {number}, {written.removeprefix('- ').removeprefix('property: ')}"


@lru_cache(maxsize=1)
def _read(file: Path, modified_ns: int, size: int) -> tuple[list[str], YamlLines]:
    """The lines of a contract's file. Those of one with many columns are asked for many times in a row."""
    text = file.read_text("utf-8")
    return text.splitlines(), YamlLines(text)


# --- from a reason to a place ----------------------------------------------------------------------------------------

_Place = Callable[[Contract, str, str], str]
"""From the contract, the column and a value to a place as `YamlLines` takes it."""


@dataclass(frozen=True)
class _Rule:
    words: str
    place: _Place
    can_be_corrected: bool = True


def _at(place: str) -> _Place:
    return lambda contract, column, value: place


def _of_column(key: str) -> _Place:
    """A key of a column; a column that schema evolution added is in the contract only by `unknownKeys`."""

    def place(contract: Contract, column: str, value: str) -> str:
        if column not in contract.column_names:
            return _UNKNOWN_KEYS
        return f"schema[0].properties[{contract.column_names.index(column)}].{key}"

    return place


def _required(contract: Contract, column: str, value: str) -> str:
    return _of_column("primaryKey" if column in contract.primary_key else "required")(contract, column, value)


def _limit(contract: Contract, column: str, value: str) -> str:
    """The smallest or the largest value, whichever this one exceeds; else the width of a whole number."""
    limits = next((c for c in contract.columns if c.name == column), None)
    broken = "format"
    if limits is not None and _is_below(value, limits):
        broken = "minimum"
    elif limits is not None and limits.maximum is not None:
        broken = "maximum"
    return _of_column(f"logicalTypeOptions.{broken}")(contract, column, value)


def _is_below(value: str, column: Column) -> bool:
    plain: str = value
    if column.number:
        plain = plain_numbers(pa.chunked_array([[value]], pa.string()), column.number)[0].as_py() or value
    try:
        return column.minimum is not None and float(plain.replace(",", ".")) < column.minimum
    except ValueError:
        return column.minimum is not None and value.startswith(("-", "−"))


def _time_limit(contract: Contract, column: str, value: str) -> str:
    """The earliest time; else the object that says how far ahead a sensor's clock may be."""
    own = next((c for c in contract.columns if c.name == column), None)
    moment = times(pa.chunked_array([[value]], pa.string()), contract, own)[0].as_py()
    is_ahead = moment is not None and moment >= contract.event_time.earliest
    return "customProperties.eventTime" if is_ahead else "customProperties.eventTime.earliest"


def _formats(contract: Contract, column: str, value: str) -> str:
    own = next((c.formats for c in contract.columns if c.name == column), ())
    at_column = _of_column("customProperties.formats")(contract, column, value)
    return at_column if own else "customProperties.eventTime.formats"


def _encoding(contract: Contract, column: str, value: str) -> str:
    return f"{_CSV}.encoding" if contract.source.format.is_tabular else _FORMAT


def _object(contract: Contract, column: str, value: str) -> str:
    return "customProperties.explode" if contract.explode else _FORMAT


def _key(contract: Contract, column: str, value: str) -> str:
    first = contract.primary_key[0] if contract.primary_key else ""
    return _of_column("primaryKey")(contract, first, value) if first else "customProperties.onConflict"


_RULES: dict[Reason, _Rule] = {
    Reason.TOMBSTONE: _Rule("the message has no value", _at(_FORMAT), False),
    Reason.NOT_UTF8: _Rule("the text is not in the encoding that the contract names", _encoding),
    Reason.EMPTY: _Rule("there is nothing but blanks", _at(_FORMAT), False),
    Reason.NOT_JSON: _Rule("the message is no JSON", _at(_FORMAT)),
    Reason.NOT_OBJECT: _Rule("the message, or an element of its array, is no JSON object", _object),
    Reason.NO_ITEMS: _Rule("the array of the readings is missing or empty", _at("customProperties.explode")),
    Reason.NO_READING: _Rule(
        "the object that holds the reading is missing or null, as in a message about a deletion",
        _at("customProperties.envelope"),
    ),
    Reason.NOT_CSV: _Rule("the line has other fields than the header, or unbalanced quotes", _at(_CSV)),
    Reason.NOT_AVRO: _Rule("the message is no Avro record of a schema that the registry knows", _at(_FORMAT)),
    Reason.DUPLICATE_KEY: _Rule("a key of the contract is in one object twice", _at(_FORMAT), False),
    Reason.INVALID_TEXT: _Rule("{column} has characters that no database can store", _of_column("name"), False),
    Reason.UNKNOWN_KEY: _Rule("the contract does not name {column}", _at(_UNKNOWN_KEYS)),
    Reason.MISSING: _Rule("{column} is missing", _required),
    Reason.WRONG_TYPE: _Rule("{column} is no {kind}", _of_column("logicalType")),
    Reason.NOT_FINITE: _Rule("{column} is no finite number", _of_column("logicalType")),
    Reason.OUT_OF_RANGE: _Rule("{column} is out of its range", _limit),
    Reason.TOO_SHORT: _Rule("{column} is too short", _of_column("logicalTypeOptions.minLength")),
    Reason.TOO_LONG: _Rule("{column} is too long", _of_column("logicalTypeOptions.maxLength")),
    Reason.PATTERN: _Rule("{column} does not match its pattern", _of_column("logicalTypeOptions.pattern")),
    Reason.TRAILING_BLANK: _Rule("{column} ends in a blank, and is not trimmed", _of_column("customProperties.trim")),
    Reason.BAD_TIME: _Rule("{column} is no time in a format of the contract", _formats),
    Reason.TIME_OUT_OF_RANGE: _Rule(
        "{column} is before the earliest time, or too far ahead of the clock",
        _time_limit,
    ),
    Reason.CONFLICTING: _Rule("an earlier row has the same key{key} and other values", _key),
    Reason.DATABASE_REFUSED: _Rule("a constraint of the table refuses the row", _at("schema[0].physicalName")),
}
