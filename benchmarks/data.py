"""The messages of the contests: the same for every contender. Valid readings, each key once; in some contests bad ones between.

A bad message is one that no table of these four columns can hold. What only the project's contract forbids (a temperature of
-300 °C, a reading that is late) is not among them: the alternatives have no rule for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson

from etl.contract.reader import Contract
from etl.contract.sources.kafka_topic import KafkaTopic
from etl.jobs.produce.simulate import Message, simulate, span
from etl.jobs.produce.simulators.base import Spoiler, replaced_by, swap, truncated
from etl.jobs.produce.topic import send
from etl.settings import Settings
from etl.storage import kafka as broker

START = datetime(2025, 6, 15, tzinfo=UTC)
"""Readings from here on count; those before are for warming up."""
SEED = 1
WARM_UP_MESSAGES = 100_000
"""After this number of messages most of Spark's code is compiled."""
GOOD_PER_BAD = 49
"""So 2 % of the messages are bad."""
SPOILERS: Sequence[Spoiler] = (
    truncated,
    swap(b'"temperature":', b'"temperature":"warm"'),
    swap(b'"sensor_id":', b'"device":0'),
    replaced_by(b"sensor restarted"),
    swap(b'"timestamp":', b'"timestamp":"30/02/2025"'),
    swap(b'"temperature":', b'"temperature":null'),
)
"""Used in turn."""


def messages(
    contract: Contract, number: int, *, is_warm_up: bool = False, with_bad: bool = False
) -> Iterator[list[Message]]:
    """Messages in chunks; a day of the packaged fleet (100 sensors, every 10 s) has 864,000.

    :param number: of good messages.
    :param is_warm_up: the same number of earlier readings, so that none of the others is a duplicate or late.
    :param with_bad: a bad one after each `GOOD_PER_BAD` good ones.
    """
    start = START.replace(tzinfo=None)
    if is_warm_up:
        start -= span(contract, number) + timedelta(days=1)
    chunks = simulate(contract, number, seed=SEED, start=start, bad_share=0.0)
    return _mixed(chunks) if with_bad else chunks


def _mixed(chunks: Iterator[list[Message]]) -> Iterator[list[Message]]:
    done = 0
    for chunk in chunks:
        mixed = []
        for place, message in enumerate(chunk):
            mixed.append(message)
            done += 1
            if done % GOOD_PER_BAD == 0:
                mixed.append(SPOILERS[(done // GOOD_PER_BAD - 1) % len(SPOILERS)](chunk, place))
        yield mixed


def bad(number: int) -> int:
    """How many bad messages there are between this number of good ones."""
    return number // GOOD_PER_BAD


def not_json(contract: Contract, number: int) -> int:
    """How many of the bad messages between this number of good ones are no JSON."""
    (example, *_), *_ = simulate(contract, 1, seed=SEED, start=START.replace(tzinfo=None), bad_share=0.0)
    kinds = [not _is_json(spoil([example], 0).value or b"") for spoil in SPOILERS]
    return sum(kinds[place % len(kinds)] for place in range(bad(number)))


def _is_json(value: bytes) -> bool:
    try:
        orjson.loads(value)
    except orjson.JSONDecodeError:
        return False
    return True


def fill(
    settings: Settings, contract: Contract, number: int, *, is_warm_up: bool = False, with_bad: bool = False
) -> None:
    """Send messages to the contract's topic; the parameters are those of `messages`."""
    chunks = messages(contract, number, is_warm_up=is_warm_up, with_bad=with_bad)
    counts, failures = send(settings, contract.source.name, chunks)
    expected = number + (bad(number) if with_bad else 0)
    if counts.processed != expected:
        raise RuntimeError(f"Only {counts.processed} of {expected} messages arrived: {failures[:1]}")


def warm_up(contract: Contract) -> Contract:
    """A feed like this one, with a topic that is read only to warm Spark up."""
    return replace(contract, feed="warm_up", source=KafkaTopic("benchmark-warm-up"))


def fill_warm_up(settings: Settings, contract: Contract) -> None:
    """Create and fill the topic of `warm_up`, if it does not exist yet."""
    other = warm_up(contract)
    if broker.create(settings, other.source.name):
        send(settings, other.source.name, messages(contract, WARM_UP_MESSAGES))


def write_messages(contract: Contract, number: int, file: Path) -> Path:
    """A message a line: key, tab, value."""
    with file.open("wb") as sink:
        for chunk in messages(contract, number):
            sink.writelines(b"%s\t%s\n" % (message.key, message.value) for message in chunk)
    return file
