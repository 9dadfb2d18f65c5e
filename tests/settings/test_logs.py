"""The log of a process: as JSON objects, in a file, and with lines of libraries and kernels in it."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from etl.errors import ConfigurationError
from etl.settings import Settings, logs

CANARY = "c4n4ry/p@ss"


@pytest.fixture(autouse=True)
def _as_before(_no_settings_from_outside: None) -> Iterator[None]:
    """Whatever other tests have configured."""
    logs.use("text", str)
    structlog.reset_defaults()
    yield
    logs.use("text", str)


@pytest.fixture
def in_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings are loaded, with a password."""
    monkeypatch.setenv("ETL_LOG_FORMAT", "json")
    monkeypatch.setenv("ETL_KAFKA_SASL_PASSWORD", CANARY)
    Settings.load(home=tmp_path)


def read(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.usefixtures("in_json")
def test_an_event_is_one_object_with_its_ids_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    log = structlog.get_logger("load")
    with logs.about(cycle_id="c", feed="f", job="load", log_id=7):
        log.warning("set aside", name="a\nb.csv", log_id=8)
        thread = threading.Thread(target=lambda: log.info("written"))
        thread.start()
        thread.join()
    log.info("over")
    printed = capsys.readouterr()
    assert printed.out == ""
    first, second, third = read(printed.err)
    assert first.pop("timestamp").endswith("+00:00")
    ids = {"cycle_id": "c", "feed": "f", "job": "load"}
    assert first == {"level": "warning", "event": "set aside", **ids, "log_id": 8, "name": "a\nb.csv"}
    assert (second["event"], second["log_id"]) == ("written", 7)
    assert [*third] == ["timestamp", "level", "event"]


@pytest.mark.usefixtures("in_json")
def test_secrets_are_masked_and_what_is_no_text_stays_valid(capsys: pytest.CaptureFixture[str]) -> None:
    structlog.get_logger().info("moved", to=f"sasl://u:{CANARY}@h", file="b\udce4d.csv", number=Path("p"))
    (line,) = read(capsys.readouterr().err)
    assert (line["to"], line["file"], line["number"]) == ("sasl://u:***@h", "b\udce4d.csv", "p")


@pytest.mark.usefixtures("in_json")
def test_of_a_librarys_line_only_the_first_one_is_kept(capsys: pytest.CaptureFixture[str]) -> None:
    library = logging.getLogger("some.library")
    try:
        int("the row was 21.5")
    except ValueError:
        library.warning("it failed\nthe row was %s", 21.5, exc_info=True)
    library.info("chatter")
    (line,) = read(capsys.readouterr().err)
    assert {**line, "timestamp": ""} == {
        "timestamp": "",
        "level": "warning",
        "event": "it failed",
        "logger": "some.library",
    }


@pytest.mark.usefixtures("in_json")
def test_only_the_objects_of_a_kernel_are_passed_on_and_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    forwarded = logs.Forwarded()
    line = '{"timestamp": "t", "level": "info", "event": "read", "messages": 3}'
    for part in (line[:20], line[20:] + "\nUserWarning: 21.5\n", "{no json of ours}\n" + line, "\n"):
        forwarded.write(part)
        forwarded.flush()
    with logs.about(feed="not the kernel's"):
        assert capsys.readouterr().err == f"{line}\n{line}\n"


def test_as_text_nothing_changes(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    assert settings.log_format == "text"
    assert not structlog.is_configured()
    assert not logs.say("as text", "as an event", number=1)
    logs.tell("as an event")
    assert capsys.readouterr() == ("", "")


def test_settings_that_want_text_again_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ETL_LOG_FORMAT", "json")
    Settings.load(home=tmp_path)
    monkeypatch.delenv("ETL_LOG_FORMAT")
    Settings.load(home=tmp_path)
    assert not structlog.is_configured()
    structlog.get_logger().info("readable")
    assert "readable" in capsys.readouterr().out
    assert not logs.in_json()


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_file_is_rotated(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(logs, "FILE_BYTES", 1000)
    logs.use(form, str)
    file = tmp_path / "etl.log"
    with logs.into_file(file):
        for number in range(200):
            assert logs.say(f"cycle {number} has ended", "cycle ended", number=number)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "etl.log",
        *(f"etl.log.{number}" for number in range(1, logs.FILES_KEPT + 1)),
    ]
    assert all(path.stat().st_size <= 1000 for path in tmp_path.iterdir())
    last = file.read_text("utf-8").splitlines()[-1]
    if form == "json":
        assert (json.loads(last)["event"], json.loads(last)["number"]) == ("cycle ended", 199)
    else:
        assert last.endswith(" UTC cycle 199 has ended")
    assert capsys.readouterr() == ("", "")
    structlog.get_logger().info("on the screen again")
    printed = capsys.readouterr()
    assert "on the screen again" in (printed.err if form == "json" else printed.out)


def test_text_in_a_file_has_what_libraries_and_jobs_report(tmp_path: Path) -> None:
    file = tmp_path / "etl.log"
    with logs.into_file(file):
        structlog.get_logger().warning("retrying", attempt=2)
        logging.getLogger("some.library").error("it failed\nwith 21.5")
        logs.tell("cycle ended")
    first, second = (line.partition(" UTC ")[2] for line in file.read_text("utf-8").splitlines())
    assert (first, second) == ("retrying attempt=2", "it failed logger=some.library")


def test_a_file_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with (
        pytest.raises(ConfigurationError, match=r"missing/etl\.log cannot be written: No such file"),
        logs.into_file(tmp_path / "missing" / "etl.log"),
    ):
        pass
    assert not structlog.is_configured()


def test_the_line_of_a_signals_handler_has_the_form_of_the_others() -> None:
    assert logs.line_at_once("Stopping.") == b"\nStopping.\n"
    logs.use("json", str)
    assert json.loads(logs.line_at_once("Stopping."))["event"] == "Stopping."
