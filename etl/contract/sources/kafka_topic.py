"""Readings that are sent to a Kafka topic as JSON messages."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

from etl.contract.custom_properties import CustomProperties
from etl.contract.durations import Fail
from etl.contract.sources.source import FeedSource

if TYPE_CHECKING:
    from open_data_contract_standard.model import Server

_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")


@dataclass(frozen=True)
class KafkaTopic(FeedSource):
    """A Kafka topic of JSON messages."""

    topic: str

    needs_spark: ClassVar[bool] = True
    is_tabular: ClassVar[bool] = False

    @classmethod
    def from_server(cls, server: Server, fail: Fail) -> Self:
        given = CustomProperties.of("servers[0].customProperties", server.customProperties, {"topic"}, fail)
        topic = str(given.values.get("topic", ""))
        if not _TOPIC.fullmatch(topic):
            raise fail(f"{given.place}.topic", f"{topic!r} cannot name a topic", "Letters, digits, . _ - (1-249).")
        return cls(topic)

    @property
    def name(self) -> str:
        return self.topic

    @property
    def topics(self) -> tuple[str, ...]:
        return (self.topic,)

    @property
    def in_words(self) -> str:
        return f"Kafka topic {self.topic}, JSON"

    def as_json(self) -> dict[str, Any]:
        return {"topic": self.topic}
