"""The example DAGs in a real Airflow, with real Kafka, Spark and PostgreSQL."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import time
from typing import Any

import pytest

from etl.audit.states import NOTEBOOKS
from tests.airflow import environment
from tests.airflow.conftest import DAGS, Airflow

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.skipif(
        not environment.is_current(),
        reason=f"NO DAG IS RUN IN AIRFLOW: {environment.VENV} is missing or old; `make test-airflow` installs it",
    ),
]

PROCESS, SIMULATED = "etl_sensor_readings", "etl_sensor_readings_simulated"
READING = {"timestamp": "2026-05-04T10:00:00Z", "temperature": 21.5, "humidity": 40.0}


def test_airflow_accepts_the_dags_without_a_warning(airflow: Airflow) -> None:
    assert "No data found" in airflow.run("dags", "list-import-errors", "--local")
    listed = json.loads(_last_line(airflow.run("dags", "list", "--local", "--output", "json")))
    assert {row["dag_id"] for row in listed} == {PROCESS, SIMULATED}
    for file in DAGS.glob("*.py"):
        assert file.name not in airflow.python("-W", "always", str(file))


def test_a_simulated_cycle_and_one_of_what_others_sent(airflow: Airflow) -> None:
    project = airflow.project
    airflow.run("dags", "test", SIMULATED, "--conf", json.dumps({"messages": 500}))
    simulated = project.log()
    assert [(row["job_name"], row["status"]) for row in simulated] == [(job, "SUCCESS") for job in NOTEBOOKS]
    assert simulated[0]["records_read"] == 500

    project.send(json.dumps({**READING, "sensor_id": number}).encode() for number in range(1, 21))
    output = airflow.run("dags", "test", PROCESS)
    processed = project.log()[len(simulated) :]
    assert [(row["job_name"], row["status"]) for row in processed] == [
        (job, "SUCCESS") for job in NOTEBOOKS if job != "produce"
    ]
    assert processed[-1]["records_processed"] == 20
    project.require_exact(520)
    assert _cycle(simulated) != _cycle(processed)
    assert "load ended SUCCESS" in output, "the last task explains the cycle"
    for row in (*simulated, *processed):
        assert row["notebook"] == f"output/runs/{row['cycle_id']}/{NOTEBOOKS[row['job_name']]}.ipynb"
        assert (
            json.loads((project.home / row["notebook"]).read_text("utf-8"))["metadata"]["papermill"]["exception"]
            is None
        )


def test_a_failed_job_says_why_and_its_retry_continues_the_cycle(airflow: Airflow) -> None:
    project = airflow.project
    project.delete_topic()
    with airflow.popen("dags", "test", SIMULATED, "--conf", json.dumps({"messages": 100})) as run:
        deadline = time.monotonic() + 120
        while not any(row["status"] == "FAILED" for row in project.log()):
            assert time.monotonic() < deadline
            with contextlib.suppress(subprocess.TimeoutExpired):
                run.wait(0.2)
                pytest.fail(run.communicate()[0])
        project.make_topic()
        output, _ = run.communicate(timeout=300)
    assert run.returncode == 0, output
    assert f"has no topic {project.topic!r}" in output
    log = project.log()
    jobs = [(row["job_name"], row["status"]) for row in log]
    assert jobs[0] == ("produce", "FAILED")
    assert [job for job in jobs if job[1] == "SUCCESS"] == [(job, "SUCCESS") for job in NOTEBOOKS]
    assert _cycle(log)
    project.require_exact(100)


def test_a_run_has_failed_when_the_retries_have(airflow: Airflow) -> None:
    project = airflow.project
    project.delete_topic()
    output = airflow.run("dags", "test", PROCESS, expect=1)
    log = project.log()
    assert [(row["job_name"], row["status"]) for row in log] == [("consume", "FAILED")] * 3
    assert "DagRun failed" in output
    assert re.search(r"consume ended FAILED", output), "the cycle is explained after a failure, too"
    assert _cycle(log)


def _cycle(log: list[dict[str, Any]]) -> str:
    (cycle,) = {row["cycle_id"] for row in log}
    return str(cycle)


def _last_line(output: str) -> str:
    return output.strip().splitlines()[-1]
