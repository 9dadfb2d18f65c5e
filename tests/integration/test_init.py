"""The script for administrators makes the very database that `init` makes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from pydantic import SecretStr
from sqlalchemy import column, insert, inspect, select, table, text

from etl.cli.init import init_tables
from etl.contract.reader import load_contracts
from etl.database import make_engine, product_of, transaction
from etl.database.schema.ddl import script
from etl.database.schema.migrations import _alembic, migrate
from etl.database.schema.tables.all_tables import metadata
from etl.database.schema.tables.audit_tables import etl_log
from etl.jobs.load.derived import registry
from etl.jobs.load.tables import ensure_feeds
from etl.settings import Settings
from tests.support.readings import load_readings, reading
from tests.support.stack import Project


@pytest.fixture
def empty(project: Project) -> str:
    """A database with nothing in it, beside the test's own."""
    return f"{project.database}e"


def test_what_the_script_makes_is_up_to_date_for_init(project: Project, empty: str) -> None:
    project.server.create(empty, empty=True)
    settings = Settings.load(home=project.home, database_url=project.server.url(empty))
    engine = make_engine(settings)
    try:
        product = product_of(engine.dialect)
        contracts = list(load_contracts(settings).values())
        with transaction(engine) as connection:
            for statement in script(product, contracts, registry.tables).split(f"{product.batch_end}\n"):
                if statement.strip():
                    connection.execute(text(statement.replace(":", "\\:")))
            made = set(inspect(connection).get_table_names()) | set(inspect(connection).get_view_names())
        assert not migrate(engine)
        with transaction(engine) as connection:
            assert compare_metadata(_context(connection), metadata) == []
            ensure_feeds(connection, contracts)
            assert set(inspect(connection).get_table_names()) | set(inspect(connection).get_view_names()) == made
    finally:
        engine.dispose()
        project.server.drop(empty)


@pytest.mark.parametrize("is_empty", [True, False], ids=["no table", "no view"])
@pytest.mark.parametrize("with_feeds", [True, False])
def test_several_processes_may_begin_at_once(project: Project, empty: str, *, with_feeds: bool, is_empty: bool) -> None:
    """A schedule, the read API and the dashboards, which are all started with the machine."""
    project.server.create(empty, empty=is_empty)
    update = {"database_url": SecretStr(project.server.url(empty)), "api_url": "http://127.0.0.1:8000"}
    settings = project.settings.model_copy(update=update)
    contracts = load_contracts(settings) if with_feeds else {}
    begin = Barrier(3)

    def start(_: int) -> None:
        begin.wait(60)
        init_tables(settings, contracts)

    try:
        with ThreadPoolExecutor(3) as threads:
            assert list(threads.map(start, range(3))) == [None] * 3
        assert not init_tables(settings, contracts)
    finally:
        project.server.drop(empty)


def test_which_jobs_of_an_older_database_were_run_by_hand_is_known(project: Project, empty: str) -> None:
    project.server.create(empty, empty=True)
    engine = make_engine(Settings.load(home=project.home, database_url=project.server.url(empty)))
    job = {"feed": "f", "job_name": "load", "status": "SUCCESS", "start_time": datetime.now(UTC)}
    old = table("etl_log", *(column(name, etl_log.c[name].type) for name in ("cycle_id", *job)))
    cycles = ["20260101T000000Z-1a2b-hand", "20260101T000000Z-3c4d"]
    try:
        with transaction(engine) as connection:
            config = _alembic()
            config.attributes["connection"] = connection
            command.upgrade(config, "0008")
            for cycle in cycles:
                connection.execute(insert(old).values(cycle_id=cycle, **job))
        assert migrate(engine)
        with transaction(engine) as connection:
            known = connection.scalars(select(etl_log.c.cycle_id).where(etl_log.c.by_hand)).all()
        assert known == cycles[:1]
    finally:
        engine.dispose()
        project.server.drop(empty)


def test_the_tables_of_a_feed_are_there_before_its_first_rows(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Made in the load's own transaction, they would keep others from reading SQL Server's catalogue until it ends."""
    seen: list[int] = []

    def reached(name: str) -> None:
        if name == "load.before_commit":
            seen.append(project.value("SELECT count(*) FROM sensor_data"))

    monkeypatch.setattr("etl.storage.failpoints.reached", reached)
    loaded = load_readings(project, [reading(1, "02:30:00", 20.0)])
    assert (seen, loaded.counts.processed) == ([0], 1)


def _context(connection: object) -> MigrationContext:
    def only_ours(_: object, name: str | None, kind: str, *__: object) -> bool:
        return kind != "table" or name in metadata.tables

    return MigrationContext.configure(connection, opts={"include_object": only_ours})  # type: ignore[arg-type]
