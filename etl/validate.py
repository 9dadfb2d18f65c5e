"""Decide, for a chunk of archived rows, which ones are readings and what is wrong with the others.

Pure and vectorised: a chunk of text columns in, typed rows and a table of problems out. Only rows that carry their own
message text (`raw`, a hint that something looked wrong to Spark) are looked at one by one, to find out whether the message
was sound JSON at all.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from etl.contract import Column, Contract

_VALUE_SHOWN = 200
COORDINATES = {"source_partition": pa.int32(), "source_offset": pa.int64(), "source_item": pa.int32()}
_NUMBER = r"^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$"
_INTEGER = r"^[+-]?\d{1,19}$"
# Jackson, and so Spark, writes a number that no double can hold as one of these words, in quotes.
_NOT_FINITE = r'^"?[+-]?(NaN|Infinity|nan|inf|infinity)"?$'
_ISO_TIME = r"^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)?$"
_WITH_OFFSET = r"(Z|[+-]\d\d:?\d\d)$"


class Reason(StrEnum):
    """Why a row is rejected: a closed set. A row with several problems is filed under the first, in this order."""

    TOMBSTONE = "tombstone"
    """The message has no value."""
    NOT_UTF8 = "not_utf8"
    EMPTY = "empty"
    NOT_JSON = "not_json"
    """Broken or cut off JSON, or something after the object."""
    NOT_OBJECT = "not_object"
    DUPLICATE_KEY = "duplicate_key"
    INVALID_TEXT = "invalid_text"
    """NUL or half of a surrogate pair: no database can store it."""
    MISSING = "missing"
    WRONG_TYPE = "wrong_type"
    NOT_FINITE = "not_finite"
    """NaN, an infinity, or a number too large for a double."""
    OUT_OF_RANGE = "out_of_range"
    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    PATTERN = "pattern"
    BAD_TIME = "bad_time"
    """No ISO 8601 time, no such day, or a local time that the clocks skipped."""
    TIME_OUT_OF_RANGE = "time_out_of_range"
    """Before the contract's earliest time, or further ahead of the clock than it allows."""
    DATABASE_REFUSED = "database_refused"
    """The database itself refuses the row, by a constraint of its own; its SQLSTATE is kept."""


_ORDER = {reason: place for place, reason in enumerate(Reason)}


@dataclass(frozen=True)
class Problem:
    """One rule that one value of one row breaks."""

    row: int
    reason: Reason
    column: str | None = None
    value: str | None = None


@dataclass(frozen=True)
class Validated:
    """A chunk, divided: every row is either in `accepted` or in `rejected`."""

    accepted: pa.Table
    """The contract's columns in their types (times in UTC), then partition, offset and item."""
    rejected: pa.Table
    """partition, offset, item, raw, raw_rebuilt, reason, problems (JSON)."""


def validate(chunk: pa.RecordBatch, contract: Contract, *, now: datetime) -> Validated:
    """Check every rule of the contract on every row.

    A column that the chunk lacks is a column of NULLs: the archive is older than the contract.

    :param now: the clock against which future times are judged; with a time zone.
    """
    table = pa.table(chunk)
    raw = _column(table, "raw")
    problems = list(_message_problems(table, raw, contract))
    typed = {}
    for column in contract.columns:
        text = _column(table, column.name)
        values, found = _check(text, column, contract, now)
        typed[column.name] = values
        problems += found
    broken = {problem.row for problem in problems}
    keep = np.ones(table.num_rows, dtype=bool)
    keep[list(broken)] = False
    where = {name: _column(table, name).cast(kind) for name, kind in COORDINATES.items()}
    accepted = pa.table({**typed, **where}).filter(pa.array(keep))
    return Validated(accepted, _rejected(table, raw, where, problems, contract))


def _column(table: pa.Table, name: str) -> pa.ChunkedArray:
    if name in table.column_names:
        return table[name]
    return pa.chunked_array([pa.nulls(table.num_rows, pa.string())])


# --- the message as a whole ------------------------------------------------------------------------------------------


