"""The API's role in the embedded database, as `python -m etl api` finds it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from etl import services
from etl.api.engines import reading_engine, writing_engine
from etl.database import dispose, make_engine, transaction
from etl.database.schema.migrations import migrate
from etl.errors import EtlError
from etl.services.superset.databases import embedded_reader
from etl.services.superset.server import folder
from etl.services.superset.user_database import READER
from etl.settings import Settings
from tests.support.stack import JARS, quiet

pytestmark = [pytest.mark.integration, pytest.mark.postgresql]


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[Settings]:
    """A home whose embedded PostgreSQL runs and has the audit tables."""
    settings = Settings.load(home=tmp_path / "home", jars=JARS)
    settings.services.mkdir(mode=0o700, parents=True)
    try:
        services.up_postgres(settings, quiet)
        running = Settings.load(home=settings.home)
        engine = make_engine(running)
        migrate(engine)
        dispose(engine)
        yield running
    finally:
        services.down(settings, quiet, delete_data=True)


def test_the_embedded_database_is_read_by_a_role_that_can_only_read(embedded: Settings) -> None:
    for _ in range(2):
        url = embedded_reader(embedded, folder(embedded))
    assert url.username == READER
    settings = Settings.load(home=embedded.home, api_database_url=url.render_as_string(hide_password=False))
    reading, writing = reading_engine(settings), writing_engine(settings)
    assert writing is not None
    try:
        with transaction(reading) as connection:
            assert connection.exec_driver_sql("SELECT count(*) FROM etl_api_token").scalar() == 0
        # First the transaction refuses, then, where it could write, the role.
        for mode, state in (("ONLY", "25006"), ("WRITE", "42501")):
            with pytest.raises(EtlError, match=f"SQLSTATE {state}"), transaction(reading) as connection:
                connection.exec_driver_sql(f"SET TRANSACTION READ {mode}")
                connection.exec_driver_sql("DELETE FROM etl_api_token")
        with transaction(writing) as connection:
            assert connection.exec_driver_sql("SELECT current_user").scalar() != READER
    finally:
        dispose(reading)
        dispose(writing)
