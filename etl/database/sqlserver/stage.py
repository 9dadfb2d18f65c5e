"""Many rows into a table of SQL Server: batches into a temporary table, then one INSERT of what is new."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import (
    BigInteger,
    Connection,
    Insert,
    MetaData,
    String,
    Table,
    exists,
    func,
    insert,
    literal,
    literal_column,
    select,
)
from sqlalchemy import Column as SqlColumn
from sqlalchemy.dialects import mssql
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import CreateTable, DropTable
from sqlalchemy.types import JSON, TypeEngine

from etl.database.sqlserver.errors import DUPLICATE, read_error
from etl.database.sqlserver.json_rows import insert_json
from etl.database.sqlserver.product import TRANSACTION_ID
from etl.database.stage import STAGE_ROW, RowsRefused, Stage
from etl.database.types import EXACT, LONGEST_NVARCHAR
from etl.errors import ServiceUnavailable

ROWS_PER_BATCH = 10_000
BATCH_BYTES = 8 << 20
"""What one batch takes about at most, in characters."""
# A space, so that no column of a contract is called the same.
_PLACE = "place in key"
_LONGEST_NUMBER = 40
"""In characters, also of a time in quotes; with the comma."""


class BatchStage(Stage):
    """A temporary table of the session."""

    def __init__(self, connection: Connection, table: Table, columns: list[str]) -> None:
        self.connection = connection
        self.table = table
        self.columns = columns
        self.rows = 0
        self.staged = stage_of(table, columns)
        self._create()
        self._transaction = self._transaction_now()

    def _create(self) -> None:
        # A pooled connection may still have that of an earlier load.
        self.connection.execute(DropTable(self.staged, if_exists=True))
        self.connection.execute(CreateTable(self.staged))

    def copy(self, rows: pa.Table) -> None:
        numbers = pa.array(range(self.rows, self.rows + rows.num_rows), pa.int64())
        names = [STAGE_ROW, *rows.column_names]
        for part in batches(rows.add_column(0, STAGE_ROW, numbers)):
            insert_json(self.connection, self.staged, names, [values_of(column) for column in part.columns])
        self.rows += rows.num_rows

    def insert_some(self, constants: dict[str, Any], first: int, end: int) -> int:
        span = None if first == 0 and end == self.rows else (first, end)
        try:
            return int(
                self.connection.execute(insertion(self.table, self.staged, self.columns, constants, span)).rowcount
            )
        except DBAPIError as error:
            server_error = read_error(error)
            if server_error.number in DUPLICATE:
                raise ServiceUnavailable(
                    f"Somebody else inserted rows with the same keys into {self.table.name} meanwhile.",
                    remedy="Run again: then they count as duplicates.",
                ) from error
            if not server_error.refuses_row or not self._goes_on():
                raise
            raise RowsRefused(server_error.state) from None

    def _goes_on(self) -> bool:
        """Whether the transaction is still open after an error; most errors end only their statement, some all of it."""
        return bool(self._transaction_now() == self._transaction)

    def _transaction_now(self) -> Any:
        return self.connection.exec_driver_sql(TRANSACTION_ID).scalar()

    def read(self, row: int) -> dict[str, Any]:
        columns = [SqlColumn(name, self.table.c[name].type) for name in self.columns]
        typed = Table(self.staged.name, MetaData(), SqlColumn(STAGE_ROW, BigInteger), *columns)
        query = select(*(typed.c[name] for name in self.columns)).where(typed.c[STAGE_ROW] == row)
        return dict(self.connection.execute(query).mappings().one())


def stage_of(table: Table, columns: list[str]) -> Table:
    """The temporary table for some columns of a table: its types, twice the room for text, none of its constraints."""
    return Table(
        f"#stage_{table.name}",
        MetaData(),
        # Rows are numbered as they come: the first row with a key wins, and a refused one can be named.
        SqlColumn(STAGE_ROW, BigInteger, primary_key=True, autoincrement=False),
        *(SqlColumn(name, _roomy(table.c[name].type), nullable=True) for name in columns),
    )


def insertion(
    table: Table, stage: Table, names: list[str], constants: dict[str, Any], span: tuple[int, int] | None
) -> Insert:
    """Insert staged rows whose key the table does not hold; of rows with the same key, the first.

    Right only under the feed's lock: no other session may insert between the look-up and the insertion.

    :param names: the staged columns.
    :param span: only rows from the first number up to, not including, the second.
    """
    key = unique_key(table)
    rows = stage.alias("stage rows")
    # A column with one value for all rows distinguishes none.
    apart = [rows.c[name] for name in key if name not in constants]
    place = func.row_number().over(partition_by=apart, order_by=rows.c[STAGE_ROW]).label(_PLACE)
    numbered = select(*(rows.c[name] for name in names), place)
    if span:
        numbered = numbered.where(rows.c[STAGE_ROW] >= span[0], rows.c[STAGE_ROW] < span[1])
    staged = numbered.subquery("staged rows")
    values = {name: literal(value, table.c[name].type).label(name) for name, value in constants.items()}
    same = [table.c[name] == (values[name].element if name in values else staged.c[name]) for name in key]
    new = select(*(staged.c[name] for name in names), *values.values()).where(
        staged.c[_PLACE] == literal_column("1"),
        ~exists(select(literal_column("1")).select_from(table).where(*same)),
    )
    return insert(table).from_select([*names, *values], new)


def unique_key(table: Table) -> list[str]:
    """The columns that identify a table's rows: of its unique constraint, else of its primary key."""
    unique = [constraint for constraint in table.constraints if type(constraint).__name__ == "UniqueConstraint"]
    return [column.name for column in (unique[0].columns if unique else table.primary_key.columns)]  # type: ignore[attr-defined]


def batches(rows: pa.Table) -> Iterator[pa.Table]:
    """Rows in batches of a bounded number of characters."""
    width = sum(_longest(column) + 3 if pa.types.is_string(column.type) else _LONGEST_NUMBER for column in rows.columns)
    length = max(1, min(ROWS_PER_BATCH, BATCH_BYTES // width))
    for start in range(0, rows.num_rows, length):
        yield rows.slice(start, length)


def _roomy(kind: TypeEngine[Any]) -> TypeEngine[Any]:
    """A type that takes every value: the table's own, not the stage's, is to refuse one."""
    if isinstance(kind, JSON):
        return mssql.NVARCHAR(None, collation=EXACT)
    if not isinstance(kind, String):
        return kind
    double = 2 * kind.length if kind.length else None
    return mssql.NVARCHAR(double if double and double <= LONGEST_NVARCHAR else None, collation=EXACT)


def _longest(texts: pa.ChunkedArray) -> int:
    """An upper bound of their UTF-16 code units: no character takes more of them than bytes of UTF-8."""
    return max(1, pc.max(pc.binary_length(texts)).as_py() or 0)


def values_of(column: pa.ChunkedArray) -> list[Any]:
    """A column's values as JSON has them; times as text, in UTC and with six decimals."""
    if pa.types.is_timestamp(column.type):
        # The zone is UTC. Arrow writes times that have one, and those of `strftime`, many times slower.
        texts = pc.replace_substring(column.cast(pa.timestamp("us")).cast(pa.string()), " ", "T")
        column = pc.binary_join_element_wise(texts, "+00:00", "")
    values: list[Any] = column.to_pylist()
    return values
