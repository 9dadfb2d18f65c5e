"""Whole cycles by the command line, as a user runs them, judged by SQL and Kafka from outside."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from datetime import datetime
from pathlib import Path

import psutil
import pytest

from etl.database import shown_url
from etl.settings import PROJECT_ROOT
from etl.storage.locks import feed_lock
from tests.support.stack import Project

ENDLESS = ("-p", "until=time_box", "-p", "time_box_seconds=600")
"""With these, consume does not end before the test has it ended."""


def test_a_cycle_balances_leaves_nothing_behind_and_the_next_one_finds_nothing_new(
    project: Project, tmp_path: Path
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    run = project.etl("run", "--messages", "10000", "-p", "seed=7", "-p", "bad_share=0.05", TMPDIR=str(temporary))
    wait_for(lambda: processes_of(project) == [])
    assert list(temporary.iterdir()) == []
    produce, consume, merge, load = project.log()
    assert [row["job_name"] for row in (produce, consume, merge, load)] == ["produce", "consume", "merge", "load"]
    assert {row["status"] for row in (produce, consume, merge, load)} == {"SUCCESS"}

    in_topic = sum(project.describe().end.values())
    assert in_topic == produce["records_processed"] == consume["records_read"] == load["records_read"] == 10_000
    assert consume["records_rejected"] > 0
    assert load["records_processed"] == project.value("SELECT count(*) FROM sensor_data")
    assert load["records_rejected"] == project.value("SELECT count(*) FROM etl_rejected_row") > 300
    assert load["records_duplicate"] > 10
    project.require_exact(10_000)
    assert f"{load['records_processed']:,} loaded" in run.stdout
    assert run.stdout.count("SUCCESS") == 4

    for row in (produce, consume, merge, load):
        executed = json.loads((project.home / row["notebook"]).read_text("utf-8"))
        assert row["cycle_id"] in "".join(executed["cells"][2]["source"])
    assert json.loads(json.dumps(produce["parameters"]))["seed"] == 7

    project.cycle()
    told = json.loads(project.etl("history", "--json").stdout)
    assert told == json.loads(json.dumps(project.log()[::-1], default=datetime.isoformat))
    second = project.log()[4:]
    assert [(row["status"], row["records_read"], row["records_processed"]) for row in second] == [("SUCCESS", 0, 0)] * 4
    assert len(list((project.home / "backup" / "sensor_readings").glob("*.csv"))) == 1


def test_nothing_of_a_run_that_was_interrupted_is_left(project: Project) -> None:
    run = project.popen("run", "--messages", "30000")
    wait_for(lambda: any((project.home / "checkpoint").glob("*/*/offsets/0")))
    os.killpg(run.pid, signal.SIGINT)
    run.communicate(timeout=60)
    wait_for(lambda: processes_of(project) == [])
    project.etl("run", "--messages", "0")
    project.require_exact(30_000)


def processes_of(project: Project) -> list[str]:
    """Commands that run and name the project's folder: Spark's JVM does, with the file that sets up its log.

    It ends with its kernel, a moment later than the command that started that.
    """
    commands = [" ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"])]
    return [command for command in commands if str(project.home) in command]


def test_the_cycle_survives_sigkill_during_consume(project: Project) -> None:
    project.cycle(500)
    run = project.popen("run", "--messages", "20000", *ENDLESS)
    wait_for(
        lambda: project.value("SELECT count(*) FROM etl_log WHERE job_name = 'consume' AND status = 'RUNNING'") == 1
    )
    wait_for(lambda: any((project.home / "checkpoint").glob("*/*/offsets/1")))
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    project.etl("run", "--messages", "0")
    project.require_exact(20_500)
    died = [row for row in project.log() if row["status"] == "FAILED"]
    assert [row["job_name"] for row in died] == ["consume"]
    assert "ended without closing this row" in died[0]["error_message"]


def test_a_lost_checkpoint_loses_and_doubles_nothing(project: Project) -> None:
    project.cycle(1_000)
    shutil.rmtree(project.home / "checkpoint")
    project.cycle(300)
    assert project.log()[-3]["records_read"] == 300
    project.require_exact(1_300)


def test_a_second_cycle_of_a_feed_is_refused_at_once(project: Project) -> None:
    with feed_lock(project.settings, "sensor_readings", "cycle", what="somebody's cycle"):
        second = project.etl("run", expect=1)
    assert f"somebody's cycle (process {os.getpid()} on" in second.stderr
    assert "Traceback" not in second.stderr
    assert project.log() == []


def test_an_unreachable_kafka_fails_the_job_with_a_remedy(project: Project) -> None:
    run = project.etl("run", expect=1, ETL_KAFKA_BOOTSTRAP="127.0.0.1:9", ETL_KAFKA_TIMEOUT_SECONDS="3")
    assert "Kafka at 127.0.0.1:9 did not answer within 3 s" in run.stderr
    assert "Remedy: Check ETL_KAFKA_BOOTSTRAP" in run.stderr
    assert "Notebook: output/runs/" in run.stderr
    assert "Traceback" not in run.stdout + run.stderr
    (row,) = project.log()
    assert (row["status"], row["error_type"]) == ("FAILED", "ServiceUnavailable")


def test_a_dry_run_does_nothing(project: Project) -> None:
    run = project.etl("run", "--messages", "10", "--dry-run")
    assert "messages=10" in run.stdout
    assert project.log() == []
    assert sum(project.describe().end.values()) == 0


@pytest.mark.parametrize("name", ["source_file", "replay"])
def test_a_relative_path_is_relative_to_the_users_folder(project: Project, tmp_path: Path, name: str) -> None:
    """`replay` is the former name of the parameter."""
    file = tmp_path / "readings.csv"
    file.write_text(
        "id,room_id/id,noted_date,temp,out/in\n1,Lab,20-06-2026 10:01,20,In\n2,Lab,20-06-2026 10:02,30,In\n"
    )
    project.etl("run", "room_temperatures", "-p", f"{name}={os.path.relpath(file, PROJECT_ROOT)}")
    assert [row["records_read"] for row in project.log()][1:] == [2, 2, 2]


def test_status_tells_backlog_services_and_last_cycle(project: Project) -> None:
    project.send([b"{}"] * 3)
    before = json.loads(project.etl("status", "--json").stdout)
    assert before["services"]["kafka"]["bootstrap"] == project.stack.kafka
    assert before["services"]["database"]["url"] == shown_url(project.settings)
    feed = before["feeds"]["sensor_readings"]
    assert feed["backlog"] == {"messages": 3, "files": None, "batches": 0, "archives": 0}
    assert feed["last_cycle"] is None
    project.cycle()
    after = json.loads(project.etl("status", "--json").stdout)["feeds"]["sensor_readings"]
    assert after["backlog"] == {"messages": 0, "files": None, "batches": 0, "archives": 0}
    assert after["last_cycle"]["status"] == "SUCCESS"


def test_env_lets_another_client_connect(project: Project, tmp_path: Path) -> None:
    lines = dict(line.removeprefix("export ").split("=", 1) for line in project.etl("env").stdout.splitlines())
    assert lines["ETL_KAFKA_BOOTSTRAP"] == project.stack.kafka
    assert lines["ETL_DATABASE_URL"] == project.server.url(project.database).replace("+psycopg", "")


def test_doctor_finds_everything_in_order_and_says_what_is_not(project: Project) -> None:
    findings = json.loads(project.etl("doctor", "--json").stdout)
    assert [finding["check"] for finding in findings if not finding["ok"]] == []
    wrong = project.etl(
        "doctor", "--json", expect=1, ETL_KAFKA_BOOTSTRAP="127.0.0.1:9", ETL_KAFKA_TIMEOUT_SECONDS="2", ETL_TPYO="1"
    )
    broken = {finding["check"]: finding for finding in json.loads(wrong.stdout) if not finding["ok"]}
    assert set(broken) == {"Kafka", "settings"}
    assert "ETL_TPYO" in broken["settings"]["found"]


def wait_for(condition: object, seconds: float = 90) -> None:
    """Wait for an event of another process; the bound only ends a test that would hang."""
    assert callable(condition)
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)
