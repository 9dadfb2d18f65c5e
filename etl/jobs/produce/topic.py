"""Sends messages to a Kafka topic and waits until each is acknowledged."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import structlog
from kafka import KafkaProducer
from kafka.errors import KafkaError, KafkaTimeoutError, MessageSizeTooLargeError

from etl.audit.counts import Counts
from etl.contract.formats.avro_records import AvroRecords
from etl.contract.formats.record_format import RecordFormat
from etl.contract.reader import Contract
from etl.contract.sources.kafka_topic import KafkaTopic
from etl.errors import ConfigurationError, ServiceUnavailable, UnreadableFile
from etl.jobs.produce.avro_messages import as_avro
from etl.jobs.produce.delivery import Chunks, Delivery, Sent
from etl.jobs.produce.file import messages_of_file
from etl.jobs.produce.simulate import Message
from etl.settings import Settings
from etl.storage import kafka as broker

log = structlog.get_logger("produce")

_FAILURES_SHOWN = 20

_DELIVERY_TIMEOUTS = 4
"""A message is given up after this multiple of `kafka_timeout_seconds`; until then the client tries again."""


class TopicTarget:
    """Sends messages to a feed's topic."""

    def send(self, source: KafkaTopic, delivery: Delivery, chunks: Chunks) -> Sent:
        """Send messages, and measure how far the ends of the topic's partitions move."""
        settings, topic = delivery.settings, source.topic
        encode = (
            ENCODERS[type(source.format)](settings, delivery.contract) if source.format.needs_registry else _unchanged
        )
        if delivery.create_topic and broker.create(settings, topic):
            log.info("topic created", topic=topic)
        before = broker.describe(settings, topic).high_watermark
        counts, failures = send(settings, topic, encode(delivery.watch(chunks)))
        after = broker.describe(settings, topic).high_watermark
        log.info("sent", topic=topic, acknowledged=counts.processed, failed=counts.rejected)
        moved = {partition: end - before.get(partition, 0) for partition, end in after.items()}
        return Sent(counts, topic, moved, tuple(failures))

    def send_file(self, source: KafkaTopic, delivery: Delivery, file: Path) -> Sent:
        """Send each line of a file as a message.

        :raises ConfigurationError: the feed's messages are no text, or the file cannot be read to its end.
        """
        if source.format.needs_registry:
            raise ConfigurationError(
                f"The lines of {file.name} are no {source.format.label}.",
                remedy="Send the readings with a program that has their schema.",
            )
        return self.send(
            source, delivery, _readable(messages_of_file(file, delivery.contract), file, delivery.contract)
        )


def _readable(chunks: Chunks, file: Path, contract: Contract) -> Chunks:
    """The messages of a file.

    :raises ConfigurationError: it cannot be read to its end; names the file, and says what that means for what was sent.
    """
    try:
        yield from chunks
    except UnreadableFile as error:
        again = (
            "is not loaded twice" if contract.primary_key else "is loaded again, because the feed has no primary key"
        )
        raise ConfigurationError(
            f"{file.name} cannot be sent: {error.cause}. Messages before that place may have been sent.",
            remedy=f"Repair the file and run again; what was sent before {again}.",
        ) from None


def _unchanged(chunks: Chunks) -> Chunks:
    return chunks


ENCODERS: Mapping[type[RecordFormat], Callable[[Settings, Contract], Callable[[Chunks], Chunks]]] = {
    AvroRecords: as_avro
}
"""Format that needs a registry → what makes its messages from those in JSON."""


