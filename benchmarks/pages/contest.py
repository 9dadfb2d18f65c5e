"""A contest: the speed of each contender, with a bar chart."""

from __future__ import annotations

from matplotlib.figure import Figure

from benchmarks.figures import Result
from benchmarks.pages.table import mib, plain, table

PICTURE = "rows per second"


def as_text(result: Result) -> str:
    """For the terminal."""
    lines = [f"{result['title']}: {result['question']}"]
    for contender in result["contenders"]:
        if "failed" in contender:
            lines.append(f"  {contender['name']:22} did not finish: {contender['failed'].splitlines()[-1][:80]}")
            continue
        seconds = contender["seconds"]
        spread = f"{seconds['min']:.2f} to {seconds['max']:.2f}"
        lines.append(
            f"  {contender['name']:22} {seconds['median']:8.2f} s ({spread})  {contender['rows_per_second']:>11,.0f} rows/s"
            f"  {contender['peak_bytes'] / 2**20:6,.0f} MiB"
        )
    return "\n".join(lines)


def intro(result: Result) -> str:
    rounds = f"{result['rounds']} rounds" if result["rounds"] != 1 else "one round"
    return f"{result['question'][0].upper()}{result['question'][1:]}; {rounds}"


def body(result: Result) -> list[str]:
    """A row for each contender; in a contest with bad messages, how many it has rejected."""
    rows, bad = [], "bad" in result
    for contender in result["contenders"]:
        label = f"**{contender['name']}**" if contender["is_ours"] else contender["name"]
        if "failed" in contender:
            rows.append((label, "did not finish", "", "", *([""] if bad else []), contender["note"]))
            continue
        seconds = contender["seconds"]
        spread = f"{seconds['median']:.2f} ({seconds['min']:.2f} to {seconds['max']:.2f})"
        rejected = [f"{contender['rejected']:,}" if "rejected" in contender else "–"] if bad else []
        rate = f"{contender['rows_per_second']:,.0f}"
        rows.append((label, spread, rate, mib(contender["peak_bytes"]), *rejected, contender["note"]))
    return table(
        ("", "seconds, median (min to max)", "rows/s", "peak memory", *(["rejected"] if bad else []), ""), rows
    )


def draw(result: Result) -> Figure:
    """Rows per second, ours in blue."""
    runs = [contender for contender in result["contenders"] if "failed" not in contender][::-1]
    figure = Figure(figsize=(8, 0.45 * len(runs) + 1), layout="constrained")
    axes = figure.subplots()
    bars = axes.barh(
        [contender["name"] for contender in runs],
        [contender["rows_per_second"] for contender in runs],
        color=["#1f77b4" if contender["is_ours"] else "#b0b7bf" for contender in runs],
    )
    axes.bar_label(bars, [f"{contender['rows_per_second']:,.0f}" for contender in runs], padding=4, fontsize=8)
    axes.set_xlabel("rows per second")
    axes.margins(x=0.15)
    plain(axes)
    return figure
