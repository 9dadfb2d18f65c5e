"""Cursors: they lead behind the row that they were made of, and a forged one is refused before the database sees it."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Integer,
    MetaData,
    SmallInteger,
    Table,
    create_engine,
    insert,
    select,
)

from etl.api.pages import cursor_of, page_of, read_cursor
from etl.api.problems import Problem
from etl.database import DOUBLE, MOMENT, text_of

TYPES = Table(
    "types",
    MetaData(),
    Column("at", MOMENT),
    Column("number", Integer),
    Column("large", BigInteger),
    Column("small", SmallInteger),
    Column("name", text_of(64)),
    Column("value", DOUBLE),
    Column("on", Boolean),
)
VALUES = [datetime(2025, 6, 15, 9, 12, 2, 123456, UTC), -(2**31), 2**63 - 1, 7, "Räume/%'\\", 20.5, True]
PLACES = Table("places", MetaData(), Column("a", Integer), Column("b", text_of(8)), Column("c", BigInteger))


def forged(values: Any) -> str:
    return urlsafe_b64encode(orjson.dumps(values)).decode().rstrip("=")


def test_a_cursor_has_the_values_of_its_row() -> None:
    assert read_cursor(cursor_of(VALUES), [*TYPES.c]) == VALUES


def test_a_cursor_needs_no_escape_in_a_url() -> None:
    assert set(cursor_of(VALUES)) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("at", "2025-06-15T09:00:00"),
        ("at", "yesterday"),
        ("at", 7),
        ("at", "0001-01-01T00:00:00+14:00"),
        ("number", 2**31),
        ("number", True),
        ("number", 1.5),
        ("large", 2**63),
        ("small", -(2**15) - 1),
        ("name", "a\x00b"),
        ("name", 1),
        ("value", "20.5"),
        ("on", 1),
        ("number", None),
        ("number", [1]),
    ],
)
def test_a_value_of_another_type_is_refused(name: str, value: object) -> None:
    with pytest.raises(Problem) as refused:
        read_cursor(forged([value]), [TYPES.c[name]])
    assert refused.value.status == 422


@pytest.mark.parametrize(
    "text", ["x", "ä", "!!!!", "a" * 4000, forged({"a": 1}), forged(1), forged([]), forged([1, 2]), "\x00", "===="]
)
def test_what_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(Problem) as refused:
        read_cursor(text, [TYPES.c.number])
    assert refused.value.status == 422


@pytest.fixture(scope="module")
def connection() -> Iterator[Connection]:
    with create_engine("sqlite://").connect() as opened:
        yield opened


ROWS = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from("xyz"), st.integers(0, 2)), unique=True, min_size=1, max_size=20
)


@given(ROWS, st.integers(1, 5))
def test_pages_have_every_row_once_and_in_order(
    connection: Connection, rows: list[tuple[int, str, int]], limit: int
) -> None:
    PLACES.drop(connection, checkfirst=True)
    PLACES.create(connection)
    connection.execute(insert(PLACES), [dict(zip("abc", row, strict=True)) for row in rows])
    seen: list[tuple[Any, ...]] = []
    after = None
    while found := connection.execute(page_of(select(PLACES), [*PLACES.c], after).limit(limit)).all():
        seen += [tuple(row) for row in found]
        after = cursor_of(found[-1])
    assert seen == sorted(rows)
