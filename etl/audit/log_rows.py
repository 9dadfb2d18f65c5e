"""The rows of `etl_log`, one per job: opened as RUNNING, closed once as SUCCESS or FAILED. No other module writes them.

A function that closes a row as FAILED, or renews its heartbeat, changes a RUNNING row only: a SUCCESS that was committed
while its answer got lost remains one.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, select, update

from etl.audit.counts import Counts, columns_of
from etl.audit.provenance import HAND_SUFFIX, code_version
from etl.audit.states import Job, Status
from etl.contract.durations import moment
from etl.database import insert_row
from etl.database.schema.tables.audit_tables import etl_log
from etl.errors import describe_error
from etl.settings import Settings

_IDENTITY = ("feed", "job_name", "start_time", "host", "pid")
"""No two jobs have these in common."""


class OpenedRow(NamedTuple):
    """A job's row, and the cycle it belongs to."""

    log_id: int
    cycle_id: str


# --- a job begins -----------------------------------------------------------------------------------------------------


def running_row(feed: str, job: Job, parameters: Mapping[str, Any], started: datetime) -> dict[str, Any]:
    """The columns of a job of this process that begins; its cycle and its notebook are not among them."""
    return {
        "feed": feed,
        "job_name": job,
        "status": Status.RUNNING,
        "start_time": started,
        "heartbeat_at": started,
        "parameters": dict(parameters),
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "code_version": code_version(),
    }


def cycle_columns(cycle_id: str) -> dict[str, Any]:
    """The columns that say which cycle a row belongs to."""
    return {"cycle_id": cycle_id, "by_hand": cycle_id.endswith(HAND_SUFFIX)}


def open_row(connection: Connection, row: Mapping[str, Any]) -> int:
    """Insert the row of a job that begins; returns its `log_id`."""
    return insert_row(connection, etl_log, row)


def find_opened(connection: Connection, row: Mapping[str, Any]) -> OpenedRow | None:
    """The row of this very job, where an earlier attempt has inserted it and the answer to its COMMIT was lost."""
    same = {name: row[name] for name in ("feed", "job_name", "status", "host", "pid", "start_time")}
    opened = connection.execute(select(etl_log.c.log_id, etl_log.c.cycle_id).filter_by(**same)).one_or_none()
    return OpenedRow(*opened) if opened else None


# --- a job runs -------------------------------------------------------------------------------------------------------


def renew_heartbeat(connection: Connection, log_id: int) -> None:
    """Write down that a running job is alive now."""
    _update_running(connection, log_id, {"heartbeat_at": datetime.now(UTC)})


def record(connection: Connection, log_id: int, counts: Counts, notes: Mapping[str, Any]) -> None:
    """Write down what a job has done so far; its status is not changed."""
    _update(connection, log_id, _results(counts, notes))


def recorded_counts(connection: Connection, log_id: int) -> Counts:
    """The numbers in a row."""
    columns = [etl_log.c[name] for name in columns_of(Counts())]
    return Counts(*connection.execute(select(*columns).where(etl_log.c.log_id == log_id)).one())


def write_notes(connection: Connection, log_id: int, notes: Mapping[str, Any]) -> None:
    """Replace the notes of a row."""
    _update(connection, log_id, {"notes": notes})


def write_last_event_time(connection: Connection, log_id: int, newest: datetime | None) -> None:
    """Write down the newest event time that a load brought: the next load's watermark."""
    _update(connection, log_id, {"last_event_time": newest})


# --- a job ends -------------------------------------------------------------------------------------------------------


def succeed(connection: Connection, log_id: int, started: datetime, counts: Counts, notes: Mapping[str, Any]) -> None:
    """Close a row as SUCCESS."""
    _update(connection, log_id, {**_end(Status.SUCCESS, started), **_results(counts, notes)})


def failure(error: BaseException, started: datetime, settings: Settings) -> dict[str, Any]:
    """The columns of a job that fails now, without secrets and row data; for `close_failed`, or to be kept for later."""
    return {
        **_end(Status.FAILED, started),
        "error_type": type(error).__name__,
        "error_message": settings.mask(describe_error(error)),
    }


def close_failed(connection: Connection, log_id: int, columns: Mapping[str, Any]) -> bool:
    """Close a running row as FAILED; what was recorded before stays in it. Returns whether it was running.

    :param columns: as `failure` gives them.
    """
    return _update_running(connection, log_id, columns)


