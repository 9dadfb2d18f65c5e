"""Soak: many cycles, with the time and memory of each."""

from __future__ import annotations

from matplotlib.figure import Figure

from benchmarks.figures import Result
from benchmarks.pages.table import failures, plain, table

PICTURE = "seconds and memory by cycle"
PROCESSES = {"jvm": "Spark's JVM", "kernel": "kernel", "parent": "schedule"}


def as_text(result: Result) -> str:
    """For the terminal."""
    seconds = result["seconds"]
    lines = [
        f"{result['title']}: {result['question']}",
        f"  {result['cycles']} cycles, {result['sent']:,} messages, exact: {result['exact']}; {seconds['median']:.2f} s a cycle"
        f" ({seconds['min']:.2f} to {seconds['max']:.2f})",
        "  last quarter by second: " + ", ".join(f"{name} {ratio:.2f}" for name, ratio in result["growth"].items()),
    ]
    return "\n".join([*lines, *(f"  {line}" for line in failures(result))])


def intro(result: Result) -> str:
    return (
        f"{result['cycles']} scheduled cycles, one after the other, while {result['rate']} messages a second are sent,"
        " one in twenty of them bad"
    )


def body(result: Result) -> list[str]:
    """What became of the messages, and what grew."""
    seconds = result["seconds"]
    exact = "every message is counted once" if result["exact"] else "**not exact**"
    counts = (f"{result['sent']:,}", *(f"{result[name]:,}" for name in ("loaded", "rejected", "duplicate")), exact)
    ratios = result["growth"]
    rows = [
        (label, *(f"{ratios[f'{process}.{measure}']:.2f}" for measure in ("memory", "handles", "threads")))
        for process, label in PROCESSES.items()
    ]
    return [
        *table(("sent", "loaded", "rejected", "duplicate", ""), [counts]),
        "",
        f"A cycle takes {seconds['median']:.2f} s ({seconds['min']:.2f} to {seconds['max']:.2f}, without the first one). The"
        f" median of the last quarter of the cycles is {ratios['seconds']:.2f} times that of the second quarter for the seconds,"
        " and for",
        "",
        *table(("", "memory", "open files", "threads"), rows),
        *(line for failure in failures(result) for line in ("", failure)),
    ]


def draw(result: Result) -> Figure:
    """Seconds of each cycle above, memory of the processes after it below."""
    series = result["series"]
    figure = Figure(figsize=(8, 5), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True)
    cycles = range(2, len(series["seconds"]) + 1)
    above.plot(cycles, series["seconds"][1:], linewidth=1)
    above.set_ylabel("seconds a cycle")
    for process, label in PROCESSES.items():
        below.plot(cycles, series[f"{process}_mib"][1:], label=label)
    below.set_ylabel("resident, MiB")
    below.set_xlabel("cycle")
    below.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    for axes in (above, below):
        axes.set_ylim(bottom=0)
        plain(axes)
    return figure
