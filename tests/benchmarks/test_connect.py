"""Kafka Connect as a contender: its version, its libraries, and where it has its password."""

from __future__ import annotations

import re
import stat
from pathlib import Path

import pytest

from benchmarks import connect
from etl.services.java import Java
from etl.settings.libraries import locked


def test_kafka_connect_is_of_the_brokers_version_and_each_library_has_its_hash() -> None:
    ours = locked(connect.LOCK)
    assert all(re.fullmatch(r"[0-9a-f]{64}", jar.sha256) and jar.bytes > 0 for jar in ours)
    revisions = {jar.module: jar.revision for jar in ours}
    assert revisions.items() >= connect.versions().items()
    broker = {jar.module: jar.revision for jar in locked() if jar.part == "kafka"}
    assert revisions["connect-runtime"] == broker["kafka_2.13"]
    assert not connect.settings().jars_folder.is_relative_to(Path(".services/jars").absolute())


@pytest.mark.parametrize("tuned", [False, True])
def test_the_password_is_in_private_files_only(tmp_path: Path, tuned: bool) -> None:
    names = {"BOOTSTRAP": "127.0.0.1:9", "TOPIC": "t", "TABLE": "readings"}
    url = "postgresql://me:p%40ss@127.0.0.1:5/base"
    command = connect.command(Java(Path("java"), "17"), tmp_path, url, names, tuned=tuned)
    assert not [part for part in command if "p@ss" in part or "p%40ss" in part]
    sink = Path(command[-1]).read_text("utf-8")
    assert "connection.password=p@ss\n" in sink
    assert "connection.url=jdbc:postgresql://127.0.0.1:5/base?" in sink
    assert ("unnest" in sink) is tuned
    assert all(stat.S_IMODE(Path(file).stat().st_mode) == 0o600 for file in command[-2:])
