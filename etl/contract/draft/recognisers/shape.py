"""What a recogniser says about the messages of a platform."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

Path = tuple[str, ...]
Record = Mapping[str, Any]


@dataclass(frozen=True)
class Shape:
    """Where the parts of a reading are in the messages of a platform. Paths begin at the message."""

    says: str = ""
    """What is done with the messages, for a comment in the draft."""
    envelope: Path = ()
    """The object around a reading."""
    explode: tuple[Path, ...] | None = None
    """The array of readings, a tuple of keys per nested array; empty: no array holds readings; None: judged by its content."""
    keep: tuple[Path, ...] = ()
    """Beginnings of the paths that become columns; empty: all do."""
    leave_out: tuple[Path, ...] = ()
    """Beginnings of paths that do not."""
    own_times: tuple[Path, ...] = ()
    """Beginnings of the paths of times that the device itself set; a well-named time there is taken before `times`."""
    times: tuple[Path, ...] = ()
    """Candidates for the event time, the best first."""
    sensors: tuple[tuple[Path, ...], ...] = ()
    """Candidates for the sensor, the best first; each consists of one or more columns, of which those that exist are taken."""
    keys: tuple[tuple[Path, ...], ...] = ()
    """Candidates for the key, likewise; all columns of a key must exist."""
    operation: Path = ()
    """Of messages that are changes of rows: what was done to the row."""
    inserts: tuple[str, ...] = ()
    """The operations that bring a row for the first time; after others it may come again."""
    lacks_device: bool = False
    """Whether the sensors are only parts of a device, which the messages do not name."""
    time_question: str = ""
    """What a person must decide about the event time, where none of the candidates is there."""


class Recogniser(ABC):
    """Recognises the messages of one platform by their shape.

    A recogniser is a subclass in a separate module, and a line in `registry.RECOGNISERS`.
    """

    name: ClassVar[str]
    """The messages, for people: `uplinks of The Things Stack v3`."""

    @abstractmethod
    def fits(self, record: Record) -> bool:
        """Whether a record has the shape. It may be any JSON object."""

    @abstractmethod
    def shape(self, records: Sequence[Record]) -> Shape:
        """Where the parts of a reading are, in records all of which fit."""


def at(record: Any, *path: str) -> Any:
    """The value at a path; None where there is none."""
    for key in path:
        record = record.get(key) if isinstance(record, Mapping) else None
    return record


def has(record: Any, *keys: str) -> bool:
    """Whether a value is an object with all these keys."""
    return isinstance(record, Mapping) and all(key in record for key in keys)


def first(records: Sequence[Record], *path: str) -> Any:
    """The first value at a path that is there."""
    return next((value for record in records if (value := at(record, *path)) is not None), None)


def under(start: Path, *paths: str) -> tuple[Path, ...]:
    """Paths below another one; dots separate their keys."""
    return tuple((*start, *path.split(".")) for path in paths)
