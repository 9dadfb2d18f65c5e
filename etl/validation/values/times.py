"""Reads texts as times in UTC, in the formats that a contract names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from etl.contract.model import EPOCH_UNITS, ISO8601, Column, Contract
from etl.validation.values.epochs import epoch_times
from etl.validation.values.short_offsets import begins_without_minutes, with_minutes

if TYPE_CHECKING:
    import pandas as pd

UTC_MOMENT = pa.timestamp("us", "UTC")
_ISO_TIME = r"^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)?$"
# Also valid by ISO 8601 or RFC 3339, but rare: the basic form, an offset of hours only, a comma, lower-case letters.
_RARE_ISO_TIME = (
    r"^(\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d([.,]\d{1,9})?)?|\d{8}[Tt]\d{4}(\d\d([.,]\d{1,9})?)?)"
    r"([Zz]|[+-]\d\d(:?\d\d)?)?$"
)
_WITH_OFFSET = r"(Z|[+-]\d\d(:?\d\d)?)$"


def times(text: pa.ChunkedArray, contract: Contract, column: Column | None = None) -> pa.ChunkedArray:
    """Texts as times in UTC, in the first format that fits each; NULL where none does.

    :param column: the timestamp whose formats and time zone hold, where it has some; None: the event time.
    """
    formats = (column.formats if column else ()) or contract.event_time.formats
    timezone = (column.timezone if column else "") or contract.event_time.timezone
    units = tuple(name for name in formats if name in EPOCH_UNITS)
    values = pa.chunked_array([pa.nulls(len(text), UTC_MOMENT)])
    for name in formats:
        if name in units[1:]:
            continue
        left = pc.if_else(pc.is_null(values), text, pa.scalar(None, pa.string()))
        if name in units:
            found = epoch_times(left, units).cast(UTC_MOMENT)
        elif name == ISO8601:
            found = _iso_times(_iso_texts(left), timezone)
        else:
            found = _pattern_times(left, name, timezone)
        values = pc.coalesce(values, found)
    return values


def _pattern_times(text: pa.ChunkedArray, pattern: str, timezone: str) -> pa.ChunkedArray:
    """The times of the texts in a pattern of `strptime`; NULL for the others."""
    import pandas as pd

    if "%z" not in pattern:
        return _localized(pd.to_datetime(_series(text), errors="coerce", format=pattern), timezone)
    # As most values are probably written like the first one, it decides which way is tried first.
    found = _aware(with_minutes(text, pattern) if begins_without_minutes(text, pattern) else text, pattern)
    failed = pc.and_(pc.is_null(found), pc.is_valid(text))
    if pc.any(failed).as_py():
        rest = pc.if_else(failed, text, pa.scalar(None, pa.string()))
        found = pc.coalesce(found, _aware(with_minutes(rest, pattern), pattern))
    return found


def _aware(text: pa.ChunkedArray, pattern: str) -> pa.ChunkedArray:
    import pandas as pd

    # Values may have different offsets; as UTC they have one.
    return pa.chunked_array([_arrow(pd.to_datetime(_series(text), errors="coerce", format=pattern, utc=True))])


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
