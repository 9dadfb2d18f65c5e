"""Everything that a draft says, decided from a sample; `writer` puts it into words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from etl.contract.draft.columns import DraftColumn, column_beside, columns_of
from etl.contract.draft.event_time import EventTimeGuess, choose_event_time
from etl.contract.draft.guesses.guess import Guess, is_named_like_a_time
from etl.contract.draft.guesses.values import plain_name
from etl.contract.draft.identity.key import KeyGuess, choose_key
from etl.contract.draft.identity.sensor import SensorGuess, choose_sensor
from etl.contract.draft.readings import Readings, path_text, readings_of
from etl.contract.draft.recognisers.registry import Recognised, recognise
from etl.contract.draft.recognisers.shape import Shape
from etl.contract.draft.samples.sample import Sample
from etl.contract.model import RESERVED, WINDOW_COLUMNS, column_name
from etl.contract.todo import MARK

_DEVICE_HEADER = re.compile(r"device|sensor|station|meter|node|client|source|(^|[-_.])id$", re.IGNORECASE)
_HEADER = "header:"
_SHARE = 0.95
_LONGEST_KEY = 100
_ROW_BYTES = 7_500
"""SQL Server has 8,060 for a row, PostgreSQL 8,160; the loader's own columns take some."""
_BYTES = {"string": 26, "timestamp": 10, "boolean": 1}
_MANY = 20
_WHERE = "key, header:NAME, or topic where all messages are of one sensor"


@dataclass(frozen=True)
class Plan:
    """A draft before it is written."""

    columns: list[DraftColumn]
    readings: Readings
    recognised: Recognised
    time: EventTimeGuess
    sensor: SensorGuess
    key: KeyGuess
    left_out: list[str]
    """Paths, for people."""


def plan_draft(sample: Sample, *, topic: str, now: datetime | None = None) -> Plan:
    """The columns of a sample's readings, with event time, sensor and key.

    :param topic: the feed's topic; empty where it reads files.
    """
    now = now or datetime.now(UTC)
    recognised = recognise(sample.records)
    form = sample.form
    readings = readings_of(sample.records, recognised.shape, is_tabular=form.is_tabular)
    delimiter = form.dialect.delimiter if form.is_tabular else ","
    columns = columns_of(readings, now, delimiter=delimiter, units=sample.units)
    time = choose_event_time(columns, recognised.shape, now, readings.arrays)
    if not time.column and topic:
        time = _broker_time(columns, sample, readings, time, now, is_known=bool(recognised.name))
    sensor = choose_sensor(columns, recognised.shape, time, readings.explode)
    if topic and recognised.shape.lacks_device:
        device = _sensor_beside(columns, sample, readings, SensorGuess(), now)
        sensor = SensorGuess((*device.columns, *sensor.columns), f"{device.why}; {sensor.why}")
    if not sensor.columns and topic:
        sensor = _sensor_beside(columns, sample, readings, sensor, now)
    elif not sensor.columns:
        sensor = _sensor_of_file(columns, sensor, time, now)
    shared = {column.name for column in columns if readings.is_shared(column.path)}
    key = choose_key(columns, recognised.shape, sensor.columns, time, shared)
    time, sensor, key = _without_names_of_windows(columns, time, sensor, key)
    left_out = [path_text(path) for path in readings.left_out] + _without_room(columns, time, sensor, key)
    _mark(columns, sensor, key)
    return Plan(columns, readings, recognised, time, sensor, key, left_out)


def _broker_time(
    columns: list[DraftColumn],
    sample: Sample,
    readings: Readings,
    time: EventTimeGuess,
    now: datetime,
    *,
    is_known: bool,
) -> EventTimeGuess:
    """The time in a header, or else of the message in Kafka, where nothing in the messages looks like a time; otherwise what a
    person must decide.

    :param is_known: whether the messages are those of a platform, so that they are readings even without measures.
    """
    has_measures = any(column.guess.type == "number" for column in columns)
    if time.has_candidates or not (has_measures or is_known):
        return replace(time, question=f"{time.question}; or a column with `from: broker_time`")
    if found := _time_in_header(columns, sample, readings, now):
        return found
    taken = [*RESERVED, *(column.name for column in columns)]
    values = _beside(sample, readings, "broker_time")
    column = column_beside(column_name("broker_time", taken), "broker_time", values, now)
    column.guess = Guess("timestamp", f"when Kafka received the message: {time.question}")
    column.required = "the event time"
    columns.append(column)
    return EventTimeGuess(column.name, why=column.guess.why)


def _time_in_header(
    columns: list[DraftColumn], sample: Sample, readings: Readings, now: datetime
) -> EventTimeGuess | None:
    """The best header that nearly all messages have with a time, named like one; it is added to the columns."""
    taken = [*RESERVED, *(column.name for column in columns)]
    headers = dict.fromkeys(name for beside in sample.beside for name in beside if name.startswith(_HEADER))
    beside = [
        column_beside(column_name(plain_name(origin[len(_HEADER) :]), taken), origin, values, now)
        for origin in headers
        if is_named_like_a_time(plain_name(origin[len(_HEADER) :])) and (values := _beside(sample, readings, origin))
    ]
    time = choose_event_time(beside, Shape(), now)
    chosen = [column for column in beside if column.name == time.column]
    columns += chosen
    return replace(time, why=f"a header of the messages: {time.why}") if chosen else None


