"""Decide, for a chunk of archived rows, which ones are readings and what is wrong with the others.

Pure and vectorised: a chunk of text columns in, typed rows and a table of problems out. Only rows that carry their own
message text (`raw`, a hint that something looked wrong to Spark) are looked at one by one, to find out whether the message
was sound JSON at all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from etl.message import Path, Reading, as_text, read, shown_path
from etl.model import Column, Contract
from etl.reasons import Reason
from etl.rejected import COORDINATES, VALUE_SHOWN, Problem, aligned, by_row_of, column_of, rejected_rows
from etl.times import NUMBER, UTC_MOMENT, times

_INTEGER = r"^[+-]?\d{1,19}$"
# Jackson, and so Spark, writes a number that no double can hold as one of these words, in quotes.
_NOT_FINITE = r'^"?[+-]?(NaN|Infinity|nan|inf|infinity)"?$'
_FIRST_MOMENT, _LAST_MOMENT = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
"""What Python, its drivers and SQL Server can hold."""
_INDEXED_BYTES = 2_600
"""Of the texts in a row's key and sensor, in UTF-8. An entry of a PostgreSQL index has 2,704 bytes at most."""


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
    paths: Mapping[str, Path] | None = None,
    changes: Mapping[str, str] | None = None,
) -> Validated:
    """Check every rule of the contract on every row.

    A column that the chunk lacks is filled from the rows' own texts, where they have them; else it is NULL: the archive is
    older than the contract. So a chunk may also be rows that have nothing but their own texts.

    :param now: the clock against which future times are judged; with a time zone.
    :param headers: of CSV files, the columns of each, by its number in `source_partition`.
    :param paths: where the values of the chunk's columns were in the source, by the contract of that time; a column whose path
        is not known is the contract's column of the same name.
    :param changes: column → text that replaces every row's own value.
    """
    changes = changes or {}
    table = aligned(chunk if isinstance(chunk, pa.Table) else pa.table(chunk), contract, paths or {})
    where = {name: column_of(table, name).cast(kind) for name, kind in COORDINATES.items()}
    own = _Own(table, where, contract, headers or {}, changes)
    problems = own.problems
    unknown = own.unknown + Counter(_unknown_columns(table, contract))
    if contract.growth == "discard":
        problems += _set_aside(table, unknown)
    typed, present = {}, {}
    for column in contract.columns:
        if column.name in changes:
            text = pa.chunked_array([pa.repeat(changes[column.name], table.num_rows)])
        else:
            text = column_of(table, column.name) if column.name in table.column_names else own.column(column.name)
        present[column.name] = len(text) - text.null_count
        values, found = _check(text, column, contract, now)
        typed[column.name] = values
        problems += found
    problems += _too_long_for_index(typed, contract)
    broken = {problem.row for problem in problems}
    keep = np.ones(table.num_rows, dtype=bool)
    keep[list(broken)] = False
    accepted = pa.table({**typed, **where}).filter(pa.array(keep))
    by_row = by_row_of(problems)
    return Validated(
        accepted,
        rejected_rows(table, where, by_row, contract, headers or {}, paths or {}),
        tuple(sorted(by_row)),
        Counter((problem.column, problem.reason) for found in by_row.values() for problem in found),
        present,
        unknown,
    )


def _unknown_columns(table: pa.Table, contract: Contract) -> dict[str, int]:
    """How many values stand in columns of a CSV file that the contract does not name."""
    extra = [name for name in table.column_names if name not in contract.file_columns]
    return {name: found for name in extra if (found := len(table) - table[name].null_count)}


def _set_aside(table: pa.Table, names: Iterable[str]) -> Iterator[Problem]:
    for name in names:
        if name in table.column_names:
            for row in np.flatnonzero(pc.is_valid(table[name]).to_numpy()).tolist():
                yield Problem(row, Reason.UNKNOWN_KEY, name, table[name][row].as_py()[:VALUE_SHOWN])


# --- the message as a whole ------------------------------------------------------------------------------------------


class _Own:
    """The rows that carry their own text, read again one by one."""

    def __init__(
        self,
        table: pa.Table,
        where: Mapping[str, pa.ChunkedArray],
        contract: Contract,
        headers: Mapping[int, tuple[str, ...]],
        changes: Mapping[str, str],
    ) -> None:
        self.problems: list[Problem] = []
        self.unknown: Counter[str] = Counter()
        """How many rows have a key that the contract does not name."""
        self._contract = contract
        self._changes = changes
        needed = {contract.event_time.column, *(column.name for column in contract.columns if column.required)}
        self._is_whole = needed <= set(changes)
        self._has_columns = any(name in table.column_names for name in contract.column_names)
        self._size = table.num_rows
        self._texts: dict[int, Mapping[str, str | None]] = {}
        raw = column_of(table, "raw")
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
            header = headers.get(partition)
            reading = read(message, contract, item, header)
            has_values = not reading.unstorable and any(text is not None for text in reading.texts.values())
            if reading.reason is None and self._has_columns and not split[row] and has_values:
                # Python reads what Spark could not: too deep, or a number of too many digits. Spark's columns are empty.
                reading = Reading(Reason.NOT_JSON if header is None else Reason.NOT_CSV)
            self._look_at(row, reading, counts_unknown=header is None or not self._has_columns)

    def _look_at(self, row: int, reading: Reading, *, counts_unknown: bool) -> None:
        if reading.reason is not None:
            # Who gives all values that are needed can do without the message.
            if not self._is_whole:
                self.problems.append(Problem(row, reading.reason))
            return
        self._texts[row] = reading.texts
        for name in reading.nested - self._changes.keys():
            # A nested value arrives as its JSON text, which would pass for a text.
            if self._contract.column(name).type == "text":
                self._add(row, Reason.WRONG_TYPE, name, reading.texts[name])
        for name in reading.unstorable - self._changes.keys():
            self._add(row, Reason.INVALID_TEXT, name, reading.texts[name])
        for path, value in reading.unknown.items() if counts_unknown else ():
            key = shown_path(path)
            self.unknown[key] += 1
            if self._contract.growth == "discard":
                self._add(row, Reason.UNKNOWN_KEY, key, as_text(value) or "null")

    def _add(self, row: int, reason: Reason, column: str, value: str | None) -> None:
        self.problems.append(Problem(row, reason, column, (value or "")[:VALUE_SHOWN]))

    def column(self, name: str) -> pa.ChunkedArray:
        """A column of which only these rows may know something."""
        texts: list[str | None] = [None] * self._size
        for row, found in self._texts.items():
            texts[row] = found.get(name)
        return pa.chunked_array([pa.array(texts, pa.string())])


