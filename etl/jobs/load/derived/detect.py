"""Find readings that do not fit their sensor: outliers, stuck sensors, gaps.

Pure and vectorised. An outlier has a large robust z-score |x - median| / (1.4826 MAD) (Iglewicz and Hoaglin 1993; Leys
et al. 2013) against the readings before it, as in Hampel's filter. The baseline (median and MAD) is renewed at fixed
moments, not at every reading, so that a load needs one median per sensor and block, and the result does not depend on how
readings are divided into loads. Method, figures and limits: docs/anomalies.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from etl.contract.rules.anomalies import AnomalyRules
from etl.errors import ConfigurationError, PermanentError

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]
Flags = NDArray[np.bool_]

MAD_TO_SIGMA = 1.4826
"""The standard deviation of normal noise in units of its median absolute deviation."""
MEAN_AD_TO_SIGMA = 1.253314
"""The same for the mean absolute deviation."""
_SAME = 1.001
"""Steps of 0.1 differ in their last bits: up to this factor they count as equal."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BLOCKS_AT_ONCE = 8192
"""Blocks at a time: a baseline needs this many times `trailing` doubles, a few times over."""


def context_start(first_new: datetime, rules: AnomalyRules) -> datetime:
    """From when on `find` needs every reading of a sensor whose first new reading is of `first_new`.

    It also needs the last `context_readings` before that moment. More does no harm.
    """
    block = timedelta(seconds=rules.block_seconds)
    start = _EPOCH + (first_new - _EPOCH) // block * block
    # A run of equal values may have become long enough up to stuck_seconds ago, and have begun stuck_seconds before that.
    return min(start, first_new - 2 * timedelta(seconds=rules.stuck_seconds or 0))


def context_readings(rules: AnomalyRules) -> int:
    """How many readings of a sensor `find` needs before `context_start`."""
    return max(rules.trailing, rules.stuck_readings if rules.stuck_seconds else 1)


def find(
    readings: pa.Table,
    rules: AnomalyRules,
    *,
    key: tuple[str, ...],
    time: str,
    measures: tuple[str, ...],
    new: str = "is_new",
) -> pa.Table:
    """The anomalies among the new readings, in the order of the readings.

    :param readings: readings of some sensors; those of one sensor are together, in the order of time. NULLs and numbers
        that are not finite are no values.
    :param key: the columns that name a sensor.
    :param measures: the numeric columns to examine.
    :param new: a boolean column: true for readings to examine, false for those that only give the context.
    :returns: the key columns; `measure` (for a gap the time column's name); `event_time`; `value` (for a gap its seconds);
        `expected_low` and `expected_high` (NULL where the kind has none); `score` (for an outlier the robust z-score, else
        how many times the limit was reached); `kind`: outlier, stuck or gap.

    When each load is given the context that `context_start` and `context_readings` ask for, readings that come in the order
    of time have the same anomalies however they are divided into loads.

    :raises PermanentError: a column is missing, or the readings are not in order.
    :raises ConfigurationError: the rules contradict each other.
    """
    _check_rules(rules)
    if missing := {*key, time, *measures, new} - {*readings.column_names}:
        raise PermanentError(f"The readings have no column {min(missing)!r}.", remedy="Select it.")
    series = _series(readings, key, time, new)
    anomalies = [_gaps(series, rules, time)]
    for measure in measures:
        values = _doubles(readings[measure])
        anomalies += [_outliers(series, values, rules, measure), _stuck(series, values, rules, measure)]
    return _anomaly_table(readings, key, time, anomalies)


@dataclass(frozen=True)
class _Series:
    """The readings' times, and where each sensor begins."""

    micros: Rows
    begins: Flags
    """Whether a row is the first of its sensor."""
    new: Flags

    @property
    def elapsed(self) -> Rows:
        """Microseconds since the sensor's reading before; 0 for its first."""
        return np.where(self.begins, 0, np.diff(self.micros, prepend=self.micros[:1]))


@dataclass(frozen=True)
class _Anomalies:
    """Anomalies of one kind and measure; `rows` are places in the readings."""

    kind: str
    measure: str
    rows: Rows
    value: Floats
    low: Floats
    high: Floats
    score: Floats


def _check_rules(rules: AnomalyRules) -> None:
    if not 1 <= rules.minimum <= rules.trailing:
        raise ConfigurationError(
            f"An anomaly rule asks for at least {rules.minimum} of {rules.trailing} trailing readings.",
            remedy="Let minimum be from 1 to trailing.",
        )
    positive = {"threshold": rules.threshold, "block_seconds": rules.block_seconds}
    positive |= {"stuck_seconds": rules.stuck_seconds or 1, "gap_seconds": rules.gap_seconds or 1}
    for name, value in positive.items():
        if value <= 0:
            raise ConfigurationError(f"{name} of the anomaly rules is {value}.", remedy="Give a number above 0.")