def _sensor_beside(
    columns: list[DraftColumn], sample: Sample, readings: Readings, sensor: SensorGuess, now: datetime
) -> SensorGuess:
    """The sensor beside the messages: in a header, or their key; where neither can be it, a column that asks where it is."""
    taken = [*RESERVED, *(column.name for column in columns)]
    names = Counter(name for beside in sample.beside for name in beside)
    headers = [name for name in names if name.startswith(_HEADER) and _DEVICE_HEADER.search(name[len(_HEADER) :])]
    for origin in (*headers, "key"):
        values = _beside(sample, readings, origin)
        if _may_name_sensors(values):
            name = "message_key" if origin == "key" else plain_name(origin.removeprefix(_HEADER))
            column = column_beside(column_name(name, taken), origin, values, now)
            why = f"{len(column.seen.texts):,} different; the message itself has no such column"
            column.guess = Guess("string", why)
            columns.append(column)
            return SensorGuess((column.name,), f"the {'key' if origin == 'key' else 'header'} of the messages")
    if sensor.candidates:
        return replace(sensor, question=f"{sensor.question}; or a column with `from: key`")
    column = column_beside(column_name("sensor_name", taken), MARK, ["?"] * len(readings.rows), now)
    column.guess = Guess("string", "no column of the messages says which sensor it is", question=_WHERE)
    columns.append(column)
    return SensorGuess((column.name,), "no column of the messages says which sensor it is")


def _sensor_of_file(
    columns: list[DraftColumn], sensor: SensorGuess, time: EventTimeGuess, now: datetime
) -> SensorGuess:
    """The only sensor of a file, whose name a person must give: nothing else in it could be one, or no time occurs twice."""
    if not sensor.is_one and (sensor.candidates or time.column):
        return sensor
    others = f"; or make {', '.join(sensor.candidates)} the sensor" if sensor.candidates else ""
    evidence = (
        "no time has two different readings, as of one sensor" if sensor.is_one else "no column says which sensor it is"
    )
    taken = [*RESERVED, *(column.name for column in columns)]
    column = column_beside(
        column_name("sensor_name", taken), "", ["?"] * len(columns[0].values if columns else ()), now
    )
    column.guess = Guess("string", evidence, question=f"the name of the one sensor that all readings are of{others}")
    column.is_constant = True
    columns.append(column)
    return SensorGuess((column.name,), evidence)


def _beside(sample: Sample, readings: Readings, origin: str) -> list[str]:
    """A value beside the message, for each reading; empty where it is not known."""
    return [sample.beside[n].get(origin) or "" if n < len(sample.beside) else "" for n in readings.messages]


def _may_name_sensors(values: Sequence[str]) -> bool:
    given = [value for value in values if value]
    is_usual = bool(given) and len(given) >= _SHARE * len(values)
    is_short = all(len(value) <= _LONGEST_KEY and value.isprintable() and value[0] not in "{[" for value in given)
    return is_usual and is_short and not (len(given) >= _MANY and len(set(given)) == len(given))


def _without_names_of_windows(
    columns: Sequence[DraftColumn], time: EventTimeGuess, sensor: SensorGuess, key: KeyGuess
) -> tuple[EventTimeGuess, SensorGuess, KeyGuess]:
    """Event time, sensor and key; a sensor's column is renamed if the tables of windows have a column of that name already."""
    names = [column.name for column in columns]
    renamed = {
        old: column_name(f"sensor_{old}", [*RESERVED, *names]) for old in sensor.columns if old in WINDOW_COLUMNS
    }
    for column in columns:
        column.name = renamed.get(column.name, column.name)
        column.combine = tuple(renamed.get(name, name) for name in column.combine)
    return (
        replace(time, column=renamed.get(time.column, time.column)),
        replace(sensor, columns=_renamed(sensor.columns, renamed)),
        replace(key, columns=_renamed(key.columns, renamed)),
    )


def _renamed(names: tuple[str, ...], renamed: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(renamed.get(name, name) for name in names)


def _without_room(columns: list[DraftColumn], time: EventTimeGuess, sensor: SensorGuess, key: KeyGuess) -> list[str]:
    """Remove the columns for which a table has no room, the last first; returns their paths."""
    by_name = {column.name: column for column in columns}
    needed = {time.column, *sensor.columns, *key.columns}
    needed |= {part for name in needed if name in by_name for part in by_name[name].combine}
    room = _ROW_BYTES - sum(_bytes(by_name[name]) for name in needed if name in by_name)
    kept, left = list[DraftColumn](), list[str]()
    for column in columns:
        if column.name in needed or (room := room - _bytes(column)) >= 0:
            kept.append(column)
        else:
            left.append(path_text(column.path))
    columns[:] = kept
    return left


def _bytes(column: DraftColumn) -> int:
    return _BYTES.get(column.guess.type, 8)


def _mark(columns: Sequence[DraftColumn], sensor: SensorGuess, key: KeyGuess) -> None:
    """Note what is required, and that what identifies is a whole number or a text."""
    for column in columns:
        column.in_key = key.columns.index(column.name) + 1 if column.name in key.columns else 0
        if column.name in (*key.columns, *sensor.columns):
            if column.guess.type == "number":
                column.guess = replace(column.guess, type="integer")
            if column.is_complete and column.seen.rows >= _MANY and not column.origin:
                column.required = column.required or f"all {column.seen.rows:,} readings have it"
