"""ETL_LOG_FORMAT=json and `run --every … --log-file`: what a collector of logs gets from jobs, commands and schedules."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from etl.settings import PROJECT_ROOT
from tests.support.stack import Project
from tests.support.watching import read_until

JSON = {"ETL_LOG_FORMAT": "json"}
NEEDLE = "c4n4ry"
ROOMS = ("run", "room_temperatures")


def objects(text: str) -> list[dict[str, Any]]:
    """Every line is an object with what each of them has."""
    found = [json.loads(line) for line in text.splitlines()]
    assert all([*line][:3] == ["timestamp", "level", "event"] for line in found)
    return found


def test_every_line_of_a_cycle_is_an_object_and_those_of_jobs_have_their_ids(project: Project) -> None:
    bad = json.dumps({"sensor_id": NEEDLE, "temperature": NEEDLE, "humidity": 40, "timestamp": NEEDLE}).encode()
    project.send([bad, NEEDLE.encode()])
    run = project.etl("run", "--messages", "200", expect=0, **JSON)
    lines = objects(run.stderr)
    log = {row["job_name"]: row for row in project.log()}
    for job, row in log.items():
        own = [line for line in lines if line.get("job") == job]
        ids = {(line["cycle_id"], line["feed"], line["log_id"]) for line in own}
        assert ids == {(row["cycle_id"], "sensor_readings", row["log_id"])}, job
        events = [line["event"] for line in own]
        assert (events[0], events[-1]) == ("job started", "job succeeded")
        assert (own[-1]["read"], own[-1]["rejected"]) == (row["records_read"], row["records_rejected"])
    assert "batch written" in {line["event"] for line in lines if line.get("job") == "consume"}, "by another thread"
    (ended,) = [line for line in lines if line["event"] == "cycle ended"]
    assert (ended["cycle_id"], ended["result"], ended["read"]) == (log["load"]["cycle_id"], "succeeded", 202)
    assert log["load"]["records_rejected"] >= 1
    assert NEEDLE not in run.stderr, "no row data"


def test_an_error_of_a_command_is_an_object_without_the_password(project: Project) -> None:
    url = f"postgresql://u:{NEEDLE}-1@127.0.0.1:9/d"
    refused = project.etl("history", expect=1, ETL_DATABASE_URL=url, ETL_DATABASE_TIMEOUT_SECONDS="2", **JSON)
    (line,) = objects(refused.stderr)
    assert (line["level"], line["error_type"]) == ("error", "ServiceUnavailable")
    assert "does not answer" in line["event"]
    assert line["remedy"]
    assert NEEDLE not in refused.stderr
    wrong = project.etl("history", expect=2, ETL_LOG_FORMAT="xml").stderr
    assert "ETL_LOG_FORMAT" in wrong


@pytest.mark.timeout(600)
def test_a_schedule_logs_objects_into_its_file(project: Project, tmp_path: Path) -> None:
    file = tmp_path / "etl.log"
    arguments = ("--every", "1s", "--cycles", "2", "--messages", "3", "-p", "bad_share=0", "--log-file", str(file))
    run = project.etl(*ROOMS, *arguments, expect=0, **JSON)
    assert run.stderr == ""
    lines = objects(file.read_text("utf-8"))
    ended = [line for line in lines if line["event"] == "cycle ended"]
    assert [(line["feed"], line["result"], line["read"]) for line in ended] == [
        ("room_temperatures", "succeeded", 3)
    ] * 2
    assert {line["job"] for line in lines if line["event"] == "job started"} == {"produce", "consume", "merge", "load"}
    assert len({line["log_id"] for line in lines if "log_id" in line}) == 8
    assert file.stat().st_mode & 0o077 == 0


@pytest.mark.timeout(600)
def test_as_text_the_file_has_the_lines_that_are_printed_otherwise(project: Project, tmp_path: Path) -> None:
    file = tmp_path / "etl.log"
    quick = {"ETL_KAFKA_TIMEOUT_SECONDS": "3", "ETL_RETRY_SECONDS": "1"}
    project.delete_topic()
    arguments = ("--every", "1s", "--cycles", "1", "--messages", "0", "--log-file", str(file))
    run = project.etl(*ROOMS, "sensor_readings", *arguments, expect=1, **quick)
    text = file.read_text("utf-8")
    assert " UTC room_temperatures " in text
    assert ": failed" in text
    assert "Error: " in text
    assert "Remedy: " in text
    assert " UTC " not in run.stdout
    assert "Error" not in run.stderr


@pytest.mark.timeout(600)
def test_a_schedule_that_is_stopped_says_so_in_an_object(project: Project) -> None:
    command = [sys.executable, "-m", "etl", *ROOMS, "--every", "1d", "--messages", "0"]
    run = subprocess.Popen(
        command,
        env={**project.env, **JSON},
        cwd=PROJECT_ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    before = read_until(run.stderr, '"next cycle"')
    run.send_signal(signal.SIGTERM)
    _, after = run.communicate(timeout=60)
    assert run.returncode == 0, before + after
    assert objects(before)[-1]["event"] == "next cycle"
    stopping, stopped = [line["event"] for line in objects(after)]
    assert stopping.startswith("Stopping after the running notebook")
    assert stopped.startswith("stopped; what is left")


def test_a_log_file_needs_a_schedule_and_a_folder(project: Project) -> None:
    assert "--log-file a.log is given without --every" in project.etl("run", "--log-file", "a.log", expect=2).stderr
    missing = project.etl(*ROOMS, "--every", "1s", "--messages", "0", "--log-file", "missing/a.log", expect=2)
    assert "missing/a.log cannot be written" in missing.stderr
    assert project.log() == []