def _micros(seconds: float) -> int:
    return round(seconds * 1_000_000)


def _doubles(column: pa.ChunkedArray) -> Floats:
    """A column's numbers; NaN where there is none."""
    values = pc.fill_null(pc.cast(column, pa.float64(), safe=False), float("nan")).to_numpy()
    return np.where(np.isfinite(values), values, np.nan)


def _first_of(marks: Flags) -> Rows:
    """For each row the last marked row up to it; the first row counts as marked."""
    return np.maximum.accumulate(np.where(marks, np.arange(len(marks)), 0))


def _series(readings: pa.Table, key: tuple[str, ...], time: str, new: str) -> _Series:
    """Times and sensors of the readings.

    The order of the sensors is not checked: a database sorts text by its own rules.
    """
    if readings[time].null_count:
        raise PermanentError(f"Readings have no {time}.", remedy="Leave readings without a time out.")
    micros = pc.cast(readings[time], pa.timestamp("us", "UTC")).cast(pa.int64()).to_numpy()
    sensor = _sensor_numbers(readings, key)
    begins = np.diff(sensor, prepend=-1) != 0
    backwards = (np.diff(micros, prepend=micros[:1]) < 0) & ~begins
    if backwards.any() or len(np.unique(sensor[begins])) != begins.sum():
        place = (
            f" first at row {int(backwards.argmax())}" if backwards.any() else " a sensor's readings are not together"
        )
        raise PermanentError(
            f"The readings are not in order:{place}.", remedy=f"Sort them by {', '.join((*key, time))}."
        )
    return _Series(micros, begins, pc.fill_null(readings[new], False).to_numpy())


def _sensor_numbers(readings: pa.Table, key: tuple[str, ...]) -> Rows:
    """A number per sensor, from 0."""
    sensor = np.zeros(len(readings), np.int64)
    for name in key:
        codes = readings[name].combine_chunks().dictionary_encode(null_encoding="encode")
        sensor = sensor * len(codes.dictionary) + codes.indices.to_numpy(zero_copy_only=False)
    return sensor


def _gaps(series: _Series, rules: AnomalyRules, time: str) -> _Anomalies:
    limit = rules.gap_seconds or np.inf
    rows = np.flatnonzero((series.elapsed > limit * 1e6) & series.new)
    seconds = series.elapsed[rows] / 1e6
    return _Anomalies("gap", time, rows, seconds, np.zeros(len(rows)), np.full(len(rows), limit), seconds / limit)


def _stuck(series: _Series, values: Floats, rules: AnomalyRules, measure: str) -> _Anomalies:
    """The readings with which a run of equal values becomes long enough.

    A NULL or a silence of more than `stuck_seconds` ends a run: so the context that tells whether a run was long enough
    before is bounded.
    """
    limit = _micros(rules.stuck_seconds) if rules.stuck_seconds else np.iinfo(np.int64).max
    same = np.append(False, values[1:] == values[:-1])[: len(values)] & ~series.begins & (series.elapsed <= limit)
    first = _first_of(~same)
    lasting = series.micros - series.micros[first]
    enough = (lasting >= limit) & (np.arange(len(values)) - first + 1 >= rules.stuck_readings)
    before = np.append(False, enough[:-1])[: len(values)] & same
    rows = np.flatnonzero(enough & ~before & series.new)
    none = np.full(len(rows), np.nan)
    return _Anomalies("stuck", measure, rows, values[rows], none, none, lasting[rows] / limit)


def _outliers(series: _Series, values: Floats, rules: AnomalyRules, measure: str) -> _Anomalies:
    """Readings whose robust z-score, against the baseline of their block, is above the threshold."""
    block = series.micros // _micros(rules.block_seconds)
    opens = series.begins | (np.diff(block, prepend=block[:1]) != 0)
    centre, scale = _baselines(series, values, np.flatnonzero(opens), rules)
    block_of = np.cumsum(opens) - 1
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        score = np.abs(values - centre[block_of]) / scale[block_of]
        rows = np.flatnonzero((score > rules.threshold) & series.new)
        reach = rules.threshold * scale[block_of[rows]]
    middle, score = centre[block_of[rows]], np.nan_to_num(score[rows])
    return _Anomalies("outlier", measure, rows, values[rows], middle - reach, middle + reach, score)