def send(settings: Settings, topic: str, chunks: Chunks) -> tuple[Counts, list[str]]:
    """Send messages to an existing topic; one chunk is being sent while the next is made.

    :returns: how many were acknowledged and how many failed, and the first failures in words.
    :raises ServiceUnavailable: Kafka did not answer in time.
    :raises MissingRight: the user may not write to the topic.
    """
    counts, failures, number = Counts(), list[str](), 0
    producer = _producer(settings)
    try:
        with _no_cycles():
            under_way: list[tuple[int, Any]] = []
            for chunk in chunks:
                sent = [(number + i, _try_send(producer, topic, message)) for i, message in enumerate(chunk)]
                number += len(chunk)
                counts += _await(settings, topic, under_way, failures)
                under_way = sent
            producer.flush(timeout=_delivery_seconds(settings))
            counts += _await(settings, topic, under_way, failures)
    except KafkaError as error:
        raise broker.failure(settings, error, f"write to topic {topic!r}") from error
    finally:
        _close(settings, producer)
    return counts, failures


@contextmanager
def _no_cycles() -> Iterator[None]:
    """Disable the cyclic garbage collector: a chunk's futures are many objects without a cycle, and examining them
    repeatedly took two fifths of the time (docs/decisions/0004).
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _close(settings: Settings, producer: KafkaProducer) -> None:
    """Close the producer. After an error it drops, in bounded time, what it could not send; the error has been reported."""
    try:
        producer.close(timeout=settings.kafka_timeout_seconds)
    except KafkaTimeoutError as error:
        log.warning("messages that were not sent are given up", cause=str(error))
        # `close` waits for every message before it ends its thread, and has no way to drop them (kafka-python 3.0).
        producer._sender.force_close()
        producer._sender.join(settings.kafka_timeout_seconds)
        producer.close(timeout=0)


def _producer(settings: Settings) -> KafkaProducer:
    """A producer that is idempotent and waits for all replicas, tuned as measured in docs/decisions/0004."""
    try:
        return KafkaProducer(
            **broker.client_config(settings),
            acks="all",
            enable_idempotence=True,
            linger_ms=50,
            batch_size=262_144,
            max_block_ms=int(settings.kafka_timeout_seconds * 1000),
            delivery_timeout_ms=int(_delivery_seconds(settings) * 1000),
            allow_auto_create_topics=False,
        )
    except KafkaError as error:
        raise broker.failure(settings, error) from error


def _delivery_seconds(settings: Settings) -> float:
    return _DELIVERY_TIMEOUTS * settings.kafka_timeout_seconds


def _try_send(producer: KafkaProducer, topic: str, message: Message) -> Any:
    """A future, or the error where a message is refused before it is sent."""
    try:
        headers = [*message.headers]
        return producer.send(topic, key=message.key, value=message.value, headers=headers, timestamp_ms=message.time_ms)
    except MessageSizeTooLargeError as error:
        return error


def _await(settings: Settings, topic: str, under_way: list[tuple[int, Any]], failures: list[str]) -> Counts:
    """Wait for acknowledgements; a message that Kafka refuses permanently is counted and named.

    :raises ServiceUnavailable: acknowledgements did not come in time.
    :raises MissingRight: the user may not write to the topic.
    """
    acknowledged = failed = 0
    for number, future in under_way:
        error = future if isinstance(future, Exception) else _outcome(settings, future)
        if error is not None and (reason := broker.refusal(error)) is not None:
            raise broker.refused(settings, f"write to topic {topic!r}", reason) from error
        if isinstance(error, KafkaTimeoutError) or getattr(error, "retriable", False):
            raise ServiceUnavailable(
                f"Kafka at {settings.kafka()} did not acknowledge message {number} in time ({error}).",
                remedy="Check the broker; then run again. Messages that did arrive are loaded only once.",
            )
        if error is None:
            acknowledged += 1
            continue
        failed += 1
        if len(failures) < _FAILURES_SHOWN:
            failures.append(f"message {number}: {type(error).__name__}: {str(error)[:200]}")
            log.warning("message not sent", number=number, reason=type(error).__name__)
    return Counts(read=len(under_way), processed=acknowledged, rejected=failed)


def _outcome(settings: Settings, future: Any) -> KafkaError | None:
    try:
        future.get(timeout=_delivery_seconds(settings))
    except KafkaError as error:
        failed: KafkaError = error
        return failed
    return None
