"""The project's targets, each as a ratio of two figures of one run."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping

from benchmarks.figures import Found
from benchmarks.pages.table import table

Results = Mapping[str, Found]
Row = tuple[str, str, str]
"""Target, what was measured, and whether it is met."""


def lines(found: Results) -> list[str]:
    """A table of the targets that have figures; no table without any."""
    rows = [row for name, told in _TARGETS.items() if name in found for row in told(found[name])]
    return ["### Targets", "", *table(("target", "measured", ""), rows), "", ""] if rows else []


def _produce(found: Found) -> Iterator[Row]:
    ratio = _rate(found, "1_produce") / _rate(found, "kafka-python")
    yield _row("produce: 2 × the client's own defaults", f"{ratio:.1f} ×", met=ratio >= 2)


def _merge(found: Found) -> Iterator[Row]:
    ratio = _rate(found, "3_merge") / _rate(found, "pandas.concat")
    yield _row("merge: 20 × `pandas.concat`", f"{ratio:.1f} ×", met=ratio >= 20)


def _load(found: Found) -> Iterator[Row]:
    alone, everything = (_rate(found, name) / _rate(found, "COPY") for name in ("4_load, rows alone", "4_load"))
    told = f"{alone:.2f} ×; with windows and anomalies {everything:.2f} ×"
    yield _row("load, validation included: 0.6 × a plain COPY", told, met=alone >= 0.6)


def _overhead(found: Found) -> Iterator[Row]:
    warm, cold = (found["rows"] / _rate(found, name) for name in ("scheduled, warm", "papermill × 4"))
    yield _row("a warm cycle of 10,000 rows: 4 s at most", f"{warm:.2f} s", met=warm <= 4)
    yield _row("4 × faster than papermill's command line × 4, Spark cold", f"{cold / warm:.1f} ×", met=cold >= 4 * warm)


def _whole(found: Found) -> Iterator[Row]:
    ours = _rate(found, "etl, warm")
    yield _row("Kafka to table, warm: 100,000 rows/s", f"{ours:,.0f} rows/s", met=ours >= 100_000)
    rivals = {
        one["name"]: one["rows_per_second"]
        for one in found["contenders"]
        if not one["is_ours"] and "failed" not in one and not one.get("stops_at_duplicate")
    }
    for name in sorted(rivals, key=lambda name: -rivals[name])[:1]:
        told = f"{ours / rivals[name]:.2f} × {name} ({rivals[name]:,.0f} rows/s)"
        yield _row("faster than every alternative that accepts duplicate messages", told, met=ours >= rivals[name])


_JOBS = {"produce": ", 1_produce", "consume": ", 2_consume", "merge": ", 3_merge", "load": ", 4_load"}


def _growth(found: Found) -> Iterator[Row]:
    for name in ("cycle", *_JOBS):
        series = {point["at"]: point["rows_per_second"] for point in found["points"] if point["series"] == name}
        if len(series) < 2:
            continue
        *_, smaller, largest = sorted(series)
        ratio = series[largest] / series[smaller]
        told = f"{ratio:.2f} × the rows/s at {largest:,} rows as at {smaller:,}"
        yield _row(f"cost linear in rows{_JOBS.get(name, '')}", told, met=ratio >= 0.8)


def _soak(found: Found) -> Iterator[Row]:
    ratio = found["growth"]["seconds"]
    told = f"the last quarter of {found['cycles']} cycles took {ratio:.2f} × the time of the second quarter"
    yield _row("the 200th cycle costs as much as the 2nd", told, met=not found["failed"])


_TARGETS: dict[str, Callable[[Found], Iterator[Row]]] = {
    "produce": _produce,
    "merge": _merge,
    "load": _load,
    "overhead": _overhead,
    "whole": _whole,
    "growth": _growth,
    "soak": _soak,
}


def _rate(found: Found, name: str) -> float:
    """Rows per second; NaN, with which no target is met, for a contender that did not finish or take part."""
    one: Found = next((one for one in found["contenders"] if one["name"] == name), {})
    return float(one.get("rows_per_second", math.nan))


def _row(target: str, told: str, *, met: bool) -> Row:
    return target, told, "met" if met else "**missed**"
