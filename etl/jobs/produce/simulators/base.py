"""What all simulators share: messages in chunks, times of day, and the ways in which a message can be bad.

Random numbers come from NumPy's `RandomState`, whose streams are frozen for all versions and platforms (NumPy Enhancement
Proposal 19), so the same arguments give the same bytes. Each chunk has its own stream.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

CHUNK = 20_000
"""Messages that are generated at once."""

_DAY_SECONDS = 86_400.0
Numbers = NDArray[np.float64]
Index = NDArray[np.int64]
Times = NDArray[np.datetime64]


@dataclass(frozen=True)
class Message:
    """A Kafka message: its key, and its value (None for a tombstone). Of a file feed: one line, without its end."""

    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()
    time_ms: int | None = None
    """When it was sent, in milliseconds since 1970; None: now."""


Spoiler = Callable[[list[Message], int], Message]
"""Makes the bad message for a place in a chunk."""


@dataclass(frozen=True)
class Batch:
    """What a simulator needs to make one chunk of good messages."""

    index: Index
    """Numbers of the messages, counted from the first of the run."""
    numbers: np.random.RandomState
    start: datetime
    """Time of the first reading, in UTC and without zone."""
    faults: bool
    """Whether sensors may fail in ways that no contract forbids: a stuck value, for example."""

    def when(self, senders: int, interval_seconds: float) -> Times:
        """Message i comes from sender i % senders, which sends once per interval, at a random moment within it."""
        offset_us = ((self.index // senders) * interval_seconds * 1e6).astype(np.int64)
        offset_us += self.numbers.randint(0, int(interval_seconds * 1e6), len(self.index))
        return np.datetime64(self.start, "us") + offset_us

    def noise(self, deviation: float) -> Numbers:
        return self.numbers.normal(0, deviation, len(self.index))


@dataclass(frozen=True)
class Simulator:
    """Makes the messages of one feed."""

    good: Callable[[Batch], list[Message]]
    spoilers: Sequence[Spoiler]
    """Each is used about equally often; one that is listed twice, twice as often."""
    senders: int
    """How many messages there are per interval."""
    interval_seconds: float

    def chunks(self, rows: int, seed: int, start: datetime, bad_share: float) -> Iterator[list[Message]]:
        """`rows` messages in chunks; see `etl.jobs.produce.simulate.simulate`."""
        for chunk, first in enumerate(range(0, rows, CHUNK)):
            numbers = np.random.RandomState([seed, chunk])
            index = np.arange(first, min(first + CHUNK, rows))
            messages = self.good(Batch(index, numbers, start.replace(tzinfo=None), faults=bad_share > 0))
            spoil(messages, numbers, bad_share, self.spoilers)
            yield messages

    def span(self, rows: int) -> timedelta:
        """How much time `rows` messages cover."""
        return timedelta(seconds=self.interval_seconds * -(-rows // self.senders))


def seconds_of_day(when: Times) -> Numbers:
    """Seconds since midnight, UTC."""
    seconds: Numbers = (when - when.astype("datetime64[D]")).astype(np.int64) / 1e6
    return seconds


def daily_curve(when: Times) -> Numbers:
    """From -1 to 1 over a day: warmest at 15:00, coldest at 03:00."""
    curve: Numbers = np.sin(2 * np.pi * (seconds_of_day(when) / _DAY_SECONDS - 0.375))
    return curve


def texts(when: Times, separator: str = "T", end: str = "") -> list[str]:
    """Times in ISO 8601, to the microsecond."""
    written: list[str] = [
        f"{text}{end}" for text in np.char.replace(np.datetime_as_string(when), "T", separator).tolist()
    ]
    return written


def epoch_seconds(start: datetime) -> int:
    """Whole seconds from 1970 to a time in UTC without zone."""
    return int((start - datetime(1970, 1, 1)).total_seconds())


def spoil(messages: list[Message], numbers: np.random.RandomState, bad_share: float, kinds: Sequence[Spoiler]) -> None:
    """Replace a share of the messages by bad ones, every kind about as often."""
    count = round(len(messages) * bad_share)
    places = np.sort(numbers.choice(len(messages), size=count, replace=False))
    for place, kind in zip(places.tolist(), numbers.randint(0, len(kinds), count).tolist(), strict=True):
        messages[place] = kinds[kind](messages, place)


def swap(old: bytes, new: bytes) -> Spoiler:
    """Rename or replace a piece of the JSON text up to the next comma or brace."""

    def spoiler(messages: list[Message], place: int) -> Message:
        message = messages[place]
        head, separator, tail = (message.value or b"").partition(old)
        rest = tail[min(i for i in (tail.find(b","), tail.find(b"}")) if i >= 0) :] if separator else b""
        return replace(message, value=head + new + rest)

    return spoiler


def edit(change: Callable[[dict[str, Any]], object]) -> Spoiler:
    """Change the parsed JSON of a message and write it again."""

    def spoiler(messages: list[Message], place: int) -> Message:
        document = json.loads(messages[place].value or b"{}")
        change(document)
        written = json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
        return replace(messages[place], value=written)

    return spoiler


def fields(change: Callable[[list[str]], list[str]], delimiter: str = ",", encoding: str = "utf-8") -> Spoiler:
    """Change the fields of a CSV line that has no quotes.

    :param encoding: that of the lines.
    """

    def spoiler(messages: list[Message], place: int) -> Message:
        line = (messages[place].value or b"").decode(encoding)
        return Message(None, delimiter.join(change(line.split(delimiter))).encode(encoding))

    return spoiler


def field(number: int, value: str | Callable[[str], str]) -> Spoiler:
    """Put another value into one field of a CSV line."""

    def change(line: list[str]) -> list[str]:
        line[number] = value(line[number]) if callable(value) else value
        return line

    return fields(change)


def truncated(messages: list[Message], place: int) -> Message:
    """A message that was cut off."""
    return replace(messages[place], value=(messages[place].value or b"")[:-12])


def replaced_by(value: bytes) -> Spoiler:
    """Other bytes in place of the message."""
    return lambda messages, place: replace(messages[place], value=value)


def resent(senders: int) -> Spoiler:
    """What the sender sent before, once more: a duplicate."""
    return lambda messages, place: messages[place - senders] if place >= senders else messages[place]


def earlier(text: str, minutes: int) -> str:
    """A time in ISO 8601, this number of minutes earlier."""
    written = (datetime.fromisoformat(text) - timedelta(minutes=minutes)).isoformat(timespec="microseconds")
    return written.replace("+00:00", "Z")
