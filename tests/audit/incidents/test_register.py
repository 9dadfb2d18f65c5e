"""The register of incidents: opened once, seen again, resolved, and everybody told who is to be told; in one transaction."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, select

from etl.audit.incidents import register
from etl.audit.incidents.finding import Finding, Kind, Look
from etl.audit.incidents.register import Source
from etl.contract.rules.alerts import AlertRules
from etl.database import make_engine, transaction
from etl.database.schema.migrations import migrate
from etl.database.schema.tables.incident_tables import etl_alert, etl_incident
from etl.settings import Settings
from tests.support.stack import Project

AT_ONCE = AlertRules(quiet_seconds=1e-6)
RECEIVERS = "jsons://one.example.org/a jsons://two.example.org/b"


@pytest.fixture
def settings(project: Project) -> Settings:
    return Settings.load(**{**project.settings.model_dump(exclude_unset=True), "alert_urls": RECEIVERS})


@pytest.fixture
def engine(settings: Settings) -> Iterator[Engine]:
    made = make_engine(settings)
    migrate(made)
    yield made
    made.dispose()


def take(
    settings: Settings,
    connection: Connection,
    *keys: str,
    looked_at: str = "",
    rules: AlertRules = AT_ONCE,
    log_id: int = 1,
) -> None:
    findings = tuple(Finding(f"{key} is silent", "Look at it.", key) for key in keys)
    look = Look(Kind.SILENT_SENSOR, findings, frozenset(looked_at.split()) if looked_at else None)
    register.take(
        connection, settings, "tanks", [look], Source(log_id, "c-1", "load", "output/runs/c-1/4_load.ipynb"), rules
    )


def incidents(engine: Engine) -> list[tuple[Any, ...]]:
    found = etl_incident.c
    query = select(found.key, found.opened_by, found.times_seen, found.resolved_by).order_by(found.incident_id)
    with transaction(engine) as connection:
        return [tuple(row) for row in connection.execute(query)]


def messages(engine: Engine) -> list[tuple[str, str]]:
    query = select(etl_alert.c.event, etl_alert.c.receiver).order_by(etl_alert.c.alert_id)
    with transaction(engine) as connection:
        return [tuple(row) for row in connection.execute(query)]


def test_an_incident_is_opened_once_seen_again_and_resolved(settings: Settings, engine: Engine) -> None:
    for log_id, keys in enumerate((["a"], ["a"], [], []), 1):
        with transaction(engine) as connection:
            take(settings, connection, *keys, log_id=log_id)
    assert incidents(engine) == [("a", 1, 2, 3)]
    both = ["jsons://one.example.org", "jsons://two.example.org"]
    assert messages(engine) == [(event, label) for event in ("opened", "resolved") for label in both]


def test_nothing_is_left_of_a_transaction_that_is_rolled_back(settings: Settings, engine: Engine) -> None:
    with engine.connect() as connection:
        take(settings, connection, "a")
        connection.rollback()
    assert incidents(engine) == []
    assert messages(engine) == []


def test_only_what_was_looked_at_is_resolved(settings: Settings, engine: Engine) -> None:
    with transaction(engine) as connection:
        take(settings, connection, "a", "b")
        take(settings, connection, looked_at="a")
    assert [(key, bool(resolved)) for key, _, _, resolved in incidents(engine)] == [("a", True), ("b", False)]


def test_what_comes_and_goes_is_opened_again_only_after_the_quiet_time(settings: Settings, engine: Engine) -> None:
    quiet = AlertRules(quiet_seconds=3600)
    for keys in (["a"], [], ["a"], [], ["a"]):
        with transaction(engine) as connection:
            take(settings, connection, *keys, rules=quiet)
    assert len(incidents(engine)) == 1
    assert len(messages(engine)) == 4
    with transaction(engine) as connection:
        take(settings, connection, "a", rules=AT_ONCE)
    assert len(incidents(engine)) == 2


def test_a_resolution_is_told_to_those_who_were_to_be_told_of_the_opening(settings: Settings, engine: Engine) -> None:
    with transaction(engine) as connection:
        take(settings, connection, "a")
    nobody = settings.model_copy(update={"alert_urls": None})
    nobody.__dict__.pop("receivers", None)
    with transaction(engine) as connection:
        take(nobody, connection)
        take(nobody, connection, "b")
    assert [event for event, _ in messages(engine)] == ["opened", "opened", "resolved", "resolved"]


def test_two_jobs_that_see_the_same_at_the_same_moment_open_one_incident(settings: Settings, engine: Engine) -> None:
    def see(log_id: int) -> None:
        with transaction(engine) as connection:
            take(settings, connection, *(f"s{number}" for number in range(50)), log_id=log_id)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(see, range(4)))
    assert len(incidents(engine)) == 50
    assert len(messages(engine)) == 100


def test_no_secret_is_kept(project: Project, engine: Engine) -> None:
    secret = "Zq8fR2mT1xY7"
    settings = Settings.load(
        **{**project.settings.model_dump(exclude_unset=True), "alert_urls": f"jsons://one.example.org/{secret}"}
    )
    look = Look(Kind.JOB_FAILED, (Finding(f"cannot reach {secret}", f"Call {secret}.", "load"),))
    with transaction(engine) as connection:
        register.take(connection, settings, "tanks", [look], Source())
    texts = project.sql(
        "SELECT i.cause, i.remedy, a.receiver FROM etl_incident i JOIN etl_alert a ON a.incident_id = i.incident_id"
    )
    assert texts == [("cannot reach ***", "Call ***.", "jsons://one.example.org")]
