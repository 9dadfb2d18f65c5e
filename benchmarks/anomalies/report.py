"""The figures as plain data, and as Markdown between two marks of docs/anomalies.md."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from benchmarks.anomalies.faults import KINDS
from benchmarks.anomalies.run import Figures
from benchmarks.anomalies.scoring import interval

BEGIN, END = "<!-- figures: python -m benchmarks.anomalies -->\n", "<!-- end of figures -->\n"


def summary(chosen: Mapping[str, tuple[float, Figures]], tuned: Mapping[str, float]) -> dict[str, Any]:
    """Per contender: threshold, means with half of their 95 % confidence interval over the seeds.

    A figure of a seed is the mean over the profiles.

    :param chosen: threshold and figures on the report seeds.
    :param tuned: mean composite F-score on the tuning seeds.
    """
    return {
        name: {
            "threshold": threshold,
            "tuning_composite": round(tuned[name], 3),
            "kinds": {kind: _kind(figures, kind) for kind in KINDS},
            "false_alarms_per_sensor_day": {
                profile: _rounded(interval(v for (p, _), v in figures.alarms.items() if p == profile))
                for profile in figures.profiles
            },
        }
        for name, (threshold, figures) in chosen.items()
    }


def _kind(figures: Figures, kind: str) -> dict[str, list[float | None]]:
    seeds = sorted({seed for _, _, seed in figures.scores})
    return {
        measure: _rounded(
            interval(
                interval(getattr(figures.scores[kind, profile, seed], measure) for profile in figures.profiles)[0]
                for seed in seeds
            )
        )
        for measure in ("precision", "recall", "composite")
    }


def _rounded(pair: tuple[float, float]) -> list[float | None]:
    return [None if math.isnan(value) else round(value, 3) for value in pair]


def markdown(figures: Mapping[str, Any]) -> str:
    """Three tables of kinds and contenders, and one of false alarms."""
    names = list(figures)
    main = [name for name in names if "readings, " not in name or name == names[0]]
    titles = {"composite": "Composite F-score", "precision": "Precision (of readings)", "recall": "Recall (of events)"}
    head = {name: f"{'**ours**' if name == names[0] else name} ({figures[name]['threshold']:g})" for name in main}
    parts = []
    for measure, title in titles.items():
        rows = [[kind, *(_cell(figures[name]["kinds"][kind][measure]) for name in main)] for kind in KINDS]
        parts.append(
            f"{title}; in brackets each method's threshold:\n\n{_markdown_table(['fault', *head.values()], rows)}"
        )
    profiles = list(figures[names[0]]["false_alarms_per_sensor_day"])
    rows = [
        [name, *(_cell(figures[name]["false_alarms_per_sensor_day"][profile]) for profile in profiles)] for name in main
    ]
    parts.append(
        f"False alarms per sensor and day without any fault:\n\n{_markdown_table(['method', *profiles], rows)}"
    )
    rows = [[n, f"{figures[n]['threshold']:g}", f"{figures[n]['tuning_composite']:.3f}"] for n in names]
    heads = ["method", "chosen threshold", "mean composite F-score"]
    parts.append(f"The choice, on the tuning seeds:\n\n{_markdown_table(heads, rows)}")
    return "\n".join(parts)


def _cell(pair: list[float | None]) -> str:
    return "–" if pair[0] is None else f"{pair[0]:.2f} ± {pair[1]:.2f}"


def _markdown_table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def inserted(document: str, tables: str) -> str:
    """The document with the tables between its two marks."""
    before, _, rest = document.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{tables}\n{END}{after}"
