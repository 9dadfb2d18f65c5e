"""A load whose quality score is too low is an incident until a better one."""

from __future__ import annotations

from dataclasses import replace

from etl.jobs.load.job import load
from tests.support.incidents import NO_QUIET, causes, open_incidents
from tests.support.readings import load_readings, reading
from tests.support.stack import Project


def test_a_low_score_is_an_incident_until_a_load_has_a_better_one(project: Project) -> None:
    rules = replace(NO_QUIET, min_score=95)
    bad = [{**reading(sensor, "09:00:00"), "temperature": "warm"} for sensor in (1, 2, 3)]
    score = load_readings(project, [*bad, reading(4, "09:00:00")], fleet=None, alerts=rules).score["score"]
    assert score < 95
    assert open_incidents(project, "low_quality") == [""]
    assert causes(project, "low_quality")[0].startswith(
        f"The quality score of the load is {score:.1f}, below 95: completeness"
    )
    # A load of nothing has no score, and says nothing about that of the last one.
    load(project.settings, replace(project.contract, fleet=None, alerts=rules))
    assert open_incidents(project, "low_quality") == [""]
    load_readings(project, [reading(4, "09:00:10")], fleet=None, alerts=rules)
    assert open_incidents(project, "low_quality") == []


def test_the_default_limit_allows_a_feed_of_which_few_sensors_report(project: Project) -> None:
    score = load_readings(project, [reading(1, "09:00:00")]).score
    assert score["completeness"] == 1
    assert open_incidents(project, "low_quality") == []
