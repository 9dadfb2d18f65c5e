"""A cycle that fails is told by mail and webhook, and so is the one that succeeds after it."""

from __future__ import annotations

import json
import re

from etl.audit.incidents.finding import Kind
from tests.integration.test_run import wait_for
from tests.support.alerts import TOKEN, Mailbox, Message, Webhook, see, states, telling
from tests.support.stack import Project

UNREACHABLE = {
    "ETL_KAFKA_BOOTSTRAP": "127.0.0.1:9",
    "ETL_KAFKA_TIMEOUT_SECONDS": "2",
    "ETL_RETRY_SECONDS": "1",
}


def test_a_failed_cycle_is_told_and_so_is_its_end(project: Project) -> None:
    with Mailbox().up() as mailbox, Webhook().up() as webhook:
        told = telling(project, mailbox.url, webhook.url)
        told.etl("run", expect=1, **UNREACHABLE)
        for inbox in (mailbox, webhook):
            _require_helpful(told, inbox.wait_for(1))
        told.etl("run")
        for inbox in (mailbox, webhook):
            opened, over = inbox.wait_for(2)
            assert over.subject == opened.subject.replace("opened", "resolved")
            assert re.search(r"^Resolved by: cycle \S+$", over.body, re.MULTILINE)
        # A message arrives a moment before its sender writes that down.
        wait_for(lambda: "WAITING" not in dict.fromkeys(state for _, state in states(told)))
        told.etl("alerts", "send")
        assert (len(mailbox.messages), len(webhook.messages)) == (2, 2)
        assert states(told) == [("opened", "SENT"), ("opened", "SENT"), ("resolved", "SENT"), ("resolved", "SENT")]


def _require_helpful(project: Project, messages: list[Message]) -> None:
    (row,) = json.loads(project.etl("history", "--failed", "--json").stdout)
    (message,) = messages
    assert message.subject == f"[sensor_readings] job_failed {row['job_name']}: opened"
    lines = dict(line.partition(": ")[::2] for line in message.body.splitlines())
    assert lines["Cause"] == row["error_message"].partition("\n")[0]
    assert lines["Remedy"] == row["error_message"].partition("\n")[2]
    assert (lines["Job"], lines["Cycle"]) == (row["job_name"], row["cycle_id"])
    notebook, cell = re.fullmatch(r"(.*), cell In \[(\d+)\]", lines["Notebook"]).groups()  # type: ignore[union-attr]
    executed = json.loads((project.home / notebook).read_text("utf-8"))
    failed = [shown for shown in executed["cells"] if shown.get("execution_count") == int(cell)]
    assert [output["output_type"] for output in failed[0]["outputs"]][-1] == "error"
    assert TOKEN not in message.subject + message.body


def test_a_receiver_that_hangs_changes_nothing_about_the_cycle(project: Project) -> None:
    with Webhook().up() as webhook:
        webhook.mode = "hangs"
        told = telling(project, webhook.url)
        see(told, Kind.STALE, "", feed="tanks")
        told.etl("run")
        # The cycle has ended, and the message was only tried.
        webhook.wait_for_call()
        webhook.mode = "takes"
        while webhook.messages == []:
            told.etl("alerts", "send", expect=None)
        assert [message.subject for message in webhook.messages] == ["[tanks] stale: opened"]
