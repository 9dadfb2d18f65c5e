"""Rows of a Parquet file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from etl.contract.formats.record_format import RecordFormat
from etl.contract.properties.custom_properties import CustomProperties


@dataclass(frozen=True)
class ParquetRows(RecordFormat):
    """Rows with typed, possibly nested columns; a row is read as the JSON object with the same keys."""

    name: ClassVar[str] = "parquet"
    label: ClassVar[str] = "Parquet"
    suffixes: ClassVar[tuple[str, ...]] = (".parquet",)

    @classmethod
    def from_properties(cls, given: CustomProperties) -> Self:
        return cls()
