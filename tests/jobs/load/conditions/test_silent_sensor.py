"""Sensors that stop are named by the next load that shows it, and no longer when they speak again."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from etl.jobs.load.conditions.silent_sensor import MOST_NAMED
from etl.jobs.load.job import load
from tests.support.incidents import NO_QUIET, causes, open_incidents, reported
from tests.support.readings import load_readings
from tests.support.stack import Project


@pytest.fixture
def begin() -> datetime:
    """Five minutes ago: readings from then on are not stale, and older than three intervals of 10 seconds."""
    return datetime.now(UTC) - timedelta(minutes=5)


def silent(project: Project) -> list[str]:
    return open_incidents(project, "silent_sensor")


def test_a_sensor_that_stops_is_named_after_three_intervals_until_it_speaks_again(
    project: Project, begin: datetime
) -> None:
    load_readings(project, reported(begin, [1, 2, 3], range(0, 60, 10)), alerts=NO_QUIET)
    load_readings(project, reported(begin, [1, 2], [60, 70, 79]), alerts=NO_QUIET)
    assert silent(project) == []
    load_readings(project, reported(begin, [1, 2], [89]), alerts=NO_QUIET)
    assert silent(project) == ["3"]
    (cause,) = causes(project, "silent_sensor")
    assert cause.startswith(f"Sensor 3 last reported at {begin + timedelta(seconds=50):%Y-%m-%d %H:%M:%S} UTC")
    assert "3 times its interval (10s)" in cause
    load_readings(project, reported(begin, [3], [95]), alerts=NO_QUIET)
    assert silent(project) == []


def test_the_contract_says_after_how_many_intervals(project: Project, begin: datetime) -> None:
    rules = replace(NO_QUIET, silent_intervals=10)
    load_readings(project, reported(begin, [1, 2], [0]), alerts=rules)
    load_readings(project, reported(begin, [1], [99]), alerts=rules)
    assert silent(project) == []
    load_readings(project, reported(begin, [1], [101]), alerts=rules)
    assert silent(project) == ["2"]


def test_where_many_stop_at_once_one_incident_says_so(project: Project, begin: datetime) -> None:
    many = range(1, MOST_NAMED + 3)
    load_readings(project, reported(begin, [*many, 100], [0]), alerts=NO_QUIET)
    load_readings(project, reported(begin, [*many[1:], 100], [60]), alerts=NO_QUIET)
    assert silent(project) == ["1"]
    load_readings(project, reported(begin, [100], [120]), alerts=NO_QUIET)
    assert silent(project) == ["", "1"]
    load_readings(project, reported(begin, many[2:], [130]), alerts=NO_QUIET)
    assert silent(project) == ["1", "2"]
    load_readings(project, reported(begin, many, [131]), alerts=NO_QUIET)
    assert silent(project) == []


def test_where_the_whole_feed_stops_no_sensor_is_named(project: Project, begin: datetime) -> None:
    strict = {"alerts": NO_QUIET, "freshness_seconds": 60.0}
    load_readings(project, reported(begin, [1, 2], [0]), **strict)
    load_readings(project, reported(begin, [1], [60]), **strict)
    assert (open_incidents(project, "stale"), silent(project)) == ([""], [])
    # With a contract by which the feed is not stale, it is the sensor that has stopped.
    load(project.settings, replace(project.contract, alerts=NO_QUIET))
    assert (open_incidents(project, "stale"), silent(project)) == ([], ["2"])


def test_without_windows_per_sensor_nothing_is_searched_and_nothing_stays_open(
    project: Project, begin: datetime
) -> None:
    load_readings(project, reported(begin, [1, 2], [0]), alerts=NO_QUIET)
    load_readings(project, reported(begin, [1], [60]), alerts=NO_QUIET)
    assert silent(project) == ["2"]
    load_readings(project, reported(begin, [1], [70]), alerts=NO_QUIET, windows=None)
    assert silent(project) == []
