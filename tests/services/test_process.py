"""Processes of services, without a real service; tests/integration/test_up_and_down.py starts those."""

from __future__ import annotations

import json
import socket
import stat
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from etl.errors import ServiceUnavailable
from etl.services import process
from tests.support.stack import quiet


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
        process.wait_until(lambda: False, child, log, name="X", port=1, seconds=30)


def test_what_another_service_answers_at_the_port_does_not_count(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    with socket.create_server(("127.0.0.1", 0)) as other:
        child = process.spawn([sys.executable, "-c", "print('it is in use')"], log)
        with pytest.raises(ServiceUnavailable, match="it is in use"):
            process.wait_until(lambda: True, child, log, name="X", port=other.getsockname()[1], seconds=30)


def test_a_slow_service_is_waited_for_as_long_as_it_runs(tmp_path: Path) -> None:
    looks = iter([False, False, True])
    assert process.still_answers(me(tmp_path), lambda: next(looks), quiet, seconds=60)
    ended = replace(me(tmp_path), created=0)
    assert not process.still_answers(ended, lambda: False, quiet, seconds=3600)


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


def test_a_taken_port_is_found_in_a_log_that_goes_on_after_it(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("java.net.BindException: Address already in use\n" + "shutting down\n" * 40)
    assert process.port_was_taken(log)
    log.write_text("shutting down\n" * 40)
    assert not process.port_was_taken(log)
