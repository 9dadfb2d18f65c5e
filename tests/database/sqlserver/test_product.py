"""SQL Server behind the interface of a product."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import create_engine

from etl.database import insert_row
from etl.database.schema.tables.audit_tables import etl_source
from etl.database.sqlserver.product import prepare_dialect


class Driver:
    """A driver like pyodbc of a server in which a trigger reports its own rows before the key is returned."""

    paramstyle = "qmark"
    version = "5.0.0"
    Error = Exception
    SQL_WVARCHAR = -9
    said: list[str]

    class Cursor:
        rowcount = 1
        description: list[tuple[Any, ...]] | None

        def __init__(self, said: list[str]) -> None:
            self.said = said
            self.results: list[list[tuple[Any, ...]] | None] = []

        def execute(self, statement: str, _: object = ()) -> None:
            self.said.append(statement)
            self.results = [None, None, [(42,)]]
            self.description = None

        def nextset(self) -> bool:
            self.results.pop(0)
            self.description = [("", None, None, None, None, None, None)] if self.results[0] else None
            return True

        def fetchall(self) -> list[tuple[Any, ...]]:
            return self.results[0] or []

        def setinputsizes(self, _: object) -> None: ...

        def close(self) -> None: ...

    def __init__(self) -> None:
        self.said = []

    def connect(self, *_: object, **__: object) -> Driver:
        return self

    def cursor(self) -> Driver.Cursor:
        return self.Cursor(self.said)

    def commit(self) -> None: ...

    def rollback(self) -> None: ...

    def close(self) -> None: ...


def test_the_key_of_a_new_row_is_returned_where_triggers_are_on_its_table() -> None:
    """OUTPUT without INTO fails there (error 334), and @@IDENTITY would be that of a trigger's own row."""
    driver = Driver()
    engine = create_engine("mssql+pyodbc://u:p@h/d?driver=x", module=driver, _initialize=False)
    prepare_dialect(engine.dialect)
    values = {"feed": "f", "name": "n", "identity": "i", "first_seen": datetime.now(UTC)}
    with engine.begin() as connection:
        assert insert_row(connection, etl_source, values) == 42
    assert driver.said[-1].startswith("INSERT INTO etl_source ")
    assert driver.said[-1].endswith("; select scope_identity()")
