"""Many scheduled cycles with a producer alongside: is it exact, and does anything grow?"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks import machine
from benchmarks.alongside import Account, account, scheduled, sending
from benchmarks.arena import Arena
from benchmarks.figures import Keep, Result, Tell, spread
from etl.contract.reader import Contract
from etl.settings import PROJECT_ROOT, Settings

BAD_SHARE = 0.05
RATE = 500
"""Messages a second."""
JUDGED_FROM = 100
"""With fewer cycles, growth means nothing: a JVM fills its heap and compiles its code for minutes."""
FEWEST = 8
"""Cycles that can be divided into quarters."""
GROWTH = {"seconds": 1.25, "memory": 1.15, "handles": 1.05, "threads": 1.05}
"""Highest allowed ratio of the medians of the last and the second quarter of the cycles; for memory, a heap may still fill."""
PROCESSES = ("parent", "kernel", "jvm")


@dataclass
class Soak:
    """Observations: a sample after each cycle, with the resources of parent, kernel and JVM."""

    sent: int = 0
    samples: list[dict[str, Any]] = field(default_factory=list)
    exit_code: int = 0
    output: str = ""


def soak(settings: Settings, contract: Contract, env: dict[str, str], *, cycles: int, rate: int) -> Soak:
    """Run this number of scheduled cycles, one per second if possible, while a producer sends `rate` messages per second.

    Afterwards one more cycle takes what was sent during the last one.
    """
    seen = Soak()
    with TemporaryDirectory() as folder:
        samples = Path(folder, "samples")
        samples.touch()
        measured = ("benchmarks.measured", str(samples))
        with (
            sending(settings, contract, rate, bad_share=BAD_SHARE) as sent,
            scheduled(contract, env, "--every", "1s", "--cycles", str(cycles), program=measured) as schedule,
        ):
            seen.exit_code = schedule.process.wait()
            seen.output = schedule.printed()
        seen.samples = [json.loads(line) for line in samples.read_text("utf-8").splitlines()]
    seen.sent = sent.number
    once = [sys.executable, "-m", "etl", "run", contract.feed, "--messages", "0"]
    subprocess.run(once, env=env, cwd=PROJECT_ROOT, capture_output=True, check=True)
    return seen


def growth(samples: list[dict[str, Any]]) -> dict[str, float]:
    """Median of the last quarter of the cycles as a multiple of the second quarter's, per process and measure."""
    quarter = len(samples) // 4
    early, late = samples[quarter : 2 * quarter], samples[-quarter:]

    def ratio(value: Callable[[dict[str, Any]], float]) -> float:
        return round(median(map(value, late)) / max(median(map(value, early)), 1e-9), 3)

    ratios = {"seconds": ratio(lambda sample: float(sample["seconds"]))}
    for process in PROCESSES:
        for measure in ("memory", "handles", "threads"):
            ratios[f"{process}.{measure}"] = ratio(lambda sample, p=process, m=measure: float(sample[p][m]))  # type: ignore[misc]
    return ratios


def grown(ratios: dict[str, float]) -> dict[str, float]:
    """Those that grew by more than `GROWTH` allows."""
    return {name: ratio for name, ratio in ratios.items() if ratio > GROWTH[name.rpartition(".")[2]]}


def measure(arena: Arena, keep: Keep, tell: Tell, *, cycles: int) -> Result:
    """Run the cycles; returns figures, and the time and memory of each cycle for a picture."""
    loads = [machine.load()]
    with arena.ground() as ground:
        seen = soak(ground.settings, ground.contract, ground.env, cycles=cycles, rate=RATE)
        if len(seen.samples) < FEWEST:
            raise RuntimeError(f"The schedule ended with {seen.exit_code}: {seen.output[-1500:]}")
        result = {**figures(seen, account(ground.settings, ground.contract)), "loads": loads}
    tell(f"soak: {result['cycles']} cycles, exact: {result['exact']}")
    keep(result)
    return result


def figures(seen: Soak, counted: Account) -> Result:
    """The result, ready for JSON."""
    exact = counted.is_exact(seen.sent) and seen.exit_code == 0
    ratios = growth(seen.samples)
    too_much = grown(ratios) if len(seen.samples) >= JUDGED_FROM else {}
    failed = [{"what": name, "why": f"{ratio} times what it was"} for name, ratio in too_much.items()]
    if not exact:
        failed.append({"what": "the balance", "why": f"{seen.sent} were sent; {vars(counted)}"})
    return {
        "title": "Soak",
        "question": "is it exact cycle after cycle, and does anything grow?",
        "cycles": len(seen.samples),
        "rate": RATE,
        "sent": seen.sent,
        **vars(counted),
        "exact": exact,
        "growth": ratios,
        "seconds": spread([sample["seconds"] for sample in seen.samples[1:]]),
        "series": {
            "seconds": [sample["seconds"] for sample in seen.samples],
            **{f"{process}_mib": [sample[process]["memory"] >> 20 for sample in seen.samples] for process in PROCESSES},
        },
        "failed": failed,
    }
