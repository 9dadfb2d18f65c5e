"""What the database has of a feed, read once from its catalogue."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, Select, Table, inspect, literal_column, select
from sqlalchemy.engine.reflection import ObjectKind
from sqlalchemy.types import TypeEngine

from etl.contract.durations import parse_duration
from etl.contract.model import EvolvedContract
from etl.database import product_of, type_name
from etl.database.schema.feed_table import feed_table
from etl.database.schema.views import view_names
from etl.database.schema.windows import window_tables
from etl.errors import ContractError


class Catalogue:
    """The feed's tables, columns and indexes as they are, beside the table that its contract asks for.

    Rows are looked at only where something would change.
    """

    def __init__(self, connection: Connection, contract: EvolvedContract, derived: Iterable[Table]) -> None:
        self.connection = connection
        self.contract = contract
        self.product = product_of(connection.dialect)
        self.table = feed_table(contract)
        self.where = f"{contract.file.name or contract.feed}: "
        self.refused: list[ContractError] = []
        self._has_rows: bool | None = None
        inspector = inspect(connection)
        self.tables = set(inspector.get_table_names())
        windows = {table.name for table in window_tables(contract)}
        self.derived = tuple(table for table in derived if table.name not in windows)
        derived_names = (table.name for table in self.derived if table.name in self.tables)
        names = [contract.table, *view_names(contract.table), *self.window_names(), *derived_names]
        reflected = inspector.get_multi_columns(filter_names=names, kind=ObjectKind.ANY)
        self.columns = {
            name: {column["name"]: column for column in columns} for (_, name), columns in reflected.items()
        }
        reflected_indexes = inspector.get_multi_indexes(filter_names=[contract.table]) if self.is_there else {}
        self.indexes: dict[str, list[str]] = {}
        self.unique: dict[str, list[str]] = {}
        for index in (index for indexes in reflected_indexes.values() for index in indexes):
            names = [name or "" for name in index["column_names"]]
            self.indexes[index["name"] or ""] = names
            if index["unique"] and not index.get("dialect_options", {}).get("postgresql_where"):
                self.unique[index["name"] or ""] = names

    @property
    def is_there(self) -> bool:
        """Whether the feed has a table."""
        return self.contract.table in self.tables

    @property
    def has_rows(self) -> bool:
        if self._has_rows is None:
            any_row: Select[Any] = select(literal_column("1")).select_from(self.table).limit(1)
            self._has_rows = self.is_there and self.finds(any_row)
        return self._has_rows

    def window_names(self) -> list[str]:
        """Tables with names like those of the feed's windows."""
        start = f"{self.contract.table}_"
        names = [name for name in self.tables if name.startswith(start)]
        return [name for name in names if parse_duration(name.removeprefix(start)) is not None]

    def type_name(self, kind: TypeEngine[Any]) -> str:
        """A type as this database writes it, to be compared with others."""
        return type_name(kind, self.connection.dialect)

    def finds(self, query: Select[Any]) -> bool:
        """Whether a query has a row."""
        return self.connection.execute(query).first() is not None

    def refuse(self, cause: str, remedy: str) -> None:
        """Note what the contract asks for and must not be done."""
        self.refused.append(ContractError(self.where + cause, remedy=remedy))
