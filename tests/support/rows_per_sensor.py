"""A value that follows from loaded rows, as somebody would add one: a class, without a change of any module."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    FromClause,
    MetaData,
    Table,
    and_,
    delete,
    exists,
    func,
    insert,
    select,
)
from sqlalchemy.types import TypeEngine

from etl.contract.model import EvolvedContract
from etl.database import keep_in_temporary
from etl.database.schema.feed_table import column_type
from etl.jobs.load.derived.base import Derived


class RowsPerSensor(Derived):
    """How many rows each sensor has."""

    def __init__(self, kind: TypeEngine[int] | None = None, figure: str = "rows") -> None:
        self.kind = kind or BigInteger()
        self.figure = figure
        self.forgotten: list[int] = []

    def tables(self, contract: EvolvedContract) -> Iterator[Table]:
        keys = (
            Column(name, column_type(contract.column(name)), primary_key=True, autoincrement=False)
            for name in contract.sensor
        )
        yield Table(f"{contract.table}_rows", MetaData(), *keys, Column(self.figure, self.kind, nullable=False))

    def touch(self, connection: Connection, contract: EvolvedContract, rows: FromClause) -> Any:
        query = select(*(rows.c[name] for name in contract.sensor)).distinct()
        return keep_in_temporary(connection, f"touched_{contract.table}_rows", query)

    def recompute(self, connection: Connection, contract: EvolvedContract, table: Table, touched: Any) -> None:
        (own,) = self.tables(contract)
        connection.execute(delete(own).where(exists().where(*(own.c[n] == touched.c[n] for n in contract.sensor))))
        sensors = [table.c[name] for name in contract.sensor]
        same = and_(*(table.c[name] == touched.c[name] for name in contract.sensor))
        counted = select(*sensors, func.count()).join(touched, same).group_by(*sensors)
        connection.execute(insert(own).from_select([*contract.sensor, self.figure], counted))

    def forget(self, connection: Connection, loads: list[int]) -> None:
        self.forgotten += loads
