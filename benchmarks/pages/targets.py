"""The project's targets, each as a ratio of two figures of one run."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping

from benchmarks.figures import Result
from benchmarks.pages.table import table

Results = Mapping[str, Result]
Row = tuple[str, str, str]
"""Target, what was measured, and whether it is met."""


def lines(results: Results) -> list[str]:
    """A table of the targets that have figures; no table without any."""
    rows = [row for name, rows_of in _TARGETS.items() if name in results for row in rows_of(results[name])]
    return ["### Targets", "", *table(("target", "measured", ""), rows), "", ""] if rows else []


def _produce(result: Result) -> Iterator[Row]:
    ratio = _rate(result, "1_produce") / _rate(result, "kafka-python")
    yield _row("produce: 2 × the client's own defaults", f"{ratio:.1f} ×", met=ratio >= 2)


def _merge(result: Result) -> Iterator[Row]:
    ratio = _rate(result, "3_merge") / _rate(result, "pandas.concat")
    yield _row("merge: 20 × `pandas.concat`", f"{ratio:.1f} ×", met=ratio >= 20)


def _load(result: Result) -> Iterator[Row]:
    alone, everything = (_rate(result, name) / _rate(result, "COPY") for name in ("4_load, rows alone", "4_load"))
    measured = f"{alone:.2f} ×; with windows and anomalies {everything:.2f} ×"
    yield _row("load, validation included: 0.6 × a plain COPY", measured, met=alone >= 0.6)


def _overhead(result: Result) -> Iterator[Row]:
    warm, cold = (result["rows"] / _rate(result, name) for name in ("scheduled, warm", "papermill × 4"))
    yield _row("a warm cycle of 10,000 rows: 4 s at most", f"{warm:.2f} s", met=warm <= 4)
    yield _row("4 × faster than papermill's command line × 4, Spark cold", f"{cold / warm:.1f} ×", met=cold >= 4 * warm)


def _whole(result: Result) -> Iterator[Row]:
    ours = _rate(result, "etl, warm")
    yield _row("Kafka to table, warm: 100,000 rows/s", f"{ours:,.0f} rows/s", met=ours >= 100_000)
    alternatives = {
        contender["name"]: contender["rows_per_second"]
        for contender in result["contenders"]
        if not contender["is_ours"] and "failed" not in contender and not contender.get("stops_at_duplicate")
    }
    for name in sorted(alternatives, key=lambda name: -alternatives[name])[:1]:
        measured = f"{ours / alternatives[name]:.2f} × {name} ({alternatives[name]:,.0f} rows/s)"
        yield _row(
            "faster than every alternative that accepts duplicate messages", measured, met=ours >= alternatives[name]
        )


_JOBS = {"produce": ", 1_produce", "consume": ", 2_consume", "merge": ", 3_merge", "load": ", 4_load"}


def _growth(result: Result) -> Iterator[Row]:
    for name in ("cycle", *_JOBS):
        series = {point["at"]: point["rows_per_second"] for point in result["points"] if point["series"] == name}
        if len(series) < 2:
            continue
        *_, smaller, largest = sorted(series)
        ratio = series[largest] / series[smaller]
        measured = f"{ratio:.2f} × the rows/s at {largest:,} rows as at {smaller:,}"
        yield _row(f"cost linear in rows{_JOBS.get(name, '')}", measured, met=ratio >= 0.8)


def _soak(result: Result) -> Iterator[Row]:
    ratio = result["growth"]["seconds"]
    measured = f"the last quarter of {result['cycles']} cycles took {ratio:.2f} × the time of the second quarter"
    yield _row("the 200th cycle costs as much as the 2nd", measured, met=not result["failed"])


_TARGETS: dict[str, Callable[[Result], Iterator[Row]]] = {
    "produce": _produce,
    "merge": _merge,
    "load": _load,
    "overhead": _overhead,
    "whole": _whole,
    "growth": _growth,
    "soak": _soak,
}


def _rate(result: Result, name: str) -> float:
    """Rows per second; NaN, with which no target is met, for a contender that did not finish or take part."""
    contender: Result = next((contender for contender in result["contenders"] if contender["name"] == name), {})
    return float(contender.get("rows_per_second", math.nan))


def _row(target: str, measured: str, *, met: bool) -> Row:
    return target, measured, "met" if met else "**missed**"
