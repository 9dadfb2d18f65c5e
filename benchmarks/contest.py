"""Contests: the same job done by several programs, in random order, on fresh tables and folders, results compared first.

Every contender is a separate program that prints its figures as JSON in its last line. A figure counts only if rows and
checksum are the expected ones.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import psutil

from benchmarks import machine
from benchmarks.figures import spread

_SAMPLE_SECONDS = 0.1
_LAUNCH = Path(__file__).with_name("launch.py")


@dataclass(frozen=True)
class Outcome:
    """What one run of a contender took, and what it left."""

    seconds: float
    rows: int
    checksum: str = ""
    peak_bytes: int = 0
    """Highest resident memory of the program and its children together; what they share counts for each. For a program that
    ends between two samples, the system's figure: the peak of the largest of these processes."""
    rejected: int | None = None
    """Messages that it has left out and counted; None: there were no bad ones, or it does not count them."""
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Contender:
    """A program that does the contest's job."""

    name: str
    run: Callable[[], Outcome]
    """Prepares what it needs, runs, checks the result; only the run itself is timed."""
    note: str = ""
    """What it does or omits, or how it was configured."""
    is_ours: bool = False
    stops_at_duplicate: bool = False
    """Whether it fails on a duplicate message; the contests' messages have none."""
    sound_only: bool = False
    """Whether it is given the good messages only, because it cannot leave out the bad ones."""
    runs_once: bool = False
    """Whether one run is enough, without one to warm up, because most of its time is fixed."""


@dataclass(frozen=True)
class Contest:
    """One job, its contenders, and the result that is expected."""

    name: str
    title: str
    question: str
    contenders: Sequence[Contender]
    rows: int
    checksum: str = ""
    bad: int | None = None
    """How many bad messages are among those that the contenders get, and the project's programs must count; None: the contest
    has none."""


def hold(contest: Contest, rounds: int, tell: Callable[[str], None], seed: int = 1) -> dict[str, Any]:
    """Run every contender once to warm up and `rounds` times that count; returns figures for JSON.

    One that runs once does so in the last round.
    """
    order = random.Random(seed)
    outcomes: dict[str, list[Outcome]] = {contender.name: [] for contender in contest.contenders}
    failures: dict[str, str] = {}
    loads = []
    for number in range(rounds + 1):
        remaining = [
            contender
            for contender in contest.contenders
            if contender.name not in failures and (number == rounds or not contender.runs_once)
        ]
        order.shuffle(remaining)
        loads.append(machine.load())
        for contender in remaining:
            try:
                outcome = contender.run()
                _require_same(contest, contender, outcome)
            except (RuntimeError, subprocess.TimeoutExpired) as error:
                failures[contender.name] = str(error)[-2000:]
                tell(f"{contest.name} {contender.name}: {failures[contender.name]}")
                continue
            tell(f"{contest.name} round {number}: {contender.name} {outcome.seconds:.2f} s")
            if number:
                outcomes[contender.name].append(outcome)
    return {
        "title": contest.title,
        "question": contest.question,
        "rows": contest.rows,
        **({"bad": contest.bad} if contest.bad is not None else {}),
        "rounds": rounds,
        "loads": loads,
        "contenders": [_figures(contender, outcomes, failures) for contender in contest.contenders],
    }


def _require_same(contest: Contest, contender: Contender, outcome: Outcome) -> None:
    if outcome.rows != contest.rows:
        raise RuntimeError(f"{outcome.rows} rows came out, {contest.rows} were expected.")
    if contender.is_ours and outcome.rejected != contest.bad:
        raise RuntimeError(f"{outcome.rejected} messages were rejected, {contest.bad} were bad.")
    if outcome.checksum and contest.checksum and outcome.checksum != contest.checksum:
        raise RuntimeError(f"The rows have the checksum {outcome.checksum}, expected was {contest.checksum}.")


