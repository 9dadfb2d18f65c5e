"""Rows on their way into a table of SQL Server, carried out by DuckDB."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import Column, Integer, MetaData, Table, UniqueConstraint, insert, select
from sqlalchemy.exc import IntegrityError as SQLAlchemyIntegrityError
from sqlalchemy.schema import CreateTable

from etl.contract import model
from etl.contract.model import EvolvedContract
from etl.contract.reader import Contract
from etl.database import DOUBLE, MOMENT, Refused, make_stage, text_of
from etl.database.schema.feed_table import feed_table
from etl.database.sqlserver.product import TRANSACTION_ID, offline_dialect
from etl.database.sqlserver.stage import BATCH_BYTES, ROWS_PER_BATCH, batches, stage_of
from tests.support.tsql import TSQLConnection, TSQLEngine

STRICT = Table(
    "strict", MetaData(), Column("a", Integer), Column("b", text_of(5), nullable=False), UniqueConstraint("a")
)


def test_rows_that_the_database_refuses_are_found_by_halving(engine: TSQLEngine) -> None:
    connection = TSQLConnection(engine)
    STRICT.create(connection)  # type: ignore[arg-type]
    stage = make_stage(connection, STRICT, ["a", "b"])  # type: ignore[arg-type]
    rows = pa.table(
        {"a": pa.array(range(100)), "b": [None if place in (3, 64) else f"t{place}" for place in range(100)]}
    )
    stage.copy(rows.slice(0, 50))
    stage.copy(rows.slice(50))
    assert stage.insert_new({}) == (98, [Refused(3, "23000"), Refused(64, "23000")])
    assert stage.read(64) == {"a": 64, "b": None}


def test_after_an_error_that_ended_the_transaction_no_row_is_looked_for(engine: TSQLEngine) -> None:
    """The driver has begun another one by then, which has none of what was done before."""
    connection = TSQLConnection(engine)
    STRICT.create(connection)  # type: ignore[arg-type]
    stage = make_stage(connection, STRICT, ["a", "b"])  # type: ignore[arg-type]
    stage.copy(pa.table({"a": [1], "b": pa.array([None], pa.string())}))
    engine.answers[TRANSACTION_ID] = 2
    with pytest.raises(SQLAlchemyIntegrityError):
        stage.insert_new({})


def test_values_come_back_as_they_were(engine: TSQLEngine) -> None:
    connection = TSQLConnection(engine)
    columns: list[Column[Any]] = [
        Column("t", MOMENT),
        Column("d", DOUBLE),
        Column("s", text_of(None)),
        Column("i", Integer),
    ]
    table = Table("v", MetaData(), *columns, UniqueConstraint("i"))
    table.create(connection)  # type: ignore[arg-type]
    moment = datetime(2025, 6, 15, 23, 59, 59, 999_999, tzinfo=UTC)
    values = {"t": [moment, None], "d": [0.1 + 0.2, None], "s": ["a,\"'\n\u20ac😀 ", None], "i": [1, 2]}
    stage = make_stage(connection, table, list(values))  # type: ignore[arg-type]
    stage.copy(pa.table({**values, "t": pa.array(values["t"], pa.timestamp("us", "UTC"))}))
    stage.insert_new({})
    found = connection.execute(select(table).order_by(table.c.i)).all()
    assert [tuple(row) for row in found] == list(zip(*values.values(), strict=True))
    connection.execute(insert(table).values(t=moment.astimezone(), i=3))
    assert connection.scalar(select(table.c.i).where(table.c.t == moment, table.c.i == 3)) == 3


def test_rows_are_sent_in_batches_of_bounded_length(engine: TSQLEngine) -> None:
    connection = TSQLConnection(engine)
    table = Table("long", MetaData(), Column("a", Integer), Column("b", text_of(None)), UniqueConstraint("a"))
    stage = make_stage(connection, table, ["a", "b"])  # type: ignore[arg-type]
    rows = pa.table({"a": [1, 2, 3, 4], "b": ["x", "y" * (BATCH_BYTES // 2), "€", None]})
    assert [part.num_rows for part in batches(rows)] == [1, 1, 1, 1]
    stage.copy(rows)
    assert connection.sql("SELECT length(b) FROM temporary_stage_long ORDER BY a") == [
        (1,),
        (BATCH_BYTES // 2,),
        (1,),
        (None,),
    ]


@hypothesis_settings(max_examples=50, deadline=None)
@given(
    st.integers(1, 30_000),
    st.lists(st.integers(0, 5000), min_size=1, max_size=6),
)
def test_rows_of_any_length_are_sent_in_bounded_batches(rows: int, lengths: list[int]) -> None:
    columns = {f"c{place}": pa.array(["x" * length] * rows) for place, length in enumerate(lengths)}
    found = list(batches(pa.table({**columns, "n": pa.array(range(rows), pa.int64())})))
    assert sum(batch.num_rows for batch in found) == rows
    for batch in found:
        width = sum(lengths)
        assert batch.num_rows == 1 or (batch.num_rows <= ROWS_PER_BATCH and batch.num_rows * width <= BATCH_BYTES)


@pytest.mark.parametrize("length", [1, 64, 2000, 2001, 4000, None])
def test_the_stage_takes_texts_that_the_table_may_refuse(length: int | None, contract: Contract) -> None:
    columns = (*contract.columns, model.Column("note", "text", max_length=length))
    table = feed_table(EvolvedContract.of(replace(contract, columns=columns)))
    ddl = str(CreateTable(stage_of(table, ["note"])).compile(dialect=offline_dialect()))
    room = re.search(r"note NVARCHAR\((\w+)\)", ddl)
    assert room is not None
    assert room[1] == "max" if not length or length > 2000 else int(room[1]) == 2 * length
