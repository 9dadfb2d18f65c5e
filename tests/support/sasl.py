"""A real Kafka broker that lets in only who knows a password."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

from etl.services import kafka, process
from etl.services.java import find_java
from etl.settings import Settings
from tests.support.stack import JARS, quiet

_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{open},SASL_PLAINTEXT://127.0.0.1:{closed},CONTROLLER://127.0.0.1:{controller}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
sasl.enabled.mechanisms=PLAIN
listener.name.sasl_plaintext.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required \
user_{user}={password};
log.dirs={data}
auto.create.topics.enable=false
offsets.topic.replication.factor=1
"""


@contextlib.contextmanager
def sasl_broker(folder: Path, user: str, password: str) -> Iterator[tuple[str, str]]:
    """A broker with its data in `folder`; yields the address that asks for the password, and one that does not."""
    folder.mkdir()
    settings = Settings.load(home=folder, jars=JARS)
    java = find_java(settings, quiet)
    opened, closed, controller = process.free_ports(3)
    # Once as JAAS reads it, once more as Java's properties read it.
    escaped = (
        json.dumps(password, ensure_ascii=False).replace("\\", "\\\\").encode("ascii", "backslashreplace").decode()
    )
    escaped = escaped.replace("\\x", "\\u00")
    properties = folder / "server.properties"
    properties.write_text(
        _PROPERTIES.format(
            open=opened, closed=closed, controller=controller, user=user, password=escaped, data=folder / "data"
        )
    )
    (folder / "log4j2.properties").write_text(kafka._LOGGING)
    command = kafka._command(settings, java, folder)
    kafka._format(command, folder, properties)
    log = folder / "broker.log"
    broker = process.spawn([*command, "kafka.Kafka", str(properties)], log)
    try:
        address = f"127.0.0.1:{opened}"
        process.wait_until(lambda: kafka._answers(address), broker, log, name="Kafka", seconds=60)
        yield f"127.0.0.1:{closed}", address
    finally:
        broker.kill()
        broker.wait()
