"""A load of which too many rows are rejected is an incident until a better one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from etl.audit.counts import Counts
from etl.contract.model import EvolvedContract
from etl.contract.reader import Contract
from etl.jobs.load.conditions import quarantine_growth
from etl.jobs.load.conditions.base import LoadEnd
from etl.jobs.load.job import load
from tests.support.incidents import NO_QUIET, causes, open_incidents
from tests.support.readings import load_readings, reading
from tests.support.stack import Project

UNUSED: Any = None


@pytest.mark.parametrize(("read", "rejected"), [(100, 0), (19, 19), (100, 20), (1_000_000, 200_000)])
def test_few_rows_or_a_small_share_are_none(contract: Contract, read: int, rejected: int) -> None:
    counts = Counts(read, read - rejected, rejected)
    seen = quarantine_growth.look(UNUSED, LoadEnd(EvolvedContract.of(contract), 1, counts, None, has_tables=True))
    assert seen is not None
    # Nothing is said of items that are set aside: their incidents have other keys.
    assert seen.findings == ()
    assert seen.keys == frozenset({""})


def test_a_load_of_nothing_shows_nothing(contract: Contract) -> None:
    end = LoadEnd(EvolvedContract.of(contract), 1, Counts(), None, has_tables=True)
    assert quarantine_growth.look(UNUSED, end) is None


def test_many_rejected_rows_are_an_incident_with_their_reasons(project: Project) -> None:
    good = [reading(sensor, "09:00:00") for sensor in range(1, 76)]
    hot = [reading(sensor, "09:00:00", 99.5) for sensor in range(76, 80)]
    warm = [{**reading(sensor, "09:00:00"), "temperature": "warm"} for sensor in range(80, 101)]
    load_readings(project, [*good, *hot, *warm], alerts=NO_QUIET)
    assert open_incidents(project, "quarantine_growth") == [""]
    assert causes(project, "quarantine_growth") == [
        "25 of 100 rows of the load were rejected, more than 20.0%: wrong_type 21, out_of_range 4."
    ]
    load(project.settings, replace(project.contract, alerts=NO_QUIET))
    assert open_incidents(project, "quarantine_growth") == [""]
    load_readings(project, [reading(1, "09:00:10")], alerts=NO_QUIET)
    assert open_incidents(project, "quarantine_growth") == []
