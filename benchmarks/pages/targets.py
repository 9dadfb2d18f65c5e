"""The project's targets, each as a ratio of two figures of one run."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping

from benchmarks.figures import Result
from benchmarks.freshness import Age
from benchmarks.latency import MAIN
from benchmarks.pages import age
from benchmarks.pages.table import table

Results = Mapping[str, Result]
Row = tuple[str, str, str]
"""Target, what was measured, and whether it is met."""


def lines(results: Results, ages: Mapping[str, Age]) -> list[str]:
    """A table of the targets that have figures; no table without any."""
    rows = [
        (*row, age.cell(name, results[name], ages[name]))
        for name, rows_of in _TARGETS.items()
        if name in results
        for row in rows_of(results[name])
    ]
    return ["### Targets", "", *table(("target", "measured", "", "when"), rows), "", ""] if rows else []


def _produce(result: Result) -> Iterator[Row]:
    ratio = _rate(result, "1_produce") / _rate(result, "kafka-python")
    yield _row("produce: 2 × the client's own defaults", f"{ratio:.1f} ×", met=ratio >= 2)


def _merge(result: Result) -> Iterator[Row]:
    ratio = _rate(result, "3_merge") / _rate(result, "pandas.concat")
    yield _row("merge: 20 × `pandas.concat`", f"{ratio:.1f} ×", met=ratio >= 20)


def _consume(result: Result) -> Iterator[Row]:
    ratio = _rate(result, "2_consume") / _rate(result, "Spark's defaults")
    yield _row("consume: as fast as Spark's defaults", f"{ratio:.2f} ×", met=ratio >= 1)


def _load(result: Result) -> Iterator[Row]:
    everything, alone = (_rate(result, name) / _rate(result, "COPY") for name in ("4_load", "4_load, rows alone"))
    measured = f"{everything:.2f} ×; without windows and anomalies {alone:.2f} ×"
    yield _row("load, everything included: 0.65 × a plain COPY", measured, met=everything >= 0.65)


def _overhead(result: Result) -> Iterator[Row]:
    warm, cold, papermill = (
        result["rows"] / _rate(result, name) for name in ("scheduled, warm", "run", "papermill × 4")
    )
    yield _row("a warm cycle of 10,000 rows: 1.5 s at most", f"{warm:.2f} s", met=warm <= 1.5)
    yield _row("`run` of 10,000 rows, cold: 8 s at most", f"{cold:.2f} s", met=cold <= 8)
    measured = f"{papermill / warm:.1f} ×"
    yield _row("4 × faster than papermill's command line × 4, Spark cold", measured, met=papermill >= 4 * warm)


def _whole(result: Result) -> Iterator[Row]:
    ours = _rate(result, "etl, warm")
    yield _row("Kafka to table, warm: 100,000 rows/s", f"{ours:,.0f} rows/s", met=ours >= 100_000)
    alternatives = {
        contender["name"]: contender["rows_per_second"]
        for contender in result["contenders"]
        if not contender["is_ours"] and "failed" not in contender and not contender.get("stops_at_duplicate")
    }
    for name in sorted(alternatives, key=lambda name: -alternatives[name])[:1]:
        ratio = ours / alternatives[name]
        measured = f"{ratio:.2f} × {name} ({alternatives[name]:,.0f} rows/s)"
        yield _row("1.3 × every alternative that accepts duplicate messages", measured, met=ratio >= 1.3)


def _latency(result: Result) -> Iterator[Row]:
    for point in result["points"]:
        if (point["mode"], point["rate"]) == (MAIN, 1_000):
            p99, every = point["latency"]["p99"], result["every"]
            measured = f"{p99:.2f} s at `--every {every}`"
            yield _row("p99 with 1,000 messages/s, `--every 1s`: 3 s at most", measured, met=p99 <= 3 and every == "1s")


_JOBS = {"produce": ", 1_produce", "consume": ", 2_consume", "merge": ", 3_merge", "load": ", 4_load"}


def _growth(result: Result) -> Iterator[Row]:
    for name in ("cycle", *_JOBS):
        series = {point["at"]: point["rows_per_second"] for point in result["points"] if point["series"] == name}
        if len(series) < 2:
            continue
        *_, smaller, largest = sorted(series)
        ratio = series[largest] / series[smaller]
        measured = f"{ratio:.2f} × the rows/s at {largest:,} rows as at {smaller:,}"
        yield _row(f"cost linear in rows{_JOBS.get(name, '')}: 0.9 ×", measured, met=ratio >= 0.9)
    held = {point["at"]: point["seconds"]["median"] for point in result["points"] if point["series"] == "held"}
    if 0 in held and len(held) > 1:
        ratio = held[max(held)] / held[0]
        measured = f"{ratio:.2f} × into a table of {max(held):,} rows"
        yield _row("load into a full table: 1.2 × the time into an empty one", measured, met=ratio <= 1.2)


def _soak(result: Result) -> Iterator[Row]:
    ratio = result["growth"]["seconds"]
    measured = f"the last quarter of {result['cycles']} cycles took {ratio:.2f} × the time of the second quarter"
    yield _row("the 200th cycle costs as much as the 2nd", measured, met=not result["failed"])


def _api(result: Result) -> Iterator[Row]:
    if latest := result.get("latest"):
        milliseconds = latest["milliseconds"]["median"]
        target = f"latest reading of {result['sensors']:,} sensors over the API: 100 ms at the median"
        yield _row(target, f"{milliseconds:.0f} ms", met=milliseconds <= 100)
    if csv := result.get("csv"):
        ratio = csv["copy_seconds"]["median"] / csv["seconds"]["median"]
        readings = f"{result['readings']:,} readings as CSV over the API"
        yield _row(f"{readings}: 0.5 × the speed of COPY", f"{ratio:.2f} ×", met=ratio >= 0.5)
        peak = result["peak_bytes"] / 2**20
        yield _row(f"{readings}: 300 MiB at most", f"{peak:,.0f} MiB", met=peak <= 300)
    if beside := result.get("beside"):
        ratio = beside["seconds"]["median"] / beside["alone_seconds"]["median"]
        target = f"a load beside {beside['requests']} requests at once: 1.1 × its time at most"
        yield _row(target, f"{ratio:.2f} ×", met=ratio <= 1.1)


_TARGETS: dict[str, Callable[[Result], Iterator[Row]]] = {
    "produce": _produce,
    "consume": _consume,
    "merge": _merge,
    "load": _load,
    "overhead": _overhead,
    "whole": _whole,
    "latency": _latency,
    "growth": _growth,
    "soak": _soak,
    "api": _api,
}


def _rate(result: Result, name: str) -> float:
    """Rows per second; NaN, with which no target is met, for a contender that did not finish or take part."""
    contender: Result = next((contender for contender in result["contenders"] if contender["name"] == name), {})
    return float(contender.get("rows_per_second", math.nan))


def _row(target: str, measured: str, *, met: bool) -> Row:
    return target, measured, "met" if met else "**missed**"