def _baselines(series: _Series, values: Floats, opens: Rows, rules: AnomalyRules) -> tuple[Floats, Floats]:
    """Centre and scale per block, from the trailing readings before it; NaN where they are too few, or not needed.

    :param opens: the first row of each block.
    """
    centre, scale = np.full((2, len(opens)), np.nan)
    if not len(opens):
        return centre, scale
    # Readings before a gap say little about those after it, so a baseline does not reach back over a gap.
    since = _first_of(series.begins | (series.elapsed > (rules.gap_seconds or np.inf) * 1e6))
    asked = np.flatnonzero(np.logical_or.reduceat(series.new, opens) & (opens - since[opens] >= rules.minimum))
    for part in np.array_split(asked, -(-len(asked) // _BLOCKS_AT_ONCE) or 1):
        windows = trailing_windows(values, opens[part], since[opens[part]], rules.trailing)
        centre[part], scale[part] = robust_baseline(windows, rules)
    return centre, scale


def trailing_windows(values: Floats, opens: Rows, since: Rows, trailing: int) -> Floats:
    """Per block, a row of the `trailing` values before row `opens`, NaN before row `since`."""
    padded = np.concatenate([np.full(trailing, np.nan), values])
    windows: Floats = sliding_window_view(padded, trailing)[opens]
    windows[np.arange(trailing) < (trailing - (opens - since))[:, None]] = np.nan
    return windows


def robust_baseline(windows: Floats, rules: AnomalyRules) -> tuple[Floats, Floats]:
    """Median and robust standard deviation of each row; NaN where its values are too few, or do not vary.

    Values equal to the median are left out of the MAD. Among readings with many digits there are hardly any; where there
    are many, the sensor was stuck, and with them the MAD would say that it has no noise.
    """
    ordered = np.sort(windows, axis=1)  # NaN comes last
    count = np.isfinite(ordered).sum(axis=1)
    centre = _middle(ordered, count)
    with np.errstate(invalid="ignore", over="ignore"):
        deviations = np.abs(ordered - centre[:, None])
    moved = np.sort(np.where(deviations > 0, deviations, np.nan), axis=1)
    typical = np.nan_to_num(_middle(moved, np.isfinite(moved).sum(axis=1)))
    scale = MAD_TO_SIGMA * typical
    step = np.full(len(moved), rules.resolution) if rules.resolution else np.nan_to_num(moved[:, 0])
    coarse = typical <= step * _SAME
    scale[coarse] = _scale_of_coarse(deviations[coarse], count[coarse], step[coarse])
    is_usable = (count >= rules.minimum) & (scale > 0)
    return np.where(is_usable, centre, np.nan), np.where(is_usable, np.maximum(scale, rules.resolution / 2), np.nan)


def _scale_of_coarse(deviations: Floats, count: Rows, step: Floats) -> Floats:
    """The scale of a sensor whose noise is no larger than its smallest step: the MAD knows only multiples of the step.

    The mean absolute deviation (Iglewicz and Hoaglin's second choice) is finer. A reading is known to half a step at best.
    """
    mean = np.nansum(deviations, axis=1) / np.maximum(count, 1)
    scale: Floats = np.maximum(MEAN_AD_TO_SIGMA * mean, step / 2)
    return scale


def _middle(ordered: Floats, count: Rows) -> Floats:
    """The median of each row of which the first `count` values are in order, and the rest are NaN."""
    rows = np.arange(len(ordered))
    low, high = np.maximum(count - 1, 0) // 2, np.minimum(count // 2, ordered.shape[1] - 1)
    return np.asarray(0.5 * ordered[rows, low] + 0.5 * ordered[rows, high])


def _anomaly_table(readings: pa.Table, key: tuple[str, ...], time: str, anomalies: list[_Anomalies]) -> pa.Table:
    rows = np.concatenate([part.rows for part in anomalies])
    order = np.argsort(rows, kind="stable")

    def gathered(parts: Iterator[Floats]) -> pa.Array:
        return pa.array(np.concatenate(list(parts))[order], pa.float64(), from_pandas=True)

    def repeated(parts: Iterator[str]) -> pa.Array:
        names = np.repeat(np.array(list(parts), object), [len(part.rows) for part in anomalies])
        return pa.array(names[order], pa.string())

    columns = {name: readings[name].take(pa.array(rows[order])) for name in key}
    columns |= {
        "measure": repeated(part.measure for part in anomalies),
        "event_time": readings[time].take(pa.array(rows[order])),
        "value": gathered(part.value for part in anomalies),
        "expected_low": gathered(part.low for part in anomalies),
        "expected_high": gathered(part.high for part in anomalies),
        "score": gathered(part.score for part in anomalies),
        "kind": repeated(part.kind for part in anomalies),
    }
    return pa.table(columns)
