from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from etl.cli.report.cycles import misfire
from etl.operations.schedules.repeat import Stop, exit_code, repeat
from etl.operations.schedules.times import Schedule, parse

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
