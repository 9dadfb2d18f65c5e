"""What every format tells the jobs and commands about itself."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Self

from etl.contract.formats.csv_dialect import CsvDialect
from etl.contract.properties.custom_properties import CustomProperties


class RecordFormat(ABC):
    """How a source writes its records.

    A format is a subclass in a separate module, and a line in `etl.contract.formats.kinds`. Which formats a kind of source can
    carry is in the source's `formats`; what the jobs do with one is in their tables from format to implementation (such as
    `etl.jobs.consume.files.readers`). A test finds every table that lacks a format.
    """

    name: ClassVar[str]
    """The value of `servers[0].format`."""
    label: ClassVar[str]
    """Its name for people."""
    properties: ClassVar[frozenset[str]] = frozenset()
    """The custom properties of the server that describe the format."""
    suffixes: ClassVar[tuple[str, ...]] = ()
    """How the names of its files end, without the ending of a compression; empty: it is not read from files."""
    is_tabular: ClassVar[bool] = False
    """Whether its records are lines under a header, which hold no objects or arrays; otherwise they are objects."""

    needs_registry: ClassVar[bool] = False
    """Whether its records are decoded to JSON with schemas of a schema registry; other formats are text."""

    @property
    def dialect(self) -> CsvDialect:
        """How lines are written. A format without lines has the default, for lines that were archived when the feed still read
        CSV files.
        """
        return CsvDialect()

    @classmethod
    @abstractmethod
    def from_properties(cls, given: CustomProperties) -> Self:
        """The format as the server's custom properties describe it.

        :raises ContractError: naming the place and the remedy.
        """

    @property
    def details(self) -> str:
        """What `feeds show` says about the format besides its label."""
        return ""

    def as_json(self) -> dict[str, Any]:
        """The format as plain values, for `feeds show --json`."""
        return {"format": self.name}
