"""Which process works on a feed: lock files that the operating system releases when their holder dies.

Two locks per feed. The *cycle* lock is held by the cycle runner from its first job to its last; a second cycle is refused at
once. The *job* lock is held by the process that works on the feed's files; others wait for it for a while, because the kernel
of a killed cycle lives a second longer. Loaders do not hold it: they take turns through a lock in the database, which also works
between machines.

Spark's JVM outlives a killed job as well, and still removes what it was writing. While it writes for a feed it holds a third lock
itself, for which the next job waits.

One further lock per running job tells other processes on this machine that the job is alive.
"""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from filelock import FileLock, Timeout

from etl.errors import AlreadyRunning
from etl.settings import Settings

JOB_WAIT_SECONDS = 30.0
_POLL_SECONDS = 0.05


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
        lock.acquire(timeout=wait_seconds, poll_interval=_POLL_SECONDS)
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


def spark_lock(settings: Settings, feed: str) -> Path:
    """The file that Spark's JVM locks while it writes for a feed."""
    return settings.locks / f"{feed}.spark.lock"


def wait_for_spark(settings: Settings, feed: str) -> None:
    """Wait until the JVM of a job that was killed has ended. Call it under the feed's job lock.

    :raises AlreadyRunning: it has not ended in time.
    """
    if os.name == "nt":
        return
    import fcntl

    deadline = time.monotonic() + JOB_WAIT_SECONDS
    with spark_lock(settings, feed).open("a") as file:
        while True:
            with suppress(BlockingIOError, PermissionError):
                # Java's locks are of this kind; closing the file releases it.
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            if time.monotonic() > deadline:
                raise AlreadyRunning(
                    f"Spark of a job of feed {feed} that was killed is still running.",
                    remedy="Wait until it has ended, or end that `java` process.",
                )
            time.sleep(_POLL_SECONDS)


def _life_lock(settings: Settings, feed: str, pid: int, started: datetime) -> Path:
    return settings.locks / f"{feed}.{pid}.{started.astimezone(UTC):%Y%m%dT%H%M%S%f}.lock"


def _holder_text(holder: Path) -> str:
    try:
        details = json.loads(holder.read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        return "another process"
    return f"{details['what']} (process {details['pid']} on {details['host']}, since {details['since']} UTC)"
