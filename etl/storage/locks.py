"""Which process works on a feed: lock files that the operating system releases when their holder dies.

Two locks per feed. The *cycle* lock is held by the cycle runner from its first job to its last; a second cycle is refused at
once. The *job* lock is held by the process that works on the feed's files; others wait for it for a while, because the kernel
of a killed cycle lives a second longer. Loaders do not hold it: they take turns through a lock in the database, which also works
between machines.

One further lock per running job tells other processes on this machine that the job is alive.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from filelock import FileLock, Timeout

from etl.errors import AlreadyRunning
from etl.settings import Settings

JOB_WAIT_SECONDS = 30.0


@contextmanager
def feed_lock(
    settings: Settings, feed: str, kind: Literal["cycle", "job"], *, what: str, wait_seconds: float = 0.0
) -> Iterator[None]:
    """Hold a feed's lock.

    :param what: what the lock is held for; shown to a process that is refused, e.g. "cycle 20261121T093000Z-7f3a".
    :raises AlreadyRunning: another process holds it for longer than `wait_seconds`; the message names that process.
    """
    settings.locks.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = FileLock(settings.locks / f"{feed}.{kind}.lock")
    holder = settings.locks / f"{feed}.{kind}.json"
    try:
        lock.acquire(timeout=wait_seconds, poll_interval=0.05)
    except Timeout:
        raise AlreadyRunning(
            f"Feed {feed} is already being worked on by {_holder_text(holder)}.",
            remedy="Wait until it has ended; `python -m etl status` shows what is running.",
        ) from None
    try:
        holder.write_text(
            json.dumps(
                {
                    "what": what,
                    "pid": os.getpid(),
                    "host": socket.gethostname(),
                    "since": f"{datetime.now(UTC):%H:%M:%S}",
                }
            ),
            "utf-8",
        )
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


@contextmanager
def alive(settings: Settings, feed: str, pid: int, started: datetime) -> Iterator[None]:
    """Show that the job that this process started for a feed at this moment is alive."""
    settings.locks.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = _life_lock(settings, feed, pid, started)
    with FileLock(file):
        try:
            yield
        finally:
            # Before the lock is released: now no other process can have created a file of this name.
            file.unlink(missing_ok=True)


def is_alive(settings: Settings, feed: str, pid: int, started: datetime) -> bool:
    """Whether a job of this machine is alive; `etl_log` has its feed, process and start."""
    file = _life_lock(settings, feed, pid, started)
    if not file.exists():
        return False
    lock = FileLock(file)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    file.unlink(missing_ok=True)
    lock.release()
    return False


def _life_lock(settings: Settings, feed: str, pid: int, started: datetime) -> Path:
    return settings.locks / f"{feed}.{pid}.{started.astimezone(UTC):%Y%m%dT%H%M%S%f}.lock"


def _holder_text(holder: Path) -> str:
    try:
        details = json.loads(holder.read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        return "another process"
    return f"{details['what']} (process {details['pid']} on {details['host']}, since {details['since']} UTC)"
