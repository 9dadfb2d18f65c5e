"""The project's side of the contests, with the functions that the jobs call; prints figures as JSON in the last line.

`python -m benchmarks.ours JOB NUMBER`, with the settings in the environment. `1_produce`, `2_consume`, `3_merge` and `load` are
the jobs as they are, with their audit rows; `produce`, `consume` and `merge` are only the part that the alternatives do, too.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from importlib import import_module
from typing import Any

import psutil

from benchmarks import data
from benchmarks.contest import resident
from etl.contract.reader import Contract, load_contract
from etl.jobs.consume import offsets
from etl.jobs.consume.job import consume
from etl.jobs.consume.spark import session as spark
from etl.jobs.load.job import load
from etl.jobs.merge.job import merge
from etl.jobs.merge.join import join_parts
from etl.jobs.produce.job import produce
from etl.jobs.produce.simulate import CHUNK, span
from etl.jobs.produce.topic import send
from etl.notebook.execute import warm_kernel
from etl.operations.cycle import run_cycle
from etl.settings import Settings
from etl.storage import files
from etl.storage import kafka as broker

Figures = dict[str, Any]
_NO_TIME_BOX = 3600.0
_IMPORTED_LATE = ["alembic.command", "pandas"]
"""Libraries that a load imports when it needs them. They are imported before, as in a notebook's kernel and by the contenders."""


def produce_job(settings: Settings, contract: Contract, number: int) -> Figures:
    """Make and send readings that continue those in the topic."""
    held = offsets.unread(broker.describe(settings, contract.source.name), {})
    start = data.START.replace(tzinfo=None) + span(contract, held)
    seconds, done = _timed(
        lambda: produce(settings, contract, messages=number, bad_share=0.0, seed=data.SEED, start=start.isoformat())
    )
    return {"seconds": seconds, "rows": done.counts.processed}


def consume_job(settings: Settings, contract: Contract, number: int) -> Figures:
    """Read what waits in the topic, in a Spark session that has read another topic before."""
    spark.spark_session(settings)
    consume(settings, data.warm_up(contract))
    seconds, done = _timed(lambda: consume(settings, contract, time_box_seconds=_NO_TIME_BOX))
    return {"seconds": seconds, "rows": done.counts.processed}


def merge_job(settings: Settings, contract: Contract, number: int) -> Figures:
    """Archive the batches that wait."""
    seconds, done = _timed(lambda: merge(settings, contract))
    return {"seconds": seconds, "rows": done.counts.processed}


def produce_ready(settings: Settings, contract: Contract, number: int) -> Figures:
    """Send prepared messages, as the other clients do."""
    ready = [message for chunk in data.messages(contract, number) for message in chunk]

    def chunks() -> Any:
        for start in range(0, len(ready), CHUNK):
            yield ready[start : start + CHUNK]

    seconds, (counts, _) = _timed(lambda: send(settings, contract.source.name, chunks()))
    return {"seconds": seconds, "rows": counts.processed}


def consume_hot(settings: Settings, contract: Contract, number: int) -> Figures:
    """Read the topic, with its bad messages, twice in one Spark session; the second time counts.

    The time of the first start is reported beside it.
    """
    data.fill(settings, contract, number, with_bad=True)
    began = time.perf_counter()
    spark.spark_session(settings)
    start = time.perf_counter() - began
    first, _ = _timed(lambda: consume(settings, contract))
    data.fill(settings, contract, number, with_bad=True)
    seconds, consumed = _timed(lambda: consume(settings, contract))
    return {
        "seconds": seconds,
        "rows": consumed.counts.read,
        "rejected": consumed.counts.rejected,
        "session_seconds": start,
        "first_seconds": first,
    }


def merge_ready(settings: Settings, contract: Contract, number: int) -> Figures:
    """Join the part files in ETL_HOME/parts."""
    parts = sorted((settings.home / "parts").glob("part-*.csv"))
    hashed = [(part, files.sha256(part)) for part in parts]
    seconds, (rows, _) = _timed(lambda: join_parts(hashed, settings.home / "joined.csv"))
    return {"seconds": seconds, "rows": rows}


def load_ready(settings: Settings, contract: Contract, number: int) -> Figures:
    """Load the archives that wait: validation, insert, windows, quality, anomalies, audit."""
    for module in _IMPORTED_LATE:
        import_module(module)
    seconds, loaded = _timed(lambda: load(settings, contract))
    return {"seconds": seconds, "rows": loaded.counts.processed}


def load_only(settings: Settings, contract: Contract, number: int) -> Figures:
    """The same with a contract without windows, anomalies and the fleet's completeness."""
    return load_ready(settings, replace(contract, windows=None, anomalies=None, fleet=None), number)


def warm_cycle(settings: Settings, contract: Contract, number: int, *, with_bad: bool = False) -> Figures:
    """Two cycles with one kernel, as a schedule runs them; the second one counts, from its first job to its last row."""
    with warm_kernel(settings, [contract]) as kernel:
        cycles = []
        for is_warm_up in (True, False):
            data.fill(settings, contract, number, is_warm_up=is_warm_up, with_bad=with_bad)
            seconds, cycle = _timed(lambda: run_cycle(settings, contract, {"messages": 0}, kernel=kernel))
            if cycle.error:
                raise cycle.error
            cycles.append(seconds)
        peak = resident(psutil.Process().pid)
        jobs = {row["job_name"]: row["duration_seconds"] for row in cycle.rows}
        return {
            "seconds": cycles[1],
            "rows": cycle.rows[-1]["records_processed"],
            "first_seconds": cycles[0],
            "jobs": jobs,
            "held_bytes": peak,
        }


def _timed(act: Callable[[], Any]) -> tuple[float, Any]:
    began = time.perf_counter()
    result = act()
    return time.perf_counter() - began, result


JOBS: dict[str, Callable[[Settings, Contract, int], Figures]] = {
    "1_produce": produce_job,
    "2_consume": consume_job,
    "3_merge": merge_job,
    "produce": produce_ready,
    "consume": consume_hot,
    "merge": merge_ready,
    "load": load_ready,
    "load-only": load_only,
    "warm": warm_cycle,
    "warm-with-bad": partial(warm_cycle, with_bad=True),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("job", choices=JOBS)
    parser.add_argument("number", type=int)
    arguments = parser.parse_args()
    settings = Settings.load()
    figures = JOBS[arguments.job](settings, load_contract("sensor_readings", settings), arguments.number)
    sys.stdout.write(f"\n{json.dumps(figures)}\n")


if __name__ == "__main__":
    main()
