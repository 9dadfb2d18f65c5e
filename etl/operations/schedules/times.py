"""When cycles are due: intervals and cron expressions, by APScheduler's triggers (docs/decisions/0008-apscheduler.md)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Protocol

from etl.contract.durations import DAY_SECONDS, parse_duration
from etl.errors import ConfigurationError

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
