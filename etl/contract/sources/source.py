"""What every kind of source tells the jobs and commands about itself."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Self

from etl.contract.durations import Fail
from etl.contract.formats.kinds import FORMATS
from etl.contract.formats.record_format import RecordFormat
from etl.contract.properties.custom_properties import CustomProperties

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
    formats: ClassVar[tuple[type[RecordFormat], ...]]
    """The formats that it can carry."""
    format: RecordFormat
    """How its records are written."""

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


def read_server(
    kind: type[FeedSource], server: Server, own: set[str], fail: Fail
) -> tuple[CustomProperties, RecordFormat]:
    """The custom properties of a server, and the format that it names.

    :param own: the properties of the kind of source; those of the format are allowed as well.
    :raises ContractError: the source cannot carry the format, or a property is not known.
    """
    names = [form.name for form in kind.formats]
    if server.format not in names:
        raise fail("servers[0].format", f"{server.format!r} is not supported", f"Use {' or '.join(names)}.")
    form = FORMATS[server.format]
    place = "servers[0].customProperties"
    given = CustomProperties.of(place, server.customProperties, own | form.properties, fail)
    return given, form.from_properties(given)
