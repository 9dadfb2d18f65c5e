"""What a load saw counts when it is committed, and not otherwise."""

from __future__ import annotations

from dataclasses import replace

import pytest

from etl.errors import IntegrityError
from etl.jobs.load.job import load
from tests.support.incidents import NO_QUIET, open_incidents
from tests.support.readings import load_readings, reading
from tests.support.stack import Project


def test_what_an_archive_showed_that_was_rolled_back_does_not_count(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(name: str) -> None:
        if name == "load.before_commit":
            raise IntegrityError("The archive is broken.")

    strict = replace(project.contract, fleet=None, alerts=replace(NO_QUIET, min_score=95))
    bad = [{**reading(sensor, "09:00:00"), "temperature": "warm"} for sensor in (1, 2, 3)]
    monkeypatch.setattr("etl.storage.failpoints.reached", fails)
    with pytest.raises(IntegrityError):
        load_readings(project, [*bad, reading(4, "09:00:00")], fleet=None, alerts=strict.alerts)
    # The second time it is set aside, and the job ends well with nothing loaded.
    assert load(project.settings, strict).counts.read == 0
    assert open_incidents(project, "low_quality") == []
    assert open_incidents(project, "stale") == []
    assert len(open_incidents(project, "quarantine_growth")) == 1
