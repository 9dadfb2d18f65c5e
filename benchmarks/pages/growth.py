"""Growth: seconds and memory by rows, the merge by part files, the load by rows in the table."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure

from benchmarks.figures import Result
from benchmarks.pages.table import failures, mib, plain, table

PICTURE = "seconds by rows"
JOBS = {
    "produce": "1_produce",
    "consume": "2_consume",
    "merge": "3_merge",
    "load": "4_load",
    "cycle": "whole cycle, warm",
}
Points = dict[int, dict[str, Any]]


def as_text(result: Result) -> str:
    """For the terminal."""
    lines = [f"{result['title']}: {result['question']}"]
    for point in result["points"]:
        lines.append(
            f"  {point['series']:8} {point['at']:>12,} {point['seconds']['median']:8.2f} s"
            f"  {point['rows_per_second']:>11,.0f} rows/s  {point['peak_bytes'] / 2**20:6,.0f} MiB"
        )
    return "\n".join([*lines, *(f"  {line}" for line in failures(result))])


def intro(result: Result) -> str:
    rounds = sorted({point["rounds"] for point in result["points"]})
    times = " or ".join("once" if number == 1 else f"{number} times" for number in rounds)
    return f"Is cost linear in rows, and memory bounded? Each figure measured {times}"


def body(result: Result) -> list[str]:
    """Tables of seconds, memory, part files and tables that already hold rows."""
    series = {name: _series(result, name) for name in (*JOBS, "parts", "held")}
    lines = [
        *_by_rows(series),
        "",
        "Each job is a separate process, with its audit row; Spark had read 100,000 other messages before. The whole cycle is"
        " the second one of a schedule, including the four notebooks.",
        "",
        "Peak resident memory, the maximum over all rounds, of the process and its children, including Spark's JVM, without"
        " Kafka and the database.",
        "",
        *_memory(series),
    ]
    if parts := series["parts"]:
        lines += ["", f"The same {_rows(parts)} rows in N part files, archived by `3_merge`:", ""]
        lines += _spread("part files", parts)
    if held := series["held"]:
        lines += ["", f"`4_load` of {_rows(held)} rows into a table that already holds N rows:", ""]
        lines += _spread("rows in the table", held)
    return [*lines, *(line for failure in failures(result) for line in ("", failure))]


def _series(result: Result, name: str) -> Points:
    return {point["at"]: point for point in result["points"] if point["series"] == name}


def _rows(points: Points) -> str:
    return f"{max(point['rows'] for point in points.values()):,}"


def _sizes(series: dict[str, Points]) -> list[int]:
    return sorted({at for name in JOBS for at in series[name]})


def _by_rows(series: dict[str, Points]) -> list[str]:
    def cell(points: Points, at: int) -> str:
        point = points.get(at)
        return f"{point['seconds']['median']:.2f} s, {point['rows_per_second']:,.0f} rows/s" if point else "–"

    rows = [(f"{at:,}", *(cell(series[name], at) for name in JOBS)) for at in _sizes(series)]
    steps = ("the last step, 10 × the rows, takes", *(_step(series[name]) for name in JOBS))
    return table(("rows", *JOBS.values()), [*rows, steps])


def _step(points: Points) -> str:
    """How many times the seconds ten times the rows took, at the upper end."""
    tens = [at for at in points if at // 10 in points and at % 10 == 0]
    if not tens:
        return "–"
    last = max(tens)
    return f"{points[last]['seconds']['median'] / points[last // 10]['seconds']['median']:.1f} times as long"


def _memory(series: dict[str, Points]) -> list[str]:
    def cell(points: Points, at: int) -> str:
        return mib(points[at]["peak_bytes"]) if at in points else "–"

    rows = [(f"{at:,}", *(cell(series[name], at) for name in JOBS)) for at in _sizes(series)]
    return table(("rows", *JOBS.values()), rows)


def _spread(head: str, points: Points) -> list[str]:
    rows = []
    for at, point in sorted(points.items()):
        seconds = point["seconds"]
        spread = f"{seconds['median']:.2f} ({seconds['min']:.2f} to {seconds['max']:.2f})"
        rows.append((f"{at:,}", spread, f"{point['rows_per_second']:,.0f}", mib(point["peak_bytes"])))
    return table((head, "seconds, median (min to max)", "rows/s", "peak memory"), rows)


def draw(result: Result) -> Figure:
    """Seconds by rows, both as powers of ten; a dotted line is what strictly linear would be."""
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    for name, label in JOBS.items():
        points = _series(result, name)
        if points:
            sizes = sorted(points)
            seconds = [points[at]["seconds"]["median"] for at in sizes]
            (line,) = axes.plot(sizes, seconds, marker="o", label=label)
            ideal = [seconds[-1] * at / sizes[-1] for at in sizes]
            axes.plot(sizes, ideal, linestyle=":", linewidth=1, color=line.get_color())
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("rows")
    axes.set_ylabel("seconds; dotted: proportional to rows")
    axes.legend(frameon=False)
    plain(axes)
    return figure