def _figures(
    contender: Contender, outcomes: Mapping[str, list[Outcome]], failures: Mapping[str, str]
) -> dict[str, Any]:
    runs = outcomes[contender.name]
    figures: dict[str, Any] = {"name": contender.name, "is_ours": contender.is_ours, "note": contender.note}
    figures |= {name: True for name in ("stops_at_duplicate", "sound_only") if getattr(contender, name)}
    if contender.name in failures or not runs:
        return {**figures, "failed": failures.get(contender.name, "It did not run.")}
    seconds = spread([outcome.seconds for outcome in runs])
    return {
        **figures,
        "seconds": seconds,
        "rows_per_second": runs[0].rows / seconds["median"],
        **({"rejected": runs[-1].rejected} if runs[-1].rejected is not None else {}),
        "peak_bytes": median(outcome.peak_bytes for outcome in runs),
        "details": dict(runs[-1].details),
    }


def run_program(
    command: Sequence[str], env: Mapping[str, str], *, cwd: Path | None = None, timeout: float = 1800
) -> Outcome:
    """Run a program; its last line of output may be JSON with `seconds`, `rows`, `checksum` and more.

    Without `seconds` the whole process is timed.

    :raises RuntimeError: it failed; with the end of its output.
    """
    began = time.perf_counter()
    code, output, peak = _launched(command, env, cwd, timeout)
    wall = time.perf_counter() - began
    if code:
        raise RuntimeError(f"{command[1:4]} ended with {code}: {output[-1500:]}")
    reported = last_line(output)
    return Outcome(
        seconds=reported.pop("seconds", wall),
        rows=reported.pop("rows", 0),
        checksum=reported.pop("checksum", ""),
        peak_bytes=reported.pop("peak_bytes", peak),
        rejected=reported.pop("rejected", None),
        details={**reported, "wall_seconds": wall},
    )


def _launched(command: Sequence[str], env: Mapping[str, str], cwd: Path | None, timeout: float) -> tuple[int, str, int]:
    """A program's exit code, its output, and its peak memory in bytes."""
    read_end, write_end = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", str(_LAUNCH), str(write_end), *command],
        env=dict(env),
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        pass_fds=[write_end],
        start_new_session=True,
    )
    os.close(write_end)
    with os.fdopen(read_end) as peak_text, Peak(process.pid, with_itself=False) as peak:
        try:
            output, _ = process.communicate(timeout=timeout)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
        return process.returncode, output, max(peak.bytes, int(peak_text.read() or 0))


def run_until(
    done: Callable[[], bool], command: Sequence[str], env: Mapping[str, str], *, timeout: float = 1800
) -> Outcome:
    """Run a program that does not end by itself until `done`, then end it; the time from its start to `done` counts.

    :param done: is called ten times per second.
    :raises RuntimeError: it ended too early, or the time ran out; with the end of its output.
    """
    with tempfile.TemporaryFile("w+", errors="replace") as output:
        began = time.perf_counter()
        process = subprocess.Popen(
            command, env=dict(env), stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
        try:
            with Peak(process.pid) as peak:
                while not done():
                    if process.poll() is not None or time.perf_counter() - began > timeout:
                        output.seek(0)
                        state = "runs" if process.returncode is None else f"ended with {process.returncode}"
                        raise RuntimeError(f"{Path(command[0]).name} {state} and is not done: {output.read()[-1500:]}")
                    time.sleep(_SAMPLE_SECONDS)
                return Outcome(time.perf_counter() - began, 0, peak_bytes=peak.bytes)
        finally:
            process.kill()
            process.wait()


def last_line(output: str) -> dict[str, Any]:
    lines = output.strip().splitlines()
    try:
        parsed = json.loads(lines[-1])
    except (ValueError, IndexError):
        return {}
    return parsed if isinstance(parsed, dict) else {}


class Peak:
    """Watches the memory of a process and its children, from a thread.

    :param with_itself: whether the process counts, too, or only its children.
    """

    def __init__(self, pid: int, *, with_itself: bool = True) -> None:
        self.bytes = 0
        self._pid = pid
        self._with_itself = with_itself
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="peak", daemon=True)

    def __enter__(self) -> Peak:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(_SAMPLE_SECONDS):
            self.bytes = max(self.bytes, resident(self._pid, with_itself=self._with_itself))


def resident(pid: int, *, with_itself: bool = True) -> int:
    """Resident memory of a process and its children in bytes; 0 once it has ended."""
    try:
        process = psutil.Process(pid)
        whole = [*([process] if with_itself else []), *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0
    total = 0
    for process in whole:
        try:
            total += process.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total