def _any_value(table: pa.Table, contract: Contract) -> pa.ChunkedArray:
    present = pa.chunked_array([pa.array(np.zeros(table.num_rows, dtype=bool))])
    for name in contract.column_names:
        present = pc.or_(present, pc.is_valid(column_of(table, name)))
    return present


# --- one column ------------------------------------------------------------------------------------------------------


def _check(
    text: pa.ChunkedArray, column: Column, contract: Contract, now: datetime
) -> tuple[pa.ChunkedArray, list[Problem]]:
    """A column's values in its type (NULL where they break a rule), and those that do."""
    checks = _Checks(pc.utf8_trim(text, " ") if column.trim else text, column)
    text = checks.text
    if column.required:
        checks.refuse(pc.is_null(text), Reason.MISSING)
    if column.type == "integer":
        values = _integers(checks, column)
    elif column.type == "double":
        values = _doubles(checks, column)
    elif column.type == "timestamp":
        values = _times(checks, column, contract, now)
    elif column.type == "boolean":
        # Of a NULL, `is_in` says false.
        checks.refuse(checks.present(pc.is_in(text, pa.array(["true", "false"]))), Reason.WRONG_TYPE)
        values = pc.equal(text, "true")
    else:
        values = _texts_checked(checks, column, contract)
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
                self.problems.append(Problem(row, reason, self.column.name, value[:VALUE_SHOWN] if value else value))

    def present(self, right: pa.ChunkedArray) -> pa.ChunkedArray:
        """Where a value is there and `right` is false."""
        return pc.and_(pc.is_valid(self.text), pc.invert(right))

    def only(self, right: pa.ChunkedArray) -> pa.ChunkedArray:
        """The text where `right` is true, else NULL."""
        return pc.if_else(pc.fill_null(right, False), self.text, pa.scalar(None, pa.string()))


def _doubles(checks: _Checks, column: Column) -> pa.ChunkedArray:
    is_number = pc.match_substring_regex(checks.text, NUMBER)
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


def _texts_checked(checks: _Checks, column: Column, contract: Contract) -> pa.ChunkedArray:
    text = checks.text
    checks.refuse(pc.match_substring(text, "\0"), Reason.INVALID_TEXT)
    length = pc.utf8_length(text)
    if column.min_length is not None:
        checks.refuse(pc.less(length, column.min_length), Reason.TOO_SHORT)
    if column.max_length is not None:
        checks.refuse(pc.greater(length, column.max_length), Reason.TOO_LONG)
    if column.pattern is not None:
        checks.refuse(checks.present(pc.match_substring_regex(text, rf"\A(?:{column.pattern})\z")), Reason.PATTERN)
    if column.name in contract.identifying:
        checks.refuse(pc.ends_with(text, " "), Reason.TRAILING_BLANK)
    return text


def _times(checks: _Checks, column: Column, contract: Contract, now: datetime) -> pa.ChunkedArray:
    """Times in UTC. A value without an offset is local to the contract's time zone."""
    values = times(checks.text, contract)
    checks.refuse(pc.and_(pc.is_valid(checks.text), pc.is_null(values)), Reason.BAD_TIME)
    checks.refuse(pc.less(values, pa.scalar(_FIRST_MOMENT, UTC_MOMENT)), Reason.TIME_OUT_OF_RANGE)
    checks.refuse(pc.greater(values, pa.scalar(_LAST_MOMENT, UTC_MOMENT)), Reason.TIME_OUT_OF_RANGE)
    if column.name == contract.event_time.column:
        latest = now + timedelta(seconds=contract.event_time.ahead_seconds)
        checks.refuse(pc.less(values, pa.scalar(contract.event_time.earliest, UTC_MOMENT)), Reason.TIME_OUT_OF_RANGE)
        checks.refuse(pc.greater(values, pa.scalar(latest, UTC_MOMENT)), Reason.TIME_OUT_OF_RANGE)
    return values


def _too_long_for_index(typed: Mapping[str, pa.ChunkedArray], contract: Contract) -> Iterator[Problem]:
    """Rows whose key or sensor no index of a database could hold."""
    columns = [column for column in contract.columns if column.name in contract.identifying and column.type == "text"]
    bound = sum(4 * column.max_length if column.max_length else 2 * _INDEXED_BYTES for column in columns)
    if bound <= _INDEXED_BYTES:
        return
    lengths = {c.name: pc.fill_null(pc.binary_length(typed[c.name]), 0).to_numpy() for c in columns}
    for row in np.flatnonzero(sum(lengths.values()) > _INDEXED_BYTES).tolist():
        name = max(lengths, key=lambda name: lengths[name][row])
        yield Problem(row, Reason.TOO_LONG, name, typed[name][row].as_py()[:VALUE_SHOWN])
