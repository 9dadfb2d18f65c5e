"""A feed is stale when its newest reading is older than its contract promises."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from etl.audit.counts import Counts
from etl.audit.incidents.finding import Kind
from etl.contract.model import EvolvedContract
from etl.contract.reader import Contract
from etl.jobs.load.conditions import stale
from etl.jobs.load.conditions.base import LoadEnd
from etl.jobs.load.job import load
from tests.support.incidents import NO_QUIET, causes, open_incidents, reported
from tests.support.readings import load_readings
from tests.support.stack import Project

UNUSED: Any = None


@pytest.mark.parametrize(
    ("age_seconds", "promised", "is_stale"),
    [(600, 600.0, False), (601, 600.0, True), (601, None, False), (None, 600.0, False), (-60, 600.0, False)],
)
def test_the_newest_reading_is_held_to_the_latency(
    contract: Contract,
    monkeypatch: pytest.MonkeyPatch,
    age_seconds: int | None,
    promised: float | None,
    is_stale: bool,
) -> None:
    now = datetime.now(UTC)
    monkeypatch.setattr("etl.jobs.load.conditions.base.datetime", SimpleNamespace(now=lambda _: now))
    evolved = EvolvedContract.of(replace(contract, freshness_seconds=promised))
    newest = None if age_seconds is None else now - timedelta(seconds=age_seconds)
    seen = stale.look(UNUSED, LoadEnd(evolved, 1, Counts(), newest, has_tables=True))
    assert seen.kind == Kind.STALE
    assert [finding.key for finding in seen.findings] == ([""] if is_stale else [])


def test_a_stale_feed_is_an_incident_until_a_new_reading_is_loaded(project: Project) -> None:
    contract = replace(project.contract, alerts=NO_QUIET)
    begin = datetime.now(UTC) - timedelta(minutes=30)
    load_readings(project, reported(begin, [1], [0]), alerts=NO_QUIET)
    assert open_incidents(project, "stale") == [""]
    load(project.settings, contract)
    assert open_incidents(project, "stale") == [""]
    assert project.sql("SELECT times_seen FROM etl_incident WHERE kind = 'stale'") == [(2,)]
    load_readings(project, reported(datetime.now(UTC), [1], [-10]), alerts=NO_QUIET)
    assert open_incidents(project, "stale") == []
    (cause,) = causes(project, "stale")
    assert f"{begin:%Y-%m-%d %H:%M:%S} UTC" in cause
    assert "at most 10m old" in cause
