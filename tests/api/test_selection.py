"""Which rows belong to a sensor by its name, and to a span of time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import Column as SqlColumn
from sqlalchemy import Connection, Integer, MetaData, Table, create_engine, insert, select

from etl.api.problems import Problem
from etl.api.selection import Times, is_sensor, one_of
from etl.contract.model import Column, Contract, EvolvedContract
from etl.database import text_of

TABLE = Table("t", MetaData(), SqlColumn("room", text_of(64)), SqlColumn("number", Integer))
ROWS = [("a", 1), ("a/b", 1), ("a", 12), ("b", -3), ("a/1", 2), ("ä%", 1)]


@pytest.fixture
def connection() -> Iterator[Connection]:
    with create_engine("sqlite://").connect() as opened:
        TABLE.create(opened)
        opened.execute(insert(TABLE), [{"room": room, "number": number} for room, number in ROWS])
        yield opened


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("a/1", [("a", 1)]),
        ("a/b/1", [("a/b", 1)]),
        ("a/1/2", [("a/1", 2)]),
        ("ä%/1", [("ä%", 1)]),
        ("b/-3", [("b", -3)]),
        ("a/01", []),
        ("a/ 1", []),
        ("a/1_2", []),
        ("a/١", []),
        ("a", []),
        ("", []),
        (f"a/{2**31}", []),
        (f"a/{'9' * 190}", []),
        ("/" * 40, []),
    ],
)
def test_a_sensor_of_several_columns_is_found_by_its_name(
    connection: Connection, contract: Contract, name: str, found: list[tuple[str, int]]
) -> None:
    columns = (Column("room", "text"), Column("number", "integer", bits=32))
    evolved = EvolvedContract.of(replace(contract, columns=columns, sensor=("room", "number")))
    rows = connection.execute(select(TABLE).where(*is_sensor(evolved, TABLE, evolved.sensor, name))).all()
    assert [tuple(row) for row in rows] == found


def test_without_a_name_all_rows_are_wanted(contract: Contract) -> None:
    assert is_sensor(EvolvedContract.of(contract), TABLE, contract.sensor, None) == []


def test_a_span_of_time_has_its_beginning_and_not_its_end() -> None:
    nine = datetime(2025, 6, 15, 9, tzinfo=UTC)
    time = SqlColumn("number", Integer)
    assert [str(each) for each in Times(nine, nine).include(time)] == ["number >= :number_1", "number < :number_1"]
    assert Times().include(time) == []


def test_a_name_that_is_not_known_is_refused_with_the_nearest() -> None:
    with pytest.raises(Problem) as refused:
        one_of("temprature", ("temperature", "humidity"), "column")
    assert refused.value.status == 422
    assert refused.value.remedy == "Did you mean temperature?"
