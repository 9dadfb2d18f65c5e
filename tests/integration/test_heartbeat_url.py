"""Cycles call the URL of a service that notices when they stop."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.support.heartbeat_service import HeartbeatService
from tests.support.stack import Project

SECRET = "c4n4ry-uuid"


@pytest.fixture
def service() -> Iterator[HeartbeatService]:
    with HeartbeatService().up() as listening:
        yield listening


def calling(service: HeartbeatService) -> dict[str, str]:
    return {"ETL_HEARTBEAT_URL": f"{service.url}/{SECRET}", "no_proxy": "127.0.0.1"}


@pytest.mark.timeout(300)
def test_each_cycle_calls_start_and_its_end(project: Project, service: HeartbeatService) -> None:
    run = project.etl(
        "run",
        "room_temperatures",
        "--messages",
        "30",
        "-p",
        "bad_share=0",
        "-p",
        "seed=1",
        expect=0,
        **calling(service),
    )
    (cycle,) = {row["cycle_id"] for row in project.log()}
    load = project.log()[-1]
    assert service.call() == f"/{SECRET}/start?feed=room_temperatures&cycle={cycle}"
    counts = f"read={load['records_read']}&loaded={load['records_processed']}&rejected={load['records_rejected']}"
    assert service.call() == f"/{SECRET}?feed=room_temperatures&cycle={cycle}&{counts}"
    assert load["records_processed"] > 0
    assert not service.was_called
    assert SECRET not in run.stdout + run.stderr


@pytest.mark.timeout(300)
def test_a_failed_cycle_calls_the_failure(project: Project, service: HeartbeatService) -> None:
    project.delete_topic()
    run = project.etl("run", "--messages", "0", expect=1, **calling(service))
    assert re.fullmatch(rf"/{SECRET}/start\?feed=sensor_readings&cycle=[\w-]+", service.call())
    assert service.call().startswith(f"/{SECRET}/fail?feed=sensor_readings&cycle=")
    assert not service.was_called
    assert SECRET not in run.stdout + run.stderr


@pytest.mark.timeout(300)
def test_a_service_that_hangs_fails_no_cycle(project: Project, service: HeartbeatService) -> None:
    service.hang()
    run = project.etl("run", "room_temperatures", "--messages", "0", expect=0, **calling(service))
    assert service.call().startswith(f"/{SECRET}/start?")
    assert {row["status"] for row in project.log()} == {"SUCCESS"}
    assert SECRET not in run.stdout + run.stderr


def test_a_cycle_that_another_process_runs_is_not_reported(project: Project, service: HeartbeatService) -> None:
    from etl.storage.locks import feed_lock

    with feed_lock(project.settings, "room_temperatures", "cycle", what="somebody's cycle"):
        project.etl("run", "room_temperatures", "--every", "1s", "--cycles", "1", expect=0, **calling(service))
    assert not service.was_called
