"""A second real Kafka broker beside an embedded one."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from etl.services import kafka, process
from etl.services.java import find_java
from etl.settings import Settings
from tests.support.stack import quiet

NODE_ID = 2
_PROPERTIES = """\
process.roles=broker
node.id={id}
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
log.dirs=data
"""


@contextlib.contextmanager
def second_broker(first: Settings, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A broker with its data in `folder`, of the cluster of the first one, which runs; it ends with the context.

    :param first: the settings of the embedded broker.
    """
    folder.mkdir()
    of_first = kafka.log_file(first).parent
    (port,), (_, controller) = process.free_ports(1), kafka._last_ports(of_first)
    properties = folder / "server.properties"
    properties.write_text(_PROPERTIES.format(id=NODE_ID, controller=controller, port=port))
    for name in ("cluster-id", "log4j2.properties"):
        shutil.copy(of_first / name, folder)
    command = kafka._command(first, find_java(first, quiet), folder)
    kafka._format(command, folder, properties)
    log = folder / "broker.log"
    broker = process.spawn([*command, "kafka.Kafka", str(properties)], log, cwd=folder)
    try:
        address = f"127.0.0.1:{port}"
        process.wait_until(lambda: kafka._answers(address), broker, log, name="Kafka", port=port, seconds=60)
        yield broker
    finally:
        broker.kill()
        broker.wait()
