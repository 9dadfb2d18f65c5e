"""Rows into a stage by the bulk copy of mssql-python, about twice as fast as its batches; on demand (`?BulkCopy=yes`).

A bulk copy goes over a connection of its own, which sees neither the temporary tables of the load's session nor its
transaction. So the stage is a global temporary table with a name that nobody guesses, held by one more session and gone with
it, also when the process dies. While a load runs, other logins of the server could read it: docs/security.md.
"""

from __future__ import annotations

import secrets
from typing import Any

import pyarrow as pa
import structlog
from sqlalchemy import Column as SqlColumn
from sqlalchemy import Computed, Connection, MetaData, Table
from sqlalchemy.dialects import mssql
from sqlalchemy.schema import CreateTable

from etl.database.sqlserver_stage import BatchStage, values_of
from etl.database.types import is_moment
from etl.errors import PermanentError

log = structlog.get_logger("database")

_TEXT = " as text"
"""Ends names of columns that only the stage has; the space keeps them apart from those of contracts."""


class BulkCopyStage(BatchStage):
    """A global temporary table."""

    def create(self) -> None:
        self.staged = shared_stage_of(self.staged)
        self.holder: Connection = self.connection.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        # Not to be returned to the pool: the table shall go with the session.
        self.holder.detach()
        self.holder.execute(CreateTable(self.staged))

    def close(self) -> None:
        self.holder.close()

    def send(self, rows: pa.Table) -> None:
        names = [f"{name}{_TEXT}" if is_moment(self.staged.c[name].type) else name for name in rows.column_names]
        cursor: Any = self.holder.connection.cursor()
        try:
            tuples = zip(*map(values_of, rows.columns), strict=True)
            done = cursor.bulkcopy(
                self.staged.name,
                tuples,
                timeout=0,
                column_mappings=list(enumerate(names)),
                keep_nulls=True,
                table_lock=True,
            )
        finally:
            cursor.close()
        if done["rows_copied"] != rows.num_rows:
            raise PermanentError(
                f"The bulk copy took {done['rows_copied']} of {rows.num_rows} rows. Nothing was committed.",
                remedy="Leave BulkCopy out of ETL_DATABASE_URL, and report it.",
            )


def shared_stage_of(stage: Table) -> Table:
    """The same as a global temporary table. Times come as text, as in batches, and are read by computed columns."""
    columns: list[SqlColumn[Any]] = []
    for column in stage.columns:
        if is_moment(column.type):
            columns.append(SqlColumn(f"{column.name}{_TEXT}", mssql.NVARCHAR(33)))
            columns.append(
                SqlColumn(column.name, column.type, Computed(f"CAST([{column.name}{_TEXT}] AS DATETIMEOFFSET(6))"))
            )
        else:
            columns.append(
                SqlColumn(
                    column.name,
                    column.type,
                    primary_key=column.primary_key,
                    autoincrement=False,
                    nullable=column.nullable,
                )
            )
    return Table(f"#{stage.name}_{secrets.token_hex(8)}", MetaData(), *columns)
