"""What the page says about the age of a figure, and about the machine it was measured on."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median

from benchmarks.figures import ROUNDS, Result
from benchmarks.freshness import Age
from benchmarks.latency import MAIN

UNKNOWN = "age unknown"
OLDER = "measured before the code was last changed"


def sentence(result: Result, age: Age) -> str:
    """When and with what one result was measured, and whether that is what there is now."""
    if not age.date:
        load = f" System load before: {result['load_before'][0]}." if "load_before" in result else ""
        return f"**{UNKNOWN.capitalize()}**: this result does not say when and on which code it was measured.{load}"
    began = f"**{OLDER.capitalize()}** ({age.when})" if age.changed else f"Measured {age.when}"
    machine = result["machine"]
    versions = (
        ("Python", machine["python"]),
        ("Java", machine["java"]),
        ("Spark", machine["versions"]["pyspark"]),
        ("Kafka", machine["kafka"]),
        ("PostgreSQL", machine["postgresql"]),
        ("pyarrow", machine["versions"]["pyarrow"]),
    )
    return f"{began}, with {', '.join(f'{name} {version}' for name, version in versions)}; {_loads(result)}."


def cell(name: str, result: Result, age: Age) -> str:
    """The same in a table of targets: only what qualifies a figure is bold."""
    if not age.date:
        return f"**{UNKNOWN}**"
    when = f"**{OLDER}** ({age.when})" if age.changed else age.when
    rounds = _ROUNDS.get(name, _of_contest)(result)
    return f"{when}; **{rounds} of {ROUNDS} rounds**" if rounds < ROUNDS else when


def _loads(result: Result) -> str:
    busy, average = ([load[name] for load in result["loads"]] for name in ("busy", "average"))
    return (
        f"before the rounds the processors were busy for {median(busy):.0%} of the time (at most {max(busy):.0%}), and the load"
        f" average was {median(average):.1f} (at most {max(average):.1f})"
    )


def _of_contest(result: Result) -> int:
    return int(result["rounds"])


def _of_points(result: Result) -> int:
    return min((point["rounds"] for point in result["points"]), default=0)


def _of_latency(result: Result) -> int:
    """Of the way to read that the target names."""
    return min((point["rounds"] for point in result["points"] if point["mode"] == MAIN), default=0)


_ROUNDS: dict[str, Callable[[Result], int]] = {
    "growth": _of_points,
    "latency": _of_latency,
    # One run: its figures are medians of fifty cycles each.
    "soak": lambda _: ROUNDS,
}
