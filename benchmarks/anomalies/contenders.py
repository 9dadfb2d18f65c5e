"""Ours and simpler methods. Each gives every reading a score; an anomaly is a score above the method's threshold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from benchmarks.anomalies.curves import Curves
from etl.contract.rules.anomalies import AnomalyRules
from etl.jobs.load.derived.detect import find, robust_baseline, trailing_windows

Floats = NDArray[np.float64]
INTERVALS_OF_A_GAP = 10
_DEFAULT = AnomalyRules(())
TRAILING, MINIMUM, BLOCK_SECONDS = _DEFAULT.trailing, _DEFAULT.minimum, _DEFAULT.block_seconds


@dataclass(frozen=True)
class Contender:
    """A method: `scores(curves)` is one number per reading, whatever the threshold."""

    name: str
    scores: Callable[[Curves], Floats]
    thresholds: tuple[float, ...]


def ours(trailing: int = TRAILING, block_seconds: float = BLOCK_SECONDS) -> Contender:
    """`etl.jobs.load.derived.detect.find`; stuck and gap count as infinitely unusual."""

    def scores(curves: Curves) -> Floats:
        gap = INTERVALS_OF_A_GAP * curves.interval_seconds
        rules = AnomalyRules(
            ("value",), Z[0], trailing, MINIMUM, block_seconds, stuck_seconds=curves.stuck_seconds, gap_seconds=gap
        )
        anomalies = find(_arrow_table(curves), rules, key=("sensor",), time="time", measures=("value",))
        rows = _places(curves, anomalies["sensor"].to_numpy(), anomalies["event_time"].cast(pa.int64()).to_numpy())
        score = np.where(anomalies["kind"].to_pandas() == "outlier", anomalies["score"].to_numpy(), np.inf)
        result = np.zeros(len(curves.value))
        np.maximum.at(result, rows, score)
        return result

    return Contender(f"ours, {trailing} readings, {block_seconds:g} s", scores, Z)


def trend() -> Contender:
    """Our method with a robust line (Tukey's resistant line: through the medians of the outer thirds) subtracted from each
    window.

    Stuck and gap as ours.
    """

    def scores(curves: Curves) -> Floats:
        opens, since, of = _blocks(curves)
        windows = trailing_windows(curves.value, opens, since, TRAILING)
        times = trailing_windows(curves.micros / 1e6, opens, since, TRAILING) - curves.micros[opens, None] / 1e6
        third = TRAILING // 3
        with np.errstate(invalid="ignore"):
            rise = _median(windows[:, -third:]) - _median(windows[:, :third])
            slope = np.nan_to_num(rise / (_median(times[:, -third:]) - _median(times[:, :third])))
        centre, scale = robust_baseline(windows - slope[:, None] * times, AnomalyRules((), minimum=MINIMUM))
        line = centre[of] + slope[of] * (curves.micros - curves.micros[opens][of]) / 1e6
        rules = ours().scores(curves)
        return np.where(np.isinf(rules), rules, np.nan_to_num(np.abs(curves.value - line) / scale[of]))

    return Contender("ours about a line", scores, Z)


def global_z() -> Contender:
    """|x - mean| / sd of the sensor's whole series, which a stream does not know yet."""

    def scores(curves: Curves) -> Floats:
        groups = pd.Series(curves.value).groupby(curves.sensor)
        away = (pd.Series(curves.value) - groups.transform("mean")).abs()
        score: Floats = (away / groups.transform("std")).to_numpy()
        return score

    return Contender("global z-score", scores, Z)


def rolling_z() -> Contender:
    """|x - mean| / sd of the readings just before, renewed at every reading."""

    def scores(curves: Curves) -> Floats:
        before = pd.Series(curves.value).groupby(curves.sensor).shift(1).groupby(curves.sensor)
        rolling = before.rolling(TRAILING, min_periods=MINIMUM)
        mean = rolling.mean().to_numpy()
        scale = np.maximum(rolling.std().to_numpy(), curves.step / 10)
        score: Floats = np.nan_to_num(np.abs(curves.value - mean) / scale)
        return score

    return Contender("rolling z-score", scores, Z)


def fences() -> Contender:
    """Tukey's fences, over the same windows as ours: how many interquartile ranges a reading is outside the quartiles."""

    def scores(curves: Curves) -> Floats:
        opens, since, of = _blocks(curves)
        windows = trailing_windows(curves.value, opens, since, TRAILING)
        count = np.isfinite(windows).sum(axis=1)
        ordered, rows = np.sort(windows, axis=1), np.arange(len(windows))
        low, high = (ordered[rows, np.minimum((count * q).astype(int), TRAILING - 1)] for q in (0.25, 0.75))
        outside = np.maximum(low[of] - curves.value, curves.value - high[of])
        return _enough(windows, of, outside / np.maximum(high - low, curves.step)[of])

    return Contender("interquartile fences", scores, FENCES)


Z = (3.0, 3.5, 4.0, 4.5, 5.0, 5.5, 6.0, 6.5, 7.0, 8.0, 10.0, 12.0)
FENCES = (1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0, 8.0)


def _arrow_table(curves: Curves) -> pa.Table:
    return pa.table(
        {
            "sensor": curves.sensor,
            "time": pa.array(curves.micros, pa.timestamp("us", "UTC")),
            "value": curves.value,
            "is_new": np.ones(len(curves.value), bool),
        }
    )


def _places(curves: Curves, sensor: NDArray[np.int64], micros: NDArray[np.int64]) -> NDArray[np.int64]:
    """The rows of some readings, by sensor and time."""
    span = int(curves.micros.max() - curves.micros.min()) + 1
    least = curves.micros.min()
    places: NDArray[np.int64] = np.searchsorted(
        curves.sensor * span + (curves.micros - least), sensor * span + (micros - least)
    )
    return places


def _blocks(curves: Curves) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """First rows of the blocks, the first rows that their windows may use, and the block of each row."""
    first = np.diff(curves.sensor, prepend=-1) != 0
    silence = np.diff(curves.micros, prepend=curves.micros[:1]) > INTERVALS_OF_A_GAP * curves.interval_seconds * 1e6
    opens = first | (np.diff(curves.micros // int(BLOCK_SECONDS * 1e6), prepend=-1) != 0)
    since = np.maximum.accumulate(np.where(first | silence, np.arange(len(first)), 0))
    rows = np.flatnonzero(opens)
    return rows, since[rows], np.cumsum(opens) - 1


def _median(rows: Floats) -> Floats:
    ordered = np.sort(rows, axis=1)
    count = np.isfinite(ordered).sum(axis=1)
    middle: Floats = ordered[np.arange(len(rows)), np.minimum(count // 2, rows.shape[1] - 1)]
    return middle


def _enough(windows: Floats, of: NDArray[np.int64], score: Floats) -> Floats:
    """The scores, 0 where the window holds fewer readings than the minimum."""
    return np.where((np.isfinite(windows).sum(axis=1) >= MINIMUM)[of], np.nan_to_num(score), 0.0)
