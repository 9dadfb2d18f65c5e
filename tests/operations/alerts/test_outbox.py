"""When a receiver is tried again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from etl.audit.incidents.finding import Kind
from etl.database import make_engine, transaction
from etl.operations.alerts import outbox
from tests.support.alerts import Webhook, see
from tests.support.stack import Project


@pytest.mark.parametrize(("attempts", "seconds"), [(0, 30), (1, 60), (6, 1920), (7, 3600), (40, 3600), (10**6, 3600)])
def test_the_pause_doubles_up_to_an_hour(told: Project, webhook: Webhook, attempts: int, seconds: int) -> None:
    see(told, Kind.STALE, "")
    now, labels = datetime.now(UTC), [webhook.label]
    engine = make_engine(told.settings)
    with transaction(engine) as connection:
        (message,) = outbox.waiting(connection, webhook.label, now)
        assert (message["event"], message["attempts"], message["feed"]) == ("opened", 0, "tanks")
        outbox.put_off(connection, [{**message, "attempts": attempts}], "x" * 1_000, now)
        moment = timedelta(seconds=1)
        later = now + timedelta(seconds=seconds)
        assert outbox.due_receivers(connection, labels, later - moment) == []
        assert outbox.due_receivers(connection, labels, later + moment) == labels
        assert outbox.due_receivers(connection, labels, now, early=True) == labels
        assert outbox.due_receivers(connection, [], now, early=True) == []
    engine.dispose()
    assert told.sql("SELECT attempts, last_error FROM etl_alert") == [(1, "x" * 500)]


def test_what_comes_after_a_failure_waits_for_the_same_attempt(told: Project, webhook: Webhook) -> None:
    see(told, Kind.STALE, "")
    now, labels = datetime.now(UTC), [webhook.label]
    engine = make_engine(told.settings)
    with transaction(engine) as connection:
        outbox.put_off(connection, outbox.waiting(connection, webhook.label, now), "it is down", now)
    see(told, Kind.STALE)
    with transaction(engine) as connection:
        waiting = outbox.waiting(connection, webhook.label, now)
        assert [message["event"] for message in waiting] == ["opened", "resolved"]
        assert outbox.due_receivers(connection, labels, datetime.now(UTC)) == []
    engine.dispose()
