"""Times that are counted from 1970-01-01 UTC."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from etl.contract.model import EPOCH_SIZES, EPOCH_UNITS

NUMBER = r"^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$"
# Whole numbers of nanoseconds that 64 bits hold: a double would round them to about 200 nanoseconds.
_EXACT = r"^[+-]?(\d{1,18}|[0-8]\d{18}|9[01]\d{17})$"


def epoch_times(text: pa.ChunkedArray, units: tuple[str, ...]) -> pa.ChunkedArray:
    """Texts that are numbers as times in UTC without a zone; NULL for the others.

    One beyond a 64-bit count of microseconds becomes the nearest that fits. A whole number of nanoseconds is cut, not rounded,
    to microseconds.

    :param units: keys of EPOCH_UNITS; the size of a number says which of several it counts, or that it counts none of them.
    """
    text = _only(pc.match_substring_regex(text, NUMBER), text)
    numbers = text.cast(pa.float64())
    if len(units) == 1:
        return _microseconds(text, numbers, units[0]).cast(pa.timestamp("us"))
    counts = pa.chunked_array([pa.nulls(len(text), pa.int64())])
    size = pc.abs(numbers)
    for unit in units:
        least, above = EPOCH_SIZES[unit]
        is_of_unit = pc.and_(pc.greater_equal(size, least), pc.less(size, above))
        counted = _microseconds(_only(is_of_unit, text), _only(is_of_unit, numbers), unit)
        counts = pc.coalesce(counts, counted)
    return counts.cast(pa.timestamp("us"))


def _only(right: pa.ChunkedArray, values: pa.ChunkedArray) -> pa.ChunkedArray:
    """The values where `right` is true, else NULL."""
    return pc.if_else(pc.fill_null(right, False), values, pa.scalar(None, values.type))


def _microseconds(text: pa.ChunkedArray, numbers: pa.ChunkedArray, unit: str) -> pa.ChunkedArray:
    """Microseconds since 1970, of numbers in a unit."""
    exact = _exact_microseconds(text) if unit == "epoch_nanoseconds" else None
    if exact is not None and exact.null_count == text.null_count:
        return exact
    counts = pc.multiply(numbers, EPOCH_UNITS[unit] * 1e6)
    bounded = pc.min_element_wise(
        pc.max_element_wise(pc.round(counts), -9e18, skip_nulls=False), 9e18, skip_nulls=False
    )
    rounded = bounded.cast(pa.int64(), safe=False)
    return rounded if exact is None else pc.coalesce(exact, rounded)


def _exact_microseconds(text: pa.ChunkedArray) -> pa.ChunkedArray:
    """Of whole numbers of nanoseconds; NULL for other numbers."""
    # pyarrow does not know the sign "+" of whole numbers.
    whole = pc.ascii_ltrim(_only(pc.match_substring_regex(text, _EXACT), text), "+")
    return pc.divide(whole.cast(pa.int64()), 1000)
