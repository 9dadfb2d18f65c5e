"""What SQL Server cannot hold: reported before a table is created, rather than by a warning and rows that fail later.

https://learn.microsoft.com/sql/sql-server/maximum-capacity-specifications-for-sql-server
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Boolean, Column, Double, Integer, PrimaryKeyConstraint, String, Table, UniqueConstraint
from sqlalchemy.types import JSON, BigInteger, DateTime, SmallInteger, TypeEngine

from etl.database.table_limits import NARROWER_ROWS, SHORTER_KEYS, SHORTER_NAMES, BrokenLimit, too_many_columns
from etl.database.types import LONGEST_NVARCHAR

PARAMETERS = 2100
"""Of one statement."""
ROWS_OF_VALUES = 1000
COLUMNS = 1024
ROW_BYTES = 8060
CLUSTERED_KEY_BYTES, KEY_BYTES = 900, 1700
KEY_COLUMNS = 32
_POINTER_BYTES = 24
"""What a text that was moved out of the row still takes in it."""
_ROW_HEADER_BYTES = 9
_LONGEST_NAME = 116
"""Of a temporary table, including #stage_; the server itself uses the rest of 128 characters."""
_FIXED: tuple[tuple[type[TypeEngine[Any]], int], ...] = (
    (SmallInteger, 2),
    (BigInteger, 8),
    (Integer, 4),
    (Double, 8),
    (Boolean, 1),
    (DateTime, 10),
)


def broken_limits(table: Table) -> list[BrokenLimit]:
    """Which limits a table would break."""
    keys = (BrokenLimit(sentence, SHORTER_KEYS) for sentence in _of_keys(table))
    names = (BrokenLimit(sentence, SHORTER_NAMES) for sentence in _of_names(table))
    return [*_of_rows(table), *keys, *names]


def _of_rows(table: Table) -> Iterable[BrokenLimit]:
    if len(table.columns) > COLUMNS:
        yield too_many_columns(len(table.columns), COLUMNS)
    needed = row_bytes(table)
    if needed > ROW_BYTES:
        yield BrokenLimit(
            f"a row takes at least {needed:,} bytes, of {ROW_BYTES:,} that are possible, even with its texts outside of it.",
            NARROWER_ROWS,
        )


def row_bytes(table: Table) -> int:
    """What a row takes at least where all columns have values: texts may move out of it, but leave a pointer."""
    variable = [column for column in table.columns if _fixed(column) is None]
    fixed = sum(_fixed(column) or 0 for column in table.columns)
    pointers = sum(min(_bytes(column) or _POINTER_BYTES, _POINTER_BYTES) for column in variable)
    return _ROW_HEADER_BYTES + (len(table.columns) + 7) // 8 + fixed + pointers + 2 * len(variable)


def _of_keys(table: Table) -> Iterable[str]:
    keys: list[tuple[str, list[Column[Any]], int]] = []
    for constraint in table.constraints:
        if isinstance(constraint, PrimaryKeyConstraint) and len(constraint.columns):
            keys.append(("the primary key", list(constraint.columns), CLUSTERED_KEY_BYTES))
        elif isinstance(constraint, UniqueConstraint):
            keys.append((f"the key {constraint.name}", list(constraint.columns), KEY_BYTES))
    for index in table.indexes:
        most = CLUSTERED_KEY_BYTES if index.dialect_options["mssql"]["clustered"] else KEY_BYTES
        keys.append((f"the index {index.name}", [column for column in index.columns if column is not None], most))
    for key, columns, most in keys:
        names = ", ".join(column.name for column in columns)
        if len(columns) > KEY_COLUMNS:
            yield f"{key} has {len(columns)} columns; {KEY_COLUMNS} are possible."
        if endless := [column.name for column in columns if _bytes(column) is None]:
            yield f"{key} needs {endless[0]!r}, a text without maxLength (or above {LONGEST_NVARCHAR:,}), which no index takes."
        elif (size := sum(_bytes(column) or 0 for column in columns)) > most:
            yield f"{key} ({names}) takes {size:,} bytes, two for each character; {most:,} are possible."


def _of_names(table: Table) -> Iterable[str]:
    if len(f"#stage_{table.name}") > _LONGEST_NAME:
        yield f"the name {table.name!r} is too long; {_LONGEST_NAME - len('#stage_')} characters are possible."


def _fixed(column: Column[Any]) -> int | None:
    """The bytes of a value whose type has one length; None for text."""
    kind = column.type
    if isinstance(kind, String | JSON):
        return None
    return next(size for fixed_kind, size in _FIXED if isinstance(kind, fixed_kind))


def _bytes(column: Column[Any]) -> int | None:
    """The most bytes of a value; None for a text without a bound."""
    kind = column.type
    if isinstance(kind, JSON):
        return None
    if isinstance(kind, String):
        return 2 * kind.length if kind.length and kind.length <= LONGEST_NVARCHAR else None
    return _fixed(column)