def close_died(connection: Connection, row: Row[Any], now: datetime) -> dict[str, Any]:
    """Close the row of a job whose process is gone; its duration ends with its last sign of life. Returns the columns.

    :param row: as `running_rows` gives it.
    """
    message = (
        f"Process {row.pid} on {row.host} ended without closing this row; its last sign of life was at"
        f" {moment(row.heartbeat_at)}. Closed by process {os.getpid()} on {socket.gethostname()}."
    )
    values = {
        "status": Status.FAILED,
        "end_time": now,
        "duration_seconds": (row.heartbeat_at - row.start_time).total_seconds(),
        "error_type": "Died",
        "error_message": message,
    }
    _update_running(connection, row.log_id, values)
    return values


def write_kept(connection: Connection, row: Mapping[str, Any]) -> int | None:
    """Write a row that was kept while the database was unavailable: once, however often that is tried.

    Returns its `log_id`; None where it had been written before.

    One with `log_id` closes a row that is RUNNING still; one without is inserted.
    """
    columns = dict(row)
    log_id = columns.pop("log_id", None)
    if log_id is None:
        log_id = connection.scalar(select(etl_log.c.log_id).filter_by(**{name: row[name] for name in _IDENTITY}))
        if log_id is None:
            return insert_row(connection, etl_log, columns)
        # An earlier call has written it, or the job itself as RUNNING without learning of it; that row knows its cycle.
        del columns["cycle_id"]
        columns.pop("by_hand", None)
    return int(log_id) if _update_running(connection, log_id, columns) else None


def write_executed_sha256(connection: Connection, cycle_id: str, sums: Mapping[Job, str]) -> None:
    """Write down the SHA-256 of the executed notebooks of a cycle that has ended."""
    for job, sha256 in sums.items():
        is_of_job = (etl_log.c.cycle_id == cycle_id, etl_log.c.job_name == job)
        connection.execute(update(etl_log).where(*is_of_job).values(executed_sha256=sha256))


def mark_undone(connection: Connection, loads: Sequence[int], undone_at: datetime) -> None:
    """Write down that what some loads brought was removed."""
    connection.execute(update(etl_log).where(etl_log.c.log_id.in_(loads)).values(undone_at=undone_at))


# --- reading ----------------------------------------------------------------------------------------------------------


def running_rows(connection: Connection, feed: str) -> Sequence[Row[Any]]:
    """The rows of a feed that are RUNNING."""
    query = select(etl_log).where(etl_log.c.feed == feed, etl_log.c.status == Status.RUNNING)
    return connection.execute(query).all()


def rows_of_cycle(connection: Connection, cycle_id: str) -> list[dict[str, Any]]:
    """The rows of a cycle, all columns, in the order in which its jobs began; empty where there is no such cycle."""
    query = select(etl_log).where(etl_log.c.cycle_id == cycle_id).order_by(etl_log.c.log_id)
    return [dict(row) for row in connection.execute(query).mappings()]


def row_of(connection: Connection, log_id: int) -> dict[str, Any]:
    """One row, all columns."""
    return dict(connection.execute(select(etl_log).where(etl_log.c.log_id == log_id)).mappings().one())


def has_succeeded_since(connection: Connection, row: Mapping[str, Any]) -> bool:
    """Whether the same job of the feed has ended well after it had begun as in this row."""
    same = {"feed": row["feed"], "job_name": row["job_name"], "status": Status.SUCCESS}
    later = select(etl_log.c.log_id).filter_by(**same).where(etl_log.c.start_time > row["start_time"])
    return connection.scalar(later.limit(1)) is not None


def _results(counts: Counts, notes: Mapping[str, Any]) -> dict[str, Any]:
    return {**columns_of(counts), **({"notes": notes} if notes else {})}


def _end(status: Status, started: datetime) -> dict[str, Any]:
    ended = datetime.now(UTC)
    seconds = (ended - started).total_seconds()
    return {"status": status, "end_time": ended, "heartbeat_at": ended, "duration_seconds": seconds}


def _update(connection: Connection, log_id: int, values: Mapping[str, Any]) -> None:
    connection.execute(update(etl_log).where(etl_log.c.log_id == log_id).values(**values))


def _update_running(connection: Connection, log_id: int, values: Mapping[str, Any]) -> bool:
    is_running = (etl_log.c.log_id == log_id, etl_log.c.status == Status.RUNNING)
    return connection.execute(update(etl_log).where(*is_running).values(**values)).rowcount > 0
