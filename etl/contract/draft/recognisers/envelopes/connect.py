"""Messages that Kafka Connect's JsonConverter wrote with their schema.

https://kafka.apache.org/documentation/#connect_running
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from etl.contract.draft.recognisers.shape import Recogniser, Record, Shape, at, has


class ConnectEnvelope(Recogniser):
    name: ClassVar[str] = "messages of Kafka Connect's JsonConverter"

    def fits(self, record: Record) -> bool:
        return has(record, "schema", "payload") and has(record["schema"], "type") and len(record) == 2

    def shape(self, records: Sequence[Record]) -> Shape:
        is_object = any(isinstance(at(record, "payload"), dict) for record in records)
        return Shape(
            says="the reading is in payload; the schema is left out",
            envelope=("payload",) if is_object else (),
            keep=(("payload",),),
        )
