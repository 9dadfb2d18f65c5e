"""The dashboards over SQL Server in a real Superset, as far as that goes without one: a small server takes the login, no more."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest
from sqlalchemy import make_url

from etl import services
from etl.database import product_named
from etl.database.sqlserver.driver import FREETDS
from etl.services import superset
from etl.services.superset import assets, environment, keys, manage
from etl.services.superset.databases import Connections, Memory, ensure
from etl.settings import Settings
from tests.superset.conftest import VENV, venv_settings
from tests.support.stack import JARS, quiet
from tests.support.tds import tds_server

BUNDLE = assets.read(assets.FOLDER)
PASSWORD = "canary-of-the-reader"
IN_METADATA = {
    "schemas": "SELECT DISTINCT schema FROM tables",
    "rights": "SELECT DISTINCT name FROM ab_view_menu WHERE name LIKE '[etl].[%'",
    "viewer": """
        SELECT menu.name FROM ab_view_menu AS menu JOIN ab_permission_view AS pair ON pair.view_menu_id = menu.id
        JOIN ab_permission_view_role AS granted ON granted.permission_view_id = pair.id
        JOIN ab_role AS role ON role.id = granted.role_id
        JOIN ab_permission AS permission ON permission.id = pair.permission_id
        WHERE role.name = 'ETL viewer' AND permission.name = 'schema_access'
    """,
    "arguments": "SELECT extra::json -> 'engine_params' ->> 'connect_args' FROM dbs",
    "address": "SELECT sqlalchemy_uri FROM dbs",
}


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Iterator[superset._Work]:
    """What `dashboards` works with once it has found who may read. One for both tests: Superset's metadata take a minute."""
    pyodbc = pytest.importorskip("pyodbc", reason="SQL Server: unixODBC is missing", exc_type=ImportError)
    if FREETDS not in pyodbc.drivers():
        pytest.skip("SQL Server: FreeTDS is missing (Debian: apt-get install unixodbc tdsodbc)")
    venv_settings("sqlserver")
    settings = Settings.load(home=tmp_path_factory.mktemp("superset") / "home", jars=JARS, superset_venv=VENV)
    product, folder = product_named("sqlserver"), settings.services / "superset"
    try:
        server = services.up_postgres(settings, quiet)
        folder.mkdir(mode=0o700)
        keys.secret(folder / "secret_key")
        with tds_server() as stub:
            given = f"mssql+pyodbc://etl_reader@127.0.0.1:{stub.port}/iot?Encrypt=no&driver={FREETDS}"
            url = product.dashboard_url(make_url(given)).render_as_string()
            embedded = ensure(settings, folder, server, quiet)
            connections = replace(embedded, data_url=url, data_password=PASSWORD, product=product)
            connections.write(folder / "connections.json")
            python = environment.venv_python(VENV)
            yield superset._Work(settings, folder, python, connections, Memory(connections), quiet)
    finally:
        services.down(settings, quiet, delete_data=True)


def metadata(connections: Connections, query: str) -> list[str]:
    with psycopg.connect(connections.metadata.replace("+psycopg2", "")) as connection:
        return [value for (value,) in connection.execute(query.encode())]


def test_the_assets_are_imported_with_its_schema_and_come_back_as_the_files(work: superset._Work) -> None:
    there = assets.for_product(BUNDLE, work.connections.product)
    assert superset._bring_up_to_date(work, there, force=False) == ["prepared", "users", "imported"]
    assert superset._bring_up_to_date(work, there, force=False) == []
    found = {name: metadata(work.connections, query) for name, query in IN_METADATA.items()}
    assert found["schemas"] == ["dbo"]
    assert found["viewer"] == ["[etl].[dbo]"]
    assert found["arguments"] == ['{"timeout": 10}'], found["arguments"]
    assert found["address"] == [work.connections.data_url]
    assert PASSWORD not in str(metadata(work.connections, "SELECT d::text FROM dbs AS d"))
    exported = manage.run(work.settings, work.python, {"export": True}).files
    assert assets.normalised(exported, BUNDLE, work.connections.product.schema) == BUNDLE


def test_where_the_data_move_to_another_product_everything_is_put_in_place_for_it(work: superset._Work) -> None:
    there = assets.for_product(BUNDLE, work.connections.product)
    superset._bring_up_to_date(work, there, force=False)
    connections = ensure(work.settings, work.folder, services.up_postgres(work.settings, quiet), quiet)
    connections.write(work.folder / "connections.json")
    moved = replace(work, connections=connections)
    assert superset._bring_up_to_date(moved, BUNDLE, force=False) == ["prepared", "imported"]
    found = {name: metadata(connections, query) for name, query in IN_METADATA.items()}
    assert (found["schemas"], found["viewer"]) == (["public"], ["[etl].[public]"])
    assert found["address"] == [connections.data_url]
