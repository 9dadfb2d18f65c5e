"""The outbox is worked off: in order, each message once, and no receiver waits for another."""

from __future__ import annotations

import signal
from datetime import UTC, datetime, timedelta

from sqlalchemy import update

from etl.audit.incidents.finding import Kind
from etl.database import make_engine, transaction, try_lock_feed
from etl.database.schema.tables.incident_tables import etl_alert
from etl.operations.alerts.mutes import mute, unmute
from etl.operations.alerts.send import Sent, send, send_test
from tests.support.alerts import Webhook, see, states, telling
from tests.support.jobs import Command
from tests.support.stack import Project


def subjects(webhook: Webhook) -> list[str]:
    return [message.subject for message in webhook.messages]


def test_an_incident_is_told_once_when_it_opens_and_once_when_it_is_over(told: Project, webhook: Webhook) -> None:
    for keys in ([""], [""], [], []):
        see(told, Kind.STALE, *keys)
    assert send(told.settings) == [Sent(webhook.label, 2)]
    assert subjects(webhook) == ["[tanks] stale: opened", "[tanks] stale: resolved"]
    assert send(told.settings) == [Sent(webhook.label, 0)]
    assert webhook.calls == 2
    assert states(told) == [("opened", "SENT"), ("resolved", "SENT")]


def test_five_are_told_singly_and_six_in_one_digest(told: Project, webhook: Webhook) -> None:
    see(told, Kind.SILENT_SENSOR, *"abcde")
    assert send(told.settings) == [Sent(webhook.label, 5)]
    assert webhook.calls == 5
    see(told, Kind.SILENT_SENSOR, *"fghijk")
    # Five are over, and six have come.
    assert send(told.settings) == [Sent(webhook.label, 11)]
    assert subjects(webhook)[5:] == ["[tanks] 6 opened, 5 resolved"]
    assert len(webhook.messages[-1].told) == 11
    assert {state for _, state in states(told)} == {"SENT"}


def test_a_receiver_that_refuses_gets_everything_later_and_in_order(told: Project, webhook: Webhook) -> None:
    webhook.mode = "refuses"
    see(told, Kind.STALE, "")
    (sent,) = send(told.settings)
    assert (sent.events, "500" in sent.error, webhook.calls) == (0, True, 1)
    see(told, Kind.STALE)
    assert send(told.settings, early=False) == [Sent(webhook.label, 0)]
    assert webhook.calls == 1, "it is left alone for a while"
    send(told.settings)
    assert webhook.calls == 2, "unless somebody wants it now"
    assert states(told) == [("opened", "WAITING"), ("resolved", "WAITING")]
    assert told.sql("SELECT attempts FROM etl_alert ORDER BY alert_id") == [(2,), (0,)]
    webhook.mode = "takes"
    assert send(told.settings) == [Sent(webhook.label, 2)]
    assert subjects(webhook) == ["[tanks] stale: opened", "[tanks] stale: resolved"]
    assert told.sql("SELECT attempts, last_error FROM etl_alert ORDER BY alert_id") == [(3, None), (1, None)]


def test_no_receiver_waits_for_another(project: Project, webhook: Webhook) -> None:
    absent = Webhook()
    told = telling(project, absent.url, webhook.url)
    see(told, Kind.STALE, "")
    first, second = send(told.settings)
    assert (first.receiver, first.events) == (absent.label, 0)
    assert first.error
    assert second == Sent(webhook.label, 1)
    with absent.up():
        assert [sent.events for sent in send(told.settings)] == [1, 0]


def test_nobody_is_told_of_what_came_and_went_while_it_was_muted(told: Project, webhook: Webhook) -> None:
    mute(told.settings, "stale", "tanks", "2h")
    see(told, Kind.STALE, "")
    see(told, Kind.STALE, "", feed="rooms")
    see(told, Kind.BACKLOG, "")
    assert send(told.settings) == [Sent(webhook.label, 2)]
    assert subjects(webhook) == ["[rooms] stale: opened", "[tanks] backlog: opened"]
    see(told, Kind.STALE)
    send(told.settings)
    unmute(told.settings, "stale", "tanks")
    assert send(told.settings) == [Sent(webhook.label, 0)]
    assert sorted(states(told)) == [
        ("opened", "MUTED"),
        ("opened", "SENT"),
        ("opened", "SENT"),
        ("resolved", "MUTED"),
    ]


def test_what_is_open_still_after_the_mute_is_told_then(told: Project, webhook: Webhook) -> None:
    mute(told.settings, "all", "", "2h")
    see(told, Kind.STALE, "")
    assert send(told.settings) == [Sent(webhook.label, 0)]
    unmute(told.settings, "all", "")
    assert send(told.settings) == [Sent(webhook.label, 1)]
    # Who was told of an incident is told of its end, if only after the mute.
    mute(told.settings, "stale", "", "2h")
    see(told, Kind.STALE)
    assert send(told.settings) == [Sent(webhook.label, 0)]
    unmute(told.settings, "stale", "")
    assert send(told.settings) == [Sent(webhook.label, 1)]
    assert subjects(webhook) == ["[tanks] stale: opened", "[tanks] stale: resolved"]


def test_messages_for_a_receiver_that_is_not_set_any_more_wait_a_week(told: Project, project: Project) -> None:
    see(told, Kind.STALE, "")
    other = telling(project, Webhook().url)
    send(other.settings)
    assert states(told) == [("opened", "WAITING")]
    engine = make_engine(told.settings)
    with transaction(engine) as connection:
        connection.execute(update(etl_alert).values(created_at=datetime.now(UTC) - timedelta(days=8)))
    engine.dispose()
    send(other.settings)
    assert states(told) == [("opened", "DROPPED")]


def test_a_receiver_is_left_to_the_process_that_is_sending_to_it(told: Project, webhook: Webhook) -> None:
    see(told, Kind.STALE, "")
    engine = make_engine(told.settings)
    with transaction(engine) as connection:
        assert try_lock_feed(connection, f"alerts to {webhook.label}")
        assert send(told.settings) == [Sent(webhook.label, 0)]
        assert webhook.calls == 0
    engine.dispose()
    assert send(told.settings) == [Sent(webhook.label, 1)]


def test_killed_between_delivery_and_record_it_comes_twice_and_no_more(told: Project, webhook: Webhook) -> None:
    see(told, Kind.STALE, "")
    killed = Command({**told.env, "ETL_FAILPOINT": "alerts.delivered"}, "alerts", "send")
    assert killed.wait() == -signal.SIGKILL
    assert states(told) == [("opened", "WAITING")]
    while not send(told.settings)[0].events:
        # The server has not noticed yet that the killed process is gone, and with it its lock.
        pass
    assert send(told.settings) == [Sent(webhook.label, 0)]
    assert subjects(webhook) == ["[tanks] stale: opened"] * 2


def test_a_test_message_needs_no_database(told: Project, webhook: Webhook) -> None:
    assert send_test(told.with_database("postgresql://u@127.0.0.1:9/d").settings) == [Sent(webhook.label, 1)]
    assert subjects(webhook) == ["etl: test message"]
