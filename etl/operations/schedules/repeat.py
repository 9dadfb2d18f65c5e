"""Repeated cycles, one at a time, until they are stopped.

Cycles run in the main thread, one after the other, so that they cannot overlap and a signal can end the one that runs
(docs/decisions/0008-apscheduler.md).
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from types import FrameType
from typing import Self

from etl.errors import Interrupted
from etl.operations.schedules.times import Schedule
from etl.settings import logs

LATE_AFTER = timedelta(seconds=1)
"""A cycle that begins later than this after its time is a misfire, and is reported."""

_LOOK_SECONDS = 1.0
"""How often the clock is read while waiting: a process does not notice that its machine sleeps."""

_STOPPING = "Stopping after the running notebook. A second signal interrupts it."


class Stop:
    """Turns SIGINT and SIGTERM into a request to stop, while its context is entered.

    The first signal sets `requested` and ends `wait`; what is running continues. A further one raises KeyboardInterrupt at once.
    """

    def __init__(self) -> None:
        self.requested = False
        self._before: dict[signal.Signals, signal._HANDLER] = {}

    def __enter__(self) -> Self:
        # A pipe, not an Event: a handler may run while its own thread holds the Event's lock.
        self._read, self._write = os.pipe()
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._signalled)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        os.close(self._read)
        os.close(self._write)

    def wait(self, seconds: float) -> None:
        """Return after `seconds`, or as soon as a stop is requested."""
        select.select([self._read], [], [], max(seconds, 0))

    def _signalled(self, _number: int, _frame: FrameType | None) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True
        os.write(self._write, b"\0")
        # Not by print, which the handler may have interrupted. A closed terminal must not prevent the stop.
        with contextlib.suppress(OSError):
            os.write(2, logs.line_at_once(_STOPPING))


def repeat(
    schedule: Schedule,
    cycle: Callable[[], int],
    *,
    cycles: int | None = None,
    stopping: Callable[[], bool],
    wait: Callable[[float], None],
    late: Callable[[datetime, timedelta, int], None],
    waiting: Callable[[datetime], None] = lambda due: None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> int:
    """Run cycles when they are due, one at a time, until `cycles` are done or `stopping()`; returns their exit code.

    What became due while a cycle ran, or while the machine slept, becomes one cycle that begins at once.

    :param cycle: runs one and returns its exit code. It never raises for a failure; 130 ends the schedule.
    :param wait: returns after this many seconds, or earlier when a stop is requested.
    :param late: called on a misfire with the first time that was missed, by how much, and how many times became this cycle.
    :param waiting: called once before waiting, with the time at which the next cycle is due.
    """
    codes: list[int] = []
    due = schedule.first(now())
    while True:
        if due > now():
            waiting(due)
        while not stopping() and (left := (due - now()).total_seconds()) > 0:
            wait(min(left, _LOOK_SECONDS))
        if stopping():
            break
        begins = now()
        last, joined = schedule.until(due, begins)
        if begins - due >= LATE_AFTER:
            late(due, begins - due, joined)
        codes.append(cycle())
        if len(codes) == cycles or codes[-1] == Interrupted.exit_code:
            break
        due = schedule.after(last)
    return exit_code(codes)


def exit_code(codes: Iterable[int]) -> int:
    """One code for several cycles: 130 if any was interrupted, 2 if all are 2 (wrong use), 1 if any failed otherwise, else 0."""
    distinct = set(codes)
    if Interrupted.exit_code in distinct:
        return Interrupted.exit_code
    return 2 if distinct == {2} else int(any(distinct))
