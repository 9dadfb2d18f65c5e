"""What do the project's settings, checks and manifests cost or save, compared with Spark as its guide shows it?"""

from __future__ import annotations

import csv
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from benchmarks import data
from benchmarks.arena import Arena
from benchmarks.contest import Contender, Contest, Outcome, Peak, last_line, run_program
from benchmarks.environment import CONTENDERS


def contest(arena: Arena, python: Path, rows: int) -> Contest:
    """Messages of four partitions into CSV files, in a Spark session that has already read as many."""

    def ours() -> Outcome:
        with arena.ground() as ground:
            return run_program([sys.executable, "-m", "benchmarks.ours", "consume", str(rows)], ground.env)

    def default() -> Outcome:
        with arena.ground(tables=False) as ground:
            data.fill(ground.settings, ground.contract, rows)
            command = [sys.executable, str(CONTENDERS / "consume.py"), arena.settings.kafka(), ground.topic]
            log = ground.home / "spark.log"
            with (
                log.open("w") as errors,
                subprocess.Popen(
                    [*command, str(ground.home)],
                    env={**ground.env, "SPARK_JARS": arena.spark_jars},
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    text=True,
                ) as process,
                Peak(process.pid) as peak,
            ):
                assert process.stdout is not None
                if process.stdout.readline().strip() != "ready":
                    raise RuntimeError(f"Spark did not read the topic: {log.read_text()[-1500:]}")
                before = _rows(ground.home / "output")
                data.fill(ground.settings, ground.contract, rows)
                output, _ = process.communicate("\n", timeout=600)
            reported = last_line(output)
            done = Outcome(seconds=reported.pop("seconds"), rows=0, peak_bytes=peak.bytes, details=reported)
            return replace(done, rows=_rows(ground.home / "output") - before)

    return Contest(
        "consume",
        "Consume",
        f"{rows:,} messages of four partitions into CSV files, in a Spark session that has already read as many",
        [
            Contender("2_consume", ours, "checked, counted, hashed, with manifests, fsync", is_ours=True),
            Contender("Spark's defaults", default, "file sink, from_json, availableNow; bad messages become NULL"),
        ],
        rows,
    )


def _rows(folder: Path) -> int:
    total = 0
    for part in folder.glob("part-*.csv"):
        with part.open(newline="") as lines:
            total += max(0, sum(1 for _ in csv.reader(lines)) - 1)
    return total
