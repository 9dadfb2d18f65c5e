"""Which columns of a sample identify its readings: the event time and its format, the sensor, the key."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from etl.contract.draft.samples.sample import Sample
from etl.contract.inference import is_iso_time, is_number
from etl.contract.model import EPOCH_UNITS, ISO8601
from etl.errors import ConfigurationError

Values = Mapping[str, Sequence[Any]]
"""The values of every column, by name; rows are in the same order."""

_DAYS = ("%d-%m-%Y", "%m-%d-%Y", "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%Y/%m/%d", "%Y-%m-%d", "%Y%m%d")
_PATTERNS = [f"{day}{time}" for time in (" %H:%M:%S", " %H:%M", "T%H:%M:%S", "") for day in _DAYS]
_TIME_NAME = re.compile(r"time|date|stamp|(^|_)(ts|at|when|epoch)($|_)")
_BEST_TIME_NAME = re.compile(r"^(event_?time|timestamp|ts|time|datetime)$|event")
_SENSOR_NAME = re.compile(r"sensor|device|station|meter|node|machine|room|gateway|probe|(^|_)mac($|_)")
_ROW_NAME = re.compile(r"^(id|uuid|guid)$|(event|reading|message|record|measurement|row)_?(id|uuid|guid|no|number)$")
_FROM, _TO = datetime(2000, 1, 1).timestamp(), datetime(2100, 1, 1).timestamp()


@dataclass(frozen=True)
class InferredEventTime:
    """The column of the event time, its format, and why it was chosen."""

    column: str
    formats: tuple[str, ...]
    why: str
    note: str = ""
    """What remains uncertain about the format."""


def infer_event_time(columns: Values, sample: Sample) -> InferredEventTime:
    """The event time: of the columns that have a time in every record, the best-named one.

    :raises ConfigurationError: there is none.
    """
    candidates: list[tuple[int, InferredEventTime]] = []
    for name, values in columns.items():
        if any(value is None or value == "" or isinstance(value, bool) for value in values):
            continue
        formats = _time_formats([str(value) for value in values], is_named=bool(_TIME_NAME.search(name)))
        if formats:
            rank = 2 if _BEST_TIME_NAME.search(name) else 1 if _TIME_NAME.search(name) else 0
            note = f"it could be {formats[1]} as well" if len(formats) > 1 else ""
            why = "by name and values" if rank else "by its values"
            candidates.append((rank, InferredEventTime(name, (formats[0],), why, note)))
    if not candidates:
        raise ConfigurationError(
            f"No column of {sample.name} has a time in every record.",
            remedy="A feed needs an event time: a column with ISO 8601 times, epoch seconds or a fixed pattern.",
        )
    return max(candidates, key=lambda candidate: candidate[0])[1]


def _time_formats(texts: Sequence[str], *, is_named: bool) -> list[str]:
    """The formats that fit all texts. Numbers are times only if the name suggests it."""
    if all(is_iso_time(text) for text in texts):
        return [ISO8601]
    if is_named and all(is_number(text) for text in texts):
        numbers = [float(text) for text in texts]
        units = [name for name, unit in EPOCH_UNITS.items() if all(_FROM <= n * unit <= _TO for n in numbers)]
        if units:
            return units
    return [pattern for pattern in _PATTERNS if all(_fits(text, pattern) for text in texts)]


def _fits(text: str, pattern: str) -> bool:
    try:
        return datetime.strptime(text, pattern).strftime(pattern) == text
    except ValueError:
        return False


def infer_sensor(columns: Values, types: Mapping[str, str], time: str) -> str | None:
    """The column that identifies the sensor of a reading: by its name, else the first text that repeats."""
    usable = [name for name in columns if name != time and types[name] in ("string", "integer")]
    complete = [name for name in usable if all(value not in (None, "") for value in columns[name])]
    named = [name for name in complete if _SENSOR_NAME.search(name) and not _ROW_NAME.search(name)]
    if named:
        # `device_id` rather than `device_model`.
        return max(named, key=lambda name: name.endswith("id") or bool(_SENSOR_NAME.fullmatch(name)))
    repeated = [n for n in complete if types[n] == "string" and len(set(columns[n])) < len(columns[n])]
    return next(iter(repeated), None)


def infer_key(
    columns: Values, types: Mapping[str, str], sensor: str | None, time: str, shared: set[str]
) -> tuple[str, ...]:
    """Columns that identify each reading of the sample; none if no likely ones do.

    :param shared: columns that all readings of a message have in common.
    """
    named = [n for n in columns if _ROW_NAME.search(n) and n != sensor and types[n] in ("string", "integer")]
    candidates: list[tuple[str, ...]] = []
    for name in named:
        if name not in shared:
            candidates.append((name,))
        elif sensor:
            candidates.append((name, sensor))
    if sensor:
        candidates.append((sensor, time))
    return next((key for key in candidates if _identifies_rows(columns, key)), ())


def _identifies_rows(columns: Values, key: tuple[str, ...]) -> bool:
    rows = list(zip(*(columns[name] for name in key), strict=True))
    return len(set(rows)) == len(rows) and all(value not in (None, "") for row in rows for value in row)
