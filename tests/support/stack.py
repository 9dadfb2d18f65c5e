"""Real Kafka and PostgreSQL, started once for the run; every test gets its own topic, database and home."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from kafka import KafkaProducer
from kafka.admin import KafkaAdminClient
from pydantic import SecretStr

from etl import services
from etl.contract.reader import Contract, load_contract
from etl.database import make_engine
from etl.database.schema.migrations import migrate
from etl.jobs.consume.job import consume
from etl.jobs.load.job import load
from etl.jobs.merge.job import merge
from etl.jobs.produce.job import produce
from etl.operations.history import history
from etl.settings import PROJECT_ROOT, Settings
from etl.storage.kafka import Topic, describe
from tests.support.jobs import Command
from tests.support.servers import TEMPLATE, DatabaseServer, PostgreSQLServer, SQLServerServer, sqlserver_url

JARS = PROJECT_ROOT / ".services" / "jars"
_SECONDS = 240


def quiet(_: str) -> None:
    pass


@dataclass
class Stack:
    """The services of this test run."""

    home: Path
    kafka: str
    database: str

    def connect(self, database: str = "etl", **options: Any) -> psycopg.Connection[Any]:
        return self.postgresql.connect(database, **options)

    def url(self, database: str) -> str:
        return self.postgresql.url(database)

    @property
    def postgresql(self) -> PostgreSQLServer:
        return PostgreSQLServer(self.database)

    def server(self, product: str, *, portable: bool) -> DatabaseServer:
        """Where a test has its database; `portable`: it is a test of both products."""
        if product == "sqlserver":
            return SQLServerServer(sqlserver_url())
        return PostgreSQLServer(self.database, portable=portable)


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    home = tmp_path_factory.mktemp("services")
    settings = Settings.load(home=home, jars=JARS)
    try:
        found = services.up(settings, {}, quiet)
        assert found.kafka is not None
        assert found.postgres is not None
        made = Stack(home, found.kafka.endpoint, found.postgres.endpoint)
        _make_quick(made)
        yield made
    finally:
        services.down(settings, quiet, delete_data=True)


def _make_quick(stack: Stack) -> None:
    """Tests kill processes, never the machine: the disk need not be waited for. Migrations run once, into a template."""
    with stack.connect(autocommit=True) as connection:
        for setting in ("fsync", "full_page_writes"):
            connection.execute(f"ALTER SYSTEM SET {setting} = off")
        connection.execute("SELECT pg_reload_conf()")
        connection.execute(f"CREATE DATABASE {TEMPLATE}")
    engine = make_engine(Settings.load(home=stack.home, database_url=stack.url(TEMPLATE)))
    migrate(engine)
    engine.dispose()


@dataclass
class Project:
    """A home with its own topic and database: what a user has, and how it looks from outside."""

    stack: Stack
    server: DatabaseServer
    home: Path
    database: str
    topic: str
    settings: Settings
    contract: Contract
    env: dict[str, str] = field(repr=False)

    def etl(self, *arguments: str, expect: int | None = 0, **env: str) -> subprocess.CompletedProcess[str]:
        """Run the command line in a separate process."""
        # Cycles start as a user starts them; what only looks, counts or tidies up need not import everything again.
        start = _started if "run" in arguments else _forked
        run = start({**self.env, **env}, *arguments)
        if expect is not None:
            assert run.returncode == expect, run.stdout + run.stderr
        return run

    def with_database(self, url: str) -> Project:
        """The same project, which connects as another user or to another database."""
        settings = self.settings.model_copy(update={"database_url": SecretStr(url)})
        return replace(self, settings=settings, env={**self.env, "ETL_DATABASE_URL": url})

    def cycle(self, messages: int = 0, contract: Contract | None = None, **parameters: Any) -> None:
        """Run the four jobs here, one after the other, as the notebooks call them: with one Spark for all tests."""
        contract = contract or self.contract
        produce(self.settings, contract, messages=messages, **parameters)
        for job in (consume, merge, load):
            job(self.settings, contract)

    def popen(self, *arguments: str) -> subprocess.Popen[str]:
        """Start the command line as the leader of a process group."""
        return subprocess.Popen(
            [sys.executable, "-m", "etl", *arguments],
            env=self.env,
            cwd=PROJECT_ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def sql(self, query: str) -> list[tuple[Any, ...]]:
        """Rows of a query in PostgreSQL's dialect; where the test is one of both products, it must be T-SQL when translated."""
        return self.server.sql(self.database, query)

    def value(self, query: str) -> Any:
        return self.sql(query)[0][0]

    def send(self, values: Iterable[bytes | None], *, partition: int | None = None) -> list[tuple[int, int]]:
        """Send messages as any other Kafka client would; returns partition and offset of each."""
        producer = KafkaProducer(bootstrap_servers=self.stack.kafka)
        futures = [
            producer.send(self.topic, value=v, key=b"k" if v is None else None, partition=partition) for v in values
        ]
        producer.flush()
        sent = [(future.get().partition, future.get().offset) for future in futures]
        producer.close()
        return sent

    def feed(self, name: str) -> Contract:
        """Another packaged feed; a Kafka one with its own topic, which exists."""
        document = yaml.safe_load(
            (PROJECT_ROOT / "etl" / "contract" / "feeds" / f"{name}.odcs.yaml").read_text("utf-8")
        )
        server = document["servers"][0]
        if server["type"] == "kafka":
            topic = f"{self.topic}-{name}"
            server["customProperties"][0]["value"] = topic
            with_admin(self.stack.kafka, lambda admin: admin.create_topics({topic: {}}, wait_for_metadata=True))
        (self.settings.feeds[0] / f"{name}.odcs.yaml").write_text(yaml.safe_dump(document), "utf-8")
        return load_contract(name, self.settings)

    def describe(self) -> Topic:
        return describe(self.settings, self.topic)

    def make_topic(self) -> None:
        with_admin(self.stack.kafka, lambda admin: admin.create_topics({self.topic: {}}, wait_for_metadata=True))

    def delete_topic(self) -> None:
        def delete(admin: KafkaAdminClient) -> None:
            admin.delete_topics([self.topic])
            # The broker may answer before it stops naming the topic to others.
            while self.topic in admin.list_topics():
                pass

        with_admin(self.stack.kafka, delete)

    def log(self) -> list[dict[str, Any]]:
        """The audit log, oldest job first, whatever is between the jobs and their database."""
        url = SecretStr(self.env["ETL_DATABASE_URL"])
        return history(self.settings.model_copy(update={"database_url": url}), limit=1_000)[::-1]

    def require_exact(self, sent: int) -> None:
        """The oracle: everything sent is loaded, rejected or a counted duplicate; no row is RUNNING; nothing waits."""
        loaded = self.value("SELECT count(*) FROM sensor_data")
        rejected = self.value("SELECT count(*) FROM etl_rejected_row WHERE status <> 'REPLAYED'")
        duplicates = self.value("SELECT sum(records_duplicate) FROM etl_log WHERE job_name = 'load'")
        assert loaded + rejected + duplicates == sent
        assert self.value("SELECT count(*) FROM etl_log WHERE status = 'RUNNING'") == 0
        unbalanced = "records_read <> records_processed + records_rejected + records_duplicate + records_conflicting"
        assert self.sql(f"SELECT job_name FROM etl_log WHERE status = 'SUCCESS' AND {unbalanced}") == []
        coordinates = "source_id, source_partition, source_offset, source_item"
        both = (
            f"SELECT {coordinates} FROM sensor_data"
            f" UNION ALL SELECT {coordinates} FROM etl_rejected_row WHERE status <> 'REPLAYED'"
        )
        assert self.sql(f"SELECT {coordinates} FROM ({both}) AS b GROUP BY {coordinates} HAVING count(*) > 1") == []
        assert list((self.home / "output" / "sensor_readings").glob("batch-*")) == []


