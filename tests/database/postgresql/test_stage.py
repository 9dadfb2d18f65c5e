"""Rows go straight into the table where they are new, and what the table refuses takes the way by the stage."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pyarrow as pa
import pytest
from sqlalchemy import Column, Connection, Integer, MetaData, Table, UniqueConstraint, select, text

from etl.database import MOMENT, make_engine, make_stage, text_of, transaction
from tests.support.stack import Project

pytestmark = pytest.mark.postgresql

TABLE = Table("t", MetaData(), Column("a", Integer), Column("b", text_of(5)), UniqueConstraint("a"))
CONSTANTS = {"b": "x"}


@pytest.fixture
def connection(project: Project) -> Iterator[Connection]:
    engine = make_engine(project.settings)
    with transaction(engine) as found:
        TABLE.create(found)
        yield found
    engine.dispose()


def rows(*numbers: int) -> pa.Table:
    return pa.table({"a": pa.array(numbers, pa.int32())})


def test_unseen_rows_are_in_the_table_at_once_until_it_refuses_one(connection: Connection) -> None:
    stage = make_stage(connection, TABLE, ["a"])
    stage.copy_unseen(rows(1, 2), CONSTANTS)
    assert (stage.inserted, stage.rows) == (2, 0)
    assert connection.execute(select(TABLE).order_by("a")).all() == [(1, "x"), (2, "x")]
    stage.copy_unseen(rows(3, 2), CONSTANTS)
    stage.copy_unseen(rows(4), CONSTANTS)
    assert (stage.inserted, stage.rows) == (2, 3)
    assert stage.insert_new(CONSTANTS) == (4, [])
    assert connection.execute(select(TABLE).order_by("a")).all() == [(n, "x") for n in (1, 2, 3, 4)]


def test_a_time_is_the_same_moment_whatever_the_sessions_zone_is(connection: Connection) -> None:
    table = Table("times", MetaData(), Column("at", MOMENT))
    table.create(connection)
    connection.execute(text("SET LOCAL TIME ZONE 'Asia/Kathmandu'"))
    moments = [
        datetime(2025, 3, 30, 1, 30, 0, 1, UTC),
        None,
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(9999, 12, 31, 12, tzinfo=UTC),
    ]
    stage = make_stage(connection, table, ["at"])
    stage.copy_unseen(pa.table({"at": pa.array(moments, pa.timestamp("us", "UTC"))}), {})
    connection.execute(text("SET LOCAL TIME ZONE 'UTC'"))
    assert [*connection.scalars(select(table))] == moments
