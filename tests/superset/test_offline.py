"""What Superset asks a database of each product, without one: every chart and filter, in the product's own SQL."""

from __future__ import annotations

import copy
import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlglot
from sqlalchemy import URL, make_url

from etl.database import Product, product_named
from etl.database.sqlserver.driver import DRIVERS, FREETDS, wheel_driver
from etl.services.process import write_private
from etl.services.superset import assets, environment
from etl.services.superset.databases import Connections
from tests.superset.conftest import VENV, venv_settings
from tests.superset.queries import bounds, choices, paged
from tests.support.golden import require_golden
from tests.support.tds import tds_server
from tests.support.tsql import parse

SCRIPT = Path(__file__).parent / "offline.py"
RANGE = "2026-01-01T00:00:00 : 2026-01-02T00:00:00"
# Passwords that a driver, a URL and a connection string each could get wrong; FreeTDS takes no } in such a one.
PASSWORD, WITHOUT_BRACE = "{s;e}c=r'é%@/ 1", "{s;e c=r'é%@/ 1"
URLS = {
    "postgresql": "postgresql://etl_reader@db.example.org/iot",
    "sqlserver": "mssql+pyodbc://etl_reader@db.example.org:1433/iot?driver=ODBC+Driver+18+for+SQL+Server",
}
# As the files have them, and as Superset finds them where somebody lets it look again.
TYPES = {
    "TIMESTAMP WITH TIME ZONE": "TEMPORAL",
    "DATETIMEOFFSET": "TEMPORAL",
    "DATETIMEOFFSET(6)": "TEMPORAL",
    "DOUBLE PRECISION": "NUMERIC",
    "FLOAT": "NUMERIC",
    "NUMERIC(23, 6)": "NUMERIC",
    "BIGINT": "NUMERIC",
    "INTEGER": "NUMERIC",
    "VARCHAR": "STRING",
    "TEXT": "STRING",
    'NVARCHAR(64) COLLATE "Latin1_General_100_BIN2"': "STRING",
}
PRODUCTS = [product_named(name) for name in URLS]


