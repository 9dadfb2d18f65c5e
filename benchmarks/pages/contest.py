"""A contest: who was how fast, with a bar for each contender."""

from __future__ import annotations

from matplotlib.figure import Figure

from benchmarks.figures import Found
from benchmarks.pages.table import mib, plain, table

PICTURE = "rows per second"


def as_text(found: Found) -> str:
    """For the terminal."""
    lines = [f"{found['title']}: {found['question']}"]
    for one in found["contenders"]:
        if "failed" in one:
            lines.append(f"  {one['name']:22} did not finish: {one['failed'].splitlines()[-1][:80]}")
            continue
        seconds = one["seconds"]
        spread = f"{seconds['min']:.2f} to {seconds['max']:.2f}"
        lines.append(
            f"  {one['name']:22} {seconds['median']:8.2f} s ({spread})  {one['rows_per_second']:>11,.0f} rows/s"
            f"  {one['peak_bytes'] / 2**20:6,.0f} MiB"
        )
    return "\n".join(lines)


def intro(found: Found) -> str:
    rounds = f"{found['rounds']} rounds" if found["rounds"] != 1 else "one round"
    return f"{found['question'][0].upper()}{found['question'][1:]}; {rounds}"


def body(found: Found) -> list[str]:
    """A row for each contender."""
    rows = []
    for one in found["contenders"]:
        label = f"**{one['name']}**" if one["is_ours"] else one["name"]
        if "failed" in one:
            rows.append((label, "did not finish", "", "", one["note"]))
            continue
        seconds = one["seconds"]
        spread = f"{seconds['median']:.2f} ({seconds['min']:.2f} to {seconds['max']:.2f})"
        rows.append((label, spread, f"{one['rows_per_second']:,.0f}", mib(one["peak_bytes"]), one["note"]))
    return table(("", "seconds, median (min to max)", "rows/s", "peak memory", ""), rows)


def draw(found: Found) -> Figure:
    """Rows per second, ours in blue."""
    runs = [one for one in found["contenders"] if "failed" not in one][::-1]
    figure = Figure(figsize=(8, 0.45 * len(runs) + 1), layout="constrained")
    axes = figure.subplots()
    bars = axes.barh(
        [one["name"] for one in runs],
        [one["rows_per_second"] for one in runs],
        color=["#1f77b4" if one["is_ours"] else "#b0b7bf" for one in runs],
    )
    axes.bar_label(bars, [f"{one['rows_per_second']:,.0f}" for one in runs], padding=4, fontsize=8)
    axes.set_xlabel("rows per second")
    axes.margins(x=0.15)
    plain(axes)
    return figure
