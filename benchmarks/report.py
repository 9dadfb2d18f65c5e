"""The results as a table on the terminal, and as docs/benchmarks.md with a picture per contest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from etl.settings import PROJECT_ROOT

PAGE = PROJECT_ROOT / "docs" / "benchmarks.md"
IMAGES = PROJECT_ROOT / "docs" / "images"
BEGIN, END = "<!-- results: made by `make bench-full` -->", "<!-- end of results -->"
ORDER = ("whole", "overhead", "produce", "consume", "merge", "load")

Found = dict[str, Any]


def as_text(found: Found) -> str:
    """One contest for the terminal."""
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


def write(results: Path) -> None:
    """Put the results into the page, between its two marks, and draw the pictures."""
    found = {file.stem: json.loads(file.read_text("utf-8")) for file in sorted(results.glob("*.json"))}
    parts = [_section(name, found[name]) for name in ORDER if name in found]
    page = PAGE.read_text("utf-8")
    head, rest = page.split(BEGIN)
    tail = rest.split(END)[1]
    PAGE.write_text(f"{head}{BEGIN}\n\n{''.join(parts)}{END}{tail}", "utf-8")
    for name in ORDER:
        if name in found:
            _draw(found[name], IMAGES / f"benchmark-{name}.svg")


def _section(name: str, found: Found) -> str:
    rounds = f"{found['rounds']} rounds" if found["rounds"] != 1 else "one round"
    lines = [
        f"### {found['title']}",
        "",
        f"{found['question'][0].upper()}{found['question'][1:]}; {rounds}, load before {found['load_before'][0]}.",
        "",
        f"![{found['title']}: rows per second](images/benchmark-{name}.svg)",
        "",
        "| | seconds, median (min to max) | rows/s | peak memory | |",
        "|---|---|---|---|---|",
    ]
    for one in found["contenders"]:
        label = f"**{one['name']}**" if one["is_ours"] else one["name"]
        if "failed" in one:
            lines.append(f"| {label} | did not finish | | | {one['note']} |")
            continue
        seconds = one["seconds"]
        lines.append(
            f"| {label} | {seconds['median']:.2f} ({seconds['min']:.2f} to {seconds['max']:.2f})"
            f" | {one['rows_per_second']:,.0f} | {one['peak_bytes'] / 2**20:,.0f} MiB | {one['note']} |"
        )
    return "\n".join([*lines, "", ""])


def _draw(found: Found, file: Path) -> None:
    from matplotlib.figure import Figure

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
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(file, metadata={"Date": None})
