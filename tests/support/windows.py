"""What the windows of some readings must hold, computed by Python from nothing but the readings."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

SIZES = {"5m": 300, "1d": 86_400}
MEASURES = ("temperature", "humidity")
READINGS = "SELECT sensor_id, timestamp, temperature, humidity FROM sensor_data"

Window = tuple[Any, ...]
"""The values of the key, measure, beginning, count, minimum, maximum, average, deviation."""


def expected_windows(readings: Iterable[Sequence[Any]], seconds: int) -> list[Window]:
    """Windows of the default feed, in order.

    :param readings: rows of the query READINGS.
    """
    return expected_of(readings, 1, MEASURES, seconds)


def expected_of(readings: Iterable[Sequence[Any]], keys: int, measures: Sequence[str], seconds: int) -> list[Window]:
    """Windows of any feed, in order.

    :param readings: rows of `keys` key columns, the time, and the measures.
    """
    values: dict[tuple[Any, ...], list[float]] = defaultdict(list)
    for row in readings:
        key, time, found = row[:keys], row[keys], row[keys + 1 :]
        if time is None or None in key:
            continue
        start = datetime.fromtimestamp(time.timestamp() // seconds * seconds, UTC)
        for name, value in zip(measures, found, strict=True):
            if value is not None:
                values[(*key, name, start)].append(float(value))
    return sorted(
        (*key, len(found), min(found), max(found), round(statistics.fmean(found), 9), _deviation(found))
        for key, found in values.items()
    )


def rounded(windows: Iterable[Sequence[Any]]) -> list[Window]:
    """Rows of a table of windows in the same form; a computer's sums differ in their last digits."""
    return sorted(
        (*key, start.astimezone(UTC), count, low, high, round(mean, 9), _rounded(deviation))
        for *key, start, count, low, high, mean, deviation in windows
    )


def _deviation(values: list[float]) -> float | None:
    return _rounded(statistics.stdev(values)) if len(values) > 1 else None


def _rounded(value: float | None) -> float | None:
    # 0.0 and a few billionths are the same deviation.
    return None if value is None else round(value, 6)
