"""What the columns of a sample probably are: types, the event time and its format, the sensor, the key."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from etl.contract.draft.sample import Sample
from etl.contract.model import EPOCH_UNITS, ISO8601
from etl.errors import ConfigurationError

Values = Mapping[str, Sequence[Any]]
"""The values of every column, by name; rows are in the same order."""

_INTEGER = re.compile(r"-?(0|[1-9]\d*)")
_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?")
_CODE = re.compile(r"-?\d+[eE]\d+")
_MOST_EXACT = 2**53
"""Every whole number up to it is a double."""
_ISO = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d(:?\d\d)?)?")
_DAYS = ("%d-%m-%Y", "%m-%d-%Y", "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%Y/%m/%d", "%Y-%m-%d", "%Y%m%d")
_PATTERNS = [f"{day}{time}" for time in (" %H:%M:%S", " %H:%M", "T%H:%M:%S", "") for day in _DAYS]
_TIME_NAME = re.compile(r"time|date|stamp|(^|_)(ts|at|when|epoch)($|_)")
_BEST_TIME_NAME = re.compile(r"^(event_?time|timestamp|ts|time|datetime)$|event")
_SENSOR_NAME = re.compile(r"sensor|device|station|meter|node|machine|room|gateway|probe|(^|_)mac($|_)")
_ROW_NAME = re.compile(r"^(id|uuid|guid)$|(event|reading|message|record|measurement|row)_?(id|uuid|guid|no|number)$")
_COUNT_NAME = re.compile(r"(id|no|nr|number|count|offset|seq|sequence|index|version|code|sensor|device)$")
_FROM, _TO = datetime(2000, 1, 1).timestamp(), datetime(2100, 1, 1).timestamp()


@dataclass(frozen=True)
class Guess:
    """A type of the standard, and why it was taken where that is not plain."""

    type: str
    why: str = ""


@dataclass(frozen=True)
class TimeGuess:
    """The column of the event time, how it is written, and why it was taken."""

    column: str
    formats: tuple[str, ...]
    why: str
    note: str = ""
    """What remains uncertain about the format."""


def infer_type(name: str, values: Iterable[Any]) -> Guess:
    """The type that holds all these values, and what may follow them; for drafts and for columns that a feed takes up.

    A text counts as what it looks like. Whole numbers are integers only where the name speaks of a number or a count, or no
    double holds them: 29 may be followed by 29.5. With leading zeros, or an exponent and no point or sign (12e5), digits are
    somebody's code.
    """
    # By type as well, for True and 1 are the same to a set.
    seen = [value for _, value in {(type(value), value) for value in values}]
    if not seen:
        return Guess("string", "guessed: no record of the sample has a value")
    if all(isinstance(value, bool) or value in ("true", "false") for value in seen):
        return Guess("boolean")
    if any(isinstance(value, bool) for value in seen):
        return Guess("string", "guessed: its values differ in type")
    texts = [str(value) for value in seen]
    if all(_INTEGER.fullmatch(text) for text in texts):
        largest = max(abs(int(text)) for text in texts)
        if largest >= 2**63:
            return Guess("string", "guessed: its numbers are too large for the database")
        if _COUNT_NAME.search(snake(name)) or largest > _MOST_EXACT:
            return Guess("integer")
        return Guess("number", "guessed: whole numbers in the sample, a measure by name")
    if all(
        _NUMBER.fullmatch(text) and not (isinstance(v, str) and _CODE.fullmatch(v))
        for v, text in zip(seen, texts, strict=True)
    ):
        return Guess("number")
    if all(isinstance(value, str) and _is_iso(value) for value in seen):
        return Guess("timestamp")
    mixed = len({isinstance(value, str) for value in seen}) > 1
    return Guess("string", "guessed: its values differ in type" if mixed else "")


def snake(key: str) -> str:
    """`deviceId` → `device_id`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", key).lower()


def guess_time(columns: Values, sample: Sample) -> TimeGuess:
    """The event time: a column whose values all are times and are always there, the best-named one.

    :raises ConfigurationError: there is none.
    """
    found: list[tuple[int, TimeGuess]] = []
    for name, values in columns.items():
        if any(value is None or value == "" or isinstance(value, bool) for value in values):
            continue
        formats = _time_formats([str(value) for value in values], is_named=bool(_TIME_NAME.search(name)))
        if formats:
            rank = 2 if _BEST_TIME_NAME.search(name) else 1 if _TIME_NAME.search(name) else 0
            note = f"it could be {formats[1]} as well" if len(formats) > 1 else ""
            why = "by name and values" if rank else "by its values"
            found.append((rank, TimeGuess(name, (formats[0],), why, note)))
    if not found:
        raise ConfigurationError(
            f"No column of {sample.name} says in every record when it was measured.",
            remedy="A feed needs an event time: a column with ISO 8601 times, epoch seconds or a fixed pattern.",
        )
    return max(found, key=lambda one: one[0])[1]


def _time_formats(texts: Sequence[str], *, is_named: bool) -> list[str]:
    """The formats that fit all texts. Numbers are times only where the name says so."""
    if all(_is_iso(text) for text in texts):
        return [ISO8601]
    if is_named and all(_NUMBER.fullmatch(text) for text in texts):
        numbers = [float(text) for text in texts]
        found = [name for name, unit in EPOCH_UNITS.items() if all(_FROM <= n * unit <= _TO for n in numbers)]
        if found:
            return found
    return [pattern for pattern in _PATTERNS if all(_fits(text, pattern) for text in texts)]


def _is_iso(text: str) -> bool:
    if not _ISO.fullmatch(text):
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _fits(text: str, pattern: str) -> bool:
    try:
        return datetime.strptime(text, pattern).strftime(pattern) == text
    except ValueError:
        return False


def guess_sensor(columns: Values, types: Mapping[str, str], time: str) -> str | None:
    """The column that says which sensor a reading is of: by its name, else the first text that repeats."""
    usable = [name for name in columns if name != time and types[name] in ("string", "integer")]
    complete = [name for name in usable if all(value not in (None, "") for value in columns[name])]
    named = [name for name in complete if _SENSOR_NAME.search(name) and not _ROW_NAME.search(name)]
    if named:
        # `device_id` rather than `device_model`.
        return max(named, key=lambda name: name.endswith("id") or bool(_SENSOR_NAME.fullmatch(name)))
    repeated = [n for n in complete if types[n] == "string" and len(set(columns[n])) < len(columns[n])]
    return next(iter(repeated), None)


def guess_key(
    columns: Values, types: Mapping[str, str], sensor: str | None, time: str, shared: set[str]
) -> tuple[str, ...]:
    """Columns that tell the sample's readings apart; none where no likely ones do.

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
    return next((key for key in candidates if _tells_apart(columns, key)), ())


def _tells_apart(columns: Values, key: tuple[str, ...]) -> bool:
    rows = list(zip(*(columns[name] for name in key), strict=True))
    return len(set(rows)) == len(rows) and all(value not in (None, "") for row in rows for value in row)
