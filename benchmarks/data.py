"""The readings of the contests: the same for every contender, all valid, each key once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from etl.contract.reader import Contract
from etl.contract.sources.kafka_topic import KafkaTopic
from etl.jobs.produce.simulate import Message, simulate, span
from etl.jobs.produce.topic import send
from etl.settings import Settings
from etl.storage import kafka as broker

START = datetime(2025, 6, 15, tzinfo=UTC)
"""Readings from here on count; those before are for warming up."""
SEED = 1
WARM_UP_MESSAGES = 100_000
"""After this number of messages most of Spark's code is compiled."""


def messages(contract: Contract, number: int, *, is_warm_up: bool = False) -> Iterator[list[Message]]:
    """Messages in chunks; a day of the packaged fleet (100 sensors, every 10 s) has 864,000.

    :param is_warm_up: the same number of earlier readings, so that none of the others is a duplicate or late.
    """
    start = START.replace(tzinfo=None)
    if is_warm_up:
        start -= span(contract, number) + timedelta(days=1)
    return simulate(contract, number, seed=SEED, start=start, bad_share=0.0)


def fill(settings: Settings, contract: Contract, number: int, *, is_warm_up: bool = False) -> None:
    """Send messages to the contract's topic."""
    counts, failures = send(settings, contract.source.name, messages(contract, number, is_warm_up=is_warm_up))
    if counts.processed != number:
        raise RuntimeError(f"Only {counts.processed} of {number} messages arrived: {failures[:1]}")


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
