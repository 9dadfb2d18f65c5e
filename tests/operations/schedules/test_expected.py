"""Rows of schedules in a real database, and what is made of those that are too old."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import insert, select, update
from structlog.testing import capture_logs

from etl.audit import log_rows
from etl.audit.incidents.reading import open_incidents
from etl.audit.states import Job
from etl.contract.reader import Contract
from etl.contract.rules.alerts import AlertRules
from etl.database.schema.migrations import connected
from etl.database.schema.tables.audit_tables import etl_log
from etl.database.schema.tables.incident_tables import etl_incident, etl_schedule
from etl.operations.schedules import expected
from etl.operations.schedules.expected import Expected, expecting
from etl.operations.schedules.times import parse
from tests.integration.test_run import wait_for
from tests.support.stack import Project

FEED = "sensor_readings"
NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, UTC)


@pytest.fixture
def _still_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is a second away must not depend on how long anything takes."""

    class Still(datetime):
        @classmethod
        def now(cls, _zone: tzinfo | None = None) -> Any:
            return NOW

    monkeypatch.setattr(expected, "datetime", Still)


def rows(project: Project) -> dict[str, Any]:
    with connected(project.settings, "test") as connection:
        return {row.feed: row for row in connection.execute(select(etl_schedule))}


def found(project: Project, contracts: Mapping[str, Contract] = {}) -> dict[str, str | None]:
    """Feeds whose cycles are expected, and the cause where they are silent."""
    with connected(project.settings, "test") as connection:
        findings = expected.read_expected(connection, contracts)
    return {feed: finding.cause if finding else None for feed, finding in findings.items()}


def add_row(project: Project, feed: str, *, late: bool, host: str = "other", pid: int = 7) -> None:
    """A schedule elsewhere."""
    now = datetime.now(UTC)
    row = {"feed": feed, "every": "5m", "since": now - timedelta(hours=1), "host": host, "pid": pid}
    row["silent_after"] = now + timedelta(hours=-1 if late else 1)
    with connected(project.settings, "test") as connection:
        connection.execute(insert(etl_schedule).values(**row))


def open_now(project: Project) -> list[tuple[str, str]]:
    with connected(project.settings, "test") as connection:
        return [(row["kind"], row["feed"]) for row in open_incidents(connection)]


def look(project: Project, contracts: Mapping[str, Contract] = {}) -> None:
    with connected(project.settings, "test") as connection:
        expected.look(connection, project.settings, contracts)


@pytest.mark.usefixtures("_still_clock")
@pytest.mark.parametrize(("every", "least", "most"), [("5m", 900, 901), ("*/5 * * * *", 600, 900), ("2s", 6, 7)])
def test_a_schedule_is_silent_after_the_third_due_time(project: Project, every: str, least: int, most: int) -> None:
    with expecting(project.settings, parse(every, UTC), (FEED, "two")) as running:
        before = rows(project)
        assert set(before) == {FEED, "two"}
        assert (before[FEED].every, before[FEED].pid, before[FEED].last_cycle_at) == (every, os.getpid(), None)
        assert before[FEED].silent_after >= before[FEED].since + timedelta(seconds=60), "kernel and Spark start"
        running.cycle_ended(FEED)
        after = rows(project)
        left = after[FEED].silent_after - after[FEED].last_cycle_at
        assert timedelta(seconds=least) <= left <= timedelta(seconds=most)
        assert after["two"].silent_after == after[FEED].silent_after
        assert after["two"].last_cycle_at is None
    assert rows(project) == {}


def test_a_long_cycle_renews_the_rows_before_they_are_too_old(project: Project) -> None:
    slow = Expected(project.settings, parse("5m"), (FEED,))
    slow.cycle_ended(FEED)
    before = rows(project)[FEED].silent_after
    slow.is_alive()
    assert rows(project)[FEED].silent_after == before, "nothing is written yet"

    running = Expected(project.settings, parse("1s"), (FEED,))
    running.cycle_ended(FEED)
    before = rows(project)[FEED].silent_after

    def is_renewed() -> bool:
        running.is_alive()
        return bool(rows(project)[FEED].silent_after > before)

    wait_for(is_renewed)
    running.remove()


@pytest.mark.parametrize(("error", "left"), [(KeyboardInterrupt, 0), (RuntimeError, 1)])
def test_after_an_error_a_schedule_is_expected_still(project: Project, error: type[BaseException], left: int) -> None:
    with pytest.raises(error), expecting(project.settings, parse("5m"), (FEED,)):
        raise error
    assert len(rows(project)) == left


def test_a_schedule_removes_only_its_own_rows(project: Project) -> None:
    add_row(project, "theirs", late=True)
    with expecting(project.settings, parse("5m"), (FEED, "taken")), connected(project.settings, "test") as connection:
        connection.execute(update(etl_schedule).where(etl_schedule.c.feed == "taken").values(host="other"))
    assert set(rows(project)) == {"theirs", "taken"}


