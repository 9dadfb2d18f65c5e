"""What the rows of `etl_log` promise: a row is closed once, and a row that was kept is written once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from etl.audit import log_rows
from etl.audit.counts import Counts
from etl.audit.states import Job, Status
from etl.database import transaction
from etl.errors import PermanentError
from etl.settings import Settings
from tests.support.tsqlfeed import NOWHERE, as_initialised

STARTED = datetime(2025, 6, 15, 9, tzinfo=UTC)
COUNTS = Counts(read=5, processed=4, rejected=1)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.load(home=tmp_path, database_url=NOWHERE)


@pytest.fixture
def connection(monkeypatch: pytest.MonkeyPatch) -> Iterator[Connection]:
    engine: Any = as_initialised(monkeypatch)
    with transaction(engine) as opened:
        yield opened


def running(job: Job = Job.LOAD, cycle_id: str = "c-1") -> dict[str, Any]:
    row = log_rows.running_row("tanks", job, {"messages": 3}, STARTED)
    return {**row, **log_rows.cycle_columns(cycle_id)}


def only_row(connection: Connection) -> dict[str, Any]:
    (row,) = log_rows.rows_of_cycle(connection, "c-1")
    return row


def test_a_row_begins_as_running_and_ends_with_its_counts(connection: Connection) -> None:
    log_id = log_rows.open_row(connection, running())
    assert [row.log_id for row in log_rows.running_rows(connection, "tanks")] == [log_id]
    log_rows.record(connection, log_id, COUNTS, {"ignored": 1})
    assert only_row(connection)["status"] == Status.RUNNING
    assert log_rows.recorded_counts(connection, log_id) == COUNTS
    log_rows.succeed(connection, log_id, STARTED, COUNTS, {})
    row = only_row(connection)
    assert (row["status"], row["records_read"], row["notes"]) == ("SUCCESS", 5, {"ignored": 1})
    assert row["duration_seconds"] > 0
    assert not log_rows.running_rows(connection, "tanks")


def test_a_failed_row_keeps_what_was_recorded(connection: Connection, settings: Settings) -> None:
    log_id = log_rows.open_row(connection, running())
    log_rows.record(connection, log_id, COUNTS, {})
    failure = log_rows.failure(PermanentError("The disk is full.", remedy="Free some space."), STARTED, settings)
    log_rows.close_failed(connection, log_id, failure)
    row = only_row(connection)
    assert (row["status"], row["error_type"], row["records_read"]) == ("FAILED", "PermanentError", 5)
    assert row["error_message"] == "The disk is full.\nFree some space."


def test_a_committed_success_stays_one(connection: Connection, settings: Settings) -> None:
    log_id = log_rows.open_row(connection, running())
    log_rows.succeed(connection, log_id, STARTED, COUNTS, {})
    ended = only_row(connection)
    failure = log_rows.failure(ConnectionError("the answer was lost"), STARTED, settings)
    log_rows.close_failed(connection, log_id, failure)
    log_rows.renew_heartbeat(connection, log_id)
    log_rows.write_kept(connection, {"log_id": log_id, **failure})
    assert only_row(connection) == ended


def test_the_row_of_a_dead_job_ends_with_its_last_heartbeat(connection: Connection) -> None:
    log_rows.open_row(connection, {**running(), "heartbeat_at": STARTED + timedelta(seconds=30)})
    (row,) = log_rows.running_rows(connection, "tanks")
    log_rows.close_died(connection, row, STARTED + timedelta(minutes=10))
    closed = only_row(connection)
    assert (closed["status"], closed["error_type"], closed["duration_seconds"]) == ("FAILED", "Died", 30)
    assert "2025-06-15 09:00:30 UTC" in closed["error_message"]


def test_a_row_whose_commit_was_not_answered_is_found_again(connection: Connection) -> None:
    row = running()
    assert log_rows.find_opened(connection, row) is None
    log_id = log_rows.open_row(connection, row)
    assert log_rows.find_opened(connection, row) == (log_id, "c-1")
    assert log_rows.find_opened(connection, {**row, "start_time": STARTED + timedelta(seconds=1)}) is None


def test_a_kept_row_is_written_once_however_often_that_is_tried(connection: Connection, settings: Settings) -> None:
    kept = {**running(), **log_rows.failure(ConnectionError("no database"), STARTED, settings)}
    log_rows.write_kept(connection, kept)
    log_rows.write_kept(connection, kept)
    assert only_row(connection)["status"] == Status.FAILED


def test_a_kept_row_closes_the_one_that_was_written_without_an_answer(
    connection: Connection, settings: Settings
) -> None:
    row = running()
    log_rows.open_row(connection, row)
    failure = log_rows.failure(ConnectionError("no database"), STARTED, settings)
    log_rows.write_kept(connection, {**row, **log_rows.cycle_columns("c-2-hand"), **failure})
    closed = only_row(connection)
    assert (closed["status"], closed["cycle_id"], closed["by_hand"]) == ("FAILED", "c-1", False)
    assert not log_rows.rows_of_cycle(connection, "c-2-hand")


def test_rows_of_a_cycle_are_in_the_order_of_its_jobs(connection: Connection) -> None:
    for job in Job:
        log_rows.open_row(connection, running(job))
    log_rows.open_row(connection, running(cycle_id="c-2"))
    assert [row["job_name"] for row in log_rows.rows_of_cycle(connection, "c-1")] == [*Job]


def test_an_undo_marks_only_its_loads(connection: Connection) -> None:
    first, second = (log_rows.open_row(connection, running(cycle_id=name)) for name in ("c-1", "c-2"))
    log_rows.write_last_event_time(connection, first, STARTED)
    log_rows.mark_undone(connection, [first], STARTED)
    assert only_row(connection)["undone_at"] == STARTED
    assert only_row(connection)["last_event_time"] == STARTED
    (other,) = log_rows.rows_of_cycle(connection, "c-2")
    assert (other["log_id"], other["undone_at"]) == (second, None)
