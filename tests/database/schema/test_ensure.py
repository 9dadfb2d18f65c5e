"""Tables and views of a feed are created once."""

from __future__ import annotations

import pytest

from etl.contract.model import EvolvedContract
from etl.contract.reader import load_contract
from etl.database.sqlserver.product import offline_dialect
from etl.jobs.load.tables import ensure_feed
from etl.settings import Settings
from tests.support.tsql import TSQLConnection, TSQLEngine


@pytest.mark.parametrize("name", ["device_events", "raw_iot", "room_temperatures", "environment_telemetry"])
def test_the_tables_and_views_of_every_packaged_feed_can_be_made(
    name: str, engine: TSQLEngine, settings: Settings
) -> None:
    connection = TSQLConnection(engine)
    contract = EvolvedContract.of(load_contract(name, settings))
    ensure_feed(connection, contract)  # type: ignore[arg-type]
    made = set(engine.views) | {view for (view,) in connection.sql("SELECT view_name FROM duckdb_views()")}
    assert {f"v_{contract.table}", f"v_{contract.table}_latest"} <= made
    engine.forget()
    ensure_feed(connection, contract)  # type: ignore[arg-type]
    assert all(statement.startswith("SELECT") for statement in engine.statements), engine.statements
    assert offline_dialect().name == "mssql"
