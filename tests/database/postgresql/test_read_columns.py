"""Numbers come out of the database as they are in it, whatever their width."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest
from sqlalchemy import BigInteger, Boolean, Integer, SmallInteger, column, select, text
from sqlalchemy.sql.expression import TextClause

from etl.database import DOUBLE, MOMENT, make_engine, read_table, transaction
from etl.errors import PermanentError
from tests.support.stack import Project

pytestmark = pytest.mark.postgresql

BEFORE_2000, AFTER = datetime(1969, 12, 31, 23, 59, 59, 999_999, UTC), datetime(2025, 6, 15, 9, 12, 1, 1, UTC)
SCHEMA = pa.schema(
    [
        ("small", pa.int64()),
        ("middle", pa.int64()),
        ("large", pa.int64()),
        ("number", pa.float64()),
        ("moment", pa.timestamp("us", "UTC")),
        ("flag", pa.bool_()),
    ]
)
TYPES: dict[str, Any] = {
    "small": SmallInteger,
    "middle": Integer,
    "large": BigInteger,
    "number": DOUBLE,
    "moment": MOMENT,
    "flag": Boolean,
}
ROWS: list[dict[str, Any]] = [
    {"small": -1, "middle": -(2**31), "large": 2**63 - 1, "number": 0.1 + 0.2, "moment": AFTER, "flag": True},
    {"small": 2, "middle": 7, "large": -1, "number": None, "moment": BEFORE_2000, "flag": False},
]


def values(*rows: str) -> TextClause:
    names = ", ".join(SCHEMA.names)
    typed = text(f"SELECT * FROM (VALUES {', '.join(rows)}) AS v ({names}) ORDER BY small")
    return typed.columns(*(column(name, kind) for name, kind in TYPES.items()))  # type: ignore[return-value]


def found(project: Project, *rows: str) -> pa.Table:
    engine = make_engine(project.settings)
    try:
        with transaction(engine) as connection:
            return read_table(connection, select(values(*rows).subquery()), SCHEMA)
    finally:
        engine.dispose()


ROW = "({small}::smallint, {middle}, {large}::bigint, {number}::double precision, {moment}::timestamptz, {flag})"


def written(row: dict[str, Any], **changes: str) -> str:
    shown = {
        name: "NULL" if value is None else f"'{value}'" if isinstance(value, datetime) else str(value)
        for name, value in row.items()
    }
    return ROW.format(**{**shown, **changes})


def test_numbers_moments_and_flags_come_back_as_they_were(project: Project) -> None:
    table = found(project, *map(written, ROWS))
    assert table.schema == SCHEMA
    assert table.to_pylist() == ROWS


def test_what_is_no_number_is_null(project: Project) -> None:
    assert found(project, written(ROWS[0], number="'NaN'"))["number"].to_pylist() == [None]


def test_nothing_is_a_table_without_rows(project: Project) -> None:
    engine = make_engine(project.settings)
    with transaction(engine) as connection:
        query = select(values(written(ROWS[0])).subquery()).where(text("small = 0"))
        assert read_table(connection, query, SCHEMA) == SCHEMA.empty_table()
    engine.dispose()


def test_null_among_whole_numbers_is_refused_by_name(project: Project) -> None:
    with pytest.raises(PermanentError, match="Column 'middle' of a result holds NULL"):
        found(project, written(ROWS[0], middle="NULL::int"))
