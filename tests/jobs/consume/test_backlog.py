"""How many messages wait at most, as Kafka and Spark's checkpoint show it; and how many a contract allows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from etl.audit.incidents.finding import Kind
from etl.contract.reader import Contract
from etl.contract.rules.alerts import AlertRules
from etl.contract.sources.kafka_topic import KafkaTopic
from etl.jobs.consume import backlog
from tests.support.messages import cycle, reading
from tests.support.stack import Project


def test_what_the_checkpoint_has_not_passed_waits(project: Project) -> None:
    project.send([reading(i) for i in range(5)])
    assert backlog.at_most(project.settings, project.contract) == 5
    cycle(project)
    assert backlog.at_most(project.settings, project.contract) == 0
    project.send([reading(9)])
    assert backlog.at_most(project.settings, project.contract) == 1


def test_a_topic_that_is_missing_has_no_messages(project: Project) -> None:
    source = project.contract.source
    assert isinstance(source, KafkaTopic)
    missing = replace(project.contract, source=replace(source, topic=f"{source.topic}-missing"))
    assert backlog.at_most(project.settings, missing) == 0


@pytest.mark.parametrize(
    ("most", "unread", "is_too_much"), [(None, 10**9, False), (5, 5, False), (5, 6, True), (0, 0, False)]
)
def test_more_than_the_contract_allows_is_too_much(
    contract: Contract, most: int | None, unread: int, is_too_much: bool
) -> None:
    seen = backlog.look_at(replace(contract, alerts=AlertRules(backlog=most)), unread)
    assert (seen.kind, seen.keys, len(seen.findings)) == (Kind.BACKLOG, None, int(is_too_much))
