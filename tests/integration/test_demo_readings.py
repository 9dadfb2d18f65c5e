"""Simulated readings for the dashboards: for feeds that have never run, and only where nothing is real."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from etl.contract.reader import load_contracts
from etl.operations import demo
from etl.services.process import write_private
from etl.settings import Settings
from tests.support.stack import JARS, Project


@pytest.fixture
def settings(project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Settings]:
    """A home whose services are embedded ones."""
    home = tmp_path / "embedded"
    monkeypatch.setenv("ETL_HOME", str(home))
    monkeypatch.setenv("ETL_JARS", str(JARS))
    settings = Settings.load()
    settings.services.mkdir(parents=True)
    endpoints = {"kafka_bootstrap": project.stack.kafka, "database_url": project.stack.url(project.database)}
    write_private(settings.endpoints_file, json.dumps(endpoints))
    project.etl("init")
    yield settings
    # `run` starts what this home lacks.
    project.etl("down", "--delete-data", ETL_HOME=str(home))


def names(settings: Settings) -> list[str]:
    return [contract.feed for contract in demo.lacking(settings, load_contracts(settings))]


@pytest.mark.postgresql
def test_a_feed_gets_readings_once_and_with_something_to_see(project: Project, settings: Settings) -> None:
    assert names(settings) == list(demo.MESSAGES)
    rooms = load_contracts(settings)["room_temperatures"]
    (cycle,) = demo.load(settings, [rooms])
    assert cycle.error is None
    assert project.value("SELECT count(*) FROM room_temperatures") > 7_000
    assert project.value("SELECT count(*) FROM etl_anomaly") > 0
    assert project.value("SELECT count(*) FROM etl_rejected_row") > 0
    newest = project.value("SELECT max(noted_date) FROM room_temperatures")
    assert timedelta(0) <= datetime.now(UTC) - newest <= timedelta(minutes=10)
    assert names(settings) == [feed for feed in demo.MESSAGES if feed != "room_temperatures"]


@pytest.mark.postgresql
def test_nothing_is_made_up_beside_real_readings(project: Project, settings: Settings) -> None:
    folder = settings.home / "landing" / "room_temperatures"
    folder.mkdir(parents=True)
    (folder / "a.csv").write_text("id,room_id/id,noted_date,temp,out/in\n1,Lab,20-06-2026 10:01,20,In\n")
    project.etl("run", "room_temperatures", "--messages", "0", ETL_HOME=str(settings.home))
    assert names(settings) == []


def test_nothing_is_made_up_on_services_of_your_own(project: Project) -> None:
    project.etl("init")
    assert demo.lacking(project.settings, load_contracts(project.settings)) == []
