"""Readings that other programs put into a folder as CSV files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from etl.contract.custom_properties import CustomProperties
from etl.contract.durations import Fail
from etl.contract.sources.csv_dialect import CsvDialect
from etl.contract.sources.source import FeedSource

if TYPE_CHECKING:
    from open_data_contract_standard.model import Server

_DEFAULT_DIALECT = CsvDialect()


@dataclass(frozen=True)
class LandingFolder(FeedSource):
    """A folder of CSV files."""

    path: str
    """Relative to ETL_HOME, or absolute."""
    dialect: CsvDialect = _DEFAULT_DIALECT
    stable_seconds: float = 1.0
    """A file is taken when it has not changed for this long and no program has it open for writing."""

    is_tabular: ClassVar[bool] = True

    @classmethod
    def from_server(cls, server: Server, fail: Fail) -> Self:
        allowed = {"csv", "stableSeconds"}
        given = CustomProperties.of("servers[0].customProperties", server.customProperties, allowed, fail)
        if server.format != "csv":
            raise fail("servers[0].format", f"{server.format!r} is not supported", "Use csv.")
        if not server.path or ".." in Path(server.path).parts:
            raise fail("servers[0].path", f"{server.path!r}", "Name a folder, relative to ETL_HOME.")
        dialect = CsvDialect.from_properties(given)
        stable = given.values.get("stableSeconds", cls.stable_seconds)
        if isinstance(stable, bool) or not isinstance(stable, int | float) or stable <= 0:
            raise fail(f"{given.place}.stableSeconds", f"{stable!r}", "Give a number of seconds above 0.")
        return cls(server.path, dialect, float(stable))

    @property
    def name(self) -> str:
        return self.path

    @property
    def label(self) -> str:
        return f"{self.path}/"

    @property
    def in_words(self) -> str:
        return f"CSV files in {self.path}/ ({self.dialect.in_words})"

    def as_json(self) -> dict[str, Any]:
        return {"landing": {"path": self.path, **vars(self.dialect), "stable_seconds": self.stable_seconds}}