def _message_problems(table: pa.Table, raw: pa.ChunkedArray, contract: Contract) -> Iterator[Problem]:
    suspects = np.flatnonzero(pc.is_valid(raw).to_numpy())
    if not len(suspects):
        return
    texts = [column.name for column in contract.columns if column.type == "text"]
    split = _any_value(table, contract).to_numpy()
    for row, message in zip(suspects.tolist(), raw.take(pa.array(suspects)).to_pylist(), strict=True):
        reason, parsed = diagnose(message)
        if reason is None and not split[row] and any(parsed.get(name) is not None for name in contract.column_names):
            # Python reads what Spark could not: too deep, or a number of too many digits. Spark's columns are empty.
            reason = Reason.NOT_JSON
        if reason is not None:
            yield Problem(row, reason)
            continue
        for name in texts:
            # A nested value arrives as its JSON text, which would pass for a text.
            if isinstance(parsed.get(name), dict | list):
                yield Problem(row, Reason.WRONG_TYPE, name, json.dumps(parsed[name])[:_VALUE_SHOWN])


def _any_value(table: pa.Table, contract: Contract) -> pa.ChunkedArray:
    present = pa.chunked_array([pa.array(np.zeros(table.num_rows, dtype=bool))])
    for name in contract.column_names:
        present = pc.or_(present, pc.is_valid(_column(table, name)))
    return present


def decode_raw(raw: str) -> bytes | None:
    """The message's bytes from the column `raw`; None for a tombstone (see `etl.consume`)."""
    if raw == r"\null":
        return None
    return bytes.fromhex(raw[2:]) if raw.startswith(r"\x") else raw.encode("utf-8")


def diagnose(raw: str) -> tuple[Reason | None, dict[str, Any]]:
    """What is wrong with a message as a whole, or None and its content."""
    message = decode_raw(raw)
    if message is None:
        return Reason.TOMBSTONE, {}
    try:
        text = message.decode("utf-8")
    except UnicodeDecodeError:
        return Reason.NOT_UTF8, {}
    if not text.strip():
        return Reason.EMPTY, {}
    try:
        parsed = json.loads(text, object_pairs_hook=_Pairs, parse_constant=_refuse_constant)
    except _NotFinite:
        return Reason.NOT_FINITE, {}
    except (ValueError, RecursionError):
        return Reason.NOT_JSON, {}
    if not isinstance(parsed, _Pairs):
        return Reason.NOT_OBJECT, {}
    if any(pairs.repeated for pairs in _objects(parsed)):
        return Reason.DUPLICATE_KEY, {}
    if any(not _is_storable(text) for text in _texts(parsed)):
        return Reason.INVALID_TEXT, {}
    return None, parsed


def fields(raw: str, contract: Contract) -> dict[str, str | None]:
    """A message's values as the text columns that Spark would have made of it; none where it is no sound object."""
    message = decode_raw(raw)
    if message is None or diagnose(raw)[0] is not None:
        return {}
    parsed = json.loads(message.decode("utf-8"), parse_float=str, parse_int=str)
    return {name: _as_text(parsed.get(name)) for name in contract.column_names}


def _as_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


class _NotFinite(Exception):
    pass


def _refuse_constant(_: str) -> Any:
    raise _NotFinite


class _Pairs(dict[str, Any]):
    """A JSON object that knows whether a key stood in it twice."""

    def __init__(self, pairs: Iterable[tuple[str, Any]]) -> None:
        pairs = list(pairs)
        super().__init__(pairs)
        self.repeated = len(self) < len(pairs)


