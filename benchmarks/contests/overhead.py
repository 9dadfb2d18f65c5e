"""What does a small cycle cost apart from its rows?"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from benchmarks import data
from benchmarks.arena import FEED, Arena
from benchmarks.contest import Contender, Contest, Outcome, run_program
from etl.settings import PROJECT_ROOT

NOTEBOOKS = ("1_produce", "2_consume", "3_merge", "4_load")


def contest(arena: Arena, python: Path, rows: int = 10_000) -> Contest:
    """A cycle of few rows: in a kernel that is kept, in fresh ones, and by papermill's command line, notebook by notebook."""

    def warm() -> Outcome:
        with arena.ground() as ground:
            done = run_program([sys.executable, "-m", "benchmarks.ours", "warm", str(rows)], ground.env)
            return replace(done, rows=ground.sum_of("sensor_data")[0])

    def command(*options: str) -> Outcome:
        with arena.ground() as ground:
            data.fill(ground.settings, ground.contract, rows)
            run = [sys.executable, "-m", "etl", "run", FEED, "--messages", "0", *options]
            done = run_program(run, ground.env, cwd=PROJECT_ROOT)
            return replace(done, rows=ground.sum_of("sensor_data")[0])

    def papermill() -> Outcome:
        with arena.ground() as ground:
            data.fill(ground.settings, ground.contract, rows)
            total = Outcome(0.0, 0)
            for name in NOTEBOOKS:
                notebook = str(PROJECT_ROOT / "notebooks" / f"{name}.ipynb")
                run = [sys.executable, "-m", "papermill", notebook, str(ground.home / f"{name}.ipynb")]
                run += ["--no-progress-bar", "-p", "feed", FEED, "-p", "cycle_id", "20250615T000000Z-b0b0"]
                run += ["-p", "messages", "0"] if name == "1_produce" else []
                done = run_program(run, ground.env, cwd=PROJECT_ROOT / "notebooks")
                total = replace(
                    total, seconds=total.seconds + done.seconds, peak_bytes=max(total.peak_bytes, done.peak_bytes)
                )
            return replace(total, rows=ground.sum_of("sensor_data")[0])

    return Contest(
        "overhead",
        "A small cycle",
        f"{rows:,} messages from topic to table",
        [
            Contender("scheduled, warm", warm, "kernel and Spark kept from the cycle before", is_ours=True),
            Contender("run", command, "`python -m etl run`: one kernel for four notebooks", is_ours=True),
            Contender("run --fresh-kernels", lambda: command("--fresh-kernels"), "a kernel per notebook", is_ours=True),
            Contender("papermill × 4", papermill, "papermill's command line, notebook by notebook, Spark cold"),
        ],
        rows,
    )
