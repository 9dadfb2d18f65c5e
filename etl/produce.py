"""Job 1: send readings to the feed's topic, simulated ones or those of a file."""

from __future__ import annotations

import gc
import json
import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import structlog
from kafka import KafkaProducer
from kafka.errors import KafkaError, KafkaTimeoutError, MessageSizeTooLargeError

from etl import audit, broker, drop
from etl.audit import Counts
from etl.contract import Contract
from etl.csvfiles import read_records
from etl.default_messages import BY_DEFAULT, default_messages
from etl.errors import ConfigurationError, ServiceUnavailable
from etl.model import Landing
from etl.settings import Settings
from etl.simulate import CHUNK, DEFAULT_START, Message, simulate, span

log = structlog.get_logger("produce")

_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?")
_FAILURES_SHOWN = 20
_DELIVERY_TIMEOUTS = 4
"""A message is given up after so many times `kafka_timeout_seconds`; the client tries again within that time."""


@dataclass(frozen=True)
class Produced:
    """What was sent. `counts`: read = messages to send, processed = acknowledged by all replicas, rejected = failed."""

    cycle_id: str
    counts: Counts
    target: str
    """The topic, or the file that was dropped."""
    seed: int | None
    """Of the simulated readings; with `start` it makes the same bytes again."""
    start: str | None
    messages_per_partition: Mapping[int, int]
    """How far each partition's end moved; other producers' messages are among them."""
    failures: tuple[str, ...]
    """The first messages that failed, each with its number and reason."""
    sample: tuple[bytes, ...]
    """What the first few sensors sent, for a plot."""


def produce(
    settings: Settings,
    contract: Contract,
    *,
    cycle_id: str = "",
    messages: int = BY_DEFAULT,
    bad_share: float = 0.02,
    seed: int | None = None,
    start: str | None = None,
    replay: str = "",
    create_topic: bool = False,
) -> Produced:
    """Send messages and wait until Kafka has acknowledged each of them; for a landing folder, drop them as one file.

    :param messages: how many simulated readings; not used with `replay`. -1: what `etl.default_messages` decides, 10,000 where
        everything is the project's own, and none into a database, topic or folder of the user's.
    :param bad_share: share of simulated readings that are bad in one way or another, 0 to 1.
    :param seed: makes the simulated readings repeatable; drawn at random, and returned, where it is None.
    :param start: ISO time of the first simulated reading; None: so that the last one is now (with a seed: a fixed day).
    :param replay: a `.csv` (with header) or `.jsonl` file to send instead; for a landing folder a CSV file to put there.
    :param create_topic: make the topic if it is missing; otherwise that is an error.
    :raises TopicMissing: the topic does not exist.
    :raises ServiceUnavailable: Kafka did not answer in time.
    """
    if messages < BY_DEFAULT:
        raise ConfigurationError(f"messages is {messages}.", remedy="Give a number from 0, or -1 for the default.")
    if messages == BY_DEFAULT:
        messages = 0 if replay else _by_default(settings, contract)
        create_topic = create_topic or messages > 0
    began = _start(contract, start, seed, messages)
    if seed is None and not replay:
        seed = secrets.randbits(31)
    first = None if replay else began.isoformat(sep=" ")
    parameters = {
        "messages": messages,
        "bad_share": bad_share,
        "seed": seed,
        "start": first,
        "replay": replay,
        "create_topic": create_topic,
    }
    with audit.job(settings, contract, "produce", cycle_id, parameters) as run:
        sample = _Sample(contract)
        if contract.landing and replay:
            sent = drop.copy(settings, contract.landing, Path(replay))
        else:
            chunks = (
                _replayed(Path(replay), contract)
                if replay
                else simulate(contract, messages, seed=seed or 0, start=began, bad_share=bad_share)
            )
            if contract.landing:
                sent = drop.write(settings, contract, sample.watch(chunks), run.cycle_id)
            else:
                sent = _send_all(settings, contract, sample.watch(chunks), create_topic=create_topic)
        run.counts = sent.counts
        return Produced(
            cycle_id=run.cycle_id,
            counts=sent.counts,
            target=sent.target,
            seed=seed,
            start=first,
            messages_per_partition=sent.per_partition,
            failures=sent.failures,
            sample=tuple(sample.values),
        )


def _by_default(settings: Settings, contract: Contract) -> int:
    default = default_messages(settings, contract)
    if default.why_none:
        log.info("nothing is simulated unless you ask for it with the parameter messages", because=default.why_none)
    return default.messages


def _send_all(
    settings: Settings, contract: Contract, chunks: Iterator[list[Message]], *, create_topic: bool
) -> drop.Sent:
    """Send messages to the feed's topic, and see how far its partitions move."""
    if create_topic and broker.create(settings, contract.topic):
        log.info("topic created", topic=contract.topic)
    before = broker.describe(settings, contract.topic).high_watermark
    counts, failures = send(settings, contract.topic, chunks)
    after = broker.describe(settings, contract.topic).high_watermark
    log.info("sent", topic=contract.topic, acknowledged=counts.processed, failed=counts.rejected)
    moved = {partition: end - before.get(partition, 0) for partition, end in after.items()}
    return drop.Sent(counts, contract.topic, moved, tuple(failures))


class _Sample:
    """Keeps what a few sensors send: enough to look at, whatever the number of messages."""

    def __init__(self, contract: Contract, sensors: int = 5, limit: int = 2_000) -> None:
        self._contract = contract
        self.values: list[bytes] = []
        self._keys: set[bytes] = set()
        self._sensors = sensors
        self._limit = limit

    def watch(self, chunks: Iterator[list[Message]]) -> Iterator[list[Message]]:
        for chunk in chunks:
            for message in chunk if len(self.values) < self._limit else ():
                if message.key and len(self._keys) < self._sensors:
                    self._keys.add(message.key)
                # The lines of a file have no keys; the first ones will do.
                if message.value and (message.key in self._keys or self._contract.landing):
                    self.values.append(message.value)
            yield chunk


