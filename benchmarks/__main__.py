"""Benchmarks against what people would use instead, on services of their own; figures as JSON, report as Markdown.

`python -m benchmarks [--full] [CONTEST …]`: short, each contest takes a minute or two; full, with the figures' real sizes
and more rounds, an hour. `python -m benchmarks --report` only writes the report anew.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import environment, machine, report
from benchmarks.arena import Arena, arena
from benchmarks.contest import Contest, hold
from benchmarks.contests import consume, load, merge, overhead, produce, whole
from etl.settings import PROJECT_ROOT

RESULTS = PROJECT_ROOT / "benchmarks" / "results"
Make = Callable[[Arena, Path], Contest]
DAY = 864_000
"""What a fleet of 100 sensors sends in a day, every 10 seconds."""

SHORT: dict[str, Make] = {
    "produce": lambda arena, python: produce.contest(arena, python, 100_000),
    "consume": lambda arena, python: consume.contest(arena, python, 200_000),
    "merge": lambda arena, python: merge.contest(arena, python, 400_000),
    "load": lambda arena, python: load.contest(arena, python, 200_000),
    "overhead": overhead.contest,
    "whole": lambda arena, python: whole.contest(arena, python, 200_000, with_seeds_way=False),
}
FULL: dict[str, Make] = {
    "produce": lambda arena, python: produce.contest(arena, python, 500_000),
    "consume": lambda arena, python: consume.contest(arena, python, 1_000_000),
    "merge": lambda arena, python: merge.contest(arena, python, 2_000_000),
    "load": lambda arena, python: load.contest(arena, python, DAY),
    "overhead": overhead.contest,
    "whole": lambda arena, python: whole.contest(arena, python, DAY),
}


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("contests", nargs="*", metavar="CONTEST", help=f"of {', '.join(FULL)}; all of them by default")
    parser.add_argument("--full", action="store_true", help="real sizes, five rounds")
    parser.add_argument("--rounds", type=int, help="rounds that count (2, or 5 with --full)")
    parser.add_argument(
        "--report", action="store_true", help="only write docs/benchmarks.md from the results that are there"
    )
    given = parser.parse_args()
    if unknown := sorted(set(given.contests) - set(FULL)):
        parser.error(f"no contest {unknown[0]!r}; there are {', '.join(FULL)}")
    failed = False
    if not given.report:
        folder = RESULTS if given.full else PROJECT_ROOT / ".services" / "benchmarks" / "results"
        folder.mkdir(parents=True, exist_ok=True)
        for name in given.contests or FULL:
            make = (FULL if given.full else SHORT)[name]
            found = _hold(make, given.rounds or (5 if given.full else 2))
            (folder / f"{name}.json").write_text(json.dumps(found, indent=1) + "\n", "utf-8")
            tell(report.as_text(found))
            failed = failed or any("failed" in one for one in found["contenders"] if one["is_ours"])
        if not given.full:
            tell(f"Figures of a short run, for a look: {folder}. `--full` makes those of docs/benchmarks.md.")
    if given.full or given.report:
        report.write(RESULTS)
    return int(failed)


def _hold(make: Make, rounds: int) -> dict[str, Any]:
    python = environment.ensure(tell)
    before = machine.load()
    with arena() as found:
        contest = make(found, python)
        tell(f"{contest.title}: {contest.question}")
        return {**hold(contest, rounds, tell), "machine": machine.describe(python), "load_before": before}


def tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
