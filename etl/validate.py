"""Decide, for a chunk of archived rows, which ones are readings and what is wrong with the others.

Pure and vectorised: a chunk of text columns in, typed rows and a table of problems out. Only rows that carry their own
message text (`raw`, a hint that something looked wrong to Spark) are looked at one by one, to find out whether the message
was sound JSON at all.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from etl.message import Reading, as_text, is_storable, read
from etl.model import EPOCH_UNITS, ISO8601, Column, Contract
from etl.reasons import ORDER, Reason

if TYPE_CHECKING:
    import pandas as pd

_VALUE_SHOWN = 200
_UTC = pa.timestamp("us", "UTC")
COORDINATES = {"source_partition": pa.int32(), "source_offset": pa.int64(), "source_item": pa.int32()}
_NUMBER = r"^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$"
_INTEGER = r"^[+-]?\d{1,19}$"
# Jackson, and so Spark, writes a number that no double can hold as one of these words, in quotes.
_NOT_FINITE = r'^"?[+-]?(NaN|Infinity|nan|inf|infinity)"?$'
_ISO_TIME = r"^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)?$"
_WITH_OFFSET = r"(Z|[+-]\d\d:?\d\d)$"


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
    rejected_rows: tuple[int, ...]
    """Their places in the chunk."""
    failures: Counter[tuple[str | None, Reason]]
    """How many rows break each rule of each column; None stands for the message as a whole."""
    present: Mapping[str, int]
    """How many rows have a value in each of the contract's columns."""
    unknown: Counter[str]
    """How many rows have a key that the contract does not name."""


def validate(
    chunk: pa.RecordBatch | pa.Table,
    contract: Contract,
    *,
    now: datetime,
    headers: Mapping[int, tuple[str, ...]] | None = None,
) -> Validated:
    """Check every rule of the contract on every row.

    A column that the chunk lacks is filled from the rows' own texts, where they have them; else it is NULL: the archive is
    older than the contract.

    :param now: the clock against which future times are judged; with a time zone.
    :param headers: of CSV files, the columns of each, by its number in `source_partition`.
    """
    table = chunk if isinstance(chunk, pa.Table) else pa.table(chunk)
    where = {name: _column(table, name).cast(kind) for name, kind in COORDINATES.items()}
    own = _Own(table, where, contract, headers or {})
    problems = own.problems
    unknown = own.unknown + Counter(_unknown_columns(table, contract))
    if contract.growth == "discard":
        problems += _set_aside(table, unknown)
    typed, present = {}, {}
    for column in contract.columns:
        text = _column(table, column.name) if column.name in table.column_names else own.column(column.name)
        present[column.name] = len(text) - text.null_count
        values, found = _check(text, column, contract, now)
        typed[column.name] = values
        problems += found
    broken = {problem.row for problem in problems}
    keep = np.ones(table.num_rows, dtype=bool)
    keep[list(broken)] = False
    accepted = pa.table({**typed, **where}).filter(pa.array(keep))
    by_row = _by_row(problems)
    return Validated(
        accepted,
        _rejected(table, _column(table, "raw"), where, by_row, contract),
        tuple(sorted(by_row)),
        Counter((problem.column, problem.reason) for found in by_row.values() for problem in found),
        present,
        unknown,
    )


def _column(table: pa.Table, name: str) -> pa.ChunkedArray:
    if name in table.column_names:
        return table[name]
    return pa.chunked_array([pa.nulls(table.num_rows, pa.string())])


def _unknown_columns(table: pa.Table, contract: Contract) -> dict[str, int]:
    """How many values stand in columns of a CSV file that the contract does not name."""
    extra = [name for name in table.column_names if name not in contract.file_columns]
    return {name: found for name in extra if (found := len(table) - table[name].null_count)}


def _set_aside(table: pa.Table, names: Iterable[str]) -> Iterator[Problem]:
    for name in names:
        if name in table.column_names:
            for row in np.flatnonzero(pc.is_valid(table[name]).to_numpy()).tolist():
                yield Problem(row, Reason.UNKNOWN_KEY, name, table[name][row].as_py()[:_VALUE_SHOWN])


