"""A feed on the database that understands T-SQL (tests/support/tsql.py)."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import pytest

from etl.audit import heartbeat
from etl.contract.reader import Contract
from etl.database.schema.ddl import script
from etl.database.sqlserver.product import SQLServer
from etl.jobs.load.derived import registry
from etl.jobs.load.job import Loaded, load
from etl.jobs.merge.job import merge
from etl.settings import Settings
from tests.support.batches import write_batch
from tests.support.tsql import TSQLConnection, TSQLEngine
from tests.support.windows import READINGS, SIZES, expected_windows, rounded

NOWHERE = "mssql+pyodbc://etl:secret@nowhere/etl"


def as_initialised(monkeypatch: pytest.MonkeyPatch) -> TSQLEngine:
    """A database as `init` leaves it, by the script for administrators; every SQL Server is this one then."""
    found = TSQLEngine()
    monkeypatch.setattr(SQLServer, "make_engine", lambda *_: found)
    # DuckDB lets no transaction change a row that another one has changed since it began, as a heartbeat does to its job's.
    monkeypatch.setattr(heartbeat, "HEARTBEAT_SECONDS", 3_600.0)
    connection = TSQLConnection(found)
    for statement in script(SQLServer(), [], registry.tables).split("\nGO\n"):
        if statement.strip().startswith(("CREATE TABLE", "INSERT")):
            connection.carry_out(statement, [])
    return found


class Feed:
    """A feed, its jobs, and what is in its tables."""

    def __init__(self, engine: TSQLEngine, settings: Settings, contract: Contract) -> None:
        self.engine = engine
        self.settings = settings
        self.contract = contract

    def load(self, readings: list[dict[str, str | None]]) -> Loaded:
        write_batch(self.settings, self.contract, "sensor-data", secrets.token_hex(8), readings)
        merge(self.settings, self.contract)
        return load(self.settings, self.contract)

    def sql(self, query: str) -> list[tuple[Any, ...]]:
        return TSQLConnection(self.engine).sql(query)

    def value(self, query: str) -> Any:
        return self.sql(query)[0][0]

    def require_windows(self) -> None:
        """Each window is what Python makes of the readings in it."""
        readings = self.sql(READINGS)
        for size, seconds in SIZES.items():
            assert rounded(self.sql(f"SELECT * FROM sensor_data_{size}")) == expected_windows(readings, seconds)


def sensed(sensor: int, time: str, temperature: float | str = 20.0, humidity: float = 40.0) -> dict[str, str | None]:
    """A reading of the default feed, good or bad."""
    return {
        "sensor_id": str(sensor),
        "temperature": str(temperature),
        "humidity": str(humidity),
        "timestamp": f"2025-06-15 {time}",
    }


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> TSQLEngine:
    return as_initialised(monkeypatch)


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    return Settings.load(home=tmp_path, database_url=NOWHERE)


@pytest.fixture
def feed(engine: TSQLEngine, home: Settings, contract: Contract) -> Feed:
    return Feed(engine, home, contract)
