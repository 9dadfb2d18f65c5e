"""A real Kafka broker that lets in only who knows a password, and where a test wants it, has TLS or gives rights."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import trustme
from cryptography.hazmat.primitives import serialization

from etl.services import kafka, process
from etl.services.java import find_java
from etl.settings import Settings
from tests.support.stack import JARS, quiet

_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{open},LOGIN://127.0.0.1:{closed},CONTROLLER://127.0.0.1:{controller}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,LOGIN:{protocol},CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
sasl.enabled.mechanisms=PLAIN
listener.name.login.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required \
user_{user}={password};
log.dirs={data}
auto.create.topics.enable=false
offsets.topic.replication.factor=1
"""
_TLS = """\
ssl.keystore.type=PEM
ssl.keystore.location={keys}
"""
RIGHTS = """\
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
"""
"""Properties of a broker whose users have only the rights that they were given; who comes without a password has all."""


@contextlib.contextmanager
def sasl_broker(
    folder: Path, user: str, password: str, more: str = "", tls: trustme.CA | None = None
) -> Iterator[tuple[str, str]]:
    """A broker with its data in `folder`; yields the address that asks for the password, and one that does not.

    :param more: further properties; `{open}` is the port without a password, `{closed}` the other, of listener `LOGIN`.
    :param tls: who signs the broker's certificate for the address with the password; None: it is asked for in the clear.
    """
    folder.mkdir()
    settings = Settings.load(home=folder, jars=JARS)
    java = find_java(settings, quiet)
    opened, closed, controller = process.free_ports(3)
    # Once as JAAS reads it, once more as Java's properties read it.
    escaped = (
        json.dumps(password, ensure_ascii=False).replace("\\", "\\\\").encode("ascii", "backslashreplace").decode()
    )
    escaped = escaped.replace("\\x", "\\u00")
    keys, protocol = folder / "keys.pem", "SASL_PLAINTEXT"
    if tls is not None:
        keys.write_bytes(_as_kafka_reads_it(tls.issue_cert("127.0.0.1")))
        more, protocol = more + _TLS, "SASL_SSL"
    properties = folder / "server.properties"
    properties.write_text(
        (_PROPERTIES + more).format(
            open=opened,
            closed=closed,
            controller=controller,
            user=user,
            password=escaped,
            data=folder / "data",
            protocol=protocol,
            keys=keys,
        )
    )
    (folder / "log4j2.properties").write_text(kafka._LOGGING)
    command = kafka._command(settings, java, folder)
    kafka._format(command, folder, properties)
    log = folder / "broker.log"
    broker = process.spawn([*command, "kafka.Kafka", str(properties)], log)
    try:
        address = f"127.0.0.1:{opened}"
        process.wait_until(lambda: kafka._answers(address), broker, log, name="Kafka", port=opened, seconds=60)
        yield f"127.0.0.1:{closed}", address
    finally:
        broker.kill()
        broker.wait()


def _as_kafka_reads_it(leaf: trustme.LeafCert) -> bytes:
    """Key and certificates of a host: Kafka takes keys as PKCS #8 only."""
    key = serialization.load_pem_private_key(leaf.private_key_pem.bytes(), None)
    pkcs8 = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return pkcs8 + b"".join(pem.bytes() for pem in leaf.cert_chain_pems)
