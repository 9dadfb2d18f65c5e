"""Sends what waits in the outbox, and records each message as soon as its receiver has taken it.

It comes twice only where this process is killed between the two. A receiver that does not take a message is left alone for a
while; the others get theirs.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine

from etl.database import dispose, make_engine, transaction, try_lock_feed
from etl.database.schema.migrations import require_current
from etl.errors import ConfigurationError
from etl.operations.alerts import outbox
from etl.operations.alerts.deliver import deliver
from etl.operations.alerts.texts import TEST, digest_of, text_of
from etl.settings import Settings
from etl.settings.receivers import Receiver
from etl.storage import failpoints

_MOST_SINGLE = 5
"""If more messages than this wait for a receiver, it gets one digest of them."""


@dataclass(frozen=True)
class Sent:
    """What a receiver was sent: how many events of incidents, and why it did not take the rest."""

    receiver: str
    events: int = 0
    error: str = ""


def send(settings: Settings, *, early: bool = True) -> list[Sent]:
    """Work the outbox off; returns what each receiver of the settings got.

    What another process is sending already is left to it: it looks again before it ends.

    :param early: also try receivers that failed lately.
    :raises ServiceUnavailable: the database does not answer.
    :raises ConfigurationError: the audit tables are missing.
    """
    receivers = {receiver.label: receiver for receiver in settings.receivers}
    left, events, errors = set(receivers), Counter[str](), dict[str, str]()
    engine = make_engine(settings, application="alerts")
    try:
        with transaction(engine) as connection:
            require_current(connection)
            outbox.settle(connection, receivers.keys(), datetime.now(UTC))
        while due := _due(engine, left, early=early):
            for label in due:
                with transaction(engine) as holding:
                    # No feed is named like this.
                    if not try_lock_feed(holding, f"alerts to {label}"):
                        left.discard(label)
                        continue
                    number, errors[label] = _work_off(engine, settings, receivers[label])
                events[label] += number
                if errors[label]:
                    left.discard(label)
    finally:
        dispose(engine)
    return [Sent(label, events[label], errors.get(label, "")) for label in receivers]


def send_test(settings: Settings) -> list[Sent]:
    """Send a test message to each receiver; needs no database.

    :raises ConfigurationError: no receiver is set.
    """
    if not settings.receivers:
        raise ConfigurationError(
            "ETL_ALERT_URLS is not set: nobody is told of incidents.",
            remedy="Set it to the URLs of the receivers, separated by blanks (docs/alerts.md).",
        )
    errors = {receiver.label: deliver(settings, receiver, TEST) for receiver in settings.receivers}
    return [Sent(label, int(not error), error) for label, error in errors.items()]


def _due(engine: Engine, labels: set[str], *, early: bool) -> list[str]:
    with transaction(engine) as connection:
        return outbox.due_receivers(connection, labels, datetime.now(UTC), early=early)


def _work_off(engine: Engine, settings: Settings, receiver: Receiver) -> tuple[int, str]:
    """Send a receiver what waits for it, until it does not take something; returns how many events it was told of, and why it
    was not told of more.
    """
    with transaction(engine) as connection:
        messages = outbox.waiting(connection, receiver.label, datetime.now(UTC))
    told = 0
    for together in _sendings(messages):
        text = digest_of(together) if len(together) > 1 else text_of(together[0], settings)
        error = deliver(settings, receiver, text)
        failpoints.reached("alerts.delivered")
        with transaction(engine) as connection:
            if error:
                outbox.put_off(connection, together, error, datetime.now(UTC))
                return told, error
            outbox.mark_sent(connection, [message["alert_id"] for message in together], datetime.now(UTC))
        told += len(together)
    return told, ""


def _sendings(messages: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """What is sent together, in order."""
    return [messages] if len(messages) > _MOST_SINGLE else [[message] for message in messages]
