"""What do the project's settings, checks and manifests cost or save, compared with Spark as its guide shows it?"""

from __future__ import annotations

import csv
import subprocess
import sys
from dataclasses import replace
from itertools import islice
from pathlib import Path

from benchmarks import data
from benchmarks.arena import COLUMNS, FEED, Arena
from benchmarks.contest import Contender, Contest, Outcome, Peak, last_line, run_program
from benchmarks.environment import CONTENDERS
from etl.contract.reader import load_contract


def contest(arena: Arena, python: Path, rows: int) -> Contest:
    """Messages of four partitions into CSV files, in a Spark session that has already read as many.

    :param rows: messages, including the bad ones that are no reading; each of them makes a row.
    """
    good = rows - rows // (data.GOOD_PER_BAD + 1)
    bad, not_json = data.bad(good), data.not_json(load_contract(FEED, arena.settings), good)

    def ours() -> Outcome:
        with arena.ground() as ground:
            return run_program([sys.executable, "-m", "benchmarks.ours", "consume", str(good)], ground.env)

    def default() -> Outcome:
        with arena.ground(tables=False) as ground:
            data.fill(ground.settings, ground.contract, good, with_bad=True)
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
                data.fill(ground.settings, ground.contract, good, with_bad=True)
                output, _ = process.communicate("\n", timeout=600)
            reported = last_line(output)
            done = Outcome(seconds=reported.pop("seconds"), rows=0, peak_bytes=peak.bytes, details=reported)
            rows, empty = (after - first for after, first in zip(_rows(ground.home / "output"), before, strict=True))
            return replace(done, rows=rows, rejected=empty)

    return Contest(
        "consume",
        "Consume",
        f"{good + bad:,} messages of four partitions into CSV files, in a Spark session that has already read as many;"
        f" {bad:,} of them are no readings, and {not_json:,} no JSON, which the job has to count",
        [
            Contender("2_consume", ours, "checked, counted, hashed, with manifests, fsync", is_ours=True),
            Contender(
                "Spark's defaults",
                default,
                "file sink, from_json, availableNow; what is no JSON becomes a row of NULLs, counted afterwards",
            ),
        ],
        good + bad,
        bad=not_json,
    )


def _rows(folder: Path) -> tuple[int, int]:
    """The rows of Spark's files, and those of them in which nothing of the message is left."""
    total = empty = 0
    for part in folder.glob("part-*.csv"):
        with part.open(newline="") as lines:
            for row in islice(csv.reader(lines), 1, None):
                total += 1
                empty += not any(row[: len(COLUMNS)])
    return total, empty
