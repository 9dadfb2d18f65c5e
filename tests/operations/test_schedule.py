from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from etl.cli.report.cycles import misfire
from etl.errors import ConfigurationError
from etl.operations.schedule import Schedule, Stop, exit_code, parse, repeat

START = datetime(2026, 11, 21, 4, 50, 7, tzinfo=UTC)  # a Saturday


class Clock:
    """Time that passes only when somebody waits or works."""

    def __init__(self) -> None:
        self.time = START

    def now(self) -> datetime:
        return self.time

    def pass_by(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


class Run:
    """A schedule on a clock; cycles take the seconds given and end with the codes given, the last one again and again."""

    def __init__(
        self, every: str, cycles: int | None, *, seconds: tuple[float, ...] = (0,), codes: tuple[int, ...] = (0,)
    ):
        self.clock = Clock()
        self.begun: list[float] = []
        self.misfires: list[str] = []
        self.told: list[datetime] = []
        self.stopped = False
        self.running = 0
        self.seconds, self.codes = seconds, codes
        self.during: Callable[[], None] = lambda: None
        self.code = -1
        self.schedule, self.cycles = parse(every, UTC), cycles

    def go(self) -> Run:
        self.code = repeat(
            self.schedule,
            self.cycle,
            cycles=self.cycles,
            stopping=lambda: self.stopped,
            wait=self.clock.pass_by,
            late=lambda *how: self.misfires.append(misfire(*how)),
            waiting=self.told.append,
            now=self.clock.now,
        )
        return self

    def cycle(self) -> int:
        number = len(self.begun)
        self.begun.append((self.clock.time - START).total_seconds())
        self.running += 1
        assert self.running == 1, "two cycles at once"
        self.clock.pass_by(self.seconds[min(number, len(self.seconds) - 1)])
        self.during()
        self.running -= 1
        return self.codes[min(number, len(self.codes) - 1)]


def times(schedule: Schedule, count: int, start: datetime = START) -> list[str]:
    found = [schedule.first(start)]
    while len(found) < count:
        found.append(schedule.after(found[-1]))
    return [f"{when:%a %d %H:%M:%S}" for when in found]


@pytest.mark.parametrize(
    ("text", "seconds"), [("1s", 1), ("30s", 30), ("5m", 300), ("1h", 3600), ("1d", 86400), (" 2 m ", 120)]
)
def test_an_interval_begins_at_once(text: str, seconds: int) -> None:
    schedule = parse(text)
    assert schedule.first(START) == START
    assert schedule.after(START) == START + timedelta(seconds=seconds)


def test_a_cron_expression_begins_at_its_next_time() -> None:
    assert times(parse("*/5 * * * *", UTC), 3) == ["Sat 21 04:55:00", "Sat 21 05:00:00", "Sat 21 05:05:00"]


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        ("0", ["Sun 22", "Sun 29"]),
        ("7", ["Sun 22", "Sun 29"]),
        ("sun", ["Sun 22", "Sun 29"]),
        ("1-5", ["Mon 23", "Tue 24", "Wed 25", "Thu 26", "Fri 27", "Mon 30"]),
        ("5-7", ["Sun 22", "Fri 27", "Sat 28", "Sun 29"]),
        ("MON,3", ["Mon 23", "Wed 25", "Mon 30"]),
        ("*/3", ["Sun 22", "Wed 25", "Sat 28", "Sun 29"]),
    ],
)
def test_days_of_the_week_mean_what_they_mean_in_a_crontab(days: str, expected: list[str]) -> None:
    found = times(parse(f"0 4 * * {days}", UTC), len(expected))
    assert [when[:6] for when in found] == expected


def test_where_both_days_are_given_either_will_do() -> None:
    assert [when[:6] for when in times(parse("0 4 25 * mon", UTC), 3)] == ["Mon 23", "Wed 25", "Mon 30"]


