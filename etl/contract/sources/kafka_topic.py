"""Readings that are sent to a Kafka topic, one or several in a message."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Self

from etl.contract.durations import Fail
from etl.contract.formats.avro_records import AvroRecords
from etl.contract.formats.json_objects import JsonObjects
from etl.contract.formats.record_format import RecordFormat
from etl.contract.sources.source import FeedSource, read_server

if TYPE_CHECKING:
    from open_data_contract_standard.model import Server

_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")


@dataclass(frozen=True)
class KafkaTopic(FeedSource):
    """A Kafka topic."""

    topic: str
    format: RecordFormat = field(default_factory=JsonObjects)

    needs_spark: ClassVar[bool] = True
    formats: ClassVar[tuple[type[RecordFormat], ...]] = (JsonObjects, AvroRecords)

    @classmethod
    def from_server(cls, server: Server, fail: Fail) -> Self:
        given, form = read_server(cls, server, {"topic"}, fail)
        topic = str(given.values.get("topic", ""))
        if not _TOPIC.fullmatch(topic):
            raise fail(f"{given.place}.topic", f"{topic!r} cannot name a topic", "Letters, digits, . _ - (1-249).")
        return cls(topic, form)

    @property
    def name(self) -> str:
        return self.topic

    @property
    def topics(self) -> tuple[str, ...]:
        return (self.topic,)

    @property
    def in_words(self) -> str:
        return f"Kafka topic {self.topic}, {self.format.label}"

    def as_json(self) -> dict[str, Any]:
        return {"topic": self.topic, **self.format.as_json()}
