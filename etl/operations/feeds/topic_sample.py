"""The newest messages of a Kafka topic, as a sample. Nothing is committed: whoever else reads the topic does not notice."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from etl.contract.draft.samples.json_records import message_of
from etl.contract.draft.samples.sample import RECORDS, Sample
from etl.contract.draft.samples.wording import notes
from etl.contract.formats.json_objects import JsonObjects
from etl.errors import ConfigurationError
from etl.settings import Settings
from etl.storage.kafka import Topic, client_config, describe, unreachable

if TYPE_CHECKING:
    from kafka.consumer.fetcher import ConsumerRecord

_POLL_MILLISECONDS = 500
_MOST_BYTES = 32 << 20
_SHOWN = 60
_FRAMED = b"\x00"
"""The first byte of a message in Confluent's wire format."""


def sample_topic(settings: Settings, name: str, messages: int) -> Sample:
    """The newest messages of a topic, about as many of each partition, the older ones first.

    :raises ConfigurationError: the topic has no messages, or none that is a JSON object.
    :raises TopicMissing: there is no such topic.
    :raises ServiceUnavailable: Kafka did not answer in time.
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
    return _sample(name, newest)


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
        raise unreachable(settings, error) from error
    finally:
        if consumer is not None:
            consumer.close()


def _sample(name: str, messages: list[ConsumerRecord]) -> Sample:
    """:raises ConfigurationError: no message is a JSON object."""
    given = [message for message in messages if message.value is not None]
    read = [(message, record) for message in given if (record := message_of(message.value))]
    if not read:
        raise _unreadable(name, given)
    found = {
        ("message", "without a value (a tombstone): rejected"): len(messages) - len(given),
        ("message", "without a JSON object: rejected"): len(given) - len(read),
    }
    first, last = (_time(message.timestamp) for message in (read[0][0], read[-1][0]))
    evidence = [f"the newest messages, of {first} to {last}"]
    return Sample(
        f"topic {name}",
        JsonObjects(),
        [record for _, record in read],
        (*evidence, *notes(found)),
        beside=[_beside(message) for message, _ in read],
    )


def _unreadable(name: str, messages: list[ConsumerRecord]) -> ConfigurationError:
    if messages and all(message.value.startswith(_FRAMED) for message in messages):
        return ConfigurationError(
            f"The messages of topic {name!r} begin with a zero byte: Avro with a schema registry.",
            remedy="Set ETL_SCHEMA_REGISTRY to the registry's URL.",
        )
    begins = f"; the newest begins {messages[-1].value[:_SHOWN]!r}" if messages else ": they have no value"
    return ConfigurationError(
        f"None of the {len(messages):,} newest messages of topic {name!r} is a JSON object{begins}.",
        remedy="A feed reads JSON objects, or Avro with a schema registry.",
    )


def _beside(message: ConsumerRecord) -> Mapping[str, str]:
    """What a message has besides its value, by the names of `Column.origin`."""
    given = {"key": message.key, **{f"header:{name}": value for name, value in message.headers or ()}}
    texts = {name: _text(value) for name, value in given.items() if value is not None}
    return {**texts, "topic": message.topic, "broker_time": _time(message.timestamp)}


def _text(value: bytes) -> str:
    """The text of a key or a header, as the consumer reads it: hexadecimal digits where it is none."""
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        text = "\0"
    return f"\\x{value.hex()}" if "\0" in text else text


def _time(milliseconds: int) -> str:
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
