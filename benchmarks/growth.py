"""Is cost linear in rows, and is memory bounded? Each job, and the whole warm cycle, in a separate process.

The four jobs run one after the other on the same data: each takes what the one before has made. The rows of each job are
counted from outside, in the topic, the files and the table, before its figures count.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from benchmarks import batches, data, machine
from benchmarks.alongside import account
from benchmarks.arena import FEED, Arena, Ground
from benchmarks.contest import Outcome, run_program
from benchmarks.figures import ROUNDS, Keep, Result, Tell, attempt, require, spread
from etl.contract.reader import load_contract
from etl.settings import PROJECT_ROOT
from etl.storage import manifests

PROGRAMS = {"produce": "1_produce", "consume": "2_consume", "merge": "3_merge", "load": "load"}
"""The jobs in their order, and what `benchmarks.ours` calls them."""
TIMEOUT_SECONDS = 3600
_BLOCK_BYTES = 4 << 20


@dataclass(frozen=True)
class Sizes:
    """How large, and how often."""

    rows: tuple[int, ...]
    """Of the four jobs, smallest first."""
    cycle_rows: tuple[int, ...]
    """Of the whole warm cycle, which holds the topic twice."""
    part_rows: int
    """Rows in total, one of `rows`, whatever the number of part files."""
    parts: tuple[int, ...]
    further_rows: int
    """One of `rows`: this many are loaded into tables of each size in `held`."""
    held: tuple[int, ...]
    """Numbers of rows that the table already holds."""
    rounds: int


SHORT = Sizes(
    rows=(10_000, 100_000),
    cycle_rows=(10_000, 100_000),
    part_rows=100_000,
    parts=(1, 10, 100),
    further_rows=10_000,
    held=(100_000,),
    rounds=1,
)
FULL = Sizes(
    rows=(10_000, 100_000, 1_000_000, 10_000_000),
    cycle_rows=(10_000, 100_000, 1_000_000),
    part_rows=1_000_000,
    parts=(1, 10, 100, 1_000),
    further_rows=100_000,
    held=(1_000_000, 10_000_000),
    rounds=ROUNDS,
)


@dataclass
class _Book:
    """Collects the runs, and stores the result so far."""

    keep: Keep
    tell: Tell
    runs: dict[tuple[str, int], list[Outcome]] = field(default_factory=dict)
    loads: list[dict[str, float]] = field(default_factory=list)
    failed: list[dict[str, str]] = field(default_factory=list)

    def note(self, series: str, at: int, done: Outcome) -> None:
        self.runs.setdefault((series, at), []).append(done)
        self.tell(f"growth: {series} {at:,}: {done.seconds:.2f} s, {done.peak_bytes / 2**20:,.0f} MiB")
        self.keep(self.result())

    def result(self) -> Result:
        return {
            "title": "Growth",
            "question": "is cost linear in rows, and memory bounded?",
            "points": [_point(series, at, runs) for (series, at), runs in self.runs.items()],
            "loads": self.loads,
            "failed": self.failed,
        }


def _point(series: str, at: int, runs: list[Outcome]) -> dict[str, Any]:
    seconds = spread([run.seconds for run in runs])
    return {
        "series": series,
        "at": at,
        "rows": runs[0].rows,
        "rounds": len(runs),
        "seconds": seconds,
        "rows_per_second": runs[0].rows / seconds["median"],
        "peak_bytes": max(run.peak_bytes for run in runs),
    }


def measure(arena: Arena, keep: Keep, tell: Tell, sizes: Sizes) -> Result:
    """Measure everything once in each round; a failure is recorded among the figures, and the rest continues.

    `at` is the number of rows in the series `produce`, `consume`, `merge`, `load` and `cycle`, the number of part files in
    `parts`, and in `held` the number of rows that the table holds before.
    """
    book = _Book(keep, tell)
    kept = arena.home / "growth-archive"
    data.fill_warm_up(arena.settings, load_contract(FEED, arena.settings))
    for _ in range(sizes.rounds):
        book.loads.append(machine.load())
        _round(arena, book, sizes, kept)
    result = book.result()
    keep(result)
    return result


def _round(arena: Arena, book: _Book, sizes: Sizes, kept: Path) -> None:
    for rows in sizes.rows:
        with attempt(f"the jobs with {rows:,} rows", book.failed, book.tell), arena.ground() as ground:
            _jobs_with(ground, book, rows, sizes, kept)
    for rows in sizes.cycle_rows:
        with attempt(f"the warm cycle of {rows:,} rows", book.failed, book.tell), arena.ground() as ground:
            _cycle(ground, book, rows)
    for parts in sizes.parts:
        with attempt(f"the merge of {parts:,} part files", book.failed, book.tell), arena.ground() as ground:
            _merge_of(ground, book, kept, parts)


def _jobs_with(ground: Ground, book: _Book, rows: int, sizes: Sizes, kept: Path) -> None:
    for job, done in _jobs(ground, rows):
        book.note(job, rows, done)
        if job == "merge" and rows == sizes.part_rows and not kept.exists():
            shutil.copytree(manifests.feed_backup(ground.settings, FEED), kept)
        if job == "load" and rows == sizes.further_rows:
            book.note("held", 0, done)
    if rows in sizes.held:
        # Like a table that has grown for days: with statistics and without dead rows.
        ground.execute("VACUUM ANALYZE")
        *_, (_, loaded) = _jobs(ground, sizes.further_rows, after=rows)
        book.note("held", rows, loaded)


def _jobs(ground: Ground, rows: int, after: int = 0) -> Iterator[tuple[str, Outcome]]:
    """Run the four jobs with this number of rows, which follow on `after` others that are loaded."""
    for job, program in PROGRAMS.items():
        done = _run(ground, program, rows)
        require(f"{job}, rows from outside", _LOOKS[job](ground), after + rows)
        yield job, replace(done, rows=rows)


def _run(ground: Ground, program: str, rows: int) -> Outcome:
    command = [sys.executable, "-m", "benchmarks.ours", program, str(rows)]
    return run_program(command, ground.env, cwd=PROJECT_ROOT, timeout=TIMEOUT_SECONDS)


def _cycle(ground: Ground, book: _Book, rows: int) -> None:
    done = _run(ground, "warm", rows)
    require("rows of the cycle", ground.sum_of(ground.contract.table)[0], rows)
    account(ground.settings, ground.contract).require_loaded(2 * rows)
    book.note("cycle", rows, replace(done, rows=rows))


def _merge_of(ground: Ground, book: _Book, kept: Path, parts: int) -> None:
    if not kept.exists():
        raise RuntimeError("There is no archive to divide: the jobs did not get that far.")
    rows = batches.cut(ground.settings, kept, parts)
    done = _run(ground, PROGRAMS["merge"], rows)
    require("rows merged", _archived(ground), rows)
    book.note("parts", parts, replace(done, rows=rows))


def _archived(ground: Ground) -> int:
    return sum(map(_rows, manifests.feed_backup(ground.settings, FEED).glob("*.csv")))


def _on_disk(ground: Ground) -> int:
    parts = manifests.feed_output(ground.settings, FEED).glob(f"{manifests.BATCH_PREFIX}*/part-*.csv")
    return sum(map(_rows, parts)) + _archived(ground)


def _loaded(ground: Ground) -> int:
    accounted = account(ground.settings, ground.contract)
    accounted.require_loaded(accounted.loaded)
    return accounted.loaded


def _rows(file: Path) -> int:
    """Lines after the header; sound readings have no line breaks."""
    with file.open("rb") as content:
        return sum(block.count(b"\n") for block in iter(lambda: content.read(_BLOCK_BYTES), b"")) - 1


_LOOKS: dict[str, Callable[[Ground], int]] = {
    "produce": Ground.messages,
    "consume": _on_disk,
    "merge": _archived,
    "load": _loaded,
}
"""Counts the rows that exist after each job, including earlier ones."""
