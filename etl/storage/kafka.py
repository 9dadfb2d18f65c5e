"""Queries Kafka for topics, their ids and offsets. The jobs read and write the messages."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from kafka import IsolationLevel, TopicPartition
from kafka.admin import KafkaAdminClient, OffsetSpec
from kafka.errors import KafkaError

from etl.errors import ServiceUnavailable, TopicMissing
from etl.settings import Settings

UNKNOWN_TOPIC = 3
"""Kafka's error code UNKNOWN_TOPIC_OR_PARTITION (https://kafka.apache.org/protocol#protocol_error_codes)."""


@dataclass(frozen=True)
class Topic:
    """A topic as it is now, with offsets per partition."""

    name: str
    id: str
    """UUID of the topic (KIP-516): a topic that was deleted and created again has another one."""
    beginning: Mapping[int, int]
    end: Mapping[int, int]
    """The last stable offset: up to it every transaction is committed or aborted, and messages can be read."""
    high_watermark: Mapping[int, int] = field(default_factory=dict)
    """The offset that the next message gets; beyond `end` while a transaction is open."""

    @property
    def open_transactions(self) -> dict[int, int]:
        """Per partition with an open transaction, how many offsets cannot be read before it ends."""
        beyond = {part: offset - self.end.get(part, 0) for part, offset in self.high_watermark.items()}
        return {part: offsets for part, offsets in sorted(beyond.items()) if offsets > 0}


def client_config(settings: Settings) -> dict[str, Any]:
    """Keyword arguments for every kafka-python client."""
    milliseconds = int(settings.kafka_timeout_seconds * 1000)
    config: dict[str, Any] = {
        "bootstrap_servers": settings.kafka(),
        "client_id": "notebook-etl",
        "bootstrap_timeout_ms": milliseconds,
        "request_timeout_ms": milliseconds,
        "security_protocol": settings.kafka_security_protocol,
    }
    if settings.kafka_ca_file:
        config["ssl_cafile"] = str(settings.kafka_ca_file)
    if settings.kafka_security_protocol.startswith("SASL"):
        password = settings.kafka_sasl_password
        config |= {
            "sasl_mechanism": settings.kafka_sasl_mechanism,
            "sasl_plain_username": settings.kafka_sasl_username,
            "sasl_plain_password": password.get_secret_value() if password else None,
        }
    return config


def unreachable(settings: Settings, error: Exception | str) -> ServiceUnavailable:
    """The error to raise when Kafka did not answer."""
    return ServiceUnavailable(
        f"Kafka at {settings.kafka()} did not answer within {settings.kafka_timeout_seconds:g} s ({error}).",
        remedy="Check ETL_KAFKA_BOOTSTRAP and that the broker is up (`python -m etl doctor`; embedded: `python -m etl up`).",
    )


@contextmanager
def admin(settings: Settings) -> Iterator[KafkaAdminClient]:
    """An admin client, closed at the end; Kafka's errors are translated.

    :raises ServiceUnavailable: Kafka did not answer in time.
    """
    client = None
    try:
        client = KafkaAdminClient(**client_config(settings))
        yield client
    except KafkaError as error:
        raise unreachable(settings, error) from error
    finally:
        if client is not None:
            client.close()


def describe(settings: Settings, name: str) -> Topic:
    """A topic's id and offsets.

    :raises TopicMissing: there is no such topic; it is not created.
    :raises ServiceUnavailable: Kafka did not answer in time, or nobody serves one of the topic's partitions at the moment.
    """
    with admin(settings) as client:
        description = client.describe_topics([name])[0]
        if description["error_code"] == UNKNOWN_TOPIC:
            raise TopicMissing(
                f"Kafka at {settings.kafka()} has no topic {name!r}.",
                remedy="Create it, or let the producer do so (parameter create_topic of 1_produce, `run --create-topic`).",
            )
        if leaderless := sorted(part["partition_index"] for part in description["partitions"] if part["leader_id"] < 0):
            raise ServiceUnavailable(
                f"Kafka at {settings.kafka()} has no leader for partition {', '.join(map(str, leaderless))}"
                f" of topic {name!r}: no broker that has it is up.",
                remedy="Start the broker that has it; if it has just started, wait a moment and try again.",
            )
        partitions = [TopicPartition(name, part["partition_index"]) for part in description["partitions"]]
        # The high watermark first: messages that arrive in between must not look like an open transaction.
        written = _offsets(client, partitions, OffsetSpec.LATEST, IsolationLevel.READ_UNCOMMITTED)
        return Topic(
            name=name,
            id=str(uuid.UUID(str(description["topic_id"]))),
            beginning=_offsets(client, partitions, OffsetSpec.EARLIEST),
            end=_offsets(client, partitions, OffsetSpec.LATEST),
            high_watermark=written,
        )


def create(settings: Settings, name: str) -> bool:
    """Create a topic with the broker's defaults; False if it exists already."""
    with admin(settings) as client:
        if name in client.list_topics():
            return False
        client.create_topics({name: {}}, wait_for_metadata=True)
        return True


def _offsets(
    client: KafkaAdminClient,
    partitions: list[TopicPartition],
    spec: OffsetSpec,
    isolation: IsolationLevel = IsolationLevel.READ_COMMITTED,
) -> dict[int, int]:
    answers = client.list_partition_offsets(dict.fromkeys(partitions, spec), isolation_level=isolation)
    return {part.partition: answer.offset for part, answer in sorted(answers.items())}
