"""Which role Superset reads a database of the user's own with: the one it was given, and never one that may write."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg
import pytest

from etl.errors import ConfigurationError
from etl.services import process
from etl.services.process import Service
from etl.services.superset.databases import Connections, Memory, ensure
from etl.settings import Settings
from tests.support.stack import Project, quiet

pytestmark = pytest.mark.postgresql

PASSWORD = "r3ad/er:p@ss%"
QUOTED = "r3ad%2Fer%3Ap%40ss%25"


@dataclass
class Own:
    """A database of the user's own, with a role; the embedded server holds Superset's metadata."""

    project: Project
    folder: Path
    role: str

    @property
    def server(self) -> Service:
        endpoint = self.project.stack.database
        return process.describe("postgres", psutil.Process(os.getpid()), endpoint=endpoint, port=0, log=self.folder)

    def url(self, password: str = QUOTED, query: str = "") -> str:
        address = self.project.stack.url(self.project.database).rpartition("@")[2]
        return f"postgresql://{self.role}:{password}@{address}{query}"

    def ensure(self, url: str | None) -> Connections:
        given = {"superset_database_url": url} if url else {}
        settings = Settings.load(home=self.project.home, database_url=self.project.env["ETL_DATABASE_URL"], **given)
        return ensure(settings, self.folder, self.server, quiet)

    def grant(self, *rights: str) -> None:
        with self.project.stack.connect(self.project.database, autocommit=True) as connection:
            for right in rights:
                connection.execute(f"GRANT {right} ON etl_log TO {self.role}")


@pytest.fixture
def own(project: Project, tmp_path: Path) -> Iterator[Own]:
    found = Own(project, tmp_path / "superset", f"{project.database}_reader")
    found.folder.mkdir()
    with project.stack.connect(autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {found.role} LOGIN PASSWORD '{PASSWORD}'")
    yield found
    with project.stack.connect(project.database, autocommit=True) as connection:
        connection.execute(f"DROP OWNED BY {found.role}")
        connection.execute(f"DROP ROLE {found.role}")
        connection.execute("DROP DATABASE IF EXISTS superset WITH (FORCE)")
        connection.execute("DROP ROLE IF EXISTS superset")


def test_the_role_that_was_given_is_used_and_its_password_kept_apart(own: Own) -> None:
    own.grant("SELECT")
    found = own.ensure(own.url(query="?application_name=mine"))
    assert found.data_password == PASSWORD
    assert PASSWORD not in found.data_url
    assert QUOTED not in found.data_url
    assert found.data_url.startswith(f"postgresql+psycopg2://{own.role}@127.0.0.1:")
    assert found.data_url.endswith(f"/{own.project.database}?application_name=mine")
    assert "/superset" in found.metadata, "the metadata are in the embedded server"
    assert PASSWORD not in repr(found)
    assert own.ensure(own.url(query="?application_name=mine")) == found, "again, nothing changes"
    assert own.ensure(own.url("", query=f"?application_name=mine&password={QUOTED}")) == found


def test_without_a_role_for_reading_the_error_says_how_to_give_one(own: Own) -> None:
    with pytest.raises(ConfigurationError, match="does not get the loader's rights") as refused:
        own.ensure(None)
    assert "ETL_SUPERSET_DATABASE_URL=postgresql://etl_reader" in refused.value.remedy
    assert "CREATE ROLE etl_reader" in refused.value.remedy


@pytest.mark.parametrize("right", ["INSERT", "UPDATE", "DELETE"])
def test_a_role_that_may_write_is_refused(own: Own, right: str) -> None:
    own.grant("SELECT", right)
    with pytest.raises(ConfigurationError, match="may write to etl_log"):
        own.ensure(own.url())


def test_a_role_that_may_not_read_is_refused(own: Own) -> None:
    with pytest.raises(ConfigurationError, match="may not read etl_log"):
        own.ensure(own.url())


def test_a_wrong_password_is_reported_without_it(own: Own) -> None:
    with pytest.raises(ConfigurationError, match="refuses user") as refused:
        own.ensure(own.url("wr0ng"))
    assert "wr0ng" not in str(refused.value)
    assert "in ETL_SUPERSET_DATABASE_URL" in refused.value.remedy


def test_before_the_first_init_the_error_says_so(own: Own) -> None:
    with own.project.stack.connect(own.project.database, autocommit=True) as connection:
        connection.execute("ALTER TABLE etl_log RENAME TO moved")
    with pytest.raises(ConfigurationError, match="finds no table etl_log") as refused:
        own.ensure(own.url())
    assert "python -m etl init" in refused.value.remedy


def test_memory_goes_with_the_metadata(own: Own) -> None:
    own.grant("SELECT")
    memory = Memory(own.ensure(own.url()))
    assert memory.read() == {}
    memory.write(assets="a", imported={"charts": ["1"]})
    memory.write(assets="b")
    assert memory.read() == {"assets": "b", "imported": {"charts": ["1"]}}
    with own.project.stack.connect(autocommit=True) as connection:
        connection.execute("DROP DATABASE superset WITH (FORCE)")
    assert Memory(own.ensure(own.url())).read() == {}


def test_a_lost_password_of_the_metadata_is_set_again(own: Own) -> None:
    own.grant("SELECT")
    first = own.ensure(own.url())
    (own.folder / "metadata.password").unlink()
    second = own.ensure(own.url())
    assert second.metadata != first.metadata
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(first.metadata.replace("+psycopg2", ""))
    psycopg.connect(second.metadata.replace("+psycopg2", "")).close()