def _started(env: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "etl", *arguments]
    return subprocess.run(
        command, env=env, cwd=PROJECT_ROOT, capture_output=True, text=True, timeout=_SECONDS, check=False
    )


def _forked(env: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = Command(env, *arguments)
    output, errors = command.outputs(_SECONDS)
    assert command.returncode is not None
    return subprocess.CompletedProcess(arguments, command.returncode, output, errors)


def with_admin(bootstrap: str, act: Any) -> None:
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        act(admin)
    finally:
        admin.close()


@pytest.fixture
def product(request: pytest.FixtureRequest) -> str:
    """The database product of a test; both, one after the other, where there is a SQL Server (tests/conftest.py)."""
    return str(getattr(request, "param", "postgresql"))


@pytest.fixture
def project(request: pytest.FixtureRequest, stack: Stack, product: str, tmp_path: Path) -> Iterator[Project]:
    name = f"t{secrets.token_hex(4)}"
    server = stack.server(product, portable=request.node.get_closest_marker("both_products") is not None)
    server.create(name)
    document = yaml.safe_load((PROJECT_ROOT / "etl/contract/feeds/sensor_readings.odcs.yaml").read_text("utf-8"))
    document["servers"][0]["customProperties"][0]["value"] = name
    (tmp_path / "feeds").mkdir()
    (tmp_path / "feeds" / "sensor_readings.odcs.yaml").write_text(yaml.safe_dump(document), "utf-8")
    home = tmp_path / "home"
    home.mkdir()
    values = {
        "ETL_HOME": str(home),
        "ETL_FEEDS": str(tmp_path / "feeds"),
        "ETL_KAFKA_BOOTSTRAP": stack.kafka,
        "ETL_DATABASE_URL": server.url(name),
        "ETL_JARS": str(JARS),
    }
    settings = Settings.load(
        home=home,
        feeds=values["ETL_FEEDS"],
        kafka_bootstrap=stack.kafka,
        database_url=values["ETL_DATABASE_URL"],
        jars=JARS,
    )
    found = Project(
        stack=stack,
        server=server,
        home=home,
        database=name,
        topic=name,
        settings=settings,
        contract=load_contract("sensor_readings", settings),
        env={**os.environ, **values},
    )
    found.make_topic()
    yield found
    server.drop(name)
