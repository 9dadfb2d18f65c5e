"""Open incidents are seen in `status`, at the end of a cycle and in `explain`, until a job shows that they are over."""

from __future__ import annotations

import json
from typing import Any

import pytest

from etl.audit.log_rows import rows_of_cycle
from etl.database.schema.migrations import connected
from etl.errors import TopicMissing
from etl.jobs.consume.job import consume
from etl.operations.explain import explain, in_words
from etl.operations.outcome import read_outcome
from etl.operations.status import status
from tests.support.stack import Project


def fail(project: Project, cycle: str) -> None:
    project.delete_topic()
    with pytest.raises(TopicMissing):
        consume(project.settings, project.contract, cycle_id=cycle)


def recover(project: Project, cycle: str) -> None:
    project.make_topic()
    consume(project.settings, project.contract, cycle_id=cycle)


def incidents(project: Project) -> Any:
    found = status(project.settings, {"sensor_readings": project.contract})
    return found["feeds"]["sensor_readings"]["incidents"]


def test_status_shows_what_is_open(project: Project) -> None:
    assert incidents(project) == []
    fail(project, "c1")
    (incident,) = incidents(project)
    assert (incident["kind"], incident["key"], incident["severity"]) == ("job_failed", "consume", "error")
    assert project.topic in incident["cause"]
    (told,) = json.loads(project.etl("status", "--json").stdout)["feeds"]["sensor_readings"]["incidents"]
    assert told["incident_id"] == incident["incident_id"]
    assert "What to do about incidents: python -m etl alerts list" in project.etl("status").stdout
    recover(project, "c2")
    assert incidents(project) == []
    assert "alerts list" not in project.etl("status").stdout


def test_status_says_that_it_does_not_know_where_the_database_is_down(project: Project) -> None:
    nowhere = project.with_database("postgresql://nobody@127.0.0.1:1/none")
    assert incidents(nowhere) is None
    assert "?" in nowhere.etl("status").stdout


def test_the_outcome_of_a_cycle_counts_what_is_open_after_it(project: Project) -> None:
    def counted(cycle: str) -> int | None:
        with connected(project.settings, "test") as connection:
            return read_outcome(connection, project.contract, rows_of_cycle(connection, cycle)).open_incidents

    fail(project, "c1")
    assert counted("c1") == 1
    recover(project, "c2")
    assert counted("c2") == 0


def test_explain_names_what_a_cycle_opened_and_resolved(project: Project) -> None:
    def about_incidents(cycle: str) -> list[str]:
        lines = in_words(project.settings, explain(project.settings, cycle))
        return [line for line in lines if line.startswith("Incident")]

    fail(project, "c1")
    (line,) = about_incidents("c1")
    assert line.startswith("Incident opened: job_failed (consume), still open. ")
    assert project.topic in line
    recover(project, "c2")
    (line,) = about_incidents("c1")
    assert line.startswith("Incident opened: job_failed (consume), resolved at ")
    (line,) = about_incidents("c2")
    assert line.startswith("Incident resolved: job_failed (consume), open since ")
    consume(project.settings, project.contract, cycle_id="c3")
    assert about_incidents("c3") == []
    (shown,) = json.loads(project.etl("explain", "c1", "--json").stdout)["incidents"]
    assert shown["kind"] == "job_failed"
