"""Avro records behind a header that names their schema in a schema registry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from etl.contract.formats.record_format import RecordFormat
from etl.contract.properties.custom_properties import CustomProperties


@dataclass(frozen=True)
class AvroRecords(RecordFormat):
    """Avro in Confluent's wire format: a zero byte, the schema's number in four bytes, and the record
    (https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html#wire-format).

    A record is read as the JSON object with the same keys.
    """

    name: ClassVar[str] = "avro"
    label: ClassVar[str] = "Avro with a schema registry"
    needs_registry: ClassVar[bool] = True

    @classmethod
    def from_properties(cls, given: CustomProperties) -> Self:
        return cls()
