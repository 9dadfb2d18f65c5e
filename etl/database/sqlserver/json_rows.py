"""Many rows in one statement for SQL Server: as one text of JSON, which `OPENJSON` parses on the server.

The same for every driver, because the only parameter is one long text: no arrays of parameters, on which FreeTDS crashes; no
parameter that is NULL, whose type pyodbc asks the server for in a call whose errors it ignores.
https://learn.microsoft.com/sql/t-sql/functions/openjson-transact-sql (2016, compatibility level 130)
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Dialect, Table
from sqlalchemy.types import JSON, TypeEngine

from etl.database.types import is_moment

_TEXT = "NVARCHAR(MAX)"
_MOMENT_TEXT = "NVARCHAR(40)"


def insert_json(connection: Connection, table: Table, names: Sequence[str], columns: Sequence[Sequence[Any]]) -> None:
    """Insert rows, given column by column: numbers, booleans, texts, NULLs; times as text in ISO 8601 with an offset.

    :raises ValueError: a number is not finite.
    """
    text = json.dumps(list(zip(*columns, strict=True)), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    connection.exec_driver_sql(json_insertion(table, names, connection.dialect), (text,))


def insert_rows(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows that all have the same columns, with values as SQLAlchemy takes them; None is NULL."""
    names = list(rows[0])
    columns = [[_sent(table.c[name].type, row[name], connection.dialect) for row in rows] for name in names]
    insert_json(connection, table, names, columns)


def _sent(kind: TypeEngine[Any], value: Any, dialect: Dialect) -> Any:
    processor = (
        kind.dialect_impl(dialect).bind_processor(dialect) if is_moment(kind) or isinstance(kind, JSON) else None
    )
    return value if value is None or processor is None else processor(value)


def json_insertion(table: Table, names: Sequence[str], dialect: Dialect) -> str:
    """The statement, with one parameter: an array of rows, each an array of values in the order of the names."""
    quoted = {name: dialect.identifier_preparer.quote_identifier(name) for name in names}
    kinds = {name: table.c[name].type for name in names}
    values = ", ".join(_value(quoted[name], kinds[name]) for name in names)
    parts = ", ".join(f"{quoted[n]} {_kind(kinds[n], dialect)} '$[{place}]'" for place, n in enumerate(names))
    target = f"{dialect.identifier_preparer.format_table(table)} ({', '.join(quoted.values())})"
    return f"INSERT INTO {target}\nSELECT {values}\nFROM OPENJSON(CAST(? AS {_TEXT}))\nWITH ({parts}) AS sent"


def _value(name: str, kind: TypeEngine[Any]) -> str:
    return f"CAST(sent.{name} AS DATETIMEOFFSET(6))" if is_moment(kind) else f"sent.{name}"


def _kind(kind: TypeEngine[Any], dialect: Dialect) -> str:
    if is_moment(kind):
        return _MOMENT_TEXT
    if isinstance(kind, JSON):
        return _TEXT
    # A column of OPENJSON has no collation; the value gets that of the table when it is inserted.
    return kind.compile(dialect).partition(" COLLATE ")[0]
