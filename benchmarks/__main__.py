"""Benchmarks: comparison with alternatives, and the project's jobs by rows, rate and cycles; on services started for them.

`python -m benchmarks [--full] [NAME …]`: short, each one takes a minute or two; full, with the figures' real sizes and more
rounds, hours. Figures come as JSON, the report as Markdown. `python -m benchmarks --report` only rewrites the report, which needs
no measurement; `--check` verifies that it shows what the results say, and their age.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks import api, environment, freshness, growth, latency, machine, report, soak
from benchmarks.arena import Arena, arena
from benchmarks.contest import Contest, hold
from benchmarks.contests import consume, load, merge, overhead, produce, whole
from benchmarks.figures import FAILURES, ROUNDS, Keep, Result, dumps
from etl.settings import PROJECT_ROOT

RESULTS = PROJECT_ROOT / "benchmarks" / "results"
SHORT_RESULTS = PROJECT_ROOT / ".services" / "benchmarks" / "results"
Make = Callable[[Arena, Path], Contest]
DAY = 864_000
"""What a fleet of 100 sensors sends in a day, every 10 seconds."""

SHORT: dict[str, Make] = {
    "produce": lambda arena, python: produce.contest(arena, python, 100_000),
    "consume": lambda arena, python: consume.contest(arena, python, 200_000),
    "merge": lambda arena, python: merge.contest(arena, python, 400_000),
    "load": lambda arena, python: load.contest(arena, python, 200_000),
    "overhead": overhead.contest,
    "whole": lambda arena, python: whole.contest(arena, python, 200_000, with_fixed_time_box=False),
}
FULL: dict[str, Make] = {
    "produce": lambda arena, python: produce.contest(arena, python, 500_000),
    "consume": lambda arena, python: consume.contest(arena, python, 1_000_000),
    "merge": lambda arena, python: merge.contest(arena, python, 2_000_000),
    "load": lambda arena, python: load.contest(arena, python, DAY),
    "overhead": overhead.contest,
    "whole": lambda arena, python: whole.contest(arena, python, DAY),
}


@dataclass(frozen=True)
class Extent:
    """How much is to be measured."""

    full: bool
    rounds: int | None

    @property
    def results(self) -> Path:
        return RESULTS if self.full else SHORT_RESULTS


def _growth(arena: Arena, keep: Keep, extent: Extent) -> Result:
    sizes = growth.FULL if extent.full else growth.SHORT
    return growth.measure(arena, keep, tell, replace(sizes, rounds=extent.rounds or sizes.rounds))


def _latency(arena: Arena, keep: Keep, extent: Extent) -> Result:
    rates, seconds = ((100, 1_000, 10_000), 30) if extent.full else ((100, 1_000), 20)
    return latency.measure(
        arena, keep, tell, rates=rates, seconds=seconds, rounds=extent.rounds or (ROUNDS if extent.full else 1)
    )


def _soak(arena: Arena, keep: Keep, extent: Extent) -> Result:
    return soak.measure(arena, keep, tell, cycles=200 if extent.full else 20)


def _api(arena: Arena, keep: Keep, extent: Extent) -> Result:
    sizes = api.FULL if extent.full else api.SHORT
    return api.measure(arena, keep, tell, replace(sizes, rounds=extent.rounds or sizes.rounds))


MEASURES: dict[str, Callable[[Arena, Keep, Extent], Result]] = {
    "api": _api,
    "growth": _growth,
    "latency": _latency,
    "soak": _soak,
}
"""Measurements without contenders: only the project's jobs."""
NAMES = (*FULL, *MEASURES)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}; all of them by default")
    parser.add_argument("--full", action="store_true", help="real sizes, five rounds")
    parser.add_argument(
        "--rounds", type=int, help="rounds that count (5 with --full; otherwise 2, growth and latency 1)"
    )
    parser.add_argument("--report", action="store_true", help="only write docs/benchmarks.md from the existing results")
    parser.add_argument(
        "--check", action="store_true", help="only check that docs/benchmarks.md fits the results and their age"
    )
    arguments = parser.parse_args()
    if arguments.check:
        return report.check(RESULTS, tell)
    if unknown := sorted(set(arguments.names) - set(NAMES)):
        parser.error(f"no benchmark {unknown[0]!r}; there are {', '.join(NAMES)}")
    # Like an interrupt: services and their data end with this process.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    extent = Extent(arguments.full, arguments.rounds)
    failed = False
    if not arguments.report:
        extent.results.mkdir(parents=True, exist_ok=True)
        succeeded = [_run(name, extent) for name in arguments.names or NAMES]
        failed = not all(succeeded)
        if not arguments.full:
            tell(f"Figures of a short run: {extent.results}. `--full` produces those of docs/benchmarks.md.")
    if arguments.full or arguments.report:
        report.write(RESULTS)
    return int(failed)


def _run(name: str, extent: Extent) -> bool:
    """Run one benchmark, and keep its result; returns whether all of the project's programs succeeded."""
    try:
        result = _measured(name, extent) if name in MEASURES else _held(name, extent)
    except FAILURES as error:
        # The others continue.
        tell(f"{name} did not finish: {error}")
        return False
    tell(report.as_text(name, result))
    return not result.get("failed") and not any(
        "failed" in contender for contender in result.get("contenders", ()) if contender["is_ours"]
    )


def _measured(name: str, extent: Extent) -> Result:
    measured = freshness.stamp(name)
    with arena() as services:
        frame = {"measured": measured, "machine": machine.describe(services.settings)}
        return MEASURES[name](services, lambda figures: _keep(name, extent, {**figures, **frame}), extent)


def _held(name: str, extent: Extent) -> Result:
    python = environment.ensure(tell)
    measured = freshness.stamp(name)
    with arena() as services:
        contest = (FULL if extent.full else SHORT)[name](services, python)
        tell(f"{contest.title}: {contest.question}")
        result = hold(contest, extent.rounds or (ROUNDS if extent.full else 2), tell)
        result |= {"measured": measured, "machine": machine.describe(services.settings, python)}
    _keep(name, extent, result)
    return result


def _keep(name: str, extent: Extent, result: Result) -> None:
    (extent.results / f"{name}.json").write_text(dumps(result) + "\n", "utf-8")


def tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
