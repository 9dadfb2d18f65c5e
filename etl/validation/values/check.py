"""The values of one column: their type, and the rules of the contract."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from etl.contract.model import Column, Contract
from etl.validation.reasons import Reason
from etl.validation.rejects import VALUE_SHOWN, Problem
from etl.validation.values.epochs import NUMBER
from etl.validation.values.numbers import plain_numbers
from etl.validation.values.times import UTC_MOMENT, times

_INTEGER = r"^[+-]?\d{1,19}$"

# Jackson, and so Spark, writes a number that is too large for a double as one of these words, in quotes.
_NOT_FINITE = r'^"?[+-]?(NaN|Infinity|nan|inf|infinity)"?$'

_FIRST_MOMENT, _LAST_MOMENT = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
"""The range of Python, its drivers and SQL Server."""


def given_values(text: pa.ChunkedArray, column: Column) -> pa.ChunkedArray:
    """A column's texts without the blanks that it removes; NULL for those that mean that there is no value."""
    if column.trim:
        text = pc.utf8_trim(text, " ")
    if not column.missing:
        return text
    is_missing = pc.is_in(text, pa.array(column.missing, pa.string()))
    return pc.if_else(is_missing, pa.scalar(None, pa.string()), text) if pc.any(is_missing).as_py() else text


def check_values(
    text: pa.ChunkedArray, column: Column, contract: Contract, now: datetime, *, sent: pa.ChunkedArray | None = None
) -> tuple[pa.ChunkedArray, list[Problem]]:
    """A column's values in its type, NULL for a text that is not of this type; and the values that break a rule.

    :param text: as `given_values` returns it.
    :param sent: the texts before that, which say why a value is missing.
    """
    checks = _Checks(text, column)
    if column.required:
        checks.refuse(pc.is_null(text), Reason.MISSING, shown=sent)
    if column.type == "integer":
        values = _integers(checks, column)
    elif column.type == "double":
        values = _doubles(checks, column)
    elif column.type == "timestamp":
        values = _times(checks, column, contract, now)
    elif column.type == "boolean":
        # `is_in` is false for NULL.
        checks.refuse(checks.present(pc.is_in(text, pa.array(["true", "false"]))), Reason.WRONG_TYPE)
        values = pc.equal(text, "true")
    else:
        values = _texts(checks, column, contract)
    return values, checks.problems


class _Checks:
    """Collects what is wrong with the values of one column."""

    def __init__(self, text: pa.ChunkedArray, column: Column) -> None:
        self.text = text
        self.column = column
        self.problems: list[Problem] = []
        self._refused: set[int] = set()

    def refuse(self, wrong: pa.ChunkedArray, reason: Reason, *, shown: pa.ChunkedArray | None = None) -> None:
        """Note a reason for every value where `wrong` is true and no earlier reason was noted.

        :param shown: the texts to note with it; None: those that are checked.
        """
        rows = np.flatnonzero(pc.fill_null(wrong, False).to_numpy())
        for row in rows.tolist():
            if row not in self._refused:
                self._refused.add(row)
                value = (self.text if shown is None else shown)[row].as_py()
                self.problems.append(Problem(row, reason, self.column.name, value[:VALUE_SHOWN] if value else value))

    def present(self, right: pa.ChunkedArray) -> pa.ChunkedArray:
        """True where a value is there and `right` is false."""
        return pc.and_(pc.is_valid(self.text), pc.invert(right))


def _only(right: pa.ChunkedArray, text: pa.ChunkedArray) -> pa.ChunkedArray:
    """The text where `right` is true, else NULL."""
    return pc.if_else(pc.fill_null(right, False), text, pa.scalar(None, pa.string()))


def _doubles(checks: _Checks, column: Column) -> pa.ChunkedArray:
    if column.number:
        numbers = plain_numbers(checks.text, column.number)
        is_number = pc.is_valid(numbers)
    else:
        is_number = pc.match_substring_regex(checks.text, NUMBER)
        numbers = _only(is_number, checks.text)
    if pc.any(wrong := checks.present(is_number)).as_py():
        checks.refuse(pc.match_substring_regex(checks.text, _NOT_FINITE), Reason.NOT_FINITE)
        checks.refuse(wrong, Reason.WRONG_TYPE)
    values = numbers.cast(pa.float64())
    checks.refuse(pc.invert(pc.is_finite(values)), Reason.NOT_FINITE)
    checks.refuse(_outside(values, column), Reason.OUT_OF_RANGE)
    return values


def _integers(checks: _Checks, column: Column) -> pa.ChunkedArray:
    text = plain_numbers(checks.text, column.number, whole=True) if column.number else checks.text
    is_integer = pc.fill_null(pc.match_substring_regex(text, _INTEGER), False)
    if pc.any(wrong := checks.present(is_integer)).as_py():
        checks.refuse(pc.match_substring_regex(text, r"^[+-]?\d{20,}$"), Reason.OUT_OF_RANGE)
        checks.refuse(wrong, Reason.WRONG_TYPE)
    # 19 digits may exceed 64 bits, and pyarrow does not know the sign "+": so the sign is removed and the text cast to decimal.
    plain = pc.ascii_ltrim(_only(is_integer, text), "+")
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


def _texts(checks: _Checks, column: Column, contract: Contract) -> pa.ChunkedArray:
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
    """Times in UTC. A value without an offset is local to the column's time zone."""
    values = times(checks.text, contract, column)
    checks.refuse(pc.and_(pc.is_valid(checks.text), pc.is_null(values)), Reason.BAD_TIME)
    checks.refuse(pc.less(values, pa.scalar(_FIRST_MOMENT, UTC_MOMENT)), Reason.TIME_OUT_OF_RANGE)
    checks.refuse(pc.greater(values, pa.scalar(_LAST_MOMENT, UTC_MOMENT)), Reason.TIME_OUT_OF_RANGE)
    if column.name == contract.event_time.column:
        latest = now + timedelta(seconds=contract.event_time.ahead_seconds)
        checks.refuse(pc.less(values, pa.scalar(contract.event_time.earliest, UTC_MOMENT)), Reason.TIME_OUT_OF_RANGE)
        checks.refuse(pc.greater(values, pa.scalar(latest, UTC_MOMENT)), Reason.TIME_OUT_OF_RANGE)
    return values
