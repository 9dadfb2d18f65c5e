"""A job that fails, dies or recovers opens and resolves its incident with its own row of `etl_log`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from kafka import TopicPartition
from pydantic import SecretStr

from etl.errors import FailureBudgetExceeded, RetentionGap, ServiceUnavailable, TopicMissing
from etl.jobs.consume.job import consume
from etl.jobs.load.job import load
from etl.jobs.merge.job import merge
from etl.jobs.produce.job import produce
from etl.settings import Settings
from tests.support.incidents import NO_QUIET
from tests.support.jobs import run
from tests.support.stack import Project, with_admin


@pytest.fixture(autouse=True)
def _told_at_once(project: Project) -> None:
    project.contract = replace(project.contract, alerts=NO_QUIET)


def incidents(project: Project) -> list[tuple[Any, ...]]:
    """Kind, key, the state of the row that opened it, and of the one that resolved it."""
    return project.sql(
        "SELECT i.kind, i.key, o.status, r.status FROM etl_incident i JOIN etl_log o ON o.log_id = i.opened_by"
        " LEFT JOIN etl_log r ON r.log_id = i.resolved_by"
        " WHERE i.kind IN ('job_failed', 'job_died', 'failure_budget', 'retention_gap') ORDER BY i.incident_id"
    )


def test_a_failed_job_is_an_incident_until_it_ends_well(project: Project) -> None:
    project.delete_topic()
    for _ in range(2):
        with pytest.raises(TopicMissing):
            consume(project.settings, project.contract)
    assert incidents(project) == [("job_failed", "consume", "FAILED", None)]
    cause, remedy, seen = project.sql("SELECT cause, remedy, times_seen FROM etl_incident")[0]
    assert project.topic in cause
    assert remedy
    assert seen == 2
    project.make_topic()
    consume(project.settings, project.contract)
    assert incidents(project) == [("job_failed", "consume", "FAILED", "SUCCESS")]


def test_a_budget_that_is_exceeded_has_a_kind_of_its_own(project: Project) -> None:
    produce(project.settings, project.contract, messages=200, bad_share=0.5, seed=1)
    for job in (consume, merge):
        job(project.settings, project.contract)
    strict = replace(project.contract, failure_budget=0.01)
    with pytest.raises(FailureBudgetExceeded):
        load(project.settings, strict)
    assert ("failure_budget", "load", "FAILED", None) in incidents(project)
    load(project.settings, replace(project.contract, failure_budget=1.0))
    assert ("failure_budget", "load", "FAILED", "SUCCESS") in incidents(project)


def test_messages_that_kafka_deleted_unread_are_an_incident_until_somebody_accepts_that(project: Project) -> None:
    project.send([b"{}"] * 6, partition=0)
    consume(project.settings, project.contract)
    project.send([b"{}"] * 6, partition=0)
    with_admin(project.stack.kafka, lambda admin: admin.delete_records({TopicPartition(project.topic, 0): 9}))
    with pytest.raises(RetentionGap):
        consume(project.settings, project.contract)
    assert incidents(project) == [("retention_gap", "consume", "FAILED", None)]
    consume(project.settings, project.contract, accept_gap="somebody")
    assert incidents(project) == [("retention_gap", "consume", "FAILED", "SUCCESS")]


def without_database(project: Project) -> Settings:
    """Settings of the same home, with a database that does not answer."""
    nobody = SecretStr("postgresql://etl:etl@127.0.0.1:9/etl")
    return project.settings.model_copy(update={"database_url": nobody, "retry_seconds": 0.1})


def test_a_failure_that_was_kept_while_the_database_was_away_is_an_incident_once_it_is_written(
    project: Project,
) -> None:
    with pytest.raises(ServiceUnavailable):
        consume(without_database(project), project.contract)
    merge(project.settings, project.contract)
    assert incidents(project) == [("job_failed", "consume", "FAILED", None)]
    consume(project.settings, project.contract)
    assert incidents(project) == [("job_failed", "consume", "FAILED", "SUCCESS")]


def test_a_kept_failure_is_no_incident_if_the_job_has_succeeded_since(project: Project) -> None:
    with pytest.raises(ServiceUnavailable):
        consume(without_database(project), project.contract)
    elsewhere = project.settings.model_copy(update={"home": project.home.parent / "elsewhere"})
    consume(elsewhere, project.contract)
    merge(project.settings, project.contract)
    assert project.value("SELECT count(*) FROM etl_log WHERE status = 'FAILED'") == 1
    assert incidents(project) == []


def test_a_killed_job_is_an_incident_until_it_ends_well(project: Project) -> None:
    project.cycle(50)
    produce(project.settings, project.contract, messages=50, seed=2)
    consume(project.settings, project.contract)
    merge(project.settings, project.contract)
    run(project.env, "load", failpoint="load.before_commit")
    load(project.settings, project.contract)
    assert incidents(project) == [("job_died", "load", "FAILED", "SUCCESS")]


def test_what_a_person_stops_is_no_incident(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(name: str) -> None:
        if name == "load.before_commit":
            raise KeyboardInterrupt

    produce(project.settings, project.contract, messages=50, seed=2)
    consume(project.settings, project.contract)
    merge(project.settings, project.contract)
    monkeypatch.setattr("etl.storage.failpoints.reached", interrupted)
    with pytest.raises(KeyboardInterrupt):
        load(project.settings, project.contract)
    assert project.value("SELECT count(*) FROM etl_log WHERE status = 'FAILED'") == 1
    assert incidents(project) == []


def test_a_job_that_succeeds_opens_none(project: Project) -> None:
    project.cycle(500, bad_share=0.02)
    assert incidents(project) == []
