"""Readings generated from a contract alone, for feeds without their own simulator."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from itertools import product

from etl.contract.reader import Column, Contract
from etl.errors import ConfigurationError
from etl.jobs.produce.simulators.base import (
    Batch,
    Message,
    Simulator,
    daily_curve,
    epoch_seconds,
    texts,
)
from etl.jobs.produce.simulators.formats import FORMS
from etl.jobs.produce.simulators.value_texts import Value, number_value, parts_of, resolution, time_value

_SENSORS, _INTERVAL_SECONDS, _ITEMS = 10, 10.0, 2
_ALTERNATIVES = re.compile(r"[\w .:/-]+(\|[\w .:/-]+)*")
_SWING = 100.0
"""Width of a measure's range where the contract gives no limits."""

Maker = Callable[[int, float, str, float], Value]
"""A column's value, of: number of the sensor, daily curve (-1 to 1), time in ISO 8601, a random number from 0 to 1."""


def simulator_of(contract: Contract) -> Simulator:
    """A simulator that keeps the contract's types, limits, keys and nesting.

    :raises ConfigurationError: a column must match a pattern that is not a plain list of alternatives.
    """
    form = FORMS[type(contract.source.format)]
    makers = {column.name: _maker(column, contract) for column in contract.columns}
    combined = [column for column in contract.columns if column.combine]
    sensors = contract.fleet.sensors if contract.fleet else _SENSORS
    items = _ITEMS if contract.explode else 1
    # An event with several readings comes from as many sensors.
    senders = max(sensors // items, 1)
    # Two readings of a sensor within one step of the clock would have the same key.
    step = resolution(contract)
    interval = contract.fleet.interval_seconds if contract.fleet else _INTERVAL_SECONDS
    interval = math.ceil(interval / step) * step if step else interval

    def good(batch: Batch) -> list[Message]:
        begin = datetime.fromtimestamp(epoch_seconds(batch.start) // step * step, UTC) if step else batch.start
        when = replace(batch, start=begin.replace(tzinfo=None)).when(senders, interval)
        chances = iter(batch.numbers.uniform(size=len(batch.index) * items * len(makers)).tolist())
        curves, times = daily_curve(when).tolist(), texts(when)
        messages = []
        for n, i in enumerate(batch.index.tolist()):
            first = (i % senders) * items
            rows = [
                {name: make(sensor, curves[n], times[n], next(chances)) for name, make in makers.items()}
                for sensor in range(first, first + items)
            ]
            for row, column in product(rows, combined):
                row.update(parts_of(row[column.name], column))
            messages.append(form.message(contract, rows))
        return messages

    return Simulator(good, form.spoilers(contract, senders), senders, interval)


def _maker(column: Column, contract: Contract) -> Maker:
    if column.constant:
        return lambda sensor, curve, time, chance: column.constant
    if column.type == "timestamp":
        return lambda sensor, curve, time, chance: time_value(time, column, contract)
    if column.type == "boolean":
        return lambda sensor, curve, time, chance: chance < 0.5
    is_unique = column.name in contract.primary_key and column.name not in contract.sensor
    if column.type == "text":
        return _text_maker(column, is_sensor=column.name in contract.sensor, is_unique=is_unique)
    number = _number_maker(column, is_sensor=column.name in contract.sensor, is_unique=is_unique)
    return lambda sensor, curve, time, chance: number_value(number(sensor, curve, chance), column.number)


def _number_maker(column: Column, *, is_sensor: bool, is_unique: bool) -> Callable[[int, float, float], float]:
    low = _lowest(column)
    if is_sensor:
        return lambda sensor, curve, chance: int(low) + sensor
    if is_unique:
        high = 2.0 ** (column.bits - 1) - 1 if column.maximum is None else column.maximum
        return lambda sensor, curve, chance: int(low + chance * (high - low))
    high = low + _SWING if column.maximum is None else column.maximum
    middle, swing = (low + high) / 2, (high - low) / 8
    digits = None if column.type == "integer" else 3
    return lambda sensor, curve, chance: round(middle + swing * (curve + (chance - 0.5) / 2), digits)


def _lowest(column: Column) -> float:
    if column.minimum is not None:
        return column.minimum
    return 0.0 if column.maximum is None or column.maximum > 0 else column.maximum - _SWING


def _text_maker(column: Column, *, is_sensor: bool, is_unique: bool) -> Maker:
    longest, shortest = column.max_length or 64, column.min_length or 0
    if column.pattern:
        if not _ALTERNATIVES.fullmatch(column.pattern) or is_unique:
            raise ConfigurationError(
                f"Column {column.name!r}: no values can be generated for the pattern {column.pattern!r}.",
                remedy="Send your own readings, or a file with source_file of 1_produce.",
            )
        choices = column.pattern.split("|")
        return lambda sensor, curve, time, chance: choices[
            (sensor if is_sensor else int(chance * len(choices))) % len(choices)
        ]
    if is_sensor:
        return lambda sensor, curve, time, chance: f"{column.name}-{sensor + 1}"[-longest:].rjust(shortest, "0")
    if is_unique:
        return lambda sensor, curve, time, chance: f"{int(chance * 2**52):013x}{sensor:03x}"[-longest:].rjust(
            shortest, "0"
        )
    return lambda sensor, curve, time, chance: f"{column.name} {int(chance * 5) + 1}"[:longest].ljust(shortest, "x")
