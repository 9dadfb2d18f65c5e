"""The newest messages of a Kafka topic, as a sample. Nothing is committed: whoever else reads the topic does not notice."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from etl.contract.draft.samples.sample import RECORDS, Sample
from etl.errors import ConfigurationError
from etl.operations.feeds.topic_records import sample_of_messages
from etl.settings import Settings
from etl.storage.kafka import Topic, client_config, describe, failure, unreachable

if TYPE_CHECKING:
    from kafka.consumer.fetcher import ConsumerRecord

_POLL_MILLISECONDS = 500
_MOST_BYTES = 32 << 20


def sample_topic(settings: Settings, name: str, messages: int) -> Sample:
    """The newest messages of a topic, about as many of each partition, the older ones first.

    :raises ConfigurationError: the topic has no messages, or none that can be read.
    :raises TopicMissing: there is no such topic.
    :raises ServiceUnavailable: Kafka did not answer in time.
    :raises MissingRight: the user may not describe or read it.
    """
    if not 0 < messages <= RECORDS:
        raise ConfigurationError(f"--messages {messages}", remedy=f"Give a number from 1 to {RECORDS:,}.")
    topic = describe(settings, name)
    if not any(_readable(topic).values()):
        raise ConfigurationError(
            f"Topic {name!r} has no messages.", remedy="Wait for some, or give a sample file with --from."
        )
    newest = sorted(_newest(settings, topic, messages), key=lambda message: (message.timestamp, message.offset))
    newest = newest[-messages:]
    if not newest:
        raise unreachable(settings, f"topic {name} has messages, but none arrived")
    return sample_of_messages(settings, name, newest)


def _readable(topic: Topic) -> dict[int, int]:
    """Partition → how many offsets it has."""
    return {part: max(0, end - topic.beginning.get(part, 0)) for part, end in topic.end.items()}


def _starts(topic: Topic, messages: int) -> dict[TopicPartition, int]:
    """The offset from which on each partition is read, so that all together give as many messages, if they have them."""
    readable = dict(sorted(_readable(topic).items(), key=lambda item: item[1]))
    starts: dict[TopicPartition, int] = {}
    missing = messages
    for place, (part, offsets) in enumerate(readable.items()):
        share = min(offsets, -(-missing // (len(readable) - place)))
        missing -= share
        if share:
            starts[TopicPartition(topic.name, part)] = topic.end[part] - share
    return starts


def _newest(settings: Settings, topic: Topic, messages: int) -> Iterator[ConsumerRecord]:
    """The messages up to the topic's end as it was described, within the time that Kafka has for an answer."""
    starts = _starts(topic, messages)
    deadline = time.monotonic() + settings.kafka_timeout_seconds
    consumer = None
    taken = 0
    try:
        consumer = KafkaConsumer(
            **client_config(settings),
            group_id=None,
            enable_auto_commit=False,
            isolation_level="read_committed",
            auto_offset_reset="none",
        )
        consumer.assign(list(starts))
        for part, start in starts.items():
            consumer.seek(part, start)
        while time.monotonic() < deadline and taken < _MOST_BYTES:
            batches = consumer.poll(timeout_ms=_POLL_MILLISECONDS)
            for message in itertools.chain.from_iterable(batches.values()):
                if message.offset < topic.end[message.partition]:
                    taken += len(message.value or b"")
                    yield message
            if all(consumer.position(part) >= topic.end[part.partition] for part in starts):
                break
    except KafkaError as error:
        raise failure(settings, error, f"read topic {topic.name!r}") from error
    finally:
        if consumer is not None:
            consumer.close()
