"""How the rounds of a latency become one figure."""

from __future__ import annotations

from typing import Any

from benchmarks.latency import over_rounds


def run(p99: float, *, cycles: int = 3) -> dict[str, Any]:
    spread = {"min": p99 / 10, "median": p99 / 4, "max": p99 / 2} if cycles else {}
    latency = {"min": p99 / 8, "p50": p99 / 2, "p99": p99, "max": p99 + 1}
    return {"rows": 100, "latency": latency, "cycle_seconds": {"cycles": cycles, **spread}}


def test_percentiles_are_medians_over_the_rounds_and_the_extremes_are_of_all() -> None:
    assert over_rounds([run(8.0), run(16.0), run(80.0)]) == {
        "rounds": 3,
        "rows": 300,
        "latency": {"min": 1.0, "p50": 8.0, "p99": 16.0, "max": 81.0},
        "p99_by_round": [8.0, 16.0, 80.0],
        "cycle_seconds": {"cycles": 9, "min": 0.8, "median": 4.0, "max": 40.0},
    }


def test_a_round_in_which_no_cycle_began_counts_for_the_messages_only() -> None:
    found = over_rounds([run(8.0), run(16.0, cycles=0)])
    assert found["latency"]["p99"] == 12.0
    assert found["cycle_seconds"] == {"cycles": 3, "min": 0.8, "median": 2.0, "max": 4.0}
    assert over_rounds([run(8.0, cycles=0)])["cycle_seconds"] == {"cycles": 0}
