"""JSON objects: a message each, or a line of a file each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from etl.contract.formats.record_format import RecordFormat
from etl.contract.properties.custom_properties import CustomProperties


@dataclass(frozen=True)
class JsonObjects(RecordFormat):
    """JSON objects in UTF-8; a file may be in another encoding of Unicode, which its byte-order mark shows."""

    name: ClassVar[str] = "json"
    label: ClassVar[str] = "JSON"
    suffixes: ClassVar[tuple[str, ...]] = (".json", ".jsonl", ".ndjson")

    @classmethod
    def from_properties(cls, given: CustomProperties) -> Self:
        return cls()
