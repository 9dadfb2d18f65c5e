"""Readings that other programs put into a folder as files."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from etl.contract.durations import Fail
from etl.contract.formats.csv_lines import CsvLines
from etl.contract.formats.json_objects import JsonObjects
from etl.contract.formats.parquet_rows import ParquetRows
from etl.contract.formats.record_format import RecordFormat
from etl.contract.sources.source import FeedSource, read_server

if TYPE_CHECKING:
    from open_data_contract_standard.model import Server


@dataclass(frozen=True)
class LandingFolder(FeedSource):
    """A folder of files."""

    path: str
    """Relative to ETL_HOME, or absolute."""
    format: RecordFormat = field(default_factory=CsvLines)
    stable_seconds: float = 1.0
    """A file is taken when it has not changed for this long and no program has it open for writing."""

    formats: ClassVar[tuple[type[RecordFormat], ...]] = (CsvLines, JsonObjects, ParquetRows)

    @classmethod
    def from_server(cls, server: Server, fail: Fail) -> Self:
        given, form = read_server(cls, server, {"stableSeconds"}, fail)
        if not server.path or ".." in Path(server.path).parts:
            raise fail("servers[0].path", f"{server.path!r}", "Name a folder, relative to ETL_HOME.")
        stable = given.values.get("stableSeconds", cls.stable_seconds)
        if isinstance(stable, bool) or not isinstance(stable, int | float) or stable <= 0:
            raise fail(f"{given.place}.stableSeconds", f"{stable!r}", "Give a number of seconds above 0.")
        return cls(server.path, form, float(stable))

    @property
    def name(self) -> str:
        return self.path

    @property
    def label(self) -> str:
        return f"{self.path}/"

    @property
    def in_words(self) -> str:
        details = f" ({self.format.details})" if self.format.details else ""
        return f"{self.format.label} files in {self.path}/{details}"

    def as_json(self) -> dict[str, Any]:
        return {"landing": {"path": self.path, **self.format.as_json(), "stable_seconds": self.stable_seconds}}
