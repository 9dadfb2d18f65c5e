"""Senders and jobs are killed at random moments: every incident is told to everybody, and so is its end."""

from __future__ import annotations

import os
import random
from contextlib import suppress
from dataclasses import replace

from etl.audit.job import job_run
from etl.audit.states import Job
from etl.contract.reader import load_contract
from etl.contract.rules.alerts import AlertRules
from etl.errors import PermanentError
from etl.operations.alerts.send import send
from etl.settings import Settings
from tests.integration.test_run import wait_for
from tests.support.alerts import Mailbox, Message, Webhook, states, telling
from tests.support.forked import Forked
from tests.support.stack import Project

FEED = "sensor_readings"
_ENOUGH = 30
"""Attempts to send what is left: the database may not have noticed yet that a killed process is gone, and with it its lock."""


def test_nothing_is_lost_and_each_kill_repeats_at_most_one_message(project: Project) -> None:
    """Twenty kills take some minutes; a test run makes a few, `ETL_TEST_KILLS=20` all of them."""
    kills = int(os.environ.get("ETL_TEST_KILLS", "3"))
    moments = random.Random(kills)
    with Mailbox().up() as mailbox, Webhook().up() as webhook:
        told = telling(project, mailbox.url, webhook.url)
        for _ in range(kills):
            before = told.value("SELECT count(*) FROM etl_incident")
            jobs, sender = Forked(_fail_and_recover, told.env, 2), Forked(_send_on, told.env)
            sender.wait(moments.uniform(0, 8))
            sender.kill()
            wait_for(lambda before=before: told.value("SELECT count(*) FROM etl_incident") > before)
            jobs.kill()
        last = Forked(_fail_and_recover, told.env, 1)
        assert last.wait() == 0, last.outputs()
        for _ in range(_ENOUGH):
            if "WAITING" not in dict.fromkeys(state for _, state in states(told)):
                break
            told.etl("alerts", "send", expect=None)
        incidents = told.sql("SELECT incident_id, kind FROM etl_incident")
        assert told.value("SELECT count(*) FROM etl_incident WHERE resolved_at IS NULL") == 0
        assert len(incidents) > kills / 2
        expected = {(event, number) for number, _ in incidents for event in ("opened", "resolved")}
        repeated = sum(_repeated(list(inbox.messages), expected) for inbox in (mailbox, webhook))
        assert repeated <= kills
        assert {state for _, state in states(told)} == {"SENT"}


def _repeated(messages: list[Message], expected: set[tuple[str, int]]) -> int:
    """How many messages told something that was told before.

    All that is expected has arrived, and each incident's opening before its resolution.
    """
    seen, repeated = set[tuple[str, int]](), 0
    for message in messages:
        assert message.told, message
        repeated += bool(message.told & seen)
        seen |= message.told
        assert {number for event, number in message.told if event == "resolved"} <= {
            number for event, number in seen if event == "opened"
        }
    assert seen == expected
    return repeated


def _fail_and_recover(times: int) -> None:
    """A job of the feed that fails and then does not, again and again."""
    settings = Settings.load()
    contract = replace(load_contract(FEED, settings), alerts=AlertRules(quiet_seconds=0))
    for _ in range(times):
        with suppress(PermanentError), job_run(settings, contract, Job.MERGE, "", {}):
            raise PermanentError("The disk of the tanks is full.", remedy="Free some space.")
        with job_run(settings, contract, Job.MERGE, "", {}):
            pass


def _send_on() -> None:
    settings = Settings.load()
    while True:
        send(settings)
