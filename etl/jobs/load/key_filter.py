"""Which rows of an archive the feed's table cannot hold yet, decided without a query.

They are newer than all that was loaded before, and the first with their key. It is a guess that the table's unique key
checks: a row that is wrongly called unseen costs time and nothing else (`Stage.copy_unseen`).
"""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from etl.contract.model import Contract
from etl.validation.rejects import COORDINATES

_PLACES_PER_ROW = 64
"""Bits per row. A row's key is kept only as a place among these bits, so about one row in a hundred shares the place of another
key, and is compared with the table although it is new."""
_MOST_PLACES = 1 << 29
# Odd numbers without a pattern, from the fractional digits of the golden ratio and of the root of 3.
_MULTIPLIER, _FINISH = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBB67AE8584CAA73B)


class KeyFilter:
    """Tells the rows of one archive apart, chunk by chunk.

    :param newest: the newest event time that was loaded before; None before the first load.
    :param rows: how many rows the archive has.
    """

    def __init__(self, contract: Contract, newest: datetime | None, rows: int) -> None:
        self._key = contract.primary_key or tuple(COORDINATES)
        self._time = contract.event_time.column
        self._newest = newest
        self._size = min(1 << max(10, (rows * _PLACES_PER_ROW - 1).bit_length()), _MOST_PLACES)
        self._taken = np.zeros(self._size // 8, np.uint8)

    def split(self, rows: pa.Table) -> tuple[pa.Table, pa.Table]:
        """The rows that are unseen, and the others; both in their order."""
        unseen = self._is_first(rows)
        if self._newest is not None:
            newer = pc.greater(rows[self._time], pa.scalar(self._newest, pa.timestamp("us", "UTC")))
            unseen &= pc.fill_null(newer, False).to_numpy()
        if unseen.all():
            return rows, rows.slice(0, 0)
        return rows.filter(pa.array(unseen)), rows.filter(pa.array(~unseen))

    def _is_first(self, rows: pa.Table) -> NDArray[np.bool_]:
        """Whether a row's key has a place that no row before it had."""
        places = self._places(rows)
        first = np.zeros(rows.num_rows, bool)
        first[np.unique(places, return_index=True)[1]] = True
        byte, bit = places >> 3, np.uint8(1) << (places & 7).astype(np.uint8)
        first &= self._taken[byte] & bit == 0
        np.bitwise_or.at(self._taken, byte, bit)
        return first

    def _places(self, rows: pa.Table) -> NDArray[np.int64]:
        mixed = np.zeros(rows.num_rows, np.uint64)
        for name in self._key:
            mixed = (mixed ^ _as_integers(rows[name])) * _MULTIPLIER
            mixed ^= mixed >> np.uint64(32)
        return ((mixed * _FINISH >> np.uint64(20)) & np.uint64(self._size - 1)).astype(np.int64)


def _as_integers(column: pa.ChunkedArray) -> NDArray[np.uint64]:
    """The values as numbers: equal ones for equal values."""
    if pa.types.is_string(column.type):
        encoded = column.combine_chunks().dictionary_encode()
        texts = np.array([hash(text) for text in encoded.dictionary.to_pylist()] or [0], np.int64)
        numbers = texts[pc.fill_null(encoded.indices, 0).to_numpy(zero_copy_only=False)]
    elif pa.types.is_floating(column.type):
        numbers = pc.fill_null(column, 0.0).to_numpy().view(np.int64)
    else:
        numbers = pc.fill_null(column.cast(pa.int64()), 0).to_numpy()
    integers: NDArray[np.uint64] = numbers.view(np.uint64)
    return integers
