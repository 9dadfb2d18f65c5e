"""Schema growth: keys and columns that the contract does not name, taken up as nullable columns where it says `evolve`.

A new column's type is that of the values with which it first comes. A later value of another type makes a rejected row,
never a failed load.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert

from etl.chunks import read_chunks
from etl.csvfiles import part_columns
from etl.files import LandingFile
from etl.message import Digits, read
from etl.model import RESERVED, Column, ColumnType, Contract, column_name
from etl.tables import etl_column

# A number with a leading zero is somebody's code, whose zeros count.
_INTEGER = re.compile(r"-?(0|[1-9]\d{0,17})")
_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?")


def discover(file: Path, contract: Contract, landing_files: Iterable[LandingFile]) -> tuple[Column, ...]:
    """The columns that an archive has and its contract does not; none where the contract takes up none."""
    if contract.growth != "evolve":
        return ()
    seen: dict[tuple[str, ...], set[ColumnType]] = {}
    for path, value in _of_files(file, contract, landing_files) if contract.landing else _of_messages(file, contract):
        seen.setdefault(path, set()).add(_type(value))
    taken = [*contract.column_names, *RESERVED]
    columns = []
    for path in sorted(seen):
        columns.append(Column(column_name(path[-1], taken), _common(seen[path]), path=path))
        taken.append(columns[-1].name)
    return tuple(columns)


def take_up(connection: Connection, contract: Contract, columns: tuple[Column, ...], log_id: int) -> Contract:
    """Remember new columns as the feed's own from now on; returns the contract with them."""
    for column in columns:
        connection.execute(
            insert(etl_column).values(
                feed=contract.feed,
                column_name=column.name,
                type=column.type,
                path=list(column.path),
                log_id=log_id,
                added_at=datetime.now(UTC),
            )
        )
    return replace(contract, columns=(*contract.columns, *columns))


def _of_messages(file: Path, contract: Contract) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Path and value of every unknown key; a message that has one keeps its own text."""
    for chunk in read_chunks(file, ("raw", "source_item")):
        table = chunk.filter(chunk.column("raw").is_valid())
        for raw, item in zip(table.column("raw").to_pylist(), table.column("source_item").to_pylist(), strict=True):
            for path, value in read(raw, contract, int(item)).unknown.items():
                if value is not None:
                    yield path, value


def _of_files(
    file: Path, contract: Contract, landing_files: Iterable[LandingFile]
) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The same for CSV: the values of columns that are not the contract's."""
    names = {
        column: source
        for found in landing_files
        for column, source in part_columns(contract, found.header).items()
        if source and column not in contract.column_names
    }
    for chunk in read_chunks(file):
        for column, source in names.items():
            if column in chunk.schema.names:
                yield from (((source,), _Field(v)) for v in chunk.column(column).unique().to_pylist() if v is not None)


class _Field(str):
    """A field of a CSV file: text, number or truth value, as it looks."""

    __slots__ = ()


def _type(value: Any) -> ColumnType:
    if isinstance(value, bool):
        return "boolean"
    if not isinstance(value, Digits | _Field):
        return "text"
    if value in ("true", "false"):
        return "boolean"
    if _INTEGER.fullmatch(value):
        return "integer"
    return "double" if _NUMBER.fullmatch(value) else "text"


def _common(types: set[ColumnType]) -> ColumnType:
    """The type that can hold values of all these types."""
    if types == {"integer", "double"}:
        return "double"
    return types.pop() if len(types) == 1 else "text"
