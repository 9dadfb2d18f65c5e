"""Several feeds and scheduled cycles by the command line, as a user or systemd runs them."""

from __future__ import annotations

import json
import os
import re
import signal
from itertools import pairwise
from pathlib import Path

import psutil
import pytest
import yaml

from etl.operations.schedules.state import schedules
from etl.settings import PROJECT_ROOT
from tests.integration.test_run import ENDLESS, wait_for
from tests.support.stack import Project
from tests.support.watching import read_until

STOPPING = "Stopping after the running notebook"


def add_feed(project: Project, name: str, *, topic: str) -> None:
    """A second contract, like the project's own but for its name, topic and table."""
    folder = Path(project.env["ETL_FEEDS"])
    document = yaml.safe_load((folder / "sensor_readings.odcs.yaml").read_text("utf-8"))
    document["id"] = document["name"] = name
    document["servers"][0]["customProperties"][0]["value"] = topic
    document["schema"][0]["physicalName"] = f"{name}_data"
    (folder / f"{name}.odcs.yaml").write_text(yaml.safe_dump(document), "utf-8")


def running(project: Project, job: str) -> bool:
    return bool(project.value(f"SELECT count(*) FROM etl_log WHERE job_name = '{job}' AND status = 'RUNNING'"))


def kernels(pid: int) -> list[psutil.Process]:
    """Kernels that live; of a process that has ended, nothing is known."""
    children = psutil.Process(pid).children(recursive=True)
    living = [child for child in children if child.status() != psutil.STATUS_ZOMBIE]
    return [child for child in living if "ipykernel" in " ".join(child.cmdline())]


def is_held(project: Project, kernel: psutil.Process, job: str) -> bool:
    """Stop the kernel while it runs this job; where it does not, the kernel goes on."""
    kernel.suspend()
    if running(project, job):
        return True
    kernel.resume()
    return False


@pytest.mark.timeout(600)
def test_a_schedule_runs_its_cycles_one_after_the_other(project: Project) -> None:
    run = project.popen("run", "--every", "1s", "--cycles", "3", "--messages", "200")
    output, _ = run.communicate(timeout=500)
    assert run.returncode == 0, output
    log = project.log()
    assert [row["job_name"] for row in log] == ["produce", "consume", "merge", "load"] * 3
    assert len({row["cycle_id"] for row in log}) == 3
    assert all(before["end_time"] <= after["start_time"] for before, after in pairwise(log))
    project.require_exact(600)
    lines = output.splitlines()
    assert len([line for line in lines if re.search(r"UTC sensor_readings \w+-\w+: 200 messages read = ", line)]) == 3
    assert len([line for line in lines if re.search(r"misfire: .* s late", line)]) == 2
    assert "Error" not in output


def test_sigterm_lets_the_job_end_and_the_next_run_takes_what_is_left(project: Project) -> None:
    run = project.popen("run", "--every", "1s", "--messages", "3000")
    wait_for(lambda: running(project, "consume"))
    (kernel,) = kernels(run.pid)
    wait_for(lambda: is_held(project, kernel, "consume"))
    try:
        run.send_signal(signal.SIGTERM)
        output = read_until(run.stdout, STOPPING)
    finally:
        kernel.resume()
    output += run.communicate(timeout=120)[0]
    assert run.returncode == 0, output
    assert [(row["job_name"], row["status"]) for row in project.log()[-2:]] == [
        ("produce", "SUCCESS"),
        ("consume", "SUCCESS"),
    ]
    assert "stopped before merge, load; the next cycle takes what is left" in output
    assert "Traceback" not in output
    project.cycle()
    project.require_exact(sum(project.describe().end.values()))


def test_ctrl_c_reaches_no_job_and_a_second_one_stops_at_once(project: Project) -> None:
    run = project.popen("run", "--every", "1s", "--messages", "20000", *ENDLESS)
    wait_for(lambda: running(project, "consume"))
    (kernel,) = kernels(run.pid)
    os.killpg(run.pid, signal.SIGINT)  # what a terminal does
    output = read_until(run.stdout, STOPPING)
    assert running(project, "consume"), "the first Ctrl-C lets it go on"
    os.killpg(run.pid, signal.SIGINT)
    output += run.communicate(timeout=120)[0]
    assert run.returncode == 130, output
    assert "Interrupted during 2_consume" in output
    assert "Traceback" not in output
    wait_for(lambda: not kernel.is_running() or kernel.status() == psutil.STATUS_ZOMBIE)
    project.cycle()
    project.require_exact(20_000)


