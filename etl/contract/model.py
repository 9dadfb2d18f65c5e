"""A feed's contract as typed values: source, columns, times, sensors, windows, rules. Read by `etl.contract.reader`."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count, pairwise
from pathlib import Path
from typing import Literal

from etl.contract.rules.alerts import AlertRules
from etl.contract.rules.anomalies import AnomalyRules
from etl.contract.sources.source import FeedSource

ColumnType = Literal["text", "integer", "double", "boolean", "timestamp"]
UnknownKeys = Literal["evolve", "freeze", "discard"]
OnConflict = Literal["quarantine", "keepFirst", "keepLast"]

ITEMS = "[]"
"""In a column's path: the next keys are those of an element of the array before it."""
ROOT = "$"
"""In `explode` and in paths: the message itself, where it is an array. Such a message is read as the object `{"$": message}`."""


def column_name(key: str, taken: Iterable[str]) -> str:
    """A column name for a key that the contract does not name; different from all names that are taken."""
    (name,) = column_names([key], taken)
    return name


def column_names(keys: Iterable[str], taken: Iterable[str]) -> list[str]:
    """The same for several keys: names of at most 60 characters, all different."""
    used = {name.lower() for name in taken}
    names = []
    for key in keys:
        plain = re.sub(r"\W+", "_", key, flags=re.ASCII).strip("_") or "column"
        name = base = (f"_{plain}" if plain[0].isdigit() else plain)[:50]
        for number in count(1):
            if name.lower() not in used:
                break
            name = f"{base}_" if number == 1 else f"{base}_{number}"
        names.append(name)
        used.add(name.lower())
    return names


BROKER_TIME = "broker_time"
ISO8601 = "iso8601"
EPOCH_UNITS = {
    "epoch_seconds": 1.0,
    "epoch_milliseconds": 1e-3,
    "epoch_microseconds": 1e-6,
    "epoch_nanoseconds": 1e-9,
}
"""Names of time formats that count from 1970-01-01 UTC → seconds per unit."""
EPOCH_SIZES = dict(zip(EPOCH_UNITS, pairwise((0.0, 1e11, 1e14, 1e17, math.inf)), strict=True))
"""Unit → the smallest absolute value that is read in it where a contract names several, and the one above: a time from 1973 to
5138, and in the first unit also one before."""

LINEAGE_COLUMNS = ("source_partition", "source_offset", "source_item", "source_time", "raw")
TABLE_COLUMNS = ("source_id", "source_partition", "source_offset", "source_item", "log_id", "lateness_seconds")
VIEW_COLUMNS = ("source_name", "cycle_id", "loaded_at")
"""Columns that the view of a feed's readings adds."""
SYSTEM_COLUMNS = ("tableoid", "xmin", "cmin", "xmax", "cmax", "ctid", "oid")
"""PostgreSQL has these in every table (https://www.postgresql.org/docs/18/ddl-system-columns.html), `oid` up to version 11."""
RESERVED = {*LINEAGE_COLUMNS, *TABLE_COLUMNS, *VIEW_COLUMNS, *SYSTEM_COLUMNS, "stage_row"}
"""Names, in lower case, that no column of a contract may have. Names that exist only in statements contain a space instead."""
WINDOW_FIGURES = ("count", "min", "max", "avg", "stddev")
WINDOW_COLUMNS = {"measure", "window_start", *WINDOW_FIGURES}
"""Columns of every table of windows, besides its key."""


@dataclass(frozen=True)
class NumberFormat:
    """How a column's numbers are written, where that is not as in JSON."""

    decimal: str = "."
    thousands: str = ""
    """The mark between groups of three digits; empty: there is none."""
    suffix: str = ""
    """A unit behind the number, such as °C, with or without a blank before it; it is removed where it is there."""


@dataclass(frozen=True)
class Column:
    """One column: its type and the simple rules that every value must meet."""

    name: str
    type: ColumnType
    required: bool = False
    minimum: float | None = None
    maximum: float | None = None
    bits: int = 64
    """Width of an integer; 16, 32 or 64."""
    min_length: int | None = None
    max_length: int | None = None
    pattern: str | None = None
    trim: bool = False
    """Whether blanks at both ends of a text are removed."""
    unit: str = ""
    description: str = ""
    path: tuple[str, ...] = ()
    """The keys that lead to the value in a message, or the header of a CSV column; empty: the column's own name."""
    missing: tuple[str, ...] = ()
    """Texts that mean that there is no value, such as NA; an empty field always means that."""
    number: NumberFormat | None = None
    """How its numbers are written; None: as in JSON."""
    formats: tuple[str, ...] = ()
    """Formats of a timestamp, as in `EventTime`; empty: those of the event time."""
    timezone: str = ""
    """IANA name, for a timestamp without an offset; empty: that of the event time."""
    combine: tuple[str, ...] = ()
    """The columns whose texts, with a blank between them, are this column's text, which is in no file: the loader joins it."""
    constant: str = ""
    """The text that it has in every reading, and in no file; empty: its texts are read or combined."""
    origin: str = ""
    """Where beside the message the value is: `key`, `header:NAME`, `topic` or `broker_time`; empty: in the message."""
    added: bool = False
    """Added to the feed's table by schema evolution (`etl.jobs.load.new_columns`); the contract's file does not name it."""

    @property
    def source(self) -> tuple[str, ...]:
        return self.path or (self.name,)

    @property
    def is_read(self) -> bool:
        """Whether its texts are read from a source, and so are in part files."""
        return not (self.combine or self.constant)

    @property
    def is_in_message(self) -> bool:
        return self.is_read and not self.origin

    @property
    def place(self) -> tuple[str, ...]:
        """Where the values of a column that is not combined are, for manifests: as `source`, or beside the message."""
        return (ITEMS, self.origin) if self.origin else self.source


