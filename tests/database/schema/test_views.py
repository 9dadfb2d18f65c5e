"""Views: each has a file for both products, and the columns that its query gives."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from etl.contract.model import EvolvedContract
from etl.contract.reader import Contract, load_contract, load_contracts
from etl.database import PRODUCTS, Product
from etl.database.schema.feed_table import feed_table
from etl.database.schema.views import common_views, needs, view_columns, view_files, views_of
from etl.settings import PROJECT_ROOT, Settings


def test_both_products_have_the_same_views() -> None:
    postgresql, sqlserver = ({file.name: file for file in view_files(name)} for name in ("postgresql", "sqlserver"))
    assert postgresql.keys() == sqlserver.keys()
    assert all(needs(file) == needs(sqlserver[name]) != {} for name, file in postgresql.items())


def test_the_columns_of_views_that_are_built_from_a_contract_are_those_of_their_queries(settings: Settings) -> None:
    for contract in map(EvolvedContract.of, load_contracts(settings).values()):
        table = feed_table(contract)
        made = {name: {column.name for column in query.selected_columns} for name, query in views_of(contract, table)}
        assert view_columns(contract, table) == made


@pytest.mark.parametrize("name", ["postgresql", "sqlserver"])
def test_a_view_is_named_like_its_file(name: str) -> None:
    for file in view_files(name):
        text = file.read_text("utf-8")
        created = re.search(r"^CREATE (?:OR REPLACE )?VIEW (\w+) AS$", text, re.MULTILINE)
        assert created is not None
        assert created[1] == file.stem


def test_views_for_sql_server_use_only_what_every_version_since_2016_has() -> None:
    newer = r"OR REPLACE|CREATE OR ALTER|DATE_BUCKET|GREATEST|LEAST|LATERAL|LIMIT|::|\|\||now\(\)|FILTER|extract\("
    for file in view_files("sqlserver"):
        assert not re.search(newer, re.sub(r"--.*", "", file.read_text("utf-8")), re.IGNORECASE), file.name


def test_each_view_is_there_for_both_products() -> None:
    views = PROJECT_ROOT / "sql" / "views"
    names = [{file.name for file in (views / product).glob("*.sql")} for product in ("postgresql", "sqlserver")]
    assert names[0] == names[1]


@pytest.mark.parametrize("database", PRODUCTS, ids=lambda product: product.name)
def test_only_feeds_with_windows_per_sensor_are_searched_for_silent_sensors(
    database: Product, contract: Contract
) -> None:
    assert contract.windows is not None
    evolved = EvolvedContract.of(contract)
    neighbour = replace(evolved, feed="neighbour", table="neighbour")
    by_value = replace(evolved, windows=replace(contract.windows, key=("temperature",)))
    for unknown in (by_value, replace(evolved, windows=None)):
        assert "v_etl_silent" not in dict(common_views([unknown]))
        silent = dict(common_views([unknown, neighbour]))["v_etl_silent"]
        text = str(silent.compile(dialect=database.offline(), compile_kwargs={"literal_binds": True}))
        assert set(re.findall(r"FROM (\w+)\b(?!\()", text)) == {"neighbour", "neighbour_1d"}


@pytest.mark.parametrize("database", PRODUCTS, ids=lambda product: product.name)
def test_values_get_the_names_of_sensors_from_the_largest_windows_where_these_have_them(
    database: Product, contract: Contract
) -> None:
    assert contract.windows is not None
    evolved = EvolvedContract.of(contract)
    by_value = replace(evolved, windows=replace(contract.windows, key=("temperature",)))
    for feed, tables in ((evolved, {contract.table, f"{contract.table}_1d"}), (by_value, {contract.table})):
        values = dict(common_views([feed]))["v_etl_values"]
        text = str(values.compile(dialect=database.offline(), compile_kwargs={"literal_binds": True}))
        assert set(re.findall(r"(?:FROM|JOIN) (\w+)\b(?!\()", text)) - {"LATERAL"} == tables


@pytest.mark.parametrize("database", PRODUCTS, ids=lambda product: product.name)
def test_the_newest_readings_are_looked_for_once_whatever_they_measure(database: Product, settings: Settings) -> None:
    contract = load_contract("environment_telemetry", settings)
    assert contract.windows is not None
    assert len(contract.windows.measures) > 1
    latest = dict(common_views([EvolvedContract.of(contract)]))["v_etl_latest"]
    text = str(latest.compile(dialect=database.offline(), compile_kwargs={"literal_binds": True}))
    assert len(re.findall(f"FROM {contract.table}\\b", text)) == 2
    assert text.count("max(") == 1
