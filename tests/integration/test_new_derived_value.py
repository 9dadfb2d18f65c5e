"""Something new that follows from loaded rows: a class and a line in the registry, and every command treats it."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import (
    Integer,
)

from etl.cli.init import init_tables
from etl.contract.reader import load_contracts
from etl.database import product_named
from etl.database.schema.ddl import script
from etl.errors import ContractError
from etl.jobs.load.derived import registry
from etl.jobs.load.job import Loaded, load
from etl.jobs.merge.job import merge
from etl.operations.quarantine.replay import replay
from etl.operations.quarantine.rows import Selection
from etl.operations.undo import undo
from tests.support.batches import write_batch
from tests.support.rows_per_sensor import RowsPerSensor
from tests.support.stack import Project


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> RowsPerSensor:
    found = RowsPerSensor()
    monkeypatch.setattr(registry, "DERIVED", [*registry.DERIVED, found])
    return found


def sensed(sensor: int, second: int, temperature: object = 20.0) -> dict[str, str | None]:
    time = f"2025-06-15 09:00:{second:02}"
    return {"sensor_id": str(sensor), "temperature": str(temperature), "humidity": "40", "timestamp": time}


def loaded(project: Project, *readings: dict[str, str | None], **changes: Any) -> Loaded:
    contract = replace(project.contract, **changes)
    write_batch(project.settings, contract, project.topic, secrets.token_hex(8), readings)
    merge(project.settings, contract)
    return load(project.settings, contract)


def rows(project: Project) -> list[tuple[Any, ...]]:
    return project.sql("SELECT sensor_id, rows FROM sensor_data_rows ORDER BY sensor_id")


def test_load_replay_and_undo_keep_it_up_to_date(project: Project, counted: RowsPerSensor) -> None:
    loaded(project, sensed(1, 0), sensed(1, 1), sensed(2, 0), sensed(3, 0, 999))
    assert rows(project) == [(1, 2), (2, 1)]
    done = replay(project.settings, project.contract, Selection(), changes={"temperature": "21"}, dry_run=True)
    assert (done.counts.processed, rows(project)) == (1, [(1, 2), (2, 1)])
    replay(project.settings, project.contract, Selection(), changes={"temperature": "21"})
    assert rows(project) == [(1, 2), (2, 1), (3, 1)]
    later = loaded(project, sensed(2, 0, 22.0), sensed(2, 1), on_conflict="keepLast")
    assert rows(project) == [(1, 2), (2, 2), (3, 1)]
    undo(project.settings, project.contract, later.cycle_id)
    assert rows(project) == [(1, 2), (2, 1), (3, 1)]
    assert counted.forgotten == [project.value("SELECT log_id FROM etl_log WHERE undone_at IS NOT NULL")]


def test_init_creates_its_tables_and_computes_them_from_the_rows_that_are_there(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded(project, sensed(1, 0), sensed(1, 1), sensed(2, 0))
    monkeypatch.setattr(registry, "DERIVED", [*registry.DERIVED, RowsPerSensor()])
    contracts = {project.contract.feed: project.contract}
    init_tables(project.settings, contracts)
    assert rows(project) == [(1, 2), (2, 1)]
    project.sql("UPDATE sensor_data_rows SET rows = 7")
    init_tables(project.settings, contracts)
    assert rows(project) == [(1, 7), (2, 7)], "what is there is left alone"
    monkeypatch.setattr(registry, "DERIVED", [*registry.DERIVED[:-1], RowsPerSensor(Integer())])
    init_tables(project.settings, contracts)
    assert rows(project) == [(1, 2), (2, 1)], "a table with columns of other types is computed again"


def test_a_load_computes_what_it_finds_missing_before_it_adds_its_own_rows(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded(project, sensed(1, 0), sensed(2, 0))
    monkeypatch.setattr(registry, "DERIVED", [*registry.DERIVED, RowsPerSensor()])
    loaded(project, sensed(2, 1))
    assert rows(project) == [(1, 1), (2, 2)]


@pytest.mark.postgresql
def test_a_table_of_somebody_else_with_its_name_is_refused_and_stays(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded(project, sensed(1, 0))
    project.sql("CREATE TABLE sensor_data_rows (sensor_id INTEGER, remark VARCHAR(20))")
    project.sql("INSERT INTO sensor_data_rows VALUES (1, 'by hand')")
    monkeypatch.setattr(registry, "DERIVED", [*registry.DERIVED, RowsPerSensor()])
    with pytest.raises(ContractError, match=r"the table sensor_data_rows has the columns remark, sensor_id; "):
        init_tables(project.settings, {project.contract.feed: project.contract})
    assert project.sql("SELECT sensor_id, remark FROM sensor_data_rows") == [(1, "by hand")]


@pytest.mark.postgresql
def test_its_figures_may_have_the_names_of_columns_of_the_feed(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "DERIVED", [*registry.DERIVED, RowsPerSensor(figure="humidity")])
    loaded(project, sensed(1, 0), sensed(1, 1))
    kind = project.value("SELECT pg_typeof(humidity)::text FROM sensor_data_rows")
    assert (kind, project.value("SELECT humidity FROM sensor_data_rows")) == ("bigint", 2)


@pytest.mark.postgresql
def test_its_rows_go_with_the_table_that_they_followed_from(project: Project, counted: RowsPerSensor) -> None:
    loaded(project, sensed(1, 0), sensed(2, 0))
    project.sql("DROP TABLE sensor_data CASCADE")
    loaded(project, sensed(3, 1))
    assert rows(project) == [(3, 1)]


def test_the_script_for_administrators_has_its_tables(project: Project, counted: RowsPerSensor) -> None:
    contracts = load_contracts(project.settings).values()
    text = script(product_named("postgresql"), contracts, registry.tables)
    assert all(f"CREATE TABLE {contract.table}_rows" in text for contract in contracts)
