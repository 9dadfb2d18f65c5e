"""What the reader of a format gives: the records of a file as text columns, in the form of part files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from etl.contract.model import Contract

RECORDS_PER_CHUNK = 50_000
"""Most records that are in memory at once; a record of several readings may end in a chunk that is larger."""
BYTES_PER_CHUNK = 64 << 20
"""Bytes of records after which a chunk ends."""


@dataclass(frozen=True)
class Chunk:
    """Some successive records of a file."""

    table: pa.Table
    """Text columns: those of the feed, then `LINEAGE_COLUMNS`. A record that looks wrong keeps its own text in `raw`."""
    records: int
    """How many records these are. A record may have several readings, each of which is a row."""
    unparsable: int
    """How many of the records could not be split."""
    last: int
    """The line, or number, of the last record."""


@dataclass(frozen=True)
class FileRecords:
    """A file that is being read."""

    header: tuple[str, ...]
    """The names of its columns, where its records are lines; empty where they are objects."""
    columns: tuple[str, ...]
    """The columns of each table, before `LINEAGE_COLUMNS`."""
    chunks: Iterator[Chunk]
    """In the file's order, in bounded memory; may raise UnreadableFile at any point of the file."""


class FileReader(Protocol):
    """Reads the files of one format.

    `form` is of the reader's format, and may differ from that of the contract's source. `number` is the value of
    `source_partition`; that of `source_offset` is the line, or number, of a record.

    :raises UnreadableFile: the file as a whole cannot be read.
    """

    def __call__(
        self, contract: Contract, form: Any, path: Path, number: int
    ) -> AbstractContextManager[FileRecords]: ...


def lineage(number: int, offsets: list[str], items: list[str]) -> dict[str, list[str]]:
    """Where rows came from: the lineage columns without `raw`."""
    return {
        "source_partition": [str(number)] * len(offsets),
        "source_offset": offsets,
        "source_item": items,
        "source_time": [f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}.000"] * len(offsets),
    }