def test_a_new_schedule_replaces_the_row_of_one_that_was_killed(project: Project) -> None:
    add_row(project, FEED, late=True)
    with expecting(project.settings, parse("5m"), (FEED,)):
        assert found(project) == {FEED: None}


def test_a_database_that_does_not_answer_fails_nothing(project: Project) -> None:
    settings = project.settings.model_copy(update={"database_url": SecretStr("postgresql://u:p@127.0.0.1:9/d")})
    with capture_logs() as logged, expecting(settings, parse("5m"), (FEED,)) as running:
        running.cycle_ended(FEED)
    assert [entry["event"] for entry in logged] == [
        "the schedule could not be written to etl_schedule",
        "the schedule could not be written to etl_schedule",
        "the schedule has ended and is expected still",
    ]


def test_a_silent_schedule_is_named_with_its_machine(project: Project) -> None:
    add_row(project, "well", late=False)
    add_row(project, FEED, late=True)
    causes = found(project)
    assert causes["well"] is None
    named = causes[FEED] or ""
    assert f"No cycle of feed {FEED} has ended although cycles were due 3 times (5m)" in named
    assert "process 7 on other" in named


def test_a_schedule_of_which_a_job_is_running_is_not_silent(project: Project) -> None:
    add_row(project, "one", late=True)
    add_row(project, "two", late=True)
    add_row(project, "three", late=True, pid=8)
    with connected(project.settings, "test") as connection:
        started = log_rows.running_row("two", Job.LOAD, {}, datetime.now(UTC))
        log_id = log_rows.open_row(connection, {**started, **log_rows.cycle_columns("c1")})
    causes = found(project)
    assert [feed for feed, cause in causes.items() if cause] == ["three"], "one and two are of the same schedule"
    with connected(project.settings, "test") as connection:
        dead = {"heartbeat_at": datetime.now(UTC) - timedelta(minutes=1)}
        connection.execute(update(etl_log).where(etl_log.c.log_id == log_id).values(**dead))
    assert all(found(project).values())


@pytest.mark.usefixtures("_still_clock")
def test_cycles_that_something_else_starts_are_expected_by_the_contract(project: Project) -> None:
    contract = replace(project.contract, alerts=AlertRules(cycle_every_seconds=60, quiet_seconds=0))
    contracts = {contract.feed: contract}
    assert found(project, contracts) == {FEED: None}, "none has ever run"
    with connected(project.settings, "test") as connection:
        started = log_rows.running_row(FEED, Job.LOAD, {}, NOW - timedelta(seconds=180))
        log_id = log_rows.open_row(connection, {**started, **log_rows.cycle_columns("c1")})
    assert found(project, contracts) == {FEED: None}
    long_ago = {"heartbeat_at": NOW - timedelta(seconds=181)}
    with connected(project.settings, "test") as connection:
        connection.execute(update(etl_log).where(etl_log.c.log_id == log_id).values(**long_ago))
    assert "its contract expects a cycle every 1m" in str(found(project, contracts)[FEED])
    assert found(project, {FEED: project.contract}) == {FEED: None}, "without cycleEvery nothing is expected"
    look(project, contracts)
    assert open_now(project) == [("silent_schedule", FEED)]
    look(project)
    assert open_now(project) == [("silent_schedule", FEED)], "without the contract nothing is known of it"


def test_an_incident_is_opened_once_and_resolved_when_the_schedule_runs_again(project: Project) -> None:
    add_row(project, FEED, late=True)
    look(project)
    look(project)
    assert open_now(project) == [("silent_schedule", FEED)]
    with expecting(project.settings, parse("5m"), (FEED,)):
        look(project)
        assert open_now(project) == []
    with connected(project.settings, "test") as connection:
        (incident,) = connection.execute(select(etl_incident)).all()
    assert (incident.severity, incident.times_seen, incident.opened_by) == ("error", 2, None)
    assert f"python -m etl alerts forget-schedule {FEED}" in incident.remedy


def test_the_next_cycle_of_a_feed_resolves_it_where_no_schedule_is_expected_any_more(project: Project) -> None:
    add_row(project, FEED, late=True)
    look(project)
    with expecting(project.settings, parse("5m"), (FEED,)):
        pass
    look(project)
    assert open_now(project) == [("silent_schedule", FEED)]
    look(project, {FEED: project.contract})  # as the end of a cycle does
    assert open_now(project) == []


def test_a_schedule_can_be_forgotten(project: Project) -> None:
    add_row(project, FEED, late=True)
    add_row(project, "other", late=True)
    look(project)
    with connected(project.settings, "test") as connection:
        assert expected.forget(connection, project.settings, FEED)
        assert not expected.forget(connection, project.settings, "nothing")
    assert set(rows(project)) == {"other"}
    assert open_now(project) == [("silent_schedule", "other")]
