"""Column types that mean the same on both products.

On SQL Server text compares exactly, as on PostgreSQL: with its usual collation `S1` and `s1` would be the same sensor.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BindParameter, Cast, ColumnElement, DateTime, Dialect, Double, String, Text, cast
from sqlalchemy.dialects import mssql
from sqlalchemy.types import TypeEngine, UserDefinedType

EXACT = "Latin1_General_100_BIN2"
"""SQL Server's collation by code points."""
LONGEST_NVARCHAR = 4000
"""In UTF-16 code units; a longer text is nvarchar(max)."""


class _Moment(UserDefinedType[datetime]):
    """`datetimeoffset(6)`, always in UTC.

    Bound as text: pyodbc drops the offset of an aware datetime with every driver, and some lose its microseconds. The CAST
    says what the text is, so that it is compared as a time.
    """

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "DATETIMEOFFSET(6)"

    def bind_processor(self, dialect: Dialect) -> Any:
        return _as_text

    def literal_processor(self, dialect: Dialect) -> Any:
        return lambda value: f"'{_as_text(value)}'"

    def bind_expression(self, bindvalue: BindParameter[datetime]) -> ColumnElement[datetime]:
        expression: Cast[datetime] = cast(bindvalue, self)
        return expression

    def result_processor(self, dialect: Dialect, coltype: object) -> Any:
        return _as_datetime


def _as_text(value: datetime | None) -> str | None:
    if value is None:
        return None
    return value.astimezone(UTC).isoformat(timespec="microseconds")


def _as_datetime(value: Any) -> datetime | None:
    """What a driver gives: a datetime, or, where it does not know the type (FreeTDS), a text with seven decimals."""
    if isinstance(value, str):
        moment, _, offset = value.strip().rpartition(" ")
        value = datetime.fromisoformat(f"{moment[:26]}{offset}")
    parsed: datetime | None = value
    return parsed.astimezone(UTC) if parsed else None


MOMENT: TypeEngine[datetime] = DateTime(timezone=True).with_variant(_Moment(), "mssql")
"""A moment in UTC with microseconds."""

DOUBLE: TypeEngine[float] = Double().with_variant(mssql.FLOAT(53), "mssql")


def is_moment(kind: TypeEngine[Any]) -> bool:
    """Whether a type is MOMENT."""
    return isinstance(kind, DateTime | _Moment)


def text_of(length: int | None) -> TypeEngine[str]:
    """Text of at most `length` characters; None: of any length.

    SQL Server counts UTF-16 code units, of which a character beyond the Basic Multilingual Plane takes two.
    """
    wide = length if length and length <= LONGEST_NVARCHAR else None
    return (String(length) if length else Text()).with_variant(mssql.NVARCHAR(wide, collation=EXACT), "mssql")
