"""What goes wrong although every job succeeds is an incident; a feed that is well has none."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from etl.jobs.consume.job import consume
from etl.jobs.load.job import load
from etl.jobs.merge.job import merge
from etl.jobs.produce.simulate import SIMULATORS, span
from tests.support.incidents import NO_QUIET, causes, open_incidents
from tests.support.rooms import Rooms, lines
from tests.support.stack import Project

DAY = timedelta(days=1)
MOST_MESSAGES = 6_000
"""Of the feeds that send more in a day, its last hours."""


@pytest.mark.parametrize("name", SIMULATORS)
def test_a_healthy_day_of_a_simulated_feed_opens_no_incident(project: Project, name: str) -> None:
    contract = project.contract if name == project.contract.feed else project.feed(name)
    messages = min(MOST_MESSAGES, round(1_000 * (DAY / span(contract, 1_000))))
    begin = datetime.now(UTC).replace(tzinfo=None) - span(contract, messages)
    project.cycle(messages, contract, seed=20, start=begin.isoformat(" "))
    # A cycle in which nothing came, and one with ten messages of every sender.
    for more in (0, 10 * SIMULATORS[name].senders):
        begin = datetime.now(UTC).replace(tzinfo=None) - span(contract, more)
        project.cycle(more, contract, seed=21, start=begin.isoformat(" "))
    assert project.value("SELECT count(*) FROM etl_log WHERE job_name = 'load' AND records_read > 0") == 2
    assert project.sql("SELECT kind, cause FROM etl_incident") == []


def test_more_unread_than_the_contract_allows_is_an_incident_until_it_is_read(project: Project) -> None:
    rooms = Rooms(project)
    contract = replace(rooms.contract, alerts=replace(NO_QUIET, backlog=0))
    file = rooms.drop("a.csv", *lines(3))
    with file.open("a"):
        consume(project.settings, contract)
    assert open_incidents(project, "backlog") == [""]
    assert causes(project, "backlog")[0].startswith("1 messages or files of ")
    consume(project.settings, contract)
    assert open_incidents(project, "backlog") == []


def test_an_incident_becomes_visible_together_with_its_load(project: Project) -> None:
    """Its readings are of 2018, so that the feed is stale; whoever sees the load as a success sees that as well."""
    rooms = Rooms(project)
    rooms.drop("a.csv", *lines(3))
    consume(project.settings, rooms.contract)
    merge(project.settings, rooms.contract)
    load(project.settings, rooms.contract)
    assert project.sql(
        "SELECT i.kind, l.job_name, l.status, i.cycle_id FROM etl_incident i JOIN etl_log l ON l.log_id = i.opened_by"
        " WHERE i.cycle_id = l.cycle_id"
    ) == [("stale", "load", "SUCCESS", project.log()[-1]["cycle_id"])]