# --- the message as a whole ------------------------------------------------------------------------------------------


class _Own:
    """The rows that carry their own text, read again one by one."""

    def __init__(
        self,
        table: pa.Table,
        where: Mapping[str, pa.ChunkedArray],
        contract: Contract,
        headers: Mapping[int, tuple[str, ...]],
    ) -> None:
        self.problems: list[Problem] = []
        self.unknown: Counter[str] = Counter()
        """How many rows have a key that the contract does not name."""
        self._size = table.num_rows
        self._texts: dict[int, Mapping[str, str | None]] = {}
        raw = _column(table, "raw")
        rows = np.flatnonzero(pc.is_valid(raw).to_numpy())
        if not len(rows):
            return
        split = _any_value(table, contract).to_numpy()
        places = pa.array(rows)
        for row, message, item, partition in zip(
            rows.tolist(),
            raw.take(places).to_pylist(),
            where["source_item"].take(places).to_pylist(),
            where["source_partition"].take(places).to_pylist(),
            strict=True,
        ):
            reading = read(message, contract, item, headers.get(partition, ()))
            self._look_at(row, reading, contract, was_split=bool(split[row]))

    def _look_at(self, row: int, reading: Reading, contract: Contract, *, was_split: bool) -> None:
        reason = reading.reason
        if reason is None and not was_split and any(text is not None for text in reading.texts.values()):
            # Python reads what Spark could not: too deep, or a number of too many digits. Spark's columns are empty.
            reason = Reason.NOT_CSV if contract.landing else Reason.NOT_JSON
        if reason is not None:
            self.problems.append(Problem(row, reason))
            return
        self._texts[row] = reading.texts
        for name in reading.nested:
            # A nested value arrives as its JSON text, which would pass for a text.
            if contract.column(name).type == "text":
                self.problems.append(Problem(row, Reason.WRONG_TYPE, name, (reading.texts[name] or "")[:_VALUE_SHOWN]))
        for path, value in reading.unknown.items():
            key = ".".join(path)
            self.unknown[key] += 1
            if contract.growth == "discard":
                shown = (as_text(value) or "null")[:_VALUE_SHOWN]
                self.problems.append(Problem(row, Reason.UNKNOWN_KEY, key, shown))

    def column(self, name: str) -> pa.ChunkedArray:
        """A column of which only these rows may know something."""
        texts: list[str | None] = [None] * self._size
        for row, found in self._texts.items():
            texts[row] = found.get(name)
        return pa.chunked_array([pa.array(texts, pa.string())])


def _any_value(table: pa.Table, contract: Contract) -> pa.ChunkedArray:
    present = pa.chunked_array([pa.array(np.zeros(table.num_rows, dtype=bool))])
    for name in contract.column_names:
        present = pc.or_(present, pc.is_valid(_column(table, name)))
    return present


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
    values = times(checks.text, contract)
    checks.refuse(pc.and_(pc.is_valid(checks.text), pc.is_null(values)), Reason.BAD_TIME)
    if column.name == contract.event_time.column:
        latest = now + timedelta(seconds=contract.event_time.ahead_seconds)
        checks.refuse(pc.less(values, pa.scalar(contract.event_time.earliest, _UTC)), Reason.TIME_OUT_OF_RANGE)
        checks.refuse(pc.greater(values, pa.scalar(latest, _UTC)), Reason.TIME_OUT_OF_RANGE)
    return values


def times(text: pa.ChunkedArray, contract: Contract) -> pa.ChunkedArray:
    """Texts as times in UTC, in the first of the contract's formats that fits each; NULL where none does."""
    values = pa.chunked_array([pa.nulls(len(text), _UTC)])
    for name in contract.event_time.formats:
        left = pc.if_else(pc.is_null(values), text, pa.scalar(None, pa.string()))
        values = pc.coalesce(values, _parse_times(left, name, contract.event_time.timezone))
    return values


