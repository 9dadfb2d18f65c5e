"""Sending is started beside the cycles, which neither wait for it nor fail because of it."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest
from structlog.testing import capture_logs

from etl.audit.incidents.finding import Kind
from etl.operations.alerts.background import start_sending
from etl.operations.alerts.send import send
from etl.settings import Settings
from tests.support.alerts import TOKEN, Webhook, see
from tests.support.stack import Project

NOWHERE = "postgresql://u@127.0.0.1:9/d"


@pytest.fixture
def told_from_outside(told: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The settings are those of this process, as the command line has them."""
    for name, value in told.env.items():
        monkeypatch.setenv(name, value)
    return told


def test_what_waits_is_sent_by_another_process(told_from_outside: Project, webhook: Webhook) -> None:
    see(told_from_outside, Kind.STALE, "")
    start_sending(told_from_outside.settings)
    assert [message.subject for message in webhook.wait_for(1)] == ["[tanks] stale: opened"]


def test_a_receiver_that_hangs_is_not_waited_for(told_from_outside: Project, webhook: Webhook) -> None:
    webhook.mode = "hangs"
    see(told_from_outside, Kind.STALE, "")
    before = {*psutil.Process().children()}
    start_sending(told_from_outside.settings)
    (sender,) = {*psutil.Process().children()} - before
    assert sender.status() != psutil.STATUS_ZOMBIE, "it is still sending"
    webhook.wait_for_call()


def test_nothing_is_started_where_nothing_is_due(told_from_outside: Project, webhook: Webhook) -> None:
    start_sending(told_from_outside.settings)
    webhook.mode = "refuses"
    see(told_from_outside, Kind.STALE, "")
    send(told_from_outside.settings)
    before = {child.pid for child in psutil.Process().children()}
    start_sending(told_from_outside.settings)
    assert {child.pid for child in psutil.Process().children()} <= before
    assert webhook.calls == 1


def test_without_receivers_the_database_is_not_asked(tmp_path: Path) -> None:
    with capture_logs() as logged:
        start_sending(Settings.load(home=tmp_path, database_url=NOWHERE))
    assert logged == []


def test_a_database_that_is_away_is_logged_and_fails_nothing(tmp_path: Path) -> None:
    settings = Settings.load(home=tmp_path, database_url=NOWHERE, alert_urls=Webhook().url)
    with capture_logs() as logged:
        start_sending(settings)
    assert [line["event"] for line in logged] == ["messages about incidents wait"]
    assert "127.0.0.1:9" in logged[0]["cause"]
    assert TOKEN not in str(logged)
