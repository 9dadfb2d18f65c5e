"""Cycles, jobs, incidents, rejected rows and metrics over HTTP: what the commands say, for whoever may see it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from etl.api.tokens import Scope
from etl.audit import log_rows
from etl.audit.counts import Counts
from etl.audit.incidents.finding import Kind
from etl.audit.states import Job
from etl.database import make_engine, transaction
from etl.database.schema.tables.audit_tables import etl_log
from etl.errors import PermanentError
from etl.jobs.load.tables import ensure_feeds
from etl.operations.explain import explain, in_words
from etl.operations.history import history
from tests.support.alerts import see
from tests.support.api import Api, api, new_token, serving
from tests.support.metrics import samples
from tests.support.stack import Project

__all__ = ["api"]

BEGAN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
def token(project: Project) -> str:
    return new_token(project.settings)


@pytest.fixture
def raw_token(project: Project) -> str:
    return new_token(project.settings, "raw", Scope.READ, Scope.RAW)


def write_cycles(project: Project, *cycles: tuple[str, str, str]) -> None:
    """Cycles by name, feed and status, each an hour after the one before; their load has the status."""
    engine = make_engine(project.settings)
    with transaction(engine) as connection:
        ensure_feeds(connection, [project.contract])
        for number, (cycle, feed, status) in enumerate(cycles):
            start = BEGAN + timedelta(hours=number)
            for job in (Job.PRODUCE, Job.LOAD):
                row = {**log_rows.running_row(feed, job, {}, start), **log_rows.cycle_columns(cycle)}
                log_id = log_rows.open_row(connection, row)
                if job == Job.PRODUCE or status == "SUCCESS":
                    counts = Counts(read=10, processed=9, rejected=1) if job == Job.LOAD else Counts()
                    log_rows.succeed(connection, log_id, start, counts, {})
                elif status == "FAILED":
                    failure = log_rows.failure(PermanentError("The disk is full."), start, project.settings)
                    log_rows.close_failed(connection, log_id, failure)
            ended = (etl_log.c.cycle_id == cycle, etl_log.c.end_time.is_not(None))
            connection.execute(update(etl_log).where(*ended).values(end_time=start + timedelta(minutes=1)))
    engine.dispose()


def read(api: Api, path: str, token: str, **parameters: Any) -> Any:
    answer = api.get(path, token, params=parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()


def pages(api: Api, path: str, token: str, **parameters: Any) -> list[dict[str, Any]]:
    """All entries, page by page."""
    entries: list[dict[str, Any]] = []
    after: dict[str, Any] = {}
    while True:
        page = read(api, path, token, **parameters, **after)
        entries += page[path.strip("/")]
        if page["next"] is None:
            return entries
        after = {"after": page["next"]}


# --- cycles and jobs --------------------------------------------------------------------------------------------------


def test_cycles_come_newest_first_page_by_page(api: Api, token: str) -> None:
    cycles = [(f"c-{number}", "tanks", "SUCCESS") for number in range(5)]
    write_cycles(api.project, *cycles)
    names = ["c-4", "c-3", "c-2", "c-1", "c-0"]
    assert [cycle["cycle_id"] for cycle in pages(api, "/cycles", token, limit=2)] == names
    assert [cycle["cycle_id"] for cycle in read(api, "/cycles", token)["cycles"]] == names
    newest = read(api, "/cycles", token, limit=1)
    assert newest["next"] == "c-4"
    (cycle,) = newest["cycles"]
    assert cycle == {
        "cycle_id": "c-4",
        "feed": "tanks",
        "status": "SUCCESS",
        "start_time": "2026-01-02T07:04:05Z",
        "end_time": "2026-01-02T07:05:05Z",
        "duration_seconds": 60.0,
        "records_loaded": 9,
        "records_rejected": 1,
        "records_duplicate": 0,
        "records_conflicting": 0,
    }


def test_no_cycle_is_left_out_where_several_begin_at_once(api: Api, token: str) -> None:
    write_cycles(api.project, *[(f"c-{number}", "tanks", "SUCCESS") for number in range(5)])
    engine = make_engine(api.project.settings)
    with transaction(engine) as connection:
        connection.execute(update(etl_log).values(start_time=BEGAN))
    engine.dispose()
    found = [cycle["cycle_id"] for cycle in pages(api, "/cycles", token, limit=2)]
    assert found == ["c-4", "c-3", "c-2", "c-1", "c-0"]


def test_cycles_are_chosen_by_feed_status_and_time(api: Api, token: str) -> None:
    write_cycles(
        api.project,
        ("c-0", "tanks", "FAILED"),
        ("c-1", "rooms", "FAILED"),
        ("c-2", "rooms", "SUCCESS"),
        ("c-3", "tanks", "RUNNING"),
    )

    def chosen(**parameters: str) -> list[str]:
        return [cycle["cycle_id"] for cycle in read(api, "/cycles", token, **parameters)["cycles"]]

    assert chosen(feed="rooms") == ["c-2", "c-1"]
    assert chosen(status="FAILED") == ["c-1", "c-0"]
    assert chosen(status="RUNNING") == ["c-3"]
    assert chosen(feed="rooms", status="FAILED") == ["c-1"]
    assert chosen(**{"from": "2026-01-02T04:04:05Z", "to": "2026-01-02T06:04:05Z"}) == ["c-2", "c-1"]
    assert chosen(**{"from": "2026-01-02T05:04:05+01:00"}) == ["c-3", "c-2", "c-1"]
    assert chosen(feed="unknown") == []


def test_jobs_are_those_of_the_audit_log(api: Api, token: str) -> None:
    write_cycles(api.project, ("c-0", "tanks", "SUCCESS"), ("c-1", "rooms", "FAILED"))
    told = history(api.project.settings)
    answered = pages(api, "/jobs", token, limit=3)
    assert [job["log_id"] for job in answered] == [job["log_id"] for job in told]
    assert set(answered[0]) == set(told[0])
    (failed,) = read(api, "/jobs", token, status="FAILED")["jobs"]
    assert (failed["cycle_id"], failed["job_name"], failed["error_message"]) == ("c-1", "load", "The disk is full.")
    assert [job["job_name"] for job in read(api, "/jobs", token, cycle="c-0")["jobs"]] == ["load", "produce"]
    assert {job["feed"] for job in read(api, "/jobs", token, job="produce", feed="rooms")["jobs"]} == {"rooms"}


@pytest.mark.parametrize(
    "query",
    [
        *("feed=a%00b", "feed=..%2Fx", "status=BROKEN", "from=yesterday", "limit=0", "limit=1001", "limit=x"),
        *("after=%00", f"after={'x' * 65}", "to=0001-01-01T00:00:00%2B12:00"),
    ],
)
def test_a_parameter_that_no_cycle_can_have_is_refused(api: Api, token: str, query: str) -> None:
    answer = api.get(f"/cycles?{query}", token)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "path", ["/jobs?after=9223372036854775808", "/jobs?job=..", "/incidents?after=-1", "/quarantine/0"]
)
def test_a_number_that_no_row_can_have_is_refused(api: Api, token: str, path: str) -> None:
    assert api.get(path, token).status_code == 422


# --- one cycle, and what it rejected ----------------------------------------------------------------------------------


def test_a_cycle_is_explained_as_by_the_command(api: Api, token: str, raw_token: str) -> None:
    api.project.cycle(400, bad_share=0.2, seed=1)
    cycle = api.project.value("SELECT cycle_id FROM etl_log WHERE job_name = 'load'")
    facts = explain(api.project.settings, cycle)
    answered = read(api, f"/cycles/{cycle}", raw_token)
    assert set(answered) == set(facts)
    assert answered["rejected"] == facts["rejected"]
    assert [job["log_id"] for job in answered["jobs"]] == [job["log_id"] for job in facts["jobs"]]
    assert answered["archives"][0]["offset_ranges"] == facts["archives"][0]["offset_ranges"]
    assert [cause["examples"] for cause in answered["causes"]] == [[*cause["examples"]] for cause in facts["causes"]]
    text = api.get(f"/cycles/{cycle}", raw_token, headers={"Accept": "text/plain"})
    assert text.headers["content-type"] == "text/plain; charset=utf-8"
    assert text.text.splitlines() == in_words(api.project.settings, facts)

    # Values of rejected rows are row data.
    examples = {example for cause in facts["causes"] for example in cause["examples"]}
    assert examples
    without = read(api, f"/cycles/{cycle}", token)
    assert [cause["examples"] for cause in without["causes"]] == [[] for _ in facts["causes"]]
    plain = api.get(f"/cycles/{cycle}", token, headers={"Accept": "text/plain"}).text
    assert not [example for example in examples if repr(example) in plain]
    assert api.get(f"/cycles/{cycle}", token, headers={"Accept": "text/plain, application/json"}).json() == without


def test_a_cycle_that_there_is_not_is_a_problem_with_a_remedy(api: Api, token: str) -> None:
    answer = api.get("/cycles/c-9", token)
    assert answer.status_code == 404
    problem = answer.json()
    assert (problem["detail"], problem["instance"]) == ("There is no cycle 'c-9'.", "/cycles/c-9")
    assert "etl history" in problem["remedy"]


def test_rejected_rows_are_counted_and_their_text_is_for_those_who_may(api: Api, token: str, raw_token: str) -> None:
    project = api.project
    project.send([b'{"sensor_id": "top secret"', b'{"sensor_id": 7, "temperature": "hot"}'])
    project.cycle(0)
    numbers = project.sql("SELECT reason, count(*) FROM etl_rejected_row GROUP BY reason")
    answered = read(api, "/quarantine", token, feed="sensor_readings")
    assert {(row["reason"], row["rows"]) for row in answered} == {(reason, rows) for reason, rows in numbers}
    assert {row["status"] for row in answered} == {"QUARANTINED"}
    assert read(api, "/quarantine", token, feed="other") == []
    cycle = project.value("SELECT cycle_id FROM etl_log WHERE job_name = 'load'")
    assert read(api, "/quarantine", token, cycle=cycle) == answered
    assert [row["reason"] for row in read(api, "/quarantine", token, reason="not_json")] == ["not_json"]

    number = project.value("SELECT rejected_id FROM etl_rejected_row WHERE reason <> 'not_json'")
    row = read(api, f"/quarantine/{number}", raw_token)
    assert json.loads(row["raw"]) == {"sensor_id": 7, "temperature": "hot"}
    assert "hot" in [problem["value"] for problem in row["problems"]]
    assert (row["cycle_id"], row["source_name"]) == (cycle, project.topic)
    hidden = read(api, f"/quarantine/{number}", token)
    assert "hot" not in json.dumps(hidden)
    problems = [{**problem, "value": None} for problem in row["problems"]]
    assert hidden == {**row, "raw": None, "beside_message": None, "problems": problems}
    assert api.get("/quarantine/999999", token).status_code == 404


# --- incidents and metrics --------------------------------------------------------------------------------------------


def test_incidents_are_listed_by_feed_and_by_whether_they_are_open(api: Api, token: str) -> None:
    see(api.project, Kind.SILENT_SENSOR, "s1", "s2", "s3", feed="tanks")
    see(api.project, Kind.STALE, "", feed="rooms")
    see(api.project, Kind.STALE, feed="rooms")
    of_tanks = pages(api, "/incidents", token, feed="tanks", limit=2)
    assert sorted(incident["key"] for incident in of_tanks) == ["s1", "s2", "s3"]
    assert [incident["incident_id"] for incident in of_tanks] == sorted(
        (incident["incident_id"] for incident in of_tanks), reverse=True
    )
    (over,) = read(api, "/incidents", token, open="false")["incidents"]
    assert (over["feed"], over["kind"], over["resolved_at"] is not None) == ("rooms", "stale", True)
    assert {incident["feed"] for incident in read(api, "/incidents", token, open="true")["incidents"]} == {"tanks"}
    assert len(read(api, "/incidents", token)["incidents"]) == 4


def test_metrics_are_those_of_the_command(project: Project, token: str) -> None:
    project.cycle(100)
    # Both ask Kafka, for a fifth of the time at most, and leave out what it does not tell.
    patient = project.settings.model_copy(update={"kafka_timeout_seconds": 150.0})
    with serving(patient) as url:
        answer = Api(project, url).get("/metrics", token)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    found, told = samples(answer.text), samples(project.etl("metrics", ETL_KAFKA_TIMEOUT_SECONDS="150").stdout)
    assert set(found) == set(told)
    same = [name for name in found if name.startswith(("etl_rows_total", "etl_jobs_total", "etl_quarantined_rows"))]
    assert same
    assert {name: found[name] for name in same} == {name: told[name] for name in same}
