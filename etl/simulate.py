"""Readings as real devices would send them: seeded, repeatable byte for byte, with a share of bad ones.

Times of day follow a daily curve per sensor, with noise. Random numbers come from NumPy's `RandomState`, whose streams are
frozen for all versions and platforms (NumPy Enhancement Proposal 19), so the same arguments give the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from etl.contract import Contract
from etl.errors import ConfigurationError

CHUNK = 20_000
"""Messages that are made at once; each chunk draws from a random stream of its own."""

DEFAULT_START = datetime(2025, 6, 15, 0, 0, 0)
SENSORS = 100
INTERVAL_SECONDS = 10.0
_DAY_SECONDS = 86_400.0


@dataclass(frozen=True)
class Message:
    """A Kafka message: its key, and its value (None for a tombstone)."""

    key: bytes | None
    value: bytes | None


def csv_header(contract: Contract) -> bytes:
    """The first line of a feed's CSV files."""
    return ",".join(column.source[0] for column in contract.columns).encode()


Simulator = Callable[[int, int, datetime, float], Iterator[list[Message]]]


def simulate(contract: Contract, rows: int, *, seed: int, start: datetime, bad_share: float) -> Iterator[list[Message]]:
    """Messages for a feed, in chunks.

    :param rows: how many messages, the bad ones among them.
    :param start: time of the first reading (UTC).
    :param bad_share: from 0 to 1, which part of them is bad.
    :raises ConfigurationError: nobody wrote a simulator for this feed.
    """
    if not rows:
        return iter(())
    simulator = SIMULATORS.get(contract.feed)
    if simulator is None:
        raise ConfigurationError(
            f"Feed {contract.feed!r} has no simulator.",
            remedy=f"Feeds with one: {', '.join(SIMULATORS)}. Send your own readings, or replay a file with 1_produce.",
        )
    if not 0 <= bad_share <= 1:
        raise ConfigurationError(f"bad_share is {bad_share}.", remedy="It is a share between 0 and 1.")
    return simulator(rows, seed, start, bad_share)


def span(rows: int) -> timedelta:
    """How much time `rows` simulated readings cover."""
    return timedelta(seconds=INTERVAL_SECONDS * -(-rows // SENSORS))


def _sensor_readings(rows: int, seed: int, start: datetime, bad_share: float) -> Iterator[list[Message]]:
    for chunk, first in enumerate(range(0, rows, CHUNK)):
        numbers = np.random.RandomState([seed, chunk])
        index = np.arange(first, min(first + CHUNK, rows))
        yield _sensor_chunk(index, numbers, start, bad_share)


def _sensor_chunk(
    index: NDArray[np.int64], numbers: np.random.RandomState, start: datetime, bad_share: float
) -> list[Message]:
    sensor = index % SENSORS + 1
    # A sensor reports every ten seconds, at a moment of its own within them.
    offset_us = ((index // SENSORS) * INTERVAL_SECONDS * 1e6).astype(np.int64)
    offset_us += numbers.randint(0, int(INTERVAL_SECONDS * 1e6), len(index))
    when = np.datetime64(start.replace(tzinfo=None), "us") + offset_us
    seconds_of_day = (when - when.astype("datetime64[D]")).astype(np.int64) / 1e6
    curve = np.sin(2 * np.pi * (seconds_of_day / _DAY_SECONDS - 0.375))  # warmest at 15:00, coldest at 03:00
    temperature = 20 + (sensor % 7) * 0.8 + (2 + sensor % 3) * curve + numbers.normal(0, 0.3, len(index))
    humidity = np.clip(55 - (sensor % 5) * 2 - 8 * curve + numbers.normal(0, 1.2, len(index)), 5, 95)
    times = np.char.replace(np.datetime_as_string(when), "T", " ")
    values = [
        f'{{"sensor_id":{s},"temperature":{t:.2f},"humidity":{h:.2f},"timestamp":"{w}"}}'.encode()
        for s, t, h, w in zip(sensor.tolist(), temperature.tolist(), humidity.tolist(), times.tolist(), strict=True)
    ]
    messages = [Message(str(s).encode(), value) for s, value in zip(sensor.tolist(), values, strict=True)]
    _spoil(messages, numbers, bad_share)
    return messages


def _spoil(messages: list[Message], numbers: np.random.RandomState, bad_share: float) -> None:
    """Replace a share of the messages by bad ones, every kind about as often."""
    count = round(len(messages) * bad_share)
    places = np.sort(numbers.choice(len(messages), size=count, replace=False))
    for place, kind in zip(places.tolist(), numbers.randint(0, len(_SPOILERS), count).tolist(), strict=True):
        messages[place] = _SPOILERS[kind](messages, place)


def _swap(old: bytes, new: bytes) -> Callable[[list[Message], int], Message]:
    """Rename or replace a piece of the JSON text up to the next comma or brace."""

    def spoil(messages: list[Message], place: int) -> Message:
        message = messages[place]
        head, found, tail = (message.value or b"").partition(old)
        rest = tail[min(i for i in (tail.find(b","), tail.find(b"}")) if i >= 0) :] if found else b""
        return Message(message.key, head + new + rest)

    return spoil


def _truncated(messages: list[Message], place: int) -> Message:
    message = messages[place]
    return Message(message.key, (message.value or b"")[:-12])


def _resent(messages: list[Message], place: int) -> Message:
    """The sensor's reading before this one, sent once more: a duplicate."""
    return messages[place - SENSORS] if place >= SENSORS else messages[place]


_SPOILERS: list[Callable[[list[Message], int], Message]] = [
    _swap(b'"temperature":', b'"temperature":null'),
    _swap(b'"humidity":', b'"humidity":140.0'),
    _swap(b'"temperature":', b'"temperature":-273.2'),
    _swap(b'"temperature":', b'"temperature":"warm"'),
    _swap(b'"temperature":', b'"temperature":NaN'),
    _swap(b'"sensor_id":', b'"device":0'),
    _swap(b'"timestamp":', b'"timestamp":"30/02/2025"'),
    _truncated,
    lambda messages, place: Message(messages[place].key, b"sensor restarted"),
    _resent,
    _resent,
]

SIMULATORS: dict[str, Simulator] = {"sensor_readings": _sensor_readings}
