"""Statements of every job and command, for each product and each client's style of parameters, whatever columns are called."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import sqlglot
import yaml
from sqlalchemy import Dialect, TextClause
from sqlalchemy.dialects.mssql.mssqlpython import MSDialect_mssqlpython
from sqlalchemy.schema import ExecutableDDLElement

from etl.contract.reader import Contract, load_contract, parse_contract
from etl.contract.sources.kafka_topic import KafkaTopic
from etl.database import reserved_words
from etl.database.postgresql.product import PostgreSQL
from etl.database.sqlserver.product import SQLServer
from etl.jobs.produce.simulate import DEFAULT_START, SIMULATORS, csv_header, simulate
from etl.settings import Settings
from etl.validation.message import read
from tests.support.commands import Readings, run_all
from tests.support.hostile import ROLES, document, readings
from tests.support.labels import colliding
from tests.support.tsql import TSQLEngine
from tests.support.tsqlfeed import NOWHERE, Feed, as_initialised


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> TSQLEngine:
    return as_initialised(monkeypatch)


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    return Settings.load(home=tmp_path, database_url=NOWHERE)


def mssql_python() -> Dialect:
    """As SQL Server's other client has it: https://peps.python.org/pep-0249/#paramstyle."""
    dialect: Dialect = MSDialect_mssqlpython(paramstyle="pyformat", deprecate_large_types=True)  # type: ignore[no-untyped-call]
    known = SQLServer().offline()
    for name in ("server_version_info", "default_schema_name", "_supports_offset_fetch", "_supports_nvarchar_max"):
        setattr(dialect, name, getattr(known, name))
    reserved_words.quote(dialect, reserved_words.SQL_SERVER)
    return dialect


CLIENTS: dict[str, tuple[Dialect, str]] = {
    "pyodbc": (SQLServer().offline(), "tsql"),
    "mssql-python": (mssql_python(), "tsql"),
    "psycopg": (PostgreSQL().offline(), "postgres"),
}


def readings_of(contract: Contract) -> Readings:
    """What the feed's simulator sends, a reading of each message."""
    header = tuple(csv_header(contract).decode().split(",")) if contract.source.format.is_tabular else None
    (chunk,) = simulate(contract, 40, seed=1, start=DEFAULT_START, bad_share=0)
    return [read(message.value.decode(), contract, 0, header).texts for message in chunk if message.value]


def require_sound(engine: TSQLEngine, contract: Contract) -> None:
    """Each statement is one, and no name that it makes up could be that of a contract's column."""
    for element, names in engine.elements.values():
        for client, (dialect, language) in CLIENTS.items():
            is_plain = isinstance(element, TextClause)
            if is_plain and language != "tsql":
                # Written in SQL Server's own words, such as the views under sql/views.
                continue
            text = said(element, names, dialect)
            for statement in parsed(text, language):
                assert not isinstance(statement, sqlglot.exp.Command), (client, text)
                assert is_plain or colliding(statement, contract) == set(), (client, text)


@cache
def parsed(text: str, language: str) -> list[sqlglot.exp.Expr]:
    """Once for all feeds: most statements are about none of them."""
    found = sqlglot.parse(text, dialect=language, error_level=sqlglot.ErrorLevel.RAISE)
    return [statement for statement in found if statement is not None]


def said(element: Any, names: tuple[str, ...], dialect: Dialect) -> str:
    """The text that the client sends, with a mark for each value."""
    if isinstance(element, ExecutableDDLElement):
        return str(element.compile(dialect=dialect))
    compiled = element.compile(
        dialect=dialect, column_keys=list(names) or None, compile_kwargs={"render_postcompile": True}
    )
    text = str(compiled)
    if compiled.positional:
        return text
    if dialect.driver == "psycopg":
        # Our own percent sign must be a double one.
        return text % dict.fromkeys(compiled.params, "NULL")
    # As mssql-python does it (mssql_python/parameter_helper.py): single ones stay.
    return re.sub(r"%\(\w+\)s", "NULL", text).replace("%%", "%")


@pytest.mark.parametrize("name", SIMULATORS)
def test_the_statements_of_a_packaged_feed_are_those_of_both_products(
    name: str, engine: TSQLEngine, home: Settings
) -> None:
    contract = load_contract(name, home)
    run(engine, home, contract, readings_of(contract))


@pytest.mark.parametrize(("table", "sensor", "time", "measure"), ROLES)
def test_names_of_our_own_statements_and_of_sql_are_columns_and_tables_like_others(
    engine: TSQLEngine, home: Settings, tmp_path: Path, table: str, sensor: str, time: str, measure: str
) -> None:
    text = yaml.safe_dump(document("hostile", table, sensor, time, [measure, "level"]))
    contract = parse_contract(text, tmp_path / "hostile.odcs.yaml")
    feed = run(engine, home, contract, readings(sensor, time, [measure, "level"], day=2))
    assert feed.sql(f'SELECT count(*) FROM "v_{table}_latest"') == [(2,)]
    assert feed.sql("SELECT count(DISTINCT measure) FROM etl_anomaly") == [(2,)]


def run(engine: TSQLEngine, home: Settings, contract: Contract, some: Readings) -> Feed:
    contract = replace(contract, source=KafkaTopic("topic"))
    run_all(home, contract, lambda under, rows: Feed(engine, home, under).load([dict(row) for row in rows]), some)
    require_sound(engine, contract)
    return Feed(engine, home, contract)