def _start(contract: Contract, start: str | None, seed: int | None, messages: int) -> datetime:
    if start:
        try:
            return datetime.fromisoformat(start)
        except ValueError:
            raise ConfigurationError(f"start is {start!r}.", remedy="Give an ISO time: 2025-06-15 09:12:01.") from None
    if seed is not None:
        return DEFAULT_START
    return (datetime.now(UTC) - span(contract, messages)).replace(microsecond=0, tzinfo=None)


def send(settings: Settings, topic: str, chunks: Iterator[list[Message]]) -> tuple[Counts, list[str]]:
    """Send messages to a topic that is there; one chunk is under way while the next is made.

    :returns: how many were acknowledged and how many failed, and what is known of the first failures.
    :raises ServiceUnavailable: Kafka did not answer in time.
    """
    counts, failures, number = Counts(), list[str](), 0
    producer = _producer(settings)
    try:
        with _no_cycles():
            under_way: list[tuple[int, Any]] = []
            for chunk in chunks:
                sent = [(number + i, _try_send(producer, topic, message)) for i, message in enumerate(chunk)]
                number += len(chunk)
                counts += _await(settings, under_way, failures)
                under_way = sent
            producer.flush(timeout=_delivery_seconds(settings))
            counts += _await(settings, under_way, failures)
    except KafkaError as error:
        raise broker.unreachable(settings, error) from error
    finally:
        _close(settings, producer)
    return counts, failures


@contextmanager
def _no_cycles() -> Iterator[None]:
    """Do not look for garbage in cycles: a chunk's futures are many objects without one, and looking at them again and
    again took two fifths of the time (docs/decisions/0004).
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _close(settings: Settings, producer: KafkaProducer) -> None:
    """Close the producer. After an error it gives up, in bounded time, what it could not send; the error has been told."""
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
        raise broker.unreachable(settings, error) from error


def _delivery_seconds(settings: Settings) -> float:
    return _DELIVERY_TIMEOUTS * settings.kafka_timeout_seconds


def _try_send(producer: KafkaProducer, topic: str, message: Message) -> Any:
    """A future, or the error where a message is refused before it is sent."""
    try:
        return producer.send(topic, key=message.key, value=message.value)
    except MessageSizeTooLargeError as error:
        return error


def _await(settings: Settings, under_way: list[tuple[int, Any]], failures: list[str]) -> Counts:
    """Wait for acknowledgements; a message that Kafka refuses for good is counted and named.

    :raises ServiceUnavailable: acknowledgements did not come in time.
    """
    acknowledged = failed = 0
    for number, future in under_way:
        error = future if isinstance(future, Exception) else _outcome(settings, future)
        if isinstance(error, KafkaTimeoutError) or getattr(error, "retriable", False):
            raise ServiceUnavailable(
                f"Kafka at {settings.kafka()} did not acknowledge message {number} in time ({error}).",
                remedy="Check the broker; then run again. Messages that did arrive are loaded once all the same.",
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


def _replayed(file: Path, contract: Contract) -> Iterator[list[Message]]:
    """The rows of a file as messages, in chunks; a `.jsonl` line is sent as it stands."""
    if not file.is_file():
        raise ConfigurationError(f"There is no file {file}.", remedy="Give the path of a .csv or .jsonl file.")
    if file.suffix not in (".csv", ".jsonl"):
        raise ConfigurationError(f"{file.name} is neither .csv nor .jsonl.", remedy="Rename or convert the file.")
    values = _csv_values(file, contract) if file.suffix == ".csv" else _json_lines(file)
    chunk: list[Message] = []
    for value in values:
        chunk.append(Message(_key(value, contract), value))
        if len(chunk) == CHUNK:
            yield chunk
            chunk = []
    yield chunk


def _json_lines(file: Path) -> Iterator[bytes]:
    with file.open("rb") as handle:
        for line in handle:
            yield line.rstrip(b"\r\n")


def _csv_values(file: Path, contract: Contract) -> Iterator[bytes]:
    numbers = {column.name for column in contract.columns if column.type in ("integer", "double")}
    with file.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as handle:
        records = read_records(handle, Landing(""))
        header = next(records, None)
        if header and header.fields is None:
            raise ConfigurationError(
                f"{file.name}: the first line is no CSV header.", remedy="Give a file with a header."
            )
        names = header.fields if header and header.fields else []
        for record in records:
            if record.fields is None:
                # A line that breaks is sent as it is: the load rejects it, and keeps its text.
                yield record.text.rstrip("\r\n").encode("utf-8", "surrogateescape")
            else:
                fields = zip(names, record.fields, strict=True)
                pairs = (f"{json.dumps(k or '')}:{_json_value(k in numbers, v or '')}" for k, v in fields)
                yield f"{{{','.join(pairs)}}}".encode()


def _json_value(is_number: bool, value: Any) -> str:
    """A CSV field as JSON, digit for digit."""
    if is_number and isinstance(value, str) and _NUMBER.fullmatch(value):
        return value
    return json.dumps(value, ensure_ascii=False)


def _key(value: bytes, contract: Contract) -> bytes | None:
    try:
        found = orjson.loads(value)
    except orjson.JSONDecodeError:
        return None
    key = found.get(contract.message_key) if isinstance(found, dict) else None
    return str(key).encode() if key is not None else None
