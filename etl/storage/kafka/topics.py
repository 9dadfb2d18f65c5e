"""Queries Kafka for topics, their ids and offsets."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

from kafka import IsolationLevel, TopicPartition
from kafka.admin import KafkaAdminClient, OffsetSpec
from kafka.errors import TopicAlreadyExistsError, for_code

from etl.errors import ServiceUnavailable, TopicMissing
from etl.settings import Settings
from etl.storage.kafka.connection import admin

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


def describe(settings: Settings, name: str) -> Topic:
    """A topic's id and offsets.

    :raises TopicMissing: there is no such topic; it is not created.
    :raises MissingRight: the user may not describe it.
    :raises ServiceUnavailable: Kafka did not answer in time, or nobody serves one of the topic's partitions at the moment.
    """
    with admin(settings, f"describe topic {name!r}") as client:
        description = client.describe_topics([name])[0]
        if description["error_code"] == UNKNOWN_TOPIC:
            raise TopicMissing(
                f"Kafka at {settings.kafka()} has no topic {name!r}.",
                remedy="Create it, or let the producer do so (parameter create_topic of 1_produce, `run --create-topic`).",
            )
        if description["error_code"]:
            raise for_code(description["error_code"])()
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
    """Create a topic with the broker's defaults; False if it exists already.

    :raises MissingRight: the user may not create it.
    """
    with admin(settings, f"create topic {name!r}") as client:
        if name in client.list_topics():
            return False
        try:
            client.create_topics({name: {}}, wait_for_metadata=True)
        except TopicAlreadyExistsError:
            # Another process has created it since.
            return False
        return True


def _offsets(
    client: KafkaAdminClient,
    partitions: list[TopicPartition],
    spec: OffsetSpec,
    isolation: IsolationLevel = IsolationLevel.READ_COMMITTED,
) -> dict[int, int]:
    answers = client.list_partition_offsets(dict.fromkeys(partitions, spec), isolation_level=isolation)
    return {part.partition: answer.offset for part, answer in sorted(answers.items())}
