"""Readings that other programs put into a folder as files."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from etl.contract.durations import Fail
from etl.contract.formats.csv_lines import CsvLines
from etl.contract.formats.json_objects import JsonObjects
from etl.contract.formats.parquet_rows import ParquetRows
from etl.contract.formats.record_format import RecordFormat
from etl.contract.properties.custom_properties import is_finite_number
from etl.contract.sources.path_pattern import has_wildcard, matches
from etl.contract.sources.source import FeedSource, read_server

if TYPE_CHECKING:
    from open_data_contract_standard.model import Server

COMPRESSED = ("", ".gz", ".zst")
"""What may follow the ending of a file's name."""


@dataclass(frozen=True)
class LandingFolder(FeedSource):
    """A folder of files."""

    path: str
    """Relative to ETL_HOME, or absolute. It may end in a pattern, as in `landing/site/**/*.csv`."""
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
        if not is_finite_number(stable) or stable <= 0:
            raise fail(f"{given.place}.stableSeconds", f"{stable!r}", "Give a number of seconds above 0.")
        source = cls(server.path, form, float(stable))
        if source.pattern and source.folder in ("", "/"):
            remedy = "Name a folder before it: in/*.csv."
            raise fail("servers[0].path", f"{server.path!r} begins with a pattern", remedy)
        try:
            source.takes("")
        except re.error as error:
            raise fail("servers[0].path", f"{server.path!r}: {error}", "Write a pattern such as in/**/*.csv.") from None
        return source

    @property
    def folder(self) -> str:
        """The folder that is watched: the path up to its first part with a wildcard."""
        return self._split[0]

    @property
    def pattern(self) -> str:
        """What names the files, below the folder; empty: the files in the folder itself, by the endings of the format."""
        return self._split[1]

    @property
    def _split(self) -> tuple[str, str]:
        parts = self.path.split("/")
        fixed = next((place for place, part in enumerate(parts) if has_wildcard(part)), None)
        if fixed is None:
            return self.path, ""
        folder = "/".join(parts[:fixed])
        return folder or ("/" if self.path.startswith("/") else ""), "/".join(part for part in parts[fixed:] if part)

    def takes(self, path: str) -> bool:
        """Whether a file is one of the feed, by its path below the folder; a compressed one may have a further ending."""
        if not self.pattern:
            return "/" not in path and self._has_ending(path)
        names = [path[: len(path) - len(ending)] for ending in COMPRESSED if path.lower().endswith(ending)]
        if not any(matches(self.pattern, name) for name in names):
            return False
        # A pattern such as `**/*` names no ending; then the format does.
        last = self.pattern.rpartition("/")[2]
        return "." in last.rpartition("*")[2] or not has_wildcard(last) or self._has_ending(path)

    def _has_ending(self, path: str) -> bool:
        return path.lower().endswith(self.endings)

    @property
    def endings(self) -> tuple[str, ...]:
        """How the names of the format's files end, in lower case."""
        return tuple(f"{suffix}{compressed}" for suffix in self.format.suffixes for compressed in COMPRESSED)

    @property
    def name(self) -> str:
        return self.path

    @property
    def label(self) -> str:
        return self.path if self.pattern else f"{self.path}/"

    @property
    def in_words(self) -> str:
        details = f" ({self.format.details})" if self.format.details else ""
        place = f"that match {self.path}" if self.pattern else f"in {self.path}/"
        taken = f"a file is taken when it has not changed for {self.stable_seconds:g} s"
        return f"{self.format.label} files {place}{details}; {taken}"

    def as_json(self) -> dict[str, Any]:
        return {"landing": {"path": self.path, **self.format.as_json(), "stable_seconds": self.stable_seconds}}