@pytest.mark.timeout(600)
def test_one_feeds_failure_stops_neither_the_others_nor_the_schedule(project: Project) -> None:
    add_feed(project, "other", topic=f"{project.topic}-missing")
    once = project.etl("run", "other", "room_temperatures", "--messages", "3", "-p", "bad_share=0", expect=1)
    assert "Summary" in once.stdout
    assert re.search(rf"^other +\S+ +0 +failed: .*{project.topic}-missing", once.stdout, re.MULTILINE)
    assert re.search(r"^room_temperatures +\S+ +3 +done", once.stdout, re.MULTILINE)

    twice = project.etl("run", "other", "room_temperatures", "--every", "1s", "--cycles", "2", expect=1)
    assert len(re.findall(r"UTC other \S+: failed", twice.stdout)) == 2
    assert len(re.findall(r"UTC room_temperatures \S+: nothing new was read", twice.stdout)) == 2


def test_two_feeds_may_have_their_cycles_at_the_same_time(project: Project) -> None:
    add_feed(project, "other", topic=f"{project.topic}-missing")
    sockets = set((PROJECT_ROOT / "notebooks").glob("kernel-*"))
    runs = [project.popen("run", feed) for feed in ("room_temperatures", "other")]
    outputs = [run.communicate(timeout=200)[0] for run in runs]
    assert [run.returncode for run in runs] == [0, 1], outputs
    assert f"{project.topic}-missing" in outputs[1]
    assert set((PROJECT_ROOT / "notebooks").glob("kernel-*")) <= sockets


def test_a_feed_that_somebody_else_works_on_is_skipped(project: Project) -> None:
    from etl.storage.locks import feed_lock

    with feed_lock(project.settings, "sensor_readings", "cycle", what="somebody's cycle"):
        run = project.etl("run", "--every", "1s", "--cycles", "2")
    assert (
        len(re.findall(r"skipped. Feed sensor_readings is already being worked on by somebody's cycle", run.stdout))
        == 2
    )
    assert project.log() == []


def test_wrong_use_is_reported_before_anything_runs(project: Project) -> None:
    wrong = project.etl("run", "--every", "soon", expect=2)
    assert "--every 'soon' is neither an interval nor a cron expression" in wrong.stderr
    assert "--cycles 2 is given without --every" in project.etl("run", "--cycles", "2", expect=2).stderr
    assert project.log() == []


@pytest.mark.parametrize("example", ["crontab", "etl.service", "etl-schedule.service"])
def test_the_commands_of_the_examples_can_be_tried(project: Project, example: str) -> None:
    text = (PROJECT_ROOT / "docs" / "examples" / example).read_text("utf-8")
    (arguments,) = re.findall(r"python -m etl (run .+?)(?: >>.*)?$", text, re.MULTILINE)
    tried = project.etl(*arguments.split(), "--dry-run")
    assert "Dry run: nothing was started" in tried.stdout
    assert project.log() == []


def test_status_shows_a_schedule_while_it_runs(project: Project) -> None:
    run = project.popen("run", "room_temperatures", "--every", "1d", "--messages", "0")
    wait_for(lambda: [state for state in schedules(project.settings) if state.next_due])
    (state,) = json.loads(project.etl("status", "--json").stdout)["schedules"]
    assert (state["pid"], state["every"], state["feeds"]) == (run.pid, "1d", ["room_temperatures"])
    assert (state["cycles"], state["failed"], state["kernel_cycles"]) == (1, 0, 1)
    assert state["kernel"]["memory"] > state["own"]["memory"] > 0
    assert re.search(rf"^1d +room_temperatures +{run.pid} +1 +0 ", project.etl("status").stdout, re.MULTILINE)
    run.send_signal(signal.SIGTERM)
    output, _ = run.communicate(timeout=60)
    assert run.returncode == 0, output
    assert "stopped" in output
    assert json.loads(project.etl("status", "--json").stdout)["schedules"] == []
