"""Precision, recall and their composite, without point adjustment.

After Garg et al. (2021), An Evaluation of Anomaly Detection and Diagnosis in Multivariate Time Series, IEEE TNNLS: recall
counts events (an event is found when any reading of it is), precision counts readings (every reading called anomalous
outside the events is a false one), and the composite F-score is their harmonic mean.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.anomalies.faults import Labelled

# Student's t for a two-sided 95 % interval, from one degree of freedom on.
_T = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131)


@dataclass(frozen=True)
class Score:
    """`precision` is NaN where nothing was called anomalous."""

    precision: float
    recall: float

    @property
    def composite(self) -> float:
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total > 0 else 0.0


def score(labelled: Labelled, called: NDArray[np.bool_]) -> Score:
    """The score of one method for one labelled series, the probation aside."""
    called = called & labelled.scored
    inside = labelled.event >= 0
    total = int(called.sum())
    found_events = len(np.unique(labelled.event[called & inside]))
    return Score(float((called & inside).sum()) / total if total else float("nan"), found_events / labelled.events)


def false_alarms_per_day(labelled: Labelled, called: NDArray[np.bool_]) -> float:
    """False alarms per sensor and day in series without faults."""
    days = labelled.scored.sum() * labelled.curves.interval_seconds / 86_400
    return float((called & labelled.scored).sum() / days)


def interval(values: Iterable[float]) -> tuple[float, float]:
    """Mean, and half the width of its 95 % confidence interval; what is undefined is left out."""
    defined = np.array([value for value in values if not np.isnan(value)])
    if len(defined) < 2:
        return (float(defined.mean()), 0.0) if len(defined) else (float("nan"), 0.0)
    freedom = min(len(defined) - 1, len(_T))
    return float(defined.mean()), float(_T[freedom - 1] * defined.std(ddof=1) / np.sqrt(len(defined)))
