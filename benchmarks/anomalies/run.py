"""Every contender on every profile and kind of fault: thresholds are chosen on some seeds, figures are taken from others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from benchmarks.anomalies import contenders
from benchmarks.anomalies.contenders import Contender
from benchmarks.anomalies.curves import curves
from benchmarks.anomalies.faults import KINDS, clean, inject
from benchmarks.anomalies.scoring import Score, false_alarms_per_day, score

TUNING_SEEDS = range(1, 6)
REPORT_SEEDS = range(101, 111)
MOST_FALSE_ALARMS = 0.1
"""Allowed false alarms per sensor and day on clean series of any profile; a method gets the threshold that finds most within
this limit. With a hundred sensors these are at most ten per day."""


def all_contenders() -> list[Contender]:
    """Our method with its defaults first; then the others, then variants of our method."""
    simple = [contenders.global_z(), contenders.rolling_z(), contenders.fences()]
    return [contenders.ours(), *simple, contenders.trend(), *variants()]


def variants() -> list[Contender]:
    sizes = [contenders.ours(trailing=60), contenders.ours(trailing=240)]
    return [*sizes, contenders.ours(block_seconds=60.0), contenders.ours(block_seconds=900.0)]


@dataclass
class Figures:
    """Of one contender and threshold: one number per seed and profile."""

    scores: dict[tuple[str, str, int], Score] = field(default_factory=dict)
    """By kind, profile and seed."""
    alarms: dict[tuple[str, int], float] = field(default_factory=dict)
    """False alarms per sensor and day in series without faults, by profile and seed."""

    @property
    def profiles(self) -> list[str]:
        return list(dict.fromkeys(profile for profile, _ in self.alarms))

    def cost(self) -> float:
        """False alarms per sensor and day on the profile where they are most."""
        return max(
            float(np.mean([v for (p, _), v in self.alarms.items() if p == profile])) for profile in self.profiles
        )

    def gain(self) -> float:
        """Mean composite F-score over kinds, profiles and seeds."""
        return float(np.mean([score.composite for score in self.scores.values()]))


Results = dict[tuple[str, float], Figures]
"""By contender and threshold."""


def measure(seeds: Iterable[int], chosen: Iterable[tuple[Contender, tuple[float, ...]]], **size: float) -> Results:
    """Run contenders at some thresholds over seeds; `size` goes to `curves`."""
    results: Results = {}
    pairs = list(chosen)
    for seed in seeds:
        for curve in curves(seed, **size):  # type: ignore[arg-type]
            series = [clean(curve), *(inject(curve, kind, seed) for kind in KINDS)]
            for contender, thresholds in pairs:
                for labelled in series:
                    values = contender.scores(labelled.curves)
                    for threshold in thresholds:
                        figures = results.setdefault((contender.name, threshold), Figures())
                        if labelled.kind == "none":
                            alarms = false_alarms_per_day(labelled, values > threshold)
                            figures.alarms[curve.profile, seed] = alarms
                        else:
                            place = (labelled.kind, curve.profile, seed)
                            figures.scores[place] = score(labelled, values > threshold)
    return results


def choose(results: Results) -> Iterator[tuple[str, float]]:
    """Per contender the threshold with the best mean composite F-score among those that cost little enough."""
    for name in dict.fromkeys(name for name, _ in results):
        by_threshold = {threshold: figures for (contender, threshold), figures in results.items() if contender == name}
        cheap = {t: f for t, f in by_threshold.items() if f.cost() <= MOST_FALSE_ALARMS} or {
            max(by_threshold): by_threshold[max(by_threshold)]
        }
        yield name, max(cheap, key=lambda threshold: cheap[threshold].gain())
