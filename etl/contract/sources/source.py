"""What every kind of source tells the jobs and commands about itself."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Self

from etl.contract.durations import Fail
from etl.contract.sources.csv_dialect import CsvDialect

if TYPE_CHECKING:
    from open_data_contract_standard.model import Server


class FeedSource(ABC):
    """Where a feed's readings come from.

    A kind of source is a subclass in a separate module, and a line in `etl.contract.sources.kinds`. What the jobs and commands
    do with it is in their tables from kind to implementation (such as `etl.jobs.consume.readers`); a test finds every table
    that lacks a kind.
    """

    needs_spark: ClassVar[bool] = False
    """Whether consuming it starts Spark."""
    is_tabular: ClassVar[bool]
    """Whether its records are lines under a header, which hold no objects or arrays; otherwise they are JSON messages."""
    dialect: CsvDialect = CsvDialect()
    """How lines are written. A source of messages has the default, for lines that were archived when the feed still read
    files."""

    @classmethod
    @abstractmethod
    def from_server(cls, server: Server, fail: Fail) -> Self:
        """The source that `servers[0]` of a contract describes.

        :raises ContractError: naming the place and the remedy.
        """

    @property
    @abstractmethod
    def name(self) -> str:
        """The name that people see, and that audit tables keep."""

    @property
    def label(self) -> str:
        """The name in lists."""
        return self.name

    @property
    def topics(self) -> tuple[str, ...]:
        """The Kafka topics that must exist; Kafka runs only where there are some."""
        return ()

    @property
    def needs_kafka(self) -> bool:
        return bool(self.topics)

    @property
    @abstractmethod
    def in_words(self) -> str:
        """Kind, name and format, for `feeds show`."""

    @abstractmethod
    def as_json(self) -> dict[str, Any]:
        """The source as plain values, for `feeds show --json`."""
