"""Five rooms with a sensor in and one outside of each; every one is noted once a minute, as a line of CSV."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np

from etl.jobs.produce.simulators.base import (
    Batch,
    Message,
    Simulator,
    daily_curve,
    epoch_seconds,
    field,
    fields,
    resent,
)

ROOMS = ("Room Admin", "Room Lab", "Room Office", "Room Server", "Room Store")
SENSORS = len(ROOMS) * 2
INTERVAL_SECONDS = 60.0
FORMAT = "%d-%m-%Y %H:%M"
_LATE_HOURS = 3
_SPIKE_CELSIUS = 15


def _good(batch: Batch) -> list[Message]:
    sensor = batch.index % SENSORS
    room, is_in = sensor // 2, sensor % 2 == 0
    when = batch.when(SENSORS, INTERVAL_SECONDS)
    curve = daily_curve(when)
    inside = 23 + room * 0.8 + 1.5 * curve + batch.noise(0.5)
    outside = 16 + 8 * curve + batch.noise(0.9)
    temperature = np.where(is_in, inside, outside).round().astype(int)
    # A running number, and 32 random bits that make it unique among all runs.
    number = (epoch_seconds(batch.start) // 60 * SENSORS + batch.index) % 1_000_000
    mark = batch.numbers.randint(0, 2**32, len(batch.index), dtype=np.uint32)
    iso = np.datetime_as_string(when, unit="m").tolist()
    columns = (number.tolist(), mark.tolist(), room.tolist(), iso, temperature.tolist(), is_in.tolist())
    return [
        Message(
            None,
            f"__export__.temp_log_{n:06d}_{m:08x},{ROOMS[r]},{w[8:10]}-{w[5:7]}-{w[:4]} {w[11:]},{t},"
            f"{'In' if inside else 'Out'}".encode(),
        )
        for n, m, r, w, t, inside in zip(*columns, strict=True)
    ]


def _late(noted: str) -> str:
    return (datetime.strptime(noted, FORMAT) - timedelta(hours=_LATE_HOURS)).strftime(FORMAT)


def _mark(line: list[str]) -> list[str]:
    return [line[0], f'"{line[1]}', *line[2:]]


def _unbalanced(messages: list[Message], place: int) -> Message:
    """A quote that is never closed swallows the lines after it, so there is one in few files."""
    return fields(_mark)(messages, place) if place % 50 == 0 else fields(lambda line: line[:3])(messages, place)


SIMULATOR = Simulator(
    _good,
    [
        fields(lambda line: line[:3]),
        fields(lambda line: [*line, "extra"]),
        field(3, "warm"),
        field(3, "NaN"),
        field(3, "512"),
        field(3, ""),
        field(0, ""),
        field(2, "30-02-2025 12:00"),
        field(4, "Roof"),
        _unbalanced,
        resent(SENSORS),
        resent(SENSORS),
        field(2, _late),
        field(3, lambda value: str(int(value) + _SPIKE_CELSIUS)),
    ],
    SENSORS,
    INTERVAL_SECONDS,
)
