"""One Superset for all of its tests, over a database with rows of real cycles, one of them failed.

The database is the embedded PostgreSQL; where there is a SQL Server (tests/conftest.py), everything is done over that as well.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

from etl import services
from etl.database import make_engine, transaction
from etl.errors import SetupError
from etl.services import superset
from etl.services.process import Service
from etl.services.superset import environment, keys
from etl.services.superset.user_database import READER
from etl.settings import PROJECT_ROOT, Settings
from tests.superset.client import Client
from tests.support.servers import SQLServerServer, sqlserver_url
from tests.support.stack import JARS, quiet

VENV = Path(os.environ.get("ETL_TEST_SUPERSET_VENV") or PROJECT_ROOT / ".services" / "superset" / "venv")
KAFKA_FEEDS = ("sensor_readings", "device_events", "raw_iot")
FOLDER_FEEDS = ("room_temperatures", "environment_telemetry")


@dataclass
class Site:
    """A home with a running Superset."""

    home: Path
    env: dict[str, str] = field(repr=False)
    venv: Path = VENV

    @property
    def settings(self) -> Settings:
        url = self.env.get("ETL_DATABASE_URL")
        return Settings.load(home=self.home, jars=JARS, superset_venv=self.venv, database_url=url)

    def sql(self, query: str) -> list[tuple[Any, ...]]:
        """The rows of a query of the data, as their owner."""
        engine = make_engine(self.settings)
        try:
            with transaction(engine) as connection:
                return [tuple(row) for row in connection.exec_driver_sql(query)]
        finally:
            engine.dispose()

    @property
    def service(self) -> Service:
        found = superset.running(self.settings)
        assert found is not None
        return found

    @property
    def folder(self) -> Path:
        return self.home / ".services" / "superset"

    @property
    def passwords(self) -> dict[str, str]:
        read: dict[str, str] = json.loads(keys.sign_in_file(self.folder).read_text("utf-8"))
        return read

    def etl(self, *arguments: str, expect: int = 0, **env: str) -> subprocess.CompletedProcess[str]:
        return self.run("etl", *arguments, expect=expect, **env)

    def run(self, module: str, *arguments: str, expect: int = 0, **env: str) -> subprocess.CompletedProcess[str]:
        run = subprocess.run(
            [sys.executable, "-m", module, *arguments],
            env={**self.env, **env},
            cwd=PROJECT_ROOT,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert run.returncode == expect, run.stdout + run.stderr
        return run

    def dashboards(self, *arguments: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.etl("dashboards", "--json", *arguments).stdout)
        return found

    def up(self, folder: Path, *, force: bool = False) -> superset.Ready:
        """Superset with the assets of another folder."""
        return superset.up(self.settings, services.up_postgres(self.settings, quiet), quiet, force=force, folder=folder)

    def client(self, username: str) -> Client:
        client = Client(self.service.endpoint)
        assert client.sign_in(username, self.passwords[username]).status == 200
        return client

    def connect(self, role: str | None = None) -> psycopg.Connection[Any]:
        """The data in PostgreSQL, as their owner or as Superset's role."""
        url = self.settings.database().get_secret_value().replace("+psycopg", "")
        connection = psycopg.connect(url, autocommit=True)
        if role is None:
            return connection
        told = json.loads((self.folder / "connections.json").read_text("utf-8"))["data"]
        connection.close()
        return psycopg.connect(told["url"].replace("+psycopg2", ""), password=told["password"], autocommit=True)


def venv_settings(product: str = "postgresql") -> Settings:
    """Settings with the environment of the tests, which is current for a product; skips where it cannot be made."""
    settings = Settings.load(jars=JARS, superset_venv=VENV)
    try:
        environment.ensure(settings, product, quiet)
    except SetupError as error:
        pytest.skip(f"NO DASHBOARD IS TESTED: {error}")
    return settings


@pytest.fixture(scope="package")
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    product = str(getattr(request, "param", "postgresql"))
    venv_settings(product)
    home = tmp_path_factory.mktemp("superset") / "home"
    home.mkdir()
    # A percent sign means something in the configuration of Superset's migrations.
    venv = home.parent / "50% #1 venv"
    venv.symlink_to(VENV)
    outside = {name: value for name, value in os.environ.items() if not name.startswith("ETL_")}
    env = {"ETL_HOME": str(home), "ETL_JARS": str(JARS), "ETL_SUPERSET_VENV": str(venv)}
    where: AbstractContextManager[dict[str, str]] = _of_sqlserver() if product == "sqlserver" else nullcontext({})
    with where as more:
        yield from _filled(Site(home, {**outside, **env, **more}, venv))


@contextmanager
def _of_sqlserver() -> Iterator[dict[str, str]]:
    """A database of this run. The user who reads it is made by `dashboards`, as the tests' login may do that."""
    server, name = SQLServerServer(sqlserver_url()), f"superset_{secrets.token_hex(4)}"
    server.create(name, empty=True)
    try:
        yield {"ETL_DATABASE_URL": server.url(name)}
    finally:
        server.drop(name)
        server.drop_login(READER)


def _filled(found: Site) -> Iterator[Site]:
    try:
        _run_cycles(found)
        found.etl("dashboards")
        yield found
    finally:
        services.down(found.settings, quiet, delete_data=True)


def _run_cycles(site: Site) -> None:
    """Rows of every feed, with rejected, duplicate and late ones, and a failed cycle."""
    site.etl("up")
    site.etl("init")
    site.run("tests.superset.cycles", *KAFKA_FEEDS, *FOLDER_FEEDS)
    feed = FOLDER_FEEDS[0]
    document = yaml.safe_load((PROJECT_ROOT / "etl" / "contract" / "feeds" / f"{feed}.odcs.yaml").read_text("utf-8"))
    document["customProperties"].append({"property": "failureBudget", "value": 0.001})
    strict = site.home.parent / "feeds"
    strict.mkdir()
    (strict / f"{feed}.odcs.yaml").write_text(yaml.safe_dump(document), "utf-8")
    site.etl("run", feed, "--messages", "200", "-p", "bad_share=0.5", expect=1, ETL_FEEDS=str(strict))
    assert site.sql("SELECT error_type FROM etl_log WHERE status = 'FAILED'") == [("FailureBudgetExceeded",)]