def ask(home: Path, product: Product, url: URL, password: str = PASSWORD, **job: Any) -> dict[str, Any]:
    """Superset's answer to a job (tests/superset/offline.py), with a home like one that `dashboards` made."""
    folder = home / ".services" / "superset"
    folder.mkdir(parents=True)
    told = Connections("sqlite://", url.render_as_string(hide_password=False), password, product)
    told.write(folder / "connections.json")
    known = json.loads((folder / "connections.json").read_text("utf-8"))
    arguments = {"connect_args": product.dashboard_arguments}
    write_private(folder / "connections.json", json.dumps(known | {"engine_params": arguments}))
    write_private(folder / "secret_key", "no secret: nothing is kept")
    run = subprocess.run(
        [environment.venv_python(VENV), SCRIPT],
        input=json.dumps({"datasets": {}, "questions": [], "types": [], "connect": False} | job),
        env={"ETL_HOME": str(home), "PATH": "/usr/bin:/bin", "PYTHONWARNINGS": "ignore", "TZ": "UTC"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    answer: dict[str, Any] = json.loads(run.stdout)
    return answer


def dashboard_url(url: str, product: Product) -> URL:
    """As the product gives it, with a driver that this machine need not have."""
    return make_url(url) if product.name == "sqlserver" else product.dashboard_url(make_url(url))


@pytest.fixture(scope="module", autouse=True)
def _superset() -> None:
    venv_settings()


@pytest.fixture(scope="module", params=PRODUCTS, ids=[product.name for product in PRODUCTS])
def answered(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The product, by title what Superset sends for each chart and filter, and its whole answer."""
    product: Product = request.param
    bundle = assets.for_product(assets.read(assets.FOLDER), product)
    datasets = {doc["uuid"]: doc for doc in bundle.documents("datasets").values()}
    questions = dict(_questions(bundle, datasets))
    url = dashboard_url(URLS[product.name], product)
    home = tmp_path_factory.mktemp(product.name)
    answer = ask(home, product, url, datasets=datasets, questions=list(questions.values()), types=list(TYPES))
    return product, dict(zip(questions, answer["sent"], strict=True)), answer


def _questions(bundle: assets.Bundle, datasets: dict[str, Any]) -> Any:
    """Dataset and queries by title: with a time range, and where a chart has feeds the filter on them."""
    for path, chart in sorted(bundle.documents("charts").items()):
        dataset = chart["dataset_uuid"]
        queries = paged(chart["params"])
        for query in queries:
            query["filters"] = [_of_the_range(found) for found in query["filters"]]
            if any(column["column_name"] == "feed" for column in datasets[dataset]["columns"]):
                query["filters"].append({"col": "feed", "op": "IN", "val": ["sensor_readings", "raw_iot"]})
        yield path, (dataset, queries)
    for path, dashboard in sorted(bundle.documents("dashboards").items()):
        for found in dashboard["metadata"]["native_filter_configuration"][1:]:
            (target,) = found["targets"]
            ask_for = bounds if found["filterType"] == "filter_range" else choices
            yield f"{path}: {found['name']}", (target["datasetUuid"], ask_for(target["column"]["name"]))


def _of_the_range(found: dict[str, Any]) -> dict[str, Any]:
    return found | {"val": RANGE} if found["op"] == "TEMPORAL_RANGE" else copy.deepcopy(found)


def test_every_chart_and_filter_is_asked_in_the_words_of_the_product(answered: Any) -> None:
    product, sent, _ = answered
    assert len(sent) > len(assets.read(assets.FOLDER).documents("charts"))
    for title, statements in sent.items():
        for statement in statements:
            (parsed,) = (
                parse(statement) if product.name == "sqlserver" else [sqlglot.parse_one(statement, dialect="postgres")]
            )
            tables = {table.sql() for table in parsed.find_all(sqlglot.exp.Table) if table.db}
            assert len(tables) == 1, title
            assert tables.pop().startswith(f"{product.schema}.v_"), title
            assert title.startswith("dashboards/") or "WHERE" in statement, statement


def test_what_is_sent_to_sql_server_is_what_was_committed(answered: Any) -> None:
    """The statements themselves are then judged without Superset, in tests/database/sqlserver."""
    product, sent, _ = answered
    if product.name == "sqlserver":
        texts = [f"-- {title}\n{statement}" for title, statements in sent.items() for statement in statements]
        require_golden("sqlserver/dashboards.sql", "\nGO\n".join(texts) + "\n")


def test_the_types_of_columns_are_understood(answered: Any) -> None:
    assert answered[2]["types"] == TYPES


def test_a_time_with_an_offset_becomes_a_moment_and_a_decimal_a_number(answered: Any) -> None:
    moment = datetime(2026, 1, 1, 9, 5, 0, 123_456, tzinfo=UTC).timestamp() * 1000
    read = answered[2]["read"]
    assert read["types"] == ["TEMPORAL", "NUMERIC"]
    assert read["rows"] == [{"moment": pytest.approx(moment), "number": 1.5}, {"moment": None, "number": None}]


def _drivers() -> dict[str, str]:
    """Driver by name, of those that this machine has."""
    pyodbc = pytest.importorskip("pyodbc", reason="SQL Server: unixODBC is missing", exc_type=ImportError)
    found = {name: name for name in DRIVERS if name in pyodbc.drivers()}
    return found | ({"wheel": wheel} if (wheel := wheel_driver()) else {})


@pytest.mark.parametrize("driver", [*DRIVERS, "wheel"])
def test_superset_signs_in_to_sql_server_with_the_password_from_the_file(driver: str, tmp_path: Path) -> None:
    """As far as can be tested with a server that knows no statement."""
    if driver not in _drivers():
        pytest.skip(f"SQL Server: {driver} is missing")
    venv_settings("sqlserver")
    product = product_named("sqlserver")
    password = WITHOUT_BRACE if driver == FREETDS else PASSWORD
    with tds_server() as server:
        query = {"Encrypt": "no", "driver": _drivers()[driver]}
        given = URL.create("mssql+pyodbc", "etl_reader", password, "127.0.0.1", server.port, "iot", query)
        url = product.dashboard_url(given)
        found = ask(tmp_path, product, url._replace(password=None), password=password, connect=True)["connected"]
    (login,) = {(login.user, login.password, login.application, login.database) for login in server.logins}
    assert login == ("etl_reader", password, "notebook-superset", "iot"), found
    assert set(found["statement_seconds"]) == {60}, found
