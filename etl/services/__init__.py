"""Embedded Kafka and PostgreSQL, the Java that Kafka and Spark need, and Superset.

Only the command line and the tests start services; jobs find them through `Settings`. What takes long to import is imported where
it is needed: `run` starts a kernel before it looks at the services.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock

from etl.contract.reader import Contract
from etl.services import jars, kafka
from etl.services.java import find_java
from etl.services.process import Progress, Service, write_private
from etl.settings import Settings


@dataclass(frozen=True)
class Up:
    """What `up` found or started."""

    kafka: Service | None
    """None where the settings name the user's own."""
    postgres: Service | None
    """None where the settings name the user's own."""


def prepare(settings: Settings, progress: Progress) -> None:
    """Find or install Java and fetch the Java libraries; touches the network only when something is missing."""
    with _exclusively(settings):
        jars.ensure(settings, find_java(settings, progress), progress)


def quicken(settings: Settings, progress: Progress) -> None:
    """Create Spark's class archive if none fits; takes half a minute, and makes each cold start of Spark faster."""
    from etl.services import jvm_archive

    jvm_archive.ensure(settings, find_java(settings, progress), progress)


def up(settings: Settings, contracts: dict[str, Contract], progress: Progress, *, with_kafka: bool = True) -> Up:
    """Start the services that the settings do not replace, and wait until they answer. Calling it again is harmless.

    :param with_kafka: False where only landing folders are read: then neither Kafka nor Java is needed.
    """
    from etl.services import postgres

    if with_kafka:
        prepare(settings, progress)
    with _exclusively(settings):
        broker = server = None
        if settings.kafka_is_embedded:
            broker = kafka.start(settings, contracts.values(), progress) if with_kafka else kafka.running(settings)
        if settings.database_is_embedded:
            server = postgres.start(settings, progress)
        _write_endpoints(settings, broker, server)
    return Up(kafka=broker, postgres=server)


def up_postgres(settings: Settings, progress: Progress) -> Service:
    """Start only the embedded PostgreSQL. It holds Superset's metadata, wherever the data are."""
    from etl.services import postgres

    with _exclusively(settings):
        server = postgres.start(settings, progress)
        broker = kafka.running(settings) if settings.kafka_is_embedded else None
        _write_endpoints(settings, broker, server if settings.database_is_embedded else None)
    return server


def down(settings: Settings, progress: Progress, *, delete_data: bool = False) -> list[str]:
    """Stop the embedded services by their process ids; returns the names of those that ran.

    With `delete_data` their data are deleted too, wherever they are.
    """
    from etl.services import postgres, superset

    if not settings.services.is_dir():
        return []
    # Superset before the database that it uses, and outside the lock: installing it may take minutes.
    stopped = ["superset"] if superset.stop(settings, progress) else []
    with _exclusively(settings):
        stopped += [
            name for name, stop in (("kafka", kafka.stop), ("postgres", postgres.stop)) if stop(settings, progress)
        ]
        # A shell may keep the addresses longer than the services run.
        _remember(settings, {})
        settings.endpoints_file.unlink(missing_ok=True)
        if delete_data:
            kafka.delete_data(settings)
            postgres.delete_data(settings)
            superset.delete_data(settings)
    return stopped


def running(settings: Settings) -> Up:
    """The embedded services that are alive now."""
    from etl.services import postgres

    return Up(kafka=kafka.running(settings), postgres=postgres.running(settings))


def logs(settings: Settings) -> list[Path]:
    """Log files that grow; their writers append to them."""
    from etl.services import postgres, superset

    return [settings.services / "spark.log", *(part.log_file(settings) for part in (kafka, postgres, superset))]


@contextmanager
def _exclusively(settings: Settings) -> Iterator[None]:
    """Two commands at once must not start two brokers on the same data, or install Java twice."""
    settings.services.mkdir(mode=0o700, parents=True, exist_ok=True)
    with FileLock(settings.services / "services.lock", timeout=600):
        yield


def _write_endpoints(settings: Settings, broker: Service | None, server: Service | None) -> None:
    endpoints = {}
    if broker:
        endpoints["kafka_bootstrap"] = broker.endpoint
    if server:
        endpoints["database_url"] = server.endpoint
    _remember(settings, endpoints)
    write_private(settings.endpoints_file, json.dumps(endpoints))


def _remember(settings: Settings, endpoints: dict[str, str]) -> None:
    """Store the current addresses beside those of earlier starts."""
    merged = settings.known_endpoints.with_endpoints(endpoints)
    write_private(settings.known_endpoints_file, json.dumps(asdict(merged)))
