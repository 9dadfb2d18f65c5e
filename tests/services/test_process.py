"""What of the services can be tested without starting one; the rest is in tests/integration/test_up_and_down.py."""

from __future__ import annotations

import json
import os
import re
import socket
import stat
import sys
from pathlib import Path

import psutil
import pytest

from etl.errors import ServiceUnavailable, SetupError
from etl.services import jars, process
from etl.services.java import find_java
from etl.settings import Settings


def silent(_: str) -> None:
    pass


def fake_java(home: Path, version: str) -> Path:
    launcher = home / "bin" / "java"
    launcher.parent.mkdir(parents=True)
    launcher.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\"' >&2\n")
    launcher.chmod(0o755)
    return launcher


def test_no_java_is_a_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(SetupError, match="found: none on this machine") as raised:
        find_java(Settings.load(home=tmp_path, install_java=False), silent, folders=())
    assert "apt-get install openjdk-17-jre-headless" in raised.value.remedy


def test_a_java_that_is_too_old_is_passed_over_and_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_java(tmp_path / "old", "11.0.2")
    monkeypatch.setenv("PATH", "/usr/bin:/bin" if os.name != "nt" else "")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "old"))
    monkeypatch.setattr("shutil.which", lambda _: None)
    settings = Settings.load(home=tmp_path, install_java=False)
    with pytest.raises(SetupError, match=r"Java 11\)"):
        find_java(settings, silent, folders=())
    fake_java(tmp_path / "jvm" / "java-21", "21.0.1")
    assert find_java(settings, silent, folders=[str(tmp_path / "jvm")]).major == 21


def test_every_library_of_the_lock_file_has_its_size_and_hash() -> None:
    locked = jars.locked()
    assert {jar.part for jar in locked} == {"spark", "kafka"}
    assert all(re.fullmatch(r"[0-9a-f]{64}", jar.sha256) and jar.bytes > 0 for jar in locked)
    assert {"kafka-clients", "spark-sql-kafka-0-10_2.13"} <= {jar.module for jar in locked if jar.part == "spark"}
    assert "log4j-slf4j2-impl" in {jar.module for jar in locked if jar.part == "kafka"}


def test_a_half_finished_download_counts_as_missing(settings: Settings) -> None:
    first = jars.locked()[0]
    file = settings.jars_folder / first.part / first.file_name
    file.parent.mkdir(parents=True)
    file.write_bytes(b"half")
    assert first in jars.missing(settings)
    assert first in jars.damaged(settings)


def test_a_library_with_the_wrong_content_never_takes_its_place(tmp_path: Path) -> None:
    jar = jars.locked()[0]
    (tmp_path / "came.jar").write_bytes(b"something else")
    with pytest.raises(SetupError, match="SHA-256"):
        jars._place(jar, tmp_path / "came.jar", tmp_path)
    assert not (tmp_path / jar.part).exists()


def me(tmp_path: Path) -> process.Service:
    return process.describe("me", psutil.Process(), endpoint="secret", port=1, log=tmp_path / "log")


def test_a_service_is_recalled_while_its_process_lives(tmp_path: Path) -> None:
    service = process.remember(tmp_path / "me.json", me(tmp_path))
    assert process.recall(tmp_path / "me.json") == service
    assert stat.S_IMODE((tmp_path / "me.json").stat().st_mode) == 0o600
    assert "secret" not in repr(service)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": 1}'])
def test_a_torn_state_file_is_the_same_as_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "x.json").write_text(content)
    assert process.recall(tmp_path / "x.json") is None


def test_a_pid_that_was_given_to_another_process_is_stale(tmp_path: Path) -> None:
    process.remember(tmp_path / "me.json", me(tmp_path))
    told = json.loads((tmp_path / "me.json").read_text())
    (tmp_path / "me.json").write_text(json.dumps({**told, "created": told["created"] - 100}))
    assert process.recall(tmp_path / "me.json") is None


def test_a_taken_port_is_passed_over() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        found = process.free_ports(2, [port])
    assert port not in found
    assert len(set(found)) == 2


def test_a_service_that_ends_while_starting_shows_its_log(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    child = process.spawn([sys.executable, "-c", "print('no space left')"], log)
    with pytest.raises(ServiceUnavailable, match="no space left"):
        process.wait_until(lambda: False, child, log, name="X", seconds=30)


def test_the_port_of_a_service_that_has_just_ended_is_free() -> None:
    """Its side of the connection stays in TIME_WAIT for a minute."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    client = socket.create_connection(("127.0.0.1", port))
    server, _ = listener.accept()
    assert process.free_ports(1, [port]) != [port]
    server.close()
    listener.close()
    client.close()
    assert process.free_ports(1, [port]) == [port]
