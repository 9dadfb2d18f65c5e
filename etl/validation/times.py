"""Reads texts as times in UTC, in the formats that a contract names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from etl.contract.model import EPOCH_UNITS, ISO8601, Contract

if TYPE_CHECKING:
    import pandas as pd

UTC_MOMENT = pa.timestamp("us", "UTC")
NUMBER = r"^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$"
_ISO_TIME = r"^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)?$"
# Also valid by ISO 8601 or RFC 3339, but rare: the basic form, an offset of hours only, a comma, lower-case letters.
_RARE_ISO_TIME = (
    r"^(\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d([.,]\d{1,9})?)?|\d{8}[Tt]\d{4}(\d\d([.,]\d{1,9})?)?)"
    r"([Zz]|[+-]\d\d(:?\d\d)?)?$"
)
_WITH_OFFSET = r"(Z|[+-]\d\d(:?\d\d)?)$"


def times(text: pa.ChunkedArray, contract: Contract) -> pa.ChunkedArray:
    """Texts as times in UTC, in the first of the contract's formats that fits each; NULL where none does."""
    values = pa.chunked_array([pa.nulls(len(text), UTC_MOMENT)])
    for name in contract.event_time.formats:
        left = pc.if_else(pc.is_null(values), text, pa.scalar(None, pa.string()))
        values = pc.coalesce(values, _parse_times(left, name, contract.event_time.timezone))
    return values


def _parse_times(text: pa.ChunkedArray, name: str, timezone: str) -> pa.ChunkedArray:
    """The times of the texts in one format; NULL for the others."""
    import pandas as pd

    if name in EPOCH_UNITS:
        return _epochs(text, EPOCH_UNITS[name])
    if name == ISO8601:
        return _iso_times(_iso_texts(text), timezone)
    if "%z" in name:
        # Values may have different offsets; as UTC they have one.
        aware = pd.to_datetime(_series(text), errors="coerce", format=name, utc=True)
        return pa.chunked_array([_arrow(aware)])
    return _localized(pd.to_datetime(_series(text), errors="coerce", format=name), timezone)


def _epochs(text: pa.ChunkedArray, unit_seconds: float) -> pa.ChunkedArray:
    """Times counted from 1970; one beyond a 64-bit count of microseconds becomes the nearest that fits."""
    fits = pc.fill_null(pc.match_substring_regex(text, NUMBER), False)
    units = pc.if_else(fits, text, pa.scalar(None, pa.string())).cast(pa.float64())
    microseconds = pc.multiply(units, unit_seconds * 1e6)
    bounded = pc.min_element_wise(
        pc.max_element_wise(pc.round(microseconds), -9e18, skip_nulls=False), 9e18, skip_nulls=False
    )
    return bounded.cast(pa.int64(), safe=False).cast(UTC_MOMENT)


def _iso_texts(text: pa.ChunkedArray) -> pa.ChunkedArray:
    """The texts that are times by ISO 8601, with rare forms rewritten in the usual one; NULL for the others."""
    fits = pc.fill_null(pc.match_substring_regex(text, _ISO_TIME), False)
    if pc.all(pc.or_(fits, pc.is_null(text))).as_py():
        return text
    rare = pc.fill_null(pc.match_substring_regex(text, _RARE_ISO_TIME), False)
    usual = pc.replace_substring(pc.ascii_upper(text), ",", ".")
    return pc.if_else(pc.or_(fits, rare), usual, pa.scalar(None, pa.string()))


def _iso_times(text: pa.ChunkedArray, timezone: str) -> pa.ChunkedArray:
    import pandas as pd

    if timezone == "UTC" and not pc.any(pc.match_substring_regex(text, _WITH_OFFSET)).as_py():
        try:
            return text.cast(pa.timestamp("us")).cast(UTC_MOMENT)
        except pa.ArrowInvalid:
            pass  # A day or hour does not exist; the slower way below finds which.
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
    # An hour that the clocks skipped does not exist; of one that occurred twice, the first is taken.
    first = np.ones(len(naive), dtype=bool)
    local = naive.dt.tz_localize(timezone, nonexistent="NaT", ambiguous=first).dt.tz_convert("UTC")
    return pa.chunked_array([_arrow(local)])


def _arrow(times: pd.Series) -> pa.Array:
    return pa.Array.from_pandas(times).cast(UTC_MOMENT, safe=False)
