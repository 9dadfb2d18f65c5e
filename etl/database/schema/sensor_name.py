"""What names a sensor to people, where several columns identify it: their values in one text, `building/room`."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from typing import Any

from sqlalchemy import ColumnElement, cast, literal_column

from etl.database import text_of

SENSOR_LENGTH = 200
"""In characters, as `etl_anomaly.sensor` has it; a longer name is cut off."""
_BETWEEN = "/"


def sensor_name(values: Iterable[Any]) -> str:
    """The name, from the values of the columns in the order of the contract."""
    return _BETWEEN.join(map(str, values))[:SENSOR_LENGTH]


def sensor_name_in_sql(keys: Iterable[ColumnElement[Any]], *, length: int | None = SENSOR_LENGTH) -> ColumnElement[str]:
    """The same as an SQL expression; with None as the length it is not cut off."""
    parts: list[ColumnElement[str]] = [cast(key, text_of(length)) for key in keys]
    whole = reduce(lambda before, part: before + literal_column(f"'{_BETWEEN}'") + part, parts)
    return cast(whole, text_of(length)) if length else whole