@dataclass(frozen=True)
class EventTime:
    """Which column has the time of the reading, how times are written, and which are accepted."""

    column: str
    timezone: str = "UTC"
    """IANA name; used for values without an offset."""
    earliest: datetime = datetime(2000, 1, 1, tzinfo=UTC)
    ahead_seconds: float = 3600.0
    """How far a sensor's clock may be ahead of the loader's."""
    formats: tuple[str, ...] = (ISO8601,)
    """`iso8601`, a key of EPOCH_UNITS, or a pattern of `strptime`; the first that fits a value is used."""


@dataclass(frozen=True)
class Windows:
    """Tumbling windows, aligned to 1970-01-01 UTC, with statistics per sensor and measure."""

    sizes: tuple[tuple[str, int], ...]
    """Name and length in seconds, such as ("5m", 300); the table's name ends with it."""
    key: tuple[str, ...]
    measures: tuple[str, ...]


@dataclass(frozen=True)
class Fleet:
    """The sensors that are expected to report, each once per interval."""

    sensors: int
    interval_seconds: float


@dataclass(frozen=True)
class Contract:
    """A feed. `columns` are in the order of the contract, which is the order in files and tables."""

    feed: str
    source: FeedSource
    """Where the readings come from."""
    table: str
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...]
    event_time: EventTime
    sensor: tuple[str, ...] = ()
    """The columns that identify the device, room or sensor of a reading."""
    envelope: tuple[str, ...] = ()
    """Keys of the object around a reading, as in `payload.after`: a message without the object has no reading, and keys beside
    it are not unknown; empty: there is none."""
    explode: tuple[tuple[str, ...], ...] = ()
    """Path of the array whose elements are the readings, one tuple of keys per nested array; empty: a message is a reading."""
    windows: Windows | None = None
    lateness_seconds: float = 600.0
    """A reading that is further than this behind the newest one loaded before it is late."""
    unknown_keys: UnknownKeys = "freeze"
    """What happens to keys or columns that the contract does not name; with `evolve` they become columns."""
    max_new_columns: int = 100
    """Most columns that schema evolution adds to the feed's table, in all."""
    anomalies: AnomalyRules | None = None
    fleet: Fleet | None = None
    freshness_seconds: float | None = None
    """How old the newest reading may be by the contract's service level; None: not promised."""
    on_conflict: OnConflict = "quarantine"
    """What happens to a row with the key of an earlier row and other values."""
    failure_budget: float = 1.0
    """The share of an archive's rows, 0 to 1, above which rejected rows make its load fail."""
    alerts: AlertRules = field(default_factory=AlertRules)
    """When something is an incident."""
    description: str = ""
    version: str = ""
    file: Path = field(default=Path(), compare=False)

    @property
    def column_names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    @property
    def read_names(self) -> tuple[str, ...]:
        """The columns that are read from a source, and neither combined from others nor constant."""
        return tuple(column.name for column in self.columns if column.is_read)

    @property
    def message_columns(self) -> tuple[Column, ...]:
        """The columns whose values are in a message or line."""
        return tuple(column for column in self.columns if column.is_in_message)

    @property
    def measures(self) -> tuple[str, ...]:
        """The columns that are measured: decimal numbers, and what windows and rules for anomalies name; in their order."""
        named = {*(self.windows.measures if self.windows else ()), *(self.anomalies.measures if self.anomalies else ())}
        named |= {column.name for column in self.columns if column.type == "double" and column.name not in self.sensor}
        return tuple(name for name in self.column_names if name in named)

    @property
    def paths(self) -> dict[str, tuple[str, ...]]:
        """Column of a part file → where its values are (`Column.place`)."""
        return {column.name: column.place for column in self.columns if column.is_read}

    @property
    def origins(self) -> dict[str, str]:
        """Column → where beside the message its value is."""
        return {column.name: column.origin for column in self.columns if column.origin}

    @property
    def explodes_root(self) -> bool:
        """Whether a message is the array of its readings."""
        return bool(self.explode) and self.explode[0] == (ROOT,)

    @property
    def message_key(self) -> str:
        """The column whose value keys a message, so that a sensor's readings stay in order in one partition."""
        return self.primary_key[0] if self.primary_key else self.columns[0].name

    @property
    def identifying(self) -> frozenset[str]:
        """The columns that identify rows and sensors: of the key, the sensor, and the windows' key."""
        return frozenset((*self.primary_key, *self.sensor, *(self.windows.key if self.windows else ())))

    def column(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)


@dataclass(frozen=True)
class EvolvedContract(Contract):
    """A contract with the columns of the feed's table: the declared ones, then those that were added (`with_added_columns`).

    Code that reads or changes the feed's table, or writes files for it, takes this type, and no contract as read from its file.
    """

    @classmethod
    def of(cls, contract: Contract, added: Iterable[Column] = ()) -> EvolvedContract:
        """The declared columns of a contract, then these added columns; columns that were added before are replaced."""
        declared = (column for column in contract.columns if not column.added)
        return cls(**{**vars(contract), "columns": (*declared, *added)})

    @property
    def file_columns(self) -> tuple[str, ...]:
        """The header of every part file and archive: the table's columns that are not combined, then where each row came from."""
        return (*self.read_names, *LINEAGE_COLUMNS)
