"""`alerts`: what is printed, and the exit codes."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from etl.audit.incidents.finding import Kind
from tests.support.alerts import TOKEN, Webhook, see, telling
from tests.support.stack import Project


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    with Webhook().up() as hook:
        yield hook


@pytest.fixture
def told(project: Project, webhook: Webhook) -> Project:
    return telling(project, webhook.url)


def test_the_list_shows_incidents_and_who_was_told(told: Project, webhook: Webhook) -> None:
    assert told.etl("alerts", "list").stdout == "No incident is open.\n"
    assert told.etl("alerts", "list", "--all").stdout == "There was no incident.\n"
    see(told, Kind.SILENT_SENSOR, "tank [b]7[/b]", cause="Sensor [7] has not reported.")
    see(told, Kind.STALE, "", feed="rooms")
    told.etl("alerts", "send")
    see(told, Kind.STALE, feed="rooms")
    lines = told.etl("alerts", "list").stdout.splitlines()
    assert lines[0].split()[:4] == ["id", "feed", "kind", "about"]
    assert len(lines) == 2
    assert "tank [b]7[/b]" in lines[1]
    assert lines[1].endswith("1 of 1  Sensor [7] has not reported.")
    everything = told.etl("alerts", "list", "--all").stdout.splitlines()
    assert [line.split()[1] for line in everything[1:]] == ["rooms", "tanks"]
    assert "0 of 1" in everything[1], "its end was not told yet"
    assert told.etl("alerts", "list", "--all", "--feed", "nothing").stdout == "There was no incident.\n"
    found = json.loads(told.etl("alerts", "list", "--json").stdout)
    assert [row["key"] for row in found["incidents"]] == ["tank [b]7[/b]"]
    assert found["incidents"][0]["alerts"][0]["receiver"] == webhook.label
    assert found["mutes"] == []


def test_sending_ends_with_1_where_a_receiver_does_not_take_it(told: Project, webhook: Webhook) -> None:
    assert told.etl("alerts", "send").stdout == f"{webhook.label}: 0 sent\n"
    webhook.mode = "refuses"
    see(told, Kind.STALE, "")
    refused = told.etl("alerts", "send", expect=1)
    assert refused.stdout.startswith(f"{webhook.label}: nothing sent; not taken: ")
    listed = told.etl("alerts", "list").stdout.splitlines()[-1]
    assert listed.startswith(f"{webhook.label} did not take its messages (")
    assert "attempts: 1" in listed
    webhook.mode = "takes"
    silent = told.etl("alerts", "send", "--quiet")
    assert (silent.stdout, silent.stderr, webhook.messages) == ("", "", [])
    assert told.etl("alerts", "send").stdout == f"{webhook.label}: 1 sent\n"
    assert TOKEN not in refused.stdout + refused.stderr


def test_a_test_message_tells_which_receivers_work(told: Project, webhook: Webhook) -> None:
    absent = Webhook()
    both = telling(told, webhook.url, absent.url)
    lines = both.etl("alerts", "test", expect=1).stdout.splitlines()
    assert lines[0] == f"{webhook.label}: 1 sent"
    assert lines[1].startswith(f"{absent.label}: nothing sent; not taken: ")
    assert told.etl("alerts", "test").stdout == f"{webhook.label}: 1 sent\n"
    assert len(webhook.messages) == 2


def test_without_receivers_it_says_so(told: Project) -> None:
    assert "ETL_ALERT_URLS is not set" in told.etl("alerts", "test", expect=2, ETL_ALERT_URLS="").stderr
    assert "ETL_ALERT_URLS is not set" in told.etl("alerts", "send", ETL_ALERT_URLS="").stdout


def test_a_kind_is_muted_and_unmuted(told: Project, webhook: Webhook) -> None:
    muted = told.etl("alerts", "mute", "stale", "--feed", "tanks", "--for", "2h").stdout
    assert muted.startswith("stale of tanks is muted until ")
    see(told, Kind.STALE, "")
    told.etl("alerts", "send")
    assert webhook.messages == []
    listed = told.etl("alerts", "list").stdout.splitlines()[-1]
    assert listed.startswith("Muted by ")
    assert listed.endswith(": stale of tanks.")
    assert "is not muted" in told.etl("alerts", "unmute", "stale", expect=2).stderr
    told.etl("alerts", "unmute", "stale", "--feed", "tanks")
    assert [message.subject for message in webhook.wait_for(1)] == ["[tanks] stale: opened"]
    assert "no kind of incident" in told.etl("alerts", "mute", "stail", "--for", "2h", expect=2).stderr


def test_a_schedule_that_is_not_wanted_any_more_is_forgotten(told: Project, webhook: Webhook) -> None:
    see(told, Kind.SILENT_SCHEDULE, "")
    told.etl("alerts", "send")
    assert told.etl("alerts", "forget-schedule", "tanks").stdout == "No schedule of tanks was expected.\n"
    assert webhook.wait_for(2)[-1].subject == "[tanks] silent_schedule: resolved"
