"""The read API: its times beside those of bare COPY, and what requests cost a load."""

from __future__ import annotations

from matplotlib.figure import Figure

from benchmarks.figures import Result
from benchmarks.pages.table import failures, mib, plain, table

PICTURE = "seconds of a download beside those of COPY, and of a load with requests beside those of one alone"


def as_text(result: Result) -> str:
    """For the terminal."""
    lines = [f"{result['title']}: {result['question']}", *(f"  {what}: {taken}" for what, taken, _ in _rows(result))]
    return "\n".join([*lines, *(f"  {line}" for line in failures(result))])


def intro(result: Result) -> str:
    return (
        f"`python -m etl api` with {result['readings']:,} readings of {result['sensors']:,} sensors, asked over HTTP on the same"
        f" machine; medians of {result['rounds']} rounds, least and most in brackets"
    )


def body(result: Result) -> list[str]:
    return [
        *table(("", "taken", ""), _rows(result)),
        *(line for failure in failures(result) for line in ("", failure)),
    ]


def _rows(result: Result) -> list[tuple[str, str, str]]:
    rows = []
    if latest := result.get("latest"):
        note = f"{latest['runs']} requests, one after the other"
        rows.append(("the latest reading of every sensor", _range(latest["milliseconds"], "ms", 0), note))
    if csv := result.get("csv"):
        rows.append(
            ("all readings as CSV", _range(csv["seconds"], "s"), f"the server's peak is {mib(result['peak_bytes'])}")
        )
        rows.append(("the same by COPY", _range(csv["copy_seconds"], "s"), "psycopg, the same columns"))
    if beside := result.get("beside"):
        answered = ", ".join(f"{number:,} × {status}" for status, number in sorted(beside["statuses"].items()))
        rows.append(
            (f"load of {result['loaded']:,} rows", _range(beside["alone_seconds"], "s"), "the API has no requests")
        )
        rows.append((f"the same, {beside['requests']} requests at once", _range(beside["seconds"], "s"), answered))
    return rows


def _range(values: dict[str, float], unit: str, digits: int = 2) -> str:
    least, middle, most = (f"{values[name]:.{digits}f}" for name in ("min", "median", "max"))
    return f"{middle} {unit} ({least}–{most})"


def draw(result: Result) -> Figure:
    """Two pairs of bars."""
    bars: dict[str, dict[str, float]] = {}
    if csv := result.get("csv"):
        bars |= {"CSV over the API": csv["seconds"], "COPY": csv["copy_seconds"]}
    if beside := result.get("beside"):
        bars |= {"load beside requests": beside["seconds"], "load alone": beside["alone_seconds"]}
    figure = Figure(figsize=(8, 0.45 * len(bars) + 1.2), layout="constrained")
    axes = figure.subplots()
    names = list(bars)[::-1]
    values = [bars[name]["median"] for name in names]
    drawn = axes.barh(
        names, values, color=["#1f77b4" if "API" in name or "beside" in name else "#9aa0a6" for name in names]
    )
    axes.bar_label(drawn, [f"{value:.2f} s" for value in values], padding=4, fontsize=8)
    axes.set_xlabel("seconds")
    axes.margins(x=0.12)
    plain(axes)
    return figure
