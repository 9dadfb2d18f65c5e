"""Where benchmarks run: a separate Kafka and PostgreSQL in a temporary folder, removed afterwards."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import yaml
from kafka.admin import KafkaAdminClient

from benchmarks import data
from etl import services
from etl.contract.reader import Contract, load_contract, load_contracts
from etl.settings import PROJECT_ROOT, Settings
from etl.settings.libraries import class_path
from etl.storage.kafka import describe

FEED = "sensor_readings"
PARTITIONS = 4
COLUMNS = ("sensor_id", "temperature", "humidity", "timestamp")
_SETTLE_SECONDS = 5.0
"""Kafka's JVM is busy for seconds after its start, which would pass for other work."""
_KEYED = (
    "CREATE TABLE {} (sensor_id integer NOT NULL, temperature double precision NOT NULL, humidity double precision"
    ' NOT NULL, "timestamp" timestamptz NOT NULL, UNIQUE (sensor_id, "timestamp"))'
)
_COUNT = "SELECT count(*) FROM {}"
_SUM = (
    "SELECT count(*), coalesce(sum(hashtextextended(concat_ws('|', sensor_id, temperature, humidity,"
    ' extract(epoch FROM "timestamp")), 0)), 0)::text FROM {} WHERE "timestamp" >= %s'
)


@dataclass(frozen=True)
class Ground:
    """A new topic, database and home."""

    home: Path
    topic: str
    database_url: str = field(repr=False)
    settings: Settings
    env: dict[str, str] = field(repr=False)
    """For processes; without the user's own settings."""

    @property
    def contract(self) -> Contract:
        return load_contract(FEED, self.settings)

    def etl(self, *arguments: str) -> str:
        """Run one of the project's commands and return what it printed.

        :raises RuntimeError: it failed.
        """
        command = [sys.executable, "-m", "etl", *arguments]
        done = subprocess.run(command, env=self.env, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{' '.join(arguments)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout

    def execute(self, statement: str) -> None:
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            connection.execute(statement)

    def keyed_table(self, name: str = "readings") -> str:
        """Make a table of the four columns of a reading, unique on sensor and time."""
        self.execute(_KEYED.format(name))
        return name

    def sum_of(self, table: str) -> tuple[int, str]:
        """The number of readings in a table that count, and a checksum of their four columns that ignores their order."""
        with psycopg.connect(self.database_url) as connection:
            row = connection.execute(_SUM.format(table), (data.START,)).fetchone()
        assert row is not None
        return int(row[0]), str(row[1])

    def count(self, table: str) -> int:
        """The number of rows in a table."""
        with psycopg.connect(self.database_url) as connection:
            row = connection.execute(_COUNT.format(table)).fetchone()
        assert row is not None
        return int(row[0])

    @contextmanager
    def watch(self, table: str, rows: int) -> Iterator[Callable[[], bool]]:
        """Whether a table has this number of rows. They are counted only while it does not grow, so that a check is cheap."""
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            before = None

            def is_full() -> bool:
                nonlocal before
                size = connection.execute("SELECT pg_relation_size(%s)", (table,)).fetchone()
                grew, before = size != before, size
                return not grew and connection.execute(_COUNT.format(table)).fetchone() == (rows,)

            yield is_full

    def messages(self) -> int:
        """How many messages the topic holds."""
        topic = describe(self.settings, self.topic)
        return sum(topic.end.values()) - sum(topic.beginning.values())


@dataclass(frozen=True)
class Arena:
    """Services that are up."""

    home: Path
    settings: Settings

    @property
    def spark_jars(self) -> str:
        """Class path of Spark's Kafka connector."""
        return os.pathsep.join(str(jar) for jar in class_path(self.settings, "spark"))

    @contextmanager
    def ground(self, *, tables: bool = True) -> Iterator[Ground]:
        """A new topic, database and home.

        :param tables: make our own tables there.
        """
        name = f"bench_{secrets.token_hex(4)}"
        home = self.home / name
        (home / "feeds").mkdir(parents=True)
        document = yaml.safe_load((PROJECT_ROOT / "etl/contract/feeds" / f"{FEED}.odcs.yaml").read_text("utf-8"))
        document["servers"][0]["customProperties"][0]["value"] = name
        (home / "feeds" / f"{FEED}.odcs.yaml").write_text(yaml.safe_dump(document), "utf-8")
        admin = KafkaAdminClient(bootstrap_servers=self.settings.kafka())
        server = self.settings.database().get_secret_value().replace("+psycopg", "").rpartition("/")[0]
        values = {
            "home": home,
            "feeds": str(home / "feeds"),
            "kafka_bootstrap": self.settings.kafka(),
            "database_url": f"{server}/{name}",
            "jars": self.settings.jars_folder,
        }
        env = {key: value for key, value in os.environ.items() if not key.startswith("ETL_")}
        env |= {f"ETL_{key.upper()}": str(value) for key, value in values.items()}
        with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
            admin.create_topics({name: {"num_partitions": PARTITIONS, "replication_factor": 1}}, wait_for_metadata=True)
            place = Ground(home, name, f"{server}/{name}", Settings.load(**values), env)
            try:
                if tables:
                    place.etl("init")
                yield place
            finally:
                admin.delete_topics([name])
                admin.close()
                connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
                shutil.rmtree(home, ignore_errors=True)


@contextmanager
def arena() -> Iterator[Arena]:
    """Services on free ports, with empty data."""
    jars = Settings.load().jars_folder
    with tempfile.TemporaryDirectory(prefix="etl-benchmark-") as folder:

        def settings() -> Settings:
            return Settings.load(home=Path(folder), jars=jars, kafka_bootstrap="", database_url="")

        try:
            services.up(settings(), load_contracts(settings()), lambda _: None)
            time.sleep(_SETTLE_SECONDS)
            yield Arena(Path(folder), settings())
        finally:
            services.down(settings(), lambda _: None, delete_data=True)
