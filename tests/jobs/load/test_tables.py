"""A feed's tables, and what follows from its rows in them: created, filled, kept up to date; on DuckDB, in T-SQL."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.types import Integer

from etl.contract.model import EvolvedContract
from etl.contract.reader import Contract
from etl.database.schema.comparison.compare import compare
from etl.database.schema.ensure import create_tables
from etl.jobs.load.derived import registry
from etl.jobs.load.derived.base import Derived
from etl.jobs.load.tables import changes_for, ensure_feed
from etl.operations.undo import undo
from etl.settings import Settings
from tests.support.rows_per_sensor import RowsPerSensor
from tests.support.tsql import TSQLConnection
from tests.support.tsqlfeed import NOWHERE, Feed, as_initialised, sensed

Register = Callable[[Derived], None]


@pytest.fixture
def feed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, contract: Contract) -> Feed:
    return Feed(as_initialised(monkeypatch), Settings.load(home=tmp_path, database_url=NOWHERE), contract)


@pytest.fixture
def register(monkeypatch: pytest.MonkeyPatch) -> Register:
    """Adds a derived value to the project's own."""
    packaged = list(registry.DERIVED)
    return lambda derived: monkeypatch.setattr(registry, "DERIVED", [*packaged, derived])


class WithoutDependents(TSQLConnection):
    """DuckDB does not know which views read a table: here none of somebody else's does."""

    def carry_out(self, tsql: str, parameters: Sequence[Any]) -> tuple[list[str], list[tuple[Any, ...]]]:
        if "sys.sql_expression_dependencies" in tsql:
            return ["name", "relation", "definition"], []
        return super().carry_out(tsql, parameters)


def ensured(feed: Feed) -> None:
    ensure_feed(WithoutDependents(feed.engine), EvolvedContract.of(feed.contract))  # type: ignore[arg-type]


def rows(feed: Feed) -> list[tuple[int, int]]:
    return feed.sql("SELECT sensor_id, rows FROM sensor_data_rows ORDER BY sensor_id")


def test_a_registered_value_follows_loads_and_their_undo(feed: Feed, register: Register) -> None:
    counted = RowsPerSensor()
    register(counted)
    feed.load([sensed(1, "09:00:00"), sensed(1, "09:00:01"), sensed(2, "09:00:00")])
    later = feed.load([sensed(2, "09:00:02"), sensed(3, "09:00:00")])
    assert rows(feed) == [(1, 2), (2, 2), (3, 1)]
    undo(feed.settings, feed.contract, later.cycle_id)
    assert rows(feed) == [(1, 2), (2, 1)]
    assert counted.forgotten == [feed.value("SELECT log_id FROM etl_log WHERE undone_at IS NOT NULL")]


def test_what_is_missing_is_created_and_computed_and_what_is_there_is_left_alone(
    feed: Feed, register: Register
) -> None:
    feed.load([sensed(1, "09:00:00"), sensed(1, "09:00:01"), sensed(2, "09:00:00")])
    register(RowsPerSensor())
    ensured(feed)
    assert rows(feed) == [(1, 2), (2, 1)]
    feed.sql("UPDATE sensor_data_rows SET rows = 7")
    ensured(feed)
    assert rows(feed) == [(1, 7), (2, 7)]
    register(RowsPerSensor(Integer()))
    ensured(feed)
    assert rows(feed) == [(1, 2), (2, 1)], "columns of other types: computed again"


def test_creating_tables_computes_nothing_and_returns_what_is_empty(feed: Feed, register: Register) -> None:
    feed.load([sensed(1, "09:00:00")])
    for size in ("5m", "1d"):
        feed.sql(f"DROP TABLE sensor_data_{size}")
    register(RowsPerSensor())
    connection, contract = WithoutDependents(feed.engine), EvolvedContract.of(feed.contract)
    created = create_tables(connection, changes_for(connection, contract))  # type: ignore[arg-type]
    measures = ("temperature", "humidity")
    assert created.empty_windows == {"sensor_data_5m": measures, "sensor_data_1d": measures}
    assert created.empty == {"sensor_data_rows"}
    assert [feed.value(f"SELECT count(*) FROM sensor_data_{name}") for name in ("5m", "1d", "rows")] == [0, 0, 0]
    registry.fill(connection, created)  # type: ignore[arg-type]
    assert rows(feed) == [(1, 1)]
    feed.require_windows()


def test_a_new_feed_has_nothing_to_compute(feed: Feed, register: Register) -> None:
    register(RowsPerSensor())
    connection, contract = WithoutDependents(feed.engine), EvolvedContract.of(feed.contract)
    changes = compare(connection, contract, registry.tables(contract))  # type: ignore[arg-type]
    created = create_tables(connection, changes)  # type: ignore[arg-type]
    assert (created.empty, created.empty_windows) == (frozenset(), {})
    assert "table sensor_data_rows will be computed" in list(changes.in_words())
