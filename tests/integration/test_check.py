"""`check`, as cron on another machine runs it: its exit code is the answer."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from psycopg import sql
from sqlalchemy import insert, select

from etl.audit.incidents import register
from etl.audit.incidents.finding import Finding, Kind, Look
from etl.database.schema.migrations import connected
from etl.database.schema.tables.incident_tables import etl_schedule
from etl.operations.schedules import expected
from tests.integration.test_run import wait_for
from tests.support.stack import Project

FEED = "room_temperatures"
INTERVAL = 5


def rows(project: Project) -> list[Any]:
    """The schedules that ought to run."""
    with connected(project.settings, "test") as connection:
        return list(connection.execute(select(etl_schedule)))


def is_at_work(project: Project) -> bool:
    with connected(project.settings, "test") as connection:
        return bool(expected._at_work(connection, datetime.now(UTC)))


def have_silent_schedule(project: Project, feed: str) -> None:
    past = datetime.now(UTC) - timedelta(hours=1)
    row = {"feed": feed, "every": "5m", "since": past, "silent_after": past, "host": "elsewhere", "pid": 7}
    with connected(project.settings, "test") as connection:
        connection.execute(insert(etl_schedule).values(**row))


def open_incidents(project: Project) -> list[tuple[Any, ...]]:
    return project.sql("SELECT feed, kind FROM etl_incident WHERE resolved_at IS NULL ORDER BY incident_id")


@pytest.mark.timeout(300)
def test_a_killed_schedule_is_named_within_three_intervals(project: Project) -> None:
    run = project.popen("run", FEED, "--every", f"{INTERVAL}s", "--messages", "0")
    wait_for(lambda: any(row.last_cycle_at for row in rows(project)))
    assert "No incident is open" in project.etl("check", FEED).stdout

    (before,) = rows(project)
    wait_for(lambda: rows(project)[0].last_cycle_at > before.last_cycle_at)
    os.killpg(run.pid, signal.SIGKILL)
    run.communicate(timeout=60)
    killed = datetime.now(UTC)
    (left,) = rows(project)
    assert (left.pid, left.every) == (run.pid, f"{INTERVAL}s")
    assert left.silent_after < killed + timedelta(seconds=3 * INTERVAL + 1)
    # A cycle may have begun before the kill: as long as its job counts as running, the schedule does.
    wait_for(lambda: datetime.now(UTC) > left.silent_after and not is_at_work(project))
    named = project.etl("check", expect=1).stdout
    assert named.startswith(f"{FEED}: silent_schedule, error, since ")
    assert f"as process {run.pid} on {left.host}" in named
    assert f"python -m etl alerts forget-schedule {FEED}" in named
    assert open_incidents(project) == [(FEED, "silent_schedule")]

    again = project.etl("run", FEED, "--every", "5m", "--cycles", "1", "--messages", "0")
    assert rows(project) == [], again.stdout
    assert open_incidents(project) == []
    project.etl("check")


def test_a_schedule_that_is_asked_to_stop_is_not_expected_any_more(project: Project) -> None:
    run = project.popen("run", FEED, "--every", "1d", "--messages", "0")
    wait_for(lambda: rows(project))
    run.send_signal(signal.SIGTERM)
    output, _ = run.communicate(timeout=120)
    assert run.returncode == 0, output
    assert rows(project) == []


@pytest.mark.timeout(300)
def test_a_cycle_of_another_feed_opens_the_incident(project: Project) -> None:
    have_silent_schedule(project, "sensor_readings")
    project.etl("run", FEED, "--messages", "0")
    assert open_incidents(project) == [("sensor_readings", "silent_schedule")]
    told = project.etl("check", FEED).stdout
    assert "No incident is open" in told


def test_open_incidents_are_shown_with_cause_and_remedy(project: Project) -> None:
    assert json.loads(project.etl("check", "--json").stdout) == {"healthy": True, "incidents": []}
    finding = Finding("The broker is on fire.", "Put it out.", "consume")
    with connected(project.settings, "test") as connection:
        register.take(connection, project.settings, "sensor_readings", [Look(Kind.JOB_FAILED, (finding,))])
    text = project.etl("check", expect=1).stdout
    assert text.startswith("sensor_readings: job_failed (consume), error, since 2")
    assert "\n  Cause: The broker is on fire.\n  Remedy: Put it out.\n" in text
    told = json.loads(project.etl("check", "sensor_readings", "--json", expect=1).stdout)
    assert told["healthy"] is False
    (incident,) = told["incidents"]
    assert (incident["kind"], incident["feed"], incident["key"]) == ("job_failed", "sensor_readings", "consume")
    assert (incident["cause"], incident["remedy"]) == ("The broker is on fire.", "Put it out.")
    assert datetime.fromisoformat(incident["opened_at"]) <= datetime.now(UTC)
    project.etl("check", FEED)
    project.etl("check", "--kind", "silent_schedule")
    project.etl("check", "--kind", "silent_schedule", "--kind", "job_failed", expect=1)


def test_what_cannot_be_told_has_an_exit_code_of_its_own(project: Project) -> None:
    unknown = project.etl("check", "nonsense", expect=2)
    assert "There is no feed 'nonsense'" in unknown.stderr
    assert "room_temperatures, sensor_readings" in unknown.stderr
    away = project.etl("check", "--json", expect=2, ETL_DATABASE_URL="postgresql://u:p@127.0.0.1:9/d")
    assert "does not answer" in away.stderr
    assert away.stdout == ""


@pytest.mark.postgresql
def test_a_database_without_the_tables_cannot_tell(project: Project) -> None:
    empty = project.with_database(project.stack.url("postgres"))
    assert "audit tables" in empty.etl("check", expect=2).stderr


@pytest.fixture
def reader(project: Project) -> Iterator[Project]:
    """The project, with a role that can only read."""
    role = f"{project.database}_reader"
    with project.stack.connect(project.database, autocommit=True) as connection:
        create = sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'reads'")
        connection.execute(create.format(sql.Identifier(role)))
        grant = sql.SQL("GRANT SELECT ON ALL TABLES IN SCHEMA public TO {}")
        connection.execute(grant.format(sql.Identifier(role)))
    server = project.stack.url(project.database).rpartition("@")[2]
    yield project.with_database(f"postgresql://{role}:reads@{server}")
    with project.stack.connect(project.database, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP OWNED BY {} CASCADE").format(sql.Identifier(role)))
        connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))


@pytest.mark.postgresql
def test_a_role_that_can_only_read_names_silent_schedules_as_well(project: Project, reader: Project) -> None:
    reader.etl("check")
    have_silent_schedule(project, FEED)
    told = json.loads(reader.etl("check", "--json", expect=1).stdout)
    assert [(row["kind"], row["feed"], row["incident_id"]) for row in told["incidents"]] == [
        ("silent_schedule", FEED, None)
    ]
    assert f"{FEED}: silent_schedule, error\n" in reader.etl("check", expect=1).stdout
    assert open_incidents(project) == []
    project.etl("check", expect=1)
    assert open_incidents(project) == [(FEED, "silent_schedule")]