def test_cron_hours_are_local() -> None:
    schedule = parse("0 6 * * *", ZoneInfo("Asia/Kolkata"))
    assert schedule.first(START).astimezone(UTC).strftime("%H:%M") == "00:30"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("5", "'5' is neither an interval nor a cron expression"),
        ("5 minutes", "'5 minutes' is neither"),
        ("-5m", "'-5m' is neither"),
        ("1 0s", "'1 0s' is neither"),
        ("1.5h", "'1.5h' is neither"),
        ("", "'' is neither"),
        ("0s", "'0s': an interval lasts from one second to a year"),
        ("400d", "'400d': an interval lasts"),
        ("9999999999999d", "an interval lasts"),
        ("* * * *", "is neither"),
        ("61 * * * *", "'61 \\* \\* \\* \\*' is not a cron expression"),
        ("* * * * 8", "is not a cron expression: '8' is not a day of the week"),
        ("* * * * foo", "'foo' is not a day of the week"),
        ("0 0 31 2 *", "names a time that never comes"),
    ],
)
def test_what_is_no_schedule_is_named_with_a_remedy(text: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said) as caught:
        parse(text, UTC)
    assert "such as 30s, 5m, 1h or 1d, or the five fields" in caught.value.remedy
    assert caught.value.exit_code == 2


def test_cycles_keep_to_the_interval_and_end_when_all_are_done() -> None:
    run = Run("10s", 3, seconds=(4,)).go()
    assert run.begun == [0, 10, 20]
    assert run.told == [START + timedelta(seconds=10), START + timedelta(seconds=20)]
    assert (run.misfires, run.code) == ([], 0)


def test_a_long_cycle_is_never_overlapped_and_its_misfire_is_reported() -> None:
    run = Run("10s", 4, seconds=(35, 4)).go()
    assert run.begun == [0, 35, 40, 50], "one cycle for the times at 10, 20 and 30, then the interval's own times again"
    assert run.misfires == [
        "misfire: the cycle that was due at 2026-11-21 04:50:17 UTC begins 25 s late; 3 due times became this one cycle"
    ]


def test_times_that_passed_while_the_machine_slept_become_one_cycle() -> None:
    run = Run("*/5 * * * *", 2)
    slept = iter([3600.0])
    run.clock.pass_by = lambda seconds: Clock.pass_by(run.clock, next(slept, seconds))  # type: ignore[method-assign]
    run.schedule = Schedule("", run.schedule.trigger, at_once=False)
    run.go()
    assert [(START + timedelta(seconds=s)).strftime("%H:%M:%S") for s in run.begun] == ["05:50:07", "05:55:00"]
    assert "due at 2026-11-21 04:55:00 UTC begins 3,307 s late; 12 due times" in run.misfires[0]


def test_a_failed_cycle_does_not_end_the_schedule_and_shows_in_its_exit_code() -> None:
    run = Run("10s", 3, codes=(0, 1, 0)).go()
    assert (len(run.begun), run.code) == (3, 1)


def test_an_interrupted_cycle_ends_the_schedule() -> None:
    run = Run("10s", None, codes=(1, 130)).go()
    assert (len(run.begun), run.code) == (2, 130)


def test_asked_to_stop_during_a_cycle_begins_no_other() -> None:
    run = Run("10s", None, seconds=(25,))
    run.during = lambda: setattr(run, "stopped", True)
    assert (run.go().begun, run.code) == ([0], 0)


def test_asked_to_stop_while_waiting_ends_at_once() -> None:
    run = Run("0 0 * * *", None)
    run.clock.pass_by = lambda seconds: setattr(run, "stopped", True)  # type: ignore[method-assign]
    assert (run.go().begun, run.code) == ([], 0)


@pytest.mark.parametrize(
    ("codes", "one"), [((), 0), ((0, 0), 0), ((0, 1), 1), ((2, 1), 1), ((0, 2), 1), ((2, 2), 2), ((1, 130, 2), 130)]
)
def test_one_exit_code_for_several(codes: tuple[int, ...], one: int) -> None:
    assert exit_code(codes) == one


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_asks_and_the_second_interrupts(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with Stop() as stop:
        assert not stop.requested
        os.kill(os.getpid(), number)
        began = time.monotonic()
        stop.wait(60)
        assert stop.requested
        assert time.monotonic() - began < 30
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)
    assert signal.getsignal(number) is before
