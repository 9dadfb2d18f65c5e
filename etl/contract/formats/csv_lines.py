"""Lines of a CSV file, one record each."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Self

from etl.contract.formats.csv_dialect import CsvDialect
from etl.contract.formats.record_format import RecordFormat
from etl.contract.properties.custom_properties import CustomProperties

_DEFAULT = CsvDialect()


@dataclass(frozen=True)
class CsvLines(RecordFormat):
    """CSV in the dialect of the program that writes it."""

    lines: CsvDialect = _DEFAULT

    name: ClassVar[str] = "csv"
    label: ClassVar[str] = "CSV"
    properties: ClassVar[frozenset[str]] = frozenset({"csv"})
    suffixes: ClassVar[tuple[str, ...]] = (".csv", ".tsv")
    is_tabular: ClassVar[bool] = True

    @classmethod
    def from_properties(cls, given: CustomProperties) -> Self:
        return cls(CsvDialect.from_properties(given))

    @property
    def dialect(self) -> CsvDialect:
        return self.lines

    @property
    def details(self) -> str:
        return self.lines.in_words

    def as_json(self) -> dict[str, Any]:
        return {**super().as_json(), **asdict(self.lines)}
