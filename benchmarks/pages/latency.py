"""Latency: percentiles by rate, for each way to read."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure

from benchmarks.figures import Result
from benchmarks.pages.table import failures, plain, table

PICTURE = "seconds from Kafka into the table"
_COLORS = {"caught_up": ("#1f77b4", "#9cc7e6"), "time_box": ("#2a7f3f", "#a3d3ae")}


def as_text(result: Result) -> str:
    """For the terminal."""
    lines = [f"{result['title']}: {result['question']}"]
    for point in result["points"]:
        latency, cycle = point["latency"], point["cycle_seconds"]
        lines.append(
            f"  {point['mode']:9} {point['rate']:>6,}/s  p50 {latency['p50']:5.2f} s  p99 {latency['p99']:5.2f} s"
            f"  max {latency['max']:5.2f} s  {point['rows']:,} rows, cycles of {cycle.get('median', 0):.2f} s"
        )
    return "\n".join([*lines, *(f"  {line}" for line in failures(result))])


def intro(result: Result) -> str:
    command = f"`python -m etl run sensor_readings --every {result['every']}`"
    return (
        f"Time of a message from Kafka into the table, with {command} and a concurrent producer; all messages sent"
        f" within {result['measured_seconds']} seconds, after two cycles; medians of {rounds(result)}"
    )


def rounds(result: Result) -> str:
    """How often each way to read was measured."""
    fewest: dict[str, int] = {}
    for point in result["points"]:
        mode, number = point["mode"], point.get("rounds", 1)
        fewest[mode] = min(fewest.get(mode, number), number)
    told = {mode: f"{number} rounds" if number != 1 else "one round" for mode, number in fewest.items()}
    if len(set(told.values())) < 2:
        return next(iter(told.values()), "0 rounds")
    return ", ".join(f"{number} (`{mode}`)" for mode, number in told.items())


def body(result: Result) -> list[str]:
    """A row for each rate and way to read."""
    rows = [_row(point) for point in result["points"]]
    box = " ".join(f"`-p {name}={value}`" for name, value in result["modes"]["time_box"].items())
    return [
        *table(("messages/s", "until", "rows", "p50", "p99", "max", "seconds per cycle, median (max)"), rows),
        "",
        "Seconds from the Kafka timestamp of the message, set when it was passed to the producer, to the end of its load in"
        " `etl_log`, which the load's last statement before its COMMIT writes; `max` is that of all rounds."
        f" `time_box` is {box}. At the end every message that was sent was in the table, once.",
        *(line for failure in failures(result) for line in ("", failure)),
    ]


def _row(point: dict[str, Any]) -> tuple[str, ...]:
    latency, cycle = point["latency"], point["cycle_seconds"]
    lasts = f"{cycle['median']:.2f} s ({cycle['max']:.2f})" if cycle["cycles"] else "–"
    times = (f"{latency[name]:.2f} s" for name in ("p50", "p99", "max"))
    return (f"{point['rate']:,}", f"`{point['mode']}`", f"{point['rows']:,}", *times, lasts)


def draw(result: Result) -> Figure:
    """For each rate and way to read, a bar up to p99 with one up to p50 in front of it."""
    points = sorted(result["points"], key=lambda point: (point["rate"], point["mode"]))
    figure = Figure(figsize=(8, 0.45 * len(points) + 1.2), layout="constrained")
    axes = figure.subplots()
    names = [f"{point['rate']:,}/s, {point['mode']}" for point in points][::-1]
    for percentile, shade, size in (("p99", 1, 0.8), ("p50", 0, 0.45)):
        values = [point["latency"][percentile] for point in points][::-1]
        colors = [_COLORS[point["mode"]][shade] for point in points][::-1]
        bars = axes.barh(names, values, height=size, color=colors)
        inside = percentile == "p50"
        axes.bar_label(
            bars,
            [f"{percentile} {value:.1f} s" for value in values],
            label_type="center" if inside else "edge",
            color="white" if inside else "black",
            padding=0 if inside else 4,
            fontsize=8,
        )
    axes.set_xlabel("seconds from Kafka into the table")
    axes.margins(x=0.12)
    plain(axes)
    return figure