def _objects(value: Any) -> Iterator[_Pairs]:
    if isinstance(value, _Pairs):
        yield value
        for inner in value.values():
            yield from _objects(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _objects(inner)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


def _is_storable(text: str) -> bool:
    return "\0" not in text and not re.search(r"[\ud800-\udfff]", text)


# --- one column ------------------------------------------------------------------------------------------------------


def _check(
    text: pa.ChunkedArray, column: Column, contract: Contract, now: datetime
) -> tuple[pa.ChunkedArray, list[Problem]]:
    """A column's values in its type (NULL where they break a rule), and those that do."""
    checks = _Checks(text, column)
    if column.required:
        checks.refuse(pc.is_null(text), Reason.MISSING)
    if column.type == "integer":
        values = _integers(checks, column)
    elif column.type == "double":
        values = _doubles(checks, column)
    elif column.type == "timestamp":
        values = _times(checks, column, contract, now)
    elif column.type == "boolean":
        checks.refuse(pc.invert(pc.is_in(text, pa.array(["true", "false"]))), Reason.WRONG_TYPE)
        values = pc.equal(text, "true")
    else:
        values = _texts_checked(checks, column)
    return values, checks.problems


class _Checks:
    """Collects what is wrong with the values of one column."""

    def __init__(self, text: pa.ChunkedArray, column: Column) -> None:
        self.text = text
        self.column = column
        self.problems: list[Problem] = []
        self._refused: set[int] = set()

    def refuse(self, wrong: pa.ChunkedArray, reason: Reason) -> None:
        """Note a reason for every value where `wrong` is true and no earlier reason was noted."""
        rows = np.flatnonzero(pc.fill_null(wrong, False).to_numpy())
        for row in rows.tolist():
            if row not in self._refused:
                self._refused.add(row)
                value = self.text[row].as_py()
                self.problems.append(Problem(row, reason, self.column.name, value[:_VALUE_SHOWN] if value else value))

    def present(self, right: pa.ChunkedArray) -> pa.ChunkedArray:
        """Where a value is there and `right` is false."""
        return pc.and_(pc.is_valid(self.text), pc.invert(right))

    def only(self, right: pa.ChunkedArray) -> pa.ChunkedArray:
        """The text where `right` is true, else NULL."""
        return pc.if_else(pc.fill_null(right, False), self.text, pa.scalar(None, pa.string()))


def _doubles(checks: _Checks, column: Column) -> pa.ChunkedArray:
    is_number = pc.match_substring_regex(checks.text, _NUMBER)
    checks.refuse(pc.match_substring_regex(checks.text, _NOT_FINITE), Reason.NOT_FINITE)
    checks.refuse(checks.present(is_number), Reason.WRONG_TYPE)
    values = checks.only(is_number).cast(pa.float64())
    checks.refuse(pc.invert(pc.is_finite(values)), Reason.NOT_FINITE)
    checks.refuse(_outside(values, column), Reason.OUT_OF_RANGE)
    return values


def _integers(checks: _Checks, column: Column) -> pa.ChunkedArray:
    is_integer = pc.match_substring_regex(checks.text, _INTEGER)
    is_too_long = pc.match_substring_regex(checks.text, r"^[+-]?\d{20,}$")
    checks.refuse(is_too_long, Reason.OUT_OF_RANGE)
    checks.refuse(checks.present(is_integer), Reason.WRONG_TYPE)
    # 19 digits may exceed 64 bits, and pyarrow knows no sign "+": both through a decimal.
    plain = pc.replace_substring_regex(checks.only(is_integer), r"^\+", "")
    wide = plain.cast(pa.decimal128(20, 0))
    limit = 2 ** (column.bits - 1)
    fits = pc.and_(
        pc.greater_equal(wide, pa.scalar(-limit, pa.decimal128(20, 0))),
        pc.less(wide, pa.scalar(limit, pa.decimal128(20, 0))),
    )
    checks.refuse(pc.invert(fits), Reason.OUT_OF_RANGE)
    kinds = {16: pa.int16(), 32: pa.int32(), 64: pa.int64()}
    values = pc.if_else(pc.fill_null(fits, False), wide, pa.scalar(None, wide.type)).cast(kinds[column.bits])
    checks.refuse(_outside(values, column), Reason.OUT_OF_RANGE)
    return values


def _outside(values: pa.ChunkedArray, column: Column) -> pa.ChunkedArray:
    outside = pa.chunked_array([pa.array(np.zeros(len(values), dtype=bool))])
    if column.minimum is not None:
        outside = pc.or_(outside, pc.fill_null(pc.less(values, column.minimum), False))
    if column.maximum is not None:
        outside = pc.or_(outside, pc.fill_null(pc.greater(values, column.maximum), False))
    return outside


def _texts_checked(checks: _Checks, column: Column) -> pa.ChunkedArray:
    text = checks.text
    checks.refuse(pc.match_substring(text, "\0"), Reason.INVALID_TEXT)
    length = pc.utf8_length(text)
    if column.min_length is not None:
        checks.refuse(pc.less(length, column.min_length), Reason.TOO_SHORT)
    if column.max_length is not None:
        checks.refuse(pc.greater(length, column.max_length), Reason.TOO_LONG)
    if column.pattern is not None:
        checks.refuse(checks.present(pc.match_substring_regex(text, rf"\A(?:{column.pattern})\z")), Reason.PATTERN)
    return text


def _times(checks: _Checks, column: Column, contract: Contract, now: datetime) -> pa.ChunkedArray:
    """Times in UTC. A value without an offset is local to the contract's time zone."""
    checks.refuse(checks.present(pc.match_substring_regex(checks.text, _ISO_TIME)), Reason.BAD_TIME)
    values = _parse_times(checks.only(pc.match_substring_regex(checks.text, _ISO_TIME)), contract.event_time.timezone)
    checks.refuse(pc.and_(pc.is_valid(checks.text), pc.is_null(values)), Reason.BAD_TIME)
    if column.name == contract.event_time.column:
        kind = pa.timestamp("us", "UTC")
        latest = now + timedelta(seconds=contract.event_time.ahead_seconds)
        checks.refuse(pc.less(values, pa.scalar(contract.event_time.earliest, kind)), Reason.TIME_OUT_OF_RANGE)
        checks.refuse(pc.greater(values, pa.scalar(latest, kind)), Reason.TIME_OUT_OF_RANGE)
    return values


def _parse_times(text: pa.ChunkedArray, timezone: str) -> pa.ChunkedArray:
    kind = pa.timestamp("us", "UTC")
    if timezone == "UTC" and not pc.any(pc.match_substring_regex(text, _WITH_OFFSET)).as_py():
        try:
            return text.cast(pa.timestamp("us")).cast(kind)
        except pa.ArrowInvalid:
            pass  # Some day or hour does not exist; the slower way below says which.
    has_offset = pc.fill_null(pc.match_substring_regex(text, _WITH_OFFSET), False).to_numpy()
    strings = pd.Series(text.to_pylist(), dtype="object")
    aware = pd.to_datetime(strings.where(has_offset), errors="coerce", format="ISO8601", utc=True)
    naive = pd.to_datetime(strings.where(~has_offset), errors="coerce", format="ISO8601")
    # An hour that the clocks skipped does not exist; of one that came twice, the first is meant.
    local = naive.dt.tz_localize(timezone, nonexistent="NaT", ambiguous=np.ones(len(naive), dtype=bool)).dt.tz_convert(
        "UTC"
    )
    both = aware.where(pd.Series(has_offset), local)
    return pa.chunked_array([pa.Array.from_pandas(both).cast(kind, safe=False)])


# --- the rejected rows -----------------------------------------------------------------------------------------------


def _rejected(
    table: pa.Table,
    raw: pa.ChunkedArray,
    where: dict[str, pa.ChunkedArray],
    problems: list[Problem],
    contract: Contract,
) -> pa.Table:
    by_row: dict[int, list[Problem]] = {}
    for problem in problems:
        by_row.setdefault(problem.row, []).append(problem)
    for row, found in by_row.items():
        whole = [problem for problem in found if problem.column is None]
        # A message that could not be split has no values; that they are missing is no news.
        by_row[row] = sorted(whole or found, key=lambda problem: _ORDER[problem.reason])
    rows = sorted(by_row)
    places = pa.array(rows, pa.int64())
    own_text = raw.take(places).to_pylist()
    return pa.table(
        {
            **{name: column.take(places) for name, column in where.items()},
            "raw": pa.array(
                [_rebuilt(table, row, contract) if t is None else t for row, t in zip(rows, own_text, strict=True)],
                pa.string(),
            ),
            "raw_rebuilt": pa.array([t is None for t in own_text], pa.bool_()),
            "reason": pa.array([by_row[row][0].reason.value for row in rows], pa.string()),
            "problems": pa.array([_as_json(by_row[row]) for row in rows], pa.string()),
        }
    )


def _rebuilt(table: pa.Table, row: int, contract: Contract) -> str:
    """A message made from its columns, for a row that did not look wrong to Spark and so did not keep its own text."""
    return json.dumps({n: _column(table, n)[row].as_py() for n in contract.column_names}, ensure_ascii=False)


def _as_json(problems: list[Problem]) -> str:
    entries = [{"column": p.column, "rule": p.reason.value, "value": _storable(p.value)} for p in problems]
    return json.dumps(entries, ensure_ascii=False)


def _storable(value: str | None) -> str | None:
    return value if value is None or _is_storable(value) else value.encode("unicode_escape").decode("ascii")
