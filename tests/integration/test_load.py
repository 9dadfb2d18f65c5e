"""Archives become rows, once: archives that were changed or lie there twice, and rows that the database refuses."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from sqlalchemy import create_engine, inspect, make_url, text

from etl.contract.model import EvolvedContract
from etl.database import make_engine, transaction
from etl.database.schema.migrations import migrate
from etl.errors import (
    ConfigurationError,
    ContractError,
    FailureBudgetExceeded,
    IntegrityError,
    PermanentError,
    ServiceUnavailable,
)
from etl.jobs.consume.job import consume
from etl.jobs.load import job, sample
from etl.jobs.load.job import load
from etl.jobs.load.tables import ensure_feed
from etl.jobs.merge.job import merge
from etl.storage.archive_file import MANIFEST_SUFFIX
from tests.support import readings
from tests.support.commands import statements
from tests.support.messages import archived, cycle, reading, with_label
from tests.support.stack import Project

ARCHIVES = [(0, [1, 2]), (1, [3])]
"""A minute, and the sensors that report then."""


def test_a_changed_archive_is_refused_and_loads_once_it_is_restored(project: Project) -> None:
    file = archived(project)
    content = file.read_bytes()
    file.write_bytes(content.replace(b"20.5", b"30.5"))
    with pytest.raises(IntegrityError, match="was changed after its manifest was written"):
        load(project.settings, project.contract)
    assert project.value("SELECT count(*) FROM etl_file") == 0
    file.write_bytes(content)
    load(project.settings, project.contract)
    project.require_exact(4)


def test_an_archive_that_lies_there_twice_is_loaded_once(project: Project) -> None:
    file = archived(project)
    load(project.settings, project.contract)
    for suffix in ("", MANIFEST_SUFFIX):
        source = file.with_name(file.name + suffix)
        source.with_name(source.name.replace("sensor_readings_", "sensor_readings_copy_")).write_bytes(
            source.read_bytes()
        )
    manifest = next(file.parent.glob(f"*copy*{MANIFEST_SUFFIX}"))
    manifest.write_text(manifest.read_text().replace(file.name, manifest.name.removesuffix(MANIFEST_SUFFIX)))
    assert load(project.settings, project.contract).counts.read == 0
    project.require_exact(4)


def test_the_readings_for_a_plot_are_of_the_last_archive_where_it_has_enough_of_them(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sensors(hour: int) -> list[int]:
        archives = [
            [readings.reading(sensor, f"{hour:02d}:{minute:02d}:00") for sensor in some] for minute, some in ARCHIVES
        ]
        return sorted(readings.load_archives(project, archives).sample["sensor_id"])

    assert sensors(9) == [1, 2, 3]
    for module in (sample, job):
        monkeypatch.setattr(module, "MOST_ROWS", 1)
    with statements() as said:
        assert sensors(10) == [3]
    assert sum("ORDER BY sensor_data.timestamp DESC" in one for one in said) == 1


def test_several_archives_are_loaded_oldest_first_in_one_job(project: Project) -> None:
    archived(project, 3)
    project.send([reading(10), reading(11)])
    consume(project.settings, project.contract)
    merge(project.settings, project.contract)
    loaded = load(project.settings, project.contract)
    assert [archive.rows for archive in loaded.archives] == [3, 2]
    assert loaded.counts.processed == 5
    project.require_exact(5)


def test_a_contract_that_grew_adds_a_nullable_column_to_table_and_view(project: Project) -> None:
    project.send([reading(0)])
    cycle(project)
    grown = with_label(project.contract)
    project.send([reading(1)[:-1] + b',"label":"new"}'])
    consume(project.settings, grown)
    merge(project.settings, grown)
    load(project.settings, grown)
    assert project.sql("SELECT label FROM v_sensor_data ORDER BY timestamp") == [(None,), ("new",)]


def test_a_contract_that_narrows_a_column_is_refused_by_name(project: Project) -> None:
    engine = make_engine(project.settings)
    with transaction(engine) as connection:
        ensure_feed(connection, EvolvedContract.of(project.contract))
    first, *others = project.contract.columns
    narrower = dataclasses.replace(project.contract, columns=(dataclasses.replace(first, bits=16), *others))
    with (
        pytest.raises(ContractError, match="column 'sensor_id' of table 'sensor_data' is INTEGER"),
        transaction(engine) as c,
    ):
        ensure_feed(c, EvolvedContract.of(narrower))
    engine.dispose()


def test_migrations_make_the_tables_that_the_code_describes(project: Project) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.runtime.migration import MigrationContext

    from etl.database.schema.tables.all_tables import metadata

    engine = make_engine(project.settings)
    assert not migrate(engine)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
        assert {"etl_log", "etl_file", "etl_rejected_row", "etl_source"} <= set(inspect(connection).get_table_names())
    engine.dispose()


# SQL Server's own errors of these kinds: tests/database/sqlserver/test_errors.py.
@pytest.mark.postgresql
@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"username": "nobody"}, ConfigurationError, "refuses user 'nobody'"),
        ({"database": "nowhere"}, ConfigurationError, "nowhere"),
        ({"host": "127.0.0.1", "port": 9}, ServiceUnavailable, "127.0.0.1:9/.* does not answer"),
    ],
)
def test_a_wrong_database_url_is_distinguished_from_a_database_that_is_down(
    project: Project, change: dict[str, Any], error: type[Exception], said: str
) -> None:
    url = make_url(project.env["ETL_DATABASE_URL"]).set(**change).render_as_string(hide_password=False)
    update = {"database_url": type(project.settings.database())(url), "retry_seconds": 1.0}
    settings = project.settings.model_copy(update=update)
    with pytest.raises(error, match=said):
        merge(settings, project.contract)


def test_rows_that_the_database_refuses_are_found_and_their_neighbours_load(project: Project) -> None:
    cold = [reading(i).replace(b"20.5", b"-7.25") if i in (3, 4, 17) else reading(i) for i in range(20)]
    project.send(cold, partition=0)
    engine = make_engine(project.settings)
    with transaction(engine) as connection:
        ensure_feed(connection, EvolvedContract.of(project.contract))
    engine.dispose()
    project.sql("ALTER TABLE sensor_data ADD CONSTRAINT warm CHECK (temperature > 0)")
    cycle(project)
    rejected = project.sql("SELECT source_offset, reason, raw, problems FROM etl_rejected_row ORDER BY source_offset")
    assert [(row[0], row[1], json.loads(row[2])["temperature"]) for row in rejected] == [
        (offset, "database_refused", -7.25) for offset in (3, 4, 17)
    ]
    (problem,) = rejected[0][3]
    assert (problem["column"], problem["rule"]) == (None, "database_refused")
    # PostgreSQL distinguishes a broken check from other constraints.
    assert problem["value"] in ("SQLSTATE 23514", "SQLSTATE 23000")
    project.require_exact(20)


def test_an_archive_with_too_many_bad_rows_is_not_loaded_at_all(project: Project) -> None:
    project.send([*[reading(i) for i in range(8)], b"bad", b"bad"])
    consume(project.settings, project.contract)
    merge(project.settings, project.contract)
    strict = dataclasses.replace(project.contract, failure_budget=0.1)
    with pytest.raises(FailureBudgetExceeded, match="2 of 10 rows would be rejected"):
        load(project.settings, strict)
    assert project.value("SELECT count(*) FROM etl_file") == 0
    assert project.value("SELECT count(*) FROM etl_rejected_row") == 0
    load(project.settings, dataclasses.replace(project.contract, failure_budget=0.2))
    project.require_exact(10)


@pytest.mark.postgresql
def test_an_error_of_the_database_is_reported_without_row_data(project: Project) -> None:
    archived(project)
    engine = create_engine(project.env["ETL_DATABASE_URL"])
    with engine.begin() as connection:
        ensure_feed(connection, EvolvedContract.of(project.contract))
        connection.execute(
            text(
                "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS "
                "$$ BEGIN RAISE EXCEPTION 'not now: \"%\"', NEW.temperature USING ERRCODE = 'P0001'; END $$"
            )
        )
        connection.execute(text("CREATE TRIGGER no BEFORE INSERT ON sensor_data FOR EACH ROW EXECUTE FUNCTION no()"))
    engine.dispose()
    with pytest.raises(PermanentError, match="refused a statement: not now"):
        load(project.settings, project.contract)
    message = project.log()[-1]["error_message"]
    assert "P0001" in message
    assert "20.5" not in message
    assert project.value("SELECT count(*) FROM etl_file") == 0
