"""An embedded Kafka broker: KRaft mode, one node, on 127.0.0.1."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from pathlib import Path

import psutil
from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError

from etl.contract.reader import Contract
from etl.errors import ServiceUnavailable, SetupError
from etl.services import process
from etl.services.java import Java, find_java
from etl.services.process import Progress, Service
from etl.settings import Settings
from etl.settings.libraries import class_path

_START_SECONDS = 60.0
_TRIES = 3

_PROPERTIES = """\
# Written at every start: the ports may change.
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
# Relative to the folder of this file: it is a list, in which a comma of an absolute path could not be quoted.
log.dirs=data
# A mistyped topic must be an error, not a new topic.
auto.create.topics.enable=false
num.partitions={partitions}
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
log.retention.hours=168
"""

_LOGGING = """\
status=warn
appender.console.type=Console
appender.console.name=console
appender.console.layout.type=PatternLayout
appender.console.layout.pattern=%d{yyyy-MM-dd HH:mm:ss} %-5p %c{1} - %m%n
rootLogger.level=info
rootLogger.appenderRef.console.ref=console
"""


def start(settings: Settings, contracts: Iterable[Contract], progress: Progress) -> Service:
    """A broker that answers: the running one, or a new one with the existing data.

    When its storage is created, so are the topics of all feeds.

    :raises ServiceUnavailable: it ended or did not answer in time; with the end of its log.
    """
    folder = _folder(settings)
    if existing := running(settings):
        if process.still_answers(existing, lambda: _answers(existing.endpoint), progress, seconds=_START_SECONDS):
            return existing
        process.terminate(existing)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    java = find_java(settings, progress)
    new = not (folder / "data" / "meta.properties").exists()
    last_ports = _last_ports(folder)
    for attempt in range(_TRIES):
        # A port may be taken between the check and the start; then the log shows it and other ports are tried.
        ports = process.free_ports(2, last_ports if attempt == 0 else ())
        progress("starting Kafka")
        try:
            service = _start_on(settings, java, ports)
            break
        except ServiceUnavailable:
            if attempt == _TRIES - 1 or not process.port_was_taken(log_file(settings)):
                raise
    if new:
        create_topics(service.endpoint, (topic for contract in contracts for topic in contract.source.topics))
    return service


def stop(settings: Settings, progress: Progress) -> bool:
    """Stop the broker; False if none was running."""
    service = running(settings)
    if service:
        progress("stopping Kafka")
        process.terminate(service)
    _state(settings).unlink(missing_ok=True)
    return service is not None


def running(settings: Settings) -> Service | None:
    return process.recall(_state(settings))


def delete_data(settings: Settings) -> None:
    if _folder(settings).is_dir():
        shutil.rmtree(_folder(settings))


def create_topics(bootstrap: str, topics: Iterable[str]) -> None:
    """Create the missing topics, with the broker's default number of partitions."""
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        if new := set(topics) - set(admin.list_topics()):
            admin.create_topics({topic: {} for topic in new}, wait_for_metadata=True)
    finally:
        admin.close()


def _folder(settings: Settings) -> Path:
    return settings.services / "kafka"


def log_file(settings: Settings) -> Path:
    return _folder(settings) / "broker.log"


def _state(settings: Settings) -> Path:
    return settings.services / "kafka.json"


def _last_ports(folder: Path) -> list[int]:
    with contextlib.suppress(FileNotFoundError, ValueError):  # unknown: any free ports serve
        return [int(port) for port in (folder / "ports").read_text("utf-8").split()]
    return []


def _start_on(settings: Settings, java: Java, ports: list[int]) -> Service:
    folder = _folder(settings)
    port, controller = ports
    properties = folder / "server.properties"
    properties.write_text(
        _PROPERTIES.format(
            port=port,
            controller=controller,
            partitions=max(2, os.cpu_count() or 1),
        ),
        "utf-8",
    )
    (folder / "log4j2.properties").write_text(_LOGGING, "utf-8")
    (folder / "ports").write_text(f"{port} {controller}", "utf-8")
    command = _command(settings, java, folder)
    if not (folder / "data" / "meta.properties").exists():
        _format(command, folder, properties)
    log = log_file(settings)
    started = process.spawn([*command, "kafka.Kafka", str(properties)], log, cwd=folder)
    endpoint = f"127.0.0.1:{port}"
    service = process.describe("kafka", psutil.Process(started.pid), endpoint=endpoint, port=port, log=log)
    process.remember(_state(settings), service)
    process.wait_until(lambda: _answers(endpoint), started, log, name="Kafka", port=port, seconds=_START_SECONDS)
    return service


def _command(settings: Settings, java: Java, folder: Path) -> list[str]:
    return [
        str(java.path.absolute()),
        "-Xmx512m",
        "-XX:+UseSerialGC",
        "-Djava.net.preferIPv4Stack=true",
        f"-Dlog4j2.configurationFile={(folder / 'log4j2.properties').as_uri()}",
        "-cp",
        os.pathsep.join(str(jar) for jar in class_path(settings, "kafka")),
    ]


def _format(command: list[str], folder: Path, properties: Path) -> None:
    """Format the storage. The cluster's id is stored first, so that an interrupted format can be completed."""
    file = folder / "cluster-id"
    if not file.exists():
        # An id that starts with a dash would be read as an option.
        process.write_private(file, "e" + urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")[1:])
    cluster = file.read_text("utf-8")
    run = subprocess.run(
        [*command, "kafka.tools.StorageTool", "format", "--ignore-formatted", "-t", cluster, "-c", str(properties)],
        capture_output=True,
        text=True,
        cwd=folder,
        check=False,
    )
    if run.returncode != 0:
        raise SetupError(
            f"Kafka's storage could not be formatted:\n{(run.stdout + run.stderr)[-800:]}",
            remedy="Check the free disk space and the permissions of ETL_HOME/.services/kafka.",
        )


def _answers(bootstrap: str) -> bool:
    """Whether the broker serves metadata; a port that merely accepts connections is not enough."""
    if not process.listens(bootstrap):
        return False
    try:
        admin = KafkaAdminClient(bootstrap_servers=bootstrap, bootstrap_timeout_ms=3000, request_timeout_ms=3000)
    except KafkaError:
        return False
    try:
        admin.list_topics()
    except KafkaError:
        return False
    finally:
        admin.close()
    return True
