"""The table of a feed, as its contract asks for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    Table,
    UniqueConstraint,
    select,
)
from sqlalchemy.types import TypeEngine

from etl.contract import model
from etl.contract.every_column import like_the_others
from etl.contract.model import Contract, EvolvedContract
from etl.database import DOUBLE, MOMENT, Product, text_of
from etl.database.schema.tables.audit_tables import NAMES, etl_column
from etl.database.table_limits import BrokenLimit, too_many_columns
from etl.errors import ContractError

_TYPES: dict[str, TypeEngine[Any]] = {"double": DOUBLE, "boolean": Boolean(), "timestamp": MOMENT}

_INTEGERS: dict[int, TypeEngine[Any]] = {16: SmallInteger(), 32: Integer(), 64: BigInteger()}


def feed_table(contract: EvolvedContract) -> Table:
    """The table of a feed: its columns, then where each row came from and which load brought it."""
    key = contract.primary_key or ("source_id", "source_partition", "source_offset", "source_item")
    # A sensor's readings in the order of time: windows, anomalies and latest values are looked up by it.
    by_sensor = (*contract.sensor, contract.event_time.column)
    return Table(
        contract.table,
        MetaData(naming_convention=NAMES),
        *(Column(column.name, column_type(column), nullable=not column.required) for column in contract.columns),
        Column("source_id", Integer, nullable=False),
        Column("source_partition", Integer, nullable=False),
        Column("source_offset", BigInteger, nullable=False),
        Column("source_item", Integer, nullable=False),
        Column("log_id", BigInteger, nullable=False),
        Column("lateness_seconds", DOUBLE, comment="by how much it lay behind the feed's watermark"),
        UniqueConstraint(*key, name=f"uq_{contract.table}"),
        *([] if key[: len(by_sensor)] == by_sensor else [Index(f"ix_{contract.table}_sensor", *by_sensor)]),
        # Rows arrive in the order of both, so a BRIN index is a few pages where a B-tree would cost most of the load.
        # SQL Server keeps the rows themselves in that order.
        Index(
            f"ix_{contract.table}_log_id",
            "log_id",
            postgresql_using="brin",
            postgresql_with=_BRIN,
            mssql_clustered=True,
        ),
        Index(f"ix_{contract.table}_time", contract.event_time.column, postgresql_using="brin", postgresql_with=_BRIN),
        comment=contract.description or None,
    )


def with_added_columns(connection: Connection, contract: Contract) -> EvolvedContract:
    """A contract with the columns that schema evolution has added to its feed's table so far.

    Loads add columns while they hold the feed's lock. What was read before the lock may be out of date, so read it again
    under the lock; a contract that has added columns already is brought up to date.
    """
    query = (
        select(etl_column)
        .where(etl_column.c.feed == contract.feed)
        .order_by(etl_column.c.added_at, etl_column.c.column_name)
    )
    declared = {column.name.lower() for column in contract.columns if not column.added}
    added = (
        model.Column(row.column_name, row.type, path=tuple(row.path), added=True)
        for row in connection.execute(query)
        if row.column_name.lower() not in declared
    )
    return EvolvedContract.of(contract, like_the_others(contract, added))


_BRIN = {"autosummarize": "on"}


def column_type(column: model.Column) -> TypeEngine[Any]:
    """The type of a contract's column in the database."""
    if column.type == "text":
        return text_of(column.max_length)
    if column.type == "integer":
        return _INTEGERS[column.bits]
    return _TYPES[column.type]


def require_fits(product: Product, contract: Contract, tables: Iterable[Table]) -> None:
    """Refuse a contract whose tables a database product cannot hold.

    :raises ContractError: naming the contract, the product and its limits.
    """
    start = f"{contract.file.name or contract.feed}: {product.title} cannot hold "
    problems = [
        ContractError(f"{start}{what}: {limit.sentence}", remedy=limit.remedy)
        for table in tables
        for what, limit in broken_limits(product, contract, table)
    ]
    if problems:
        raise ContractError(problems[0].cause, remedy=problems[0].remedy, problems=problems)


def broken_limits(product: Product, contract: Contract, table: Table) -> Iterator[tuple[str, BrokenLimit]]:
    """The limits of a product that one of a feed's tables breaks, or its view of readings, and which of the two it is."""
    limits = product.broken_limits(table)
    yield from ((f"table {table.name}", limit) for limit in limits)
    # The view of readings has some columns more than the feed's table.
    columns = len(table.columns) + len(model.VIEW_COLUMNS)
    if table.name == contract.table and not limits and columns > product.most_columns:
        yield f"view v_{table.name}", too_many_columns(columns, product.most_columns)
