"""One message to one receiver, whatever that does."""

from __future__ import annotations

from pathlib import Path

import pytest

from etl.operations.alerts.deliver import deliver
from etl.operations.alerts.texts import Text
from etl.settings import Settings
from tests.support.alerts import TOKEN, Mailbox, Message, Webhook
from tests.support.watching import watching_processes

TEXT = Text("[tanks] stale: opened", "Cause: <it> & „that“ are *not* fresh.\nRemedy: Look at it.", "warning")
TAKEN = [Message(TEXT.subject, TEXT.body)]


def sent(url: str, home: Path, **options: float) -> str:
    settings = Settings.load(home=home, alert_urls=url)
    return deliver(settings, settings.receivers[0], TEXT, **options)


def test_a_mail_arrives_as_it_is(tmp_path: Path) -> None:
    with Mailbox().up() as mailbox:
        assert sent(mailbox.url, tmp_path) == ""
        assert mailbox.wait_for(1) == TAKEN


def test_a_webhook_gets_it_and_nobody_sees_the_url(webhook: Webhook, tmp_path: Path) -> None:
    with watching_processes() as seen:
        webhook.on_call = seen.look
        assert sent(webhook.url, tmp_path) == ""
    assert webhook.messages == TAKEN
    assert any(b"messenger.py" in line for line in seen.command_lines)
    assert [line for line in seen.command_lines if TOKEN.encode() in line] == []


def test_nothing_is_left_on_the_disk(webhook: Webhook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "TMPDIR"):
        monkeypatch.setenv(name, str(tmp_path))
    assert sent(webhook.url, tmp_path) == ""
    assert list(tmp_path.iterdir()) == []


def test_one_that_refuses_says_why_without_its_secret(webhook: Webhook, tmp_path: Path) -> None:
    webhook.mode = "refuses"
    reason = sent(webhook.url, tmp_path)
    assert "500" in reason
    assert TOKEN not in reason
    assert webhook.messages == []


def test_nonsense_is_no_success(webhook: Webhook, tmp_path: Path) -> None:
    webhook.mode = "answers nonsense"
    reason = sent(webhook.url, tmp_path)
    assert reason
    assert TOKEN not in reason


def test_one_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert "onnection error" in sent(Webhook().url, tmp_path)
    assert "onnection error" in sent(Mailbox().url, tmp_path)


def test_one_that_never_ends_its_answer_is_given_up(webhook: Webhook, tmp_path: Path) -> None:
    webhook.mode = "hangs"
    assert sent(webhook.url, tmp_path, seconds=15.0) == "no answer within 15 s"
    assert webhook.calls == 1


@pytest.mark.parametrize("url", [f"nosuch://{TOKEN}/x", TOKEN, f"slack://{TOKEN}"])
def test_a_url_that_apprise_cannot_use_is_not_shown(tmp_path: Path, url: str) -> None:
    reason = sent(url, tmp_path)
    assert reason.startswith("apprise cannot use this URL")
    assert TOKEN not in reason
