"""Kafka Connect with Debezium's JDBC sink: its libraries, fetched once and checked, and a worker that runs it.

`python -m benchmarks.connect` rewrites `connect.lock.json` after a version below was changed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from string import Template
from urllib.parse import unquote, urlsplit

from benchmarks.environment import CONTENDERS
from etl.services import jars
from etl.services.java import Java, find_java
from etl.services.process import free_ports, write_private
from etl.settings import PROJECT_ROOT, Settings
from etl.settings.libraries import class_path, locked

LOCK = Path(__file__).with_name("connect.lock.json")
_BROKER, _LOGGING = jars.ROOTS["kafka"]
ROOTS: dict[str, list[jars.Coordinates]] = {
    "connect": [
        ("org.apache.kafka", "connect-runtime", _BROKER[2]),
        ("org.apache.kafka", "connect-json", _BROKER[2]),
        _LOGGING,
        # The newest version whose libraries are all on Maven Central.
        ("io.debezium", "debezium-connector-jdbc", "3.5.0.Final"),
    ],
}
OPTIONS = CONTENDERS / "debezium"
CAST = "CREATE CAST (text AS timestamptz) WITH INOUT AS ASSIGNMENT"
"""Lets the tuned sink insert its arrays of text into a column of times."""
_JVM = ("-Xms256M", "-Xmx2G", "-server", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20", "-Duser.timezone=UTC")
"""As `connect-standalone.sh` starts it, and sessions in UTC: the driver tells the server the zone of its JVM."""
_MAIN = "org.apache.kafka.connect.cli.ConnectStandalone"


def settings() -> Settings:
    """Where the libraries are: in a separate folder, not among the project's."""
    return Settings.load(jars=PROJECT_ROOT / ".services" / "benchmarks" / "jars")


def ensure() -> Java:
    """Fetch the libraries that are missing; returns the Java to run them with."""
    java = find_java(settings(), _quiet)
    if jars.missing(settings(), LOCK):
        sys.stderr.write("fetching Kafka Connect and Debezium (once)\n")
        jars.ensure(settings(), java, _quiet, LOCK)
    return java


def versions() -> dict[str, str]:
    """Of Kafka Connect and of Debezium."""
    return {module: revision for _, module, revision in ROOTS["connect"] if not module.startswith("log4j")}


def _quiet(_: str) -> None:
    pass


def command(java: Java, home: Path, database_url: str, names: Mapping[str, str], *, tuned: bool) -> list[str]:
    """Write the worker's and the sink's options into a folder, and return the command that runs them.

    The options are in `contenders/debezium/`. The password is written to a file with mode 0600 and nowhere else.

    :param names: values of BOOTSTRAP, TOPIC and TABLE in the options.
    """
    url = urlsplit(database_url)
    values = {
        **names,
        "HOME": str(home),
        "REST_PORT": str(free_ports(1)[0]),
        "JDBC_URL": f"jdbc:postgresql://{url.hostname}:{url.port}{url.path}",
        "USER": unquote(url.username or ""),
        "PASSWORD": unquote(url.password or ""),
    }
    files = []
    for name in ("worker", "sink"):
        parts = [name, f"{name}-tuned"] if tuned else [name]
        text = "".join((OPTIONS / f"{part}.properties").read_text("utf-8") for part in parts)
        files.append(home / f"{name}.properties")
        write_private(files[-1], Template(text).substitute(values))
    libraries = os.pathsep.join(str(jar) for jar in class_path(settings(), "connect", LOCK))
    return [str(java.path), *_JVM, "-cp", libraries, _MAIN, *map(str, files)]


if __name__ == "__main__":
    jars.make_lock(settings(), LOCK, ROOTS)
    sys.stdout.write(f"{LOCK.name}: {len(locked(LOCK))} libraries\n")