def _parse_times(text: pa.ChunkedArray, name: str, timezone: str) -> pa.ChunkedArray:
    """The times of those texts that are written in one format; NULL for the others."""
    import pandas as pd

    if name in EPOCH_UNITS:
        return _epochs(text, EPOCH_UNITS[name])
    if name == ISO8601:
        fits = pc.fill_null(pc.match_substring_regex(text, _ISO_TIME), False)
        return _iso_times(pc.if_else(fits, text, pa.scalar(None, pa.string())), timezone)
    return _localized(pd.to_datetime(_series(text), errors="coerce", format=name), timezone)


def _epochs(text: pa.ChunkedArray, unit_seconds: float) -> pa.ChunkedArray:
    """Times that are counted from 1970; what no 64-bit count of microseconds can hold is as far as one can be."""
    fits = pc.fill_null(pc.match_substring_regex(text, _NUMBER), False)
    units = pc.if_else(fits, text, pa.scalar(None, pa.string())).cast(pa.float64())
    microseconds = pc.multiply(units, unit_seconds * 1e6)
    bounded = pc.min_element_wise(
        pc.max_element_wise(pc.round(microseconds), -9e18, skip_nulls=False), 9e18, skip_nulls=False
    )
    return bounded.cast(pa.int64(), safe=False).cast(_UTC)


def _iso_times(text: pa.ChunkedArray, timezone: str) -> pa.ChunkedArray:
    import pandas as pd

    if timezone == "UTC" and not pc.any(pc.match_substring_regex(text, _WITH_OFFSET)).as_py():
        try:
            return text.cast(pa.timestamp("us")).cast(_UTC)
        except pa.ArrowInvalid:
            pass  # Some day or hour does not exist; the slower way below says which.
    has_offset = pc.fill_null(pc.match_substring_regex(text, _WITH_OFFSET), False).to_numpy()
    strings = _series(text)
    aware = pd.to_datetime(strings.where(has_offset), errors="coerce", format="ISO8601", utc=True)
    naive = pd.to_datetime(strings.where(~has_offset), errors="coerce", format="ISO8601")
    local = _localized(naive, timezone)
    return pc.if_else(pa.chunked_array([pa.array(has_offset)]), pa.chunked_array([_arrow(aware)]), local)


def _series(text: pa.ChunkedArray) -> pd.Series:
    import pandas as pd

    return pd.Series(text.to_pylist(), dtype="object")


def _localized(naive: pd.Series, timezone: str) -> pa.ChunkedArray:
    # An hour that the clocks skipped does not exist; of one that came twice, the first is meant.
    first = np.ones(len(naive), dtype=bool)
    local = naive.dt.tz_localize(timezone, nonexistent="NaT", ambiguous=first).dt.tz_convert("UTC")
    return pa.chunked_array([_arrow(local)])


def _arrow(times: pd.Series) -> pa.Array:
    return pa.Array.from_pandas(times).cast(_UTC, safe=False)


# --- the rejected rows -----------------------------------------------------------------------------------------------


def _by_row(problems: Iterable[Problem]) -> dict[int, list[Problem]]:
    """The problems of each broken row, in the order of the reasons."""
    by_row: dict[int, list[Problem]] = {}
    for problem in problems:
        by_row.setdefault(problem.row, []).append(problem)
    for row, found in by_row.items():
        whole = [problem for problem in found if problem.column is None]
        # A message that could not be split has no values; that they are missing is no news.
        by_row[row] = sorted(whole or found, key=lambda problem: ORDER[problem.reason])
    return by_row


def _rejected(
    table: pa.Table,
    raw: pa.ChunkedArray,
    where: dict[str, pa.ChunkedArray],
    by_row: Mapping[int, list[Problem]],
    contract: Contract,
) -> pa.Table:
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
    return value if value is None or is_storable(value) else value.encode("unicode_escape").decode("ascii")
