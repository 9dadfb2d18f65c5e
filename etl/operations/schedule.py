"""Repeated cycles: when the next one is due, one at a time, until they are stopped.

The times come from APScheduler's triggers. Cycles run in the main thread, one after the other, so that they cannot overlap and
a signal can end the one that runs (docs/decisions/0008-apscheduler.md).
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from types import FrameType
from typing import Protocol, Self

from etl.contract.durations import DAY_SECONDS, parse_duration
from etl.errors import ConfigurationError, Interrupted

LATE_AFTER = timedelta(seconds=1)
"""A cycle that begins later than this after its time is a misfire, and is reported."""

_LOOK_SECONDS = 1.0
"""How often the clock is read while waiting: a process does not notice that its machine sleeps."""

_STOPPING = b"\nStopping after the running notebook. A second signal interrupts it.\n"

_LONGEST_SECONDS = 366 * DAY_SECONDS
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_REMEDY = "Give an interval such as 30s, 5m, 1h or 1d, or the five fields of a cron expression such as '*/5 * * * *'."


class Trigger(Protocol):
    """The part of APScheduler's triggers that is used."""

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        """The first time after `previous_fire_time`, or from `now` on if that is None."""


@dataclass(frozen=True)
class Schedule:
    """Times at which cycles are due."""

    text: str
    trigger: Trigger
    at_once: bool
    """Whether the first cycle is due now, instead of at the trigger's next time."""

    def first(self, now: datetime) -> datetime:
        """When the first cycle is due, `now` or later."""
        return now if self.at_once else self._next(None, now)

    def after(self, due: datetime) -> datetime:
        """When the cycle after the one at `due` is due."""
        return self._next(due, due)

    def until(self, due: datetime, now: datetime) -> tuple[datetime, int]:
        """The last time that is due by `now`, and how many times are due from `due` to it, both included."""
        count = 1
        while (following := self.after(due)) <= now:
            due, count = following, count + 1
        return due, count

    def _next(self, previous: datetime | None, now: datetime) -> datetime:
        due = self.trigger.get_next_fire_time(previous, now)
        if due is None:
            raise ConfigurationError(f"--every {self.text!r} names a time that never comes.", remedy=_REMEDY)
        return due


def parse(text: str, timezone: tzinfo | None = None) -> Schedule:
    """A schedule from `30s`, `5m`, `1h`, `1d`, or the five fields of a cron expression.

    Cron expressions mean what they mean in a crontab: 0 and 7 are Sunday, and where both days are given, either will do.

    :param timezone: of a cron expression; the machine's own by default.
    :raises ConfigurationError: it is neither, names no valid time, or a time that never comes; quotes it.
    """
    # `5 m` is an interval as well.
    seconds = parse_duration(re.sub(r"(?<=\d)\s+(?=[a-z]$)", "", text.strip()), fractions=False)
    if seconds is not None:
        return _interval(text, seconds)
    fields = text.split()
    if len(fields) != 5:
        raise ConfigurationError(f"--every {text!r} is neither an interval nor a cron expression.", remedy=_REMEDY)
    schedule = Schedule(text, _cron(text, fields, timezone), at_once=False)
    schedule.first(datetime.now(UTC))
    return schedule


def _interval(text: str, seconds: float) -> Schedule:
    from apscheduler.triggers.interval import IntervalTrigger

    if not 1 <= seconds <= _LONGEST_SECONDS:
        raise ConfigurationError(f"--every {text!r}: an interval lasts from one second to a year.", remedy=_REMEDY)
    return Schedule(text, IntervalTrigger(seconds=int(seconds), timezone=UTC), at_once=True)


def _cron(text: str, fields: list[str], timezone: tzinfo | None) -> Trigger:
    from apscheduler.triggers.combining import OrTrigger
    from apscheduler.triggers.cron import CronTrigger

    minute, hour, day, month, weekday = fields
    try:
        # A field that begins with a star restricts nothing in the sense of cron's "either will do" (crontab(5)).
        either = not day.startswith("*") and not weekday.startswith("*")
        days = [(day, "*"), ("*", _weekdays(weekday))] if either else [(day, _weekdays(weekday))]
        triggers = [
            CronTrigger(minute=minute, hour=hour, day=d, month=month, day_of_week=w, second=0, timezone=timezone)
            for d, w in days
        ]
    except ValueError as error:
        raise ConfigurationError(f"--every {text!r} is not a cron expression: {error}.", remedy=_REMEDY) from None
    trigger: Trigger = OrTrigger(triggers) if either else triggers[0]
    return trigger


def _weekdays(field: str) -> str:
    """The field with names instead of numbers: APScheduler's numbers begin with Monday, cron's with Sunday.

    :raises ValueError: it is not a field of days of the week.
    """
    if field == "*":
        return field
    names: set[str] = set()
    for part in field.lower().split(","):
        match = re.fullmatch(r"(\*|[a-z]{3}|\d)(?:-([a-z]{3}|\d))?(?:/([1-9]))?", part)
        if not match or (match[1] == "*" and match[2]):
            raise ValueError(f"{part!r} is not a day of the week")
        first = 0 if match[1] == "*" else _weekday(match[1])
        last = _weekday(match[2]) if match[2] else 6 if match[1] == "*" or match[3] else first
        if last < first:
            # sun, at the end of a range, is 7.
            last += 7
        names.update(_WEEKDAYS[number % 7] for number in range(first, last + 1, int(match[3] or 1)))
    return ",".join(name for name in _WEEKDAYS if name in names)


def _weekday(text: str) -> int:
    number = _WEEKDAYS.index(text) if text in _WEEKDAYS else int(text) if text.isdigit() else 8
    if number > 7:
        raise ValueError(f"{text!r} is not a day of the week")
    return number


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
            os.write(2, _STOPPING)


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
