"""The script for administrators makes the very database that `init` makes."""

from __future__ import annotations

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect, text

from etl.contract import load_contracts
from etl.database import make_engine, product_of, transaction
from etl.ddl import script
from etl.schema import ensure_feeds
from etl.settings import Settings
from etl.tables import metadata, migrate
from tests.stack import Project


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
            for statement in script(product, contracts).split(f"{product.batch_end}\n"):
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


def _context(connection: object) -> MigrationContext:
    def only_ours(_: object, name: str | None, kind: str, *__: object) -> bool:
        return kind != "table" or name in metadata.tables

    return MigrationContext.configure(connection, opts={"include_object": only_ours})  # type: ignore[arg-type]
