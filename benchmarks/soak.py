"""Many scheduled cycles with a producer alongside: is it exact, and does anything grow?

`python -m benchmarks.soak [--cycles 200] [--rate 500]` starts services of its own in a temporary folder and prints JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import psutil
from kafka import KafkaProducer
from sqlalchemy import text

from benchmarks.arena import arena
from etl.contract import Contract
from etl.database import make_engine, transaction
from etl.settings import PROJECT_ROOT, Settings
from etl.simulate import DEFAULT_START, simulate, span
from etl.warm import Usage, usage
from etl.watch import schedules

BAD_SHARE = 0.05
_CHUNK_SECONDS = 0.2
GROWTH = {"seconds": 1.25, "memory": 1.15, "handles": 1.05, "threads": 1.05}
"""What the last quarter of the cycles may have of the second one, as medians; memory is that of a heap that still fills."""


@dataclass
class Soak:
    """What was seen: a sample after each cycle, with what parent, kernel and JVM held."""

    sent: int = 0
    samples: list[dict[str, Any]] = field(default_factory=list)
    exit_code: int = 0
    output: str = ""


def soak(settings: Settings, contract: Contract, env: dict[str, str], *, cycles: int, rate: int) -> Soak:
    """Run that many scheduled cycles, one a second if they can, while others send `rate` messages a second.

    Afterwards one more cycle takes what was sent during the last one.
    """
    seen = Soak()
    command = [sys.executable, "-m", "etl", "run", contract.feed]
    with _producer(settings, contract, rate, seen):
        with tempfile.TemporaryFile("w+") as output:
            schedule = subprocess.Popen(
                [*command, "--messages", "0", "--every", "1s", "--cycles", str(cycles)],
                env=env,
                cwd=PROJECT_ROOT,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
            while schedule.poll() is None:
                _sample(settings, schedule.pid, seen)
                time.sleep(0.05)
            output.seek(0)
            seen.output = output.read()
        seen.exit_code = schedule.returncode
    subprocess.run([*command, "--messages", "0"], env=env, cwd=PROJECT_ROOT, capture_output=True, check=True)
    return seen


@contextmanager
def _producer(settings: Settings, contract: Contract, rate: int, seen: Soak) -> Iterator[None]:
    """Send messages in the background, some of them bad, and count them."""
    ended = threading.Event()
    client = KafkaProducer(bootstrap_servers=settings.kafka())
    number = max(1, int(rate * _CHUNK_SECONDS))

    def send() -> None:
        while not ended.wait(_CHUNK_SECONDS):
            start = DEFAULT_START + span(contract, seen.sent)
            for chunk in simulate(contract, number, seed=seen.sent, start=start, bad_share=BAD_SHARE):
                for message in chunk:
                    client.send(contract.topic, key=message.key, value=message.value)
            client.flush()
            seen.sent += number

    thread = threading.Thread(target=send, name="producer")
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        client.close()


def _sample(settings: Settings, pid: int, seen: Soak) -> None:
    """Look at the processes once after each cycle."""
    found = next((standing for standing in schedules(settings) if standing.pid == pid), None)
    if found is None or found.cycles <= len(seen.samples):
        return
    held = {"parent": usage(psutil.Process(pid)), "kernel": Usage(), "jvm": Usage()}
    try:
        for child in psutil.Process(pid).children(recursive=True):
            held["jvm" if "java" in child.name() else "kernel"] += usage(child)
    except psutil.NoSuchProcess:
        return
    seen.samples.append({"cycle": found.cycles, "seconds": found.last_seconds, **{k: vars(v) for k, v in held.items()}})


def count(settings: Settings, contract: Contract) -> dict[str, int]:
    """What became of the messages: loaded, rejected, duplicate, and rows of jobs that did not end well."""
    queries = {
        "loaded": f'SELECT count(*) FROM "{contract.table}"',  # noqa: S608 (the contract's name is checked)
        "rejected": "SELECT count(*) FROM etl_rejected_row",
        "duplicate": "SELECT coalesce(sum(records_duplicate), 0) FROM etl_log WHERE job_name = 'load'",
        "not_successful": "SELECT count(*) FROM etl_log WHERE status <> 'SUCCESS'",
    }
    engine = make_engine(settings)
    try:
        with transaction(engine) as connection:
            return {name: int(connection.scalar(text(query)) or 0) for name, query in queries.items()}
    finally:
        engine.dispose()


def growth(samples: list[dict[str, Any]]) -> dict[str, float]:
    """Median of the last quarter of the cycles as a multiple of the second quarter's, per process and measure."""
    quarter = len(samples) // 4
    early, late = samples[quarter : 2 * quarter], samples[-quarter:]

    def ratio(value: Callable[[dict[str, Any]], float]) -> float:
        return round(median(map(value, late)) / max(median(map(value, early)), 1e-9), 3)

    found = {"seconds": ratio(lambda sample: float(sample["seconds"]))}
    for process in ("parent", "kernel", "jvm"):
        for measure in ("memory", "handles", "threads"):
            found[f"{process}.{measure}"] = ratio(lambda sample, p=process, m=measure: float(sample[p][m]))  # type: ignore[misc]
    return found


def grown(found: dict[str, float]) -> dict[str, float]:
    """Those that grew by more than `GROWTH` allows."""
    return {name: ratio for name, ratio in found.items() if ratio > GROWTH[name.rpartition(".")[2]]}


def report(settings: Settings, contract: Contract, seen: Soak) -> dict[str, Any]:
    """All that was found, ready for JSON."""
    counted = count(settings, contract)
    accounted = counted["loaded"] + counted["rejected"] + counted["duplicate"]
    ratios = growth(seen.samples)
    return {
        "cycles": len(seen.samples),
        "sent": seen.sent,
        **counted,
        "exact": accounted == seen.sent and not counted["not_successful"] and seen.exit_code == 0,
        "growth": ratios,
        "grown": grown(ratios),
        "seconds": {name: pick([s["seconds"] for s in seen.samples[1:]]) for name, pick in _PICKS.items()},
        "machine": {"cores": os.cpu_count(), "load": os.getloadavg(), "python": platform.python_version()},
        "samples": seen.samples,
    }


_PICKS: dict[str, Callable[[list[float]], float]] = {"min": min, "median": median, "max": max}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cycles", type=int, default=200)
    parser.add_argument("--rate", type=int, default=500, help="messages a second")
    given = parser.parse_args()
    with arena() as services, services.ground() as ground:
        seen = soak(ground.settings, ground.contract, ground.env, cycles=given.cycles, rate=given.rate)
        found = report(ground.settings, ground.contract, seen)
    sys.stdout.write(json.dumps(found, indent=1) + "\n")
    return int(not found["exact"] or bool(found["grown"]))


if __name__ == "__main__":
    sys.exit(main())
