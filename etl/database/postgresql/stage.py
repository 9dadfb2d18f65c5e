"""Many rows into a table of PostgreSQL: by COPY straight into it, or into a temporary table, from which new rows follow."""

from __future__ import annotations

from typing import Any

import numpy as np
import psycopg
import pyarrow as pa
import pyarrow.compute as pc
from psycopg import Connection as PsycopgConnection
from psycopg import sql
from pyarrow import csv
from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Connection,
    MetaData,
    String,
    Table,
    and_,
    literal_column,
    or_,
    text,
)
from sqlalchemy import Column as SqlColumn

from etl.database.postgresql.connection import driver_of
from etl.database.stage import STAGE_ROW, RowsRefused, Stage

# The last one: an index or a page cannot hold the row.
_REFUSES_ROW = (psycopg.DataError, psycopg.IntegrityError, psycopg.errors.ProgramLimitExceeded)
_ROWS_PER_PIECE = 4_000
"""About 256 KiB."""
_PAGES_AHEAD = 128
"""How many pages at the end of a table may be empty, because a COPY has taken more than it needed: 64 at a time."""


class CopyStage(Stage):
    """A temporary table, dropped at the end of the transaction."""

    def __init__(self, connection: Connection, table: Table, columns: list[str]) -> None:
        self.connection = connection
        self.table = table
        self.columns = columns
        self.name = f"stage_{table.name}"
        kept = (SqlColumn(name, table.c[name].type) for name in columns)
        self.staged = Table(self.name, MetaData(), SqlColumn(STAGE_ROW, BigInteger), *kept)
        self.rows = 0
        self._is_direct = True
        self._create()
        self._pages = max(_PAGES_AHEAD, self._count_pages())

    def _create(self) -> None:
        definitions = [
            sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(self._type(name))) for name in self.columns
        ]
        # Rows are numbered as they come: the first row with a key wins, and a refused one can be named.
        statement = sql.SQL("CREATE TEMPORARY TABLE {} ({} bigint, {}) ON COMMIT DROP").format(
            sql.Identifier(self.name), sql.Identifier(STAGE_ROW), sql.SQL(", ").join(definitions)
        )
        self.connection.execute(text("SET LOCAL synchronize_seqscans = off"))
        self._driver().execute(statement)

    def _count_pages(self) -> int:
        """How many pages the table has now."""
        size = "SELECT pg_relation_size(to_regclass(quote_ident(%s))) / current_setting('block_size')::bigint"
        row = self._driver().execute(size, (self.table.name,)).fetchone()
        return int(row[0] or 0) if row else 0

    def whereabouts(self, log_id: int, of_rows: ColumnElement[bool]) -> ColumnElement[bool]:
        """By their pages: all after those that the table had when the stage was made, and some ahead, which may have been empty.

        A BRIN index on `log_id` would not do: pages that were written a moment ago are not in it yet, and all of them are read.
        """
        near, behind = (
            literal_column(f"ctid >= '({page},0)'", Boolean()) for page in (self._pages - _PAGES_AHEAD, self._pages)
        )
        return and_(near, or_(behind, of_rows))

    def copy(self, rows: pa.Table) -> None:
        numbers = pa.array(np.arange(self.rows, self.rows + rows.num_rows, dtype=np.int64))
        self._send(rows.add_column(0, STAGE_ROW, numbers), self.name)
        self.rows += rows.num_rows

    def copy_unseen(self, rows: pa.Table, constants: dict[str, Any]) -> None:
        """Straight into the table, all of them or none; once the table has refused rows, through the stage."""
        if self._is_direct and self._was_taken(rows, constants):
            self.inserted += rows.num_rows
        else:
            self._is_direct = False
            self.copy(rows)

    def _was_taken(self, rows: pa.Table, constants: dict[str, Any]) -> bool:
        for name, value in constants.items():
            rows = rows.append_column(name, pa.repeat(value, rows.num_rows))
        try:
            with self._driver().transaction():
                self._send(rows, self.table.name)
        except _REFUSES_ROW:
            return False
        return True

    def _send(self, rows: pa.Table, table: str) -> None:
        """COPY, piece by piece: the server works on one while the next is written."""
        names = sql.SQL(", ").join(map(sql.Identifier, rows.column_names))
        statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv)").format(sql.Identifier(table), names)
        with self._driver().cursor() as cursor, cursor.copy(statement) as copy:
            for piece in _with_texts_of_times(rows).to_batches(max_chunksize=_ROWS_PER_PIECE):
                sink = pa.BufferOutputStream()
                csv.write_csv(piece, sink, csv.WriteOptions(include_header=False))
                copy.write(memoryview(sink.getvalue()))

    def read(self, row: int) -> dict[str, Any]:
        statement = sql.SQL("SELECT {} FROM {} WHERE {} = %s").format(
            self._names(), sql.Identifier(self.name), sql.Identifier(STAGE_ROW)
        )
        values = self._driver().execute(statement, (row,)).fetchone()
        return dict(zip(self.columns, values or (), strict=True))

    def insert_some(self, constants: dict[str, Any], first: int, end: int) -> int:
        try:
            with self._driver().transaction(), self._driver().cursor() as cursor:
                cursor.execute(self._insertion(constants, first, end))
                return int(cursor.rowcount)
        except _REFUSES_ROW as error:
            raise RowsRefused(error.sqlstate or "") from None

    def _insertion(self, constants: dict[str, Any], first: int, end: int) -> sql.Composed:
        everything = first == 0 and end == self.rows
        is_in_span = sql.SQL(" WHERE {0} >= {1} AND {0} < {2}").format(
            sql.Identifier(STAGE_ROW), sql.Literal(first), sql.Literal(end)
        )
        names = [sql.Identifier(name) for name in (*self.columns, *constants)]
        values = [*map(sql.Identifier, self.columns), *map(sql.Literal, constants.values())]
        return sql.SQL("INSERT INTO {} ({}) SELECT {} FROM {}{} ON CONFLICT DO NOTHING").format(
            sql.Identifier(self.table.name),
            sql.SQL(", ").join(names),
            sql.SQL(", ").join(values),
            sql.Identifier(self.name),
            sql.SQL("") if everything else is_in_span,
        )

    def _type(self, column: str) -> str:
        kind = self.table.c[column].type
        return "text" if isinstance(kind, String) else kind.compile(self.connection.dialect)

    def _names(self) -> sql.Composed:
        return sql.SQL(", ").join(map(sql.Identifier, self.columns))

    def _driver(self) -> PsycopgConnection[Any]:
        return driver_of(self.connection)


def _with_texts_of_times(rows: pa.Table) -> pa.Table:
    """Arrow writes a time that has a zone twenty times slower than one without, and all zones here are UTC."""
    for place, field in enumerate(rows.schema):
        if pa.types.is_timestamp(field.type) and field.type.tz == "UTC":
            texts = rows.column(place).cast(pa.timestamp(field.type.unit)).cast(pa.string())
            rows = rows.set_column(place, field.name, pc.binary_join_element_wise(texts, "Z", ""))
    return rows
