"""Schema evolution: keys and columns that the contract does not name, added as nullable columns where it says `evolve`.

A new column's type is inferred from the values with which it first comes, as `feeds new` does it. A later value of another
type makes a rejected row, never a failed load; but a whole number that turns out to have decimals makes its column wider.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
from sqlalchemy import Connection, inspect, update
from sqlalchemy.types import Boolean, Double, Integer, String, TypeEngine

from etl.contract.every_column import like_the_others, missing_everywhere, numbers_of
from etl.contract.inference import DistinctValues, infer_type, is_integer, is_number
from etl.contract.model import RESERVED, Column, ColumnType, EvolvedContract, column_name
from etl.database import insert_rows, product_of
from etl.database.schema.comparison.compare import compare
from etl.database.schema.feed_table import broken_limits, feed_table
from etl.database.schema.tables.audit_tables import etl_column
from etl.storage.batch_csv import columns_of, read_chunks
from etl.storage.landing_folder import part_columns
from etl.storage.manifests import LandingFile
from etl.validation.message import read, shown_path
from etl.validation.texts import Digits
from etl.validation.values.check import given_values
from etl.validation.values.numbers import plain_numbers

_TYPES: dict[str, ColumnType] = {"boolean": "boolean", "integer": "integer", "number": "double"}
_WHOLE = re.compile(r"-?\d+")
_HOLDS: dict[ColumnType, tuple[type[TypeEngine[Any]], ...]] = {
    "boolean": (Boolean, String),
    "integer": (Integer, Double, String),
    "double": (Double, Integer, String),
    "text": (String,),
}
"""Type of a contract → the column types of a table that can take its values, or be changed so that they can."""
NAMES_SHOWN = 20


@dataclass(frozen=True)
class Discovered:
    """What an archive has beyond its contract."""

    columns: tuple[Column, ...] = ()
    """To be added; those with the most rows first."""
    left: tuple[str, ...] = ()
    """Keys that do not become columns: the feed has as many new columns as it may, or its table has no room for them."""

    def notes(self, before: Mapping[str, Any]) -> dict[str, Any]:
        """Notes for the audit log, added to the notes of the archives before."""
        notes: dict[str, Any] = {}
        if self.columns:
            types = {column.name: column.type for column in self.columns}
            notes["new_columns"] = {**before.get("new_columns", {}), **types}
        if self.left:
            names = dict.fromkeys([*before.get("keys_not_taken_up", {}).get("names", ()), *self.left])
            count = max(before.get("keys_not_taken_up", {}).get("count", 0), len(self.left))
            notes["keys_not_taken_up"] = {"count": count, "names": list(names)[:NAMES_SHOWN]}
        return notes


@dataclass
class _Key:
    """An unknown key: how many rows have it, and its values."""

    rows: int = 0
    values: DistinctValues = field(default_factory=DistinctValues)

    def see(self, values: Iterable[Any], rows: int = 1) -> None:
        self.rows += rows
        self.values.add(values)


def discover(
    connection: Connection, file: Path, contract: EvolvedContract, landing_files: Iterable[LandingFile]
) -> Discovered:
    """The columns that an archive has and its contract does not; none where the contract takes up none.

    At most `max_new_columns` in all are added: those that most rows have, among equals the first by name.

    :param contract: with the columns that the feed added before.
    """
    if contract.unknown_keys != "evolve":
        return Discovered()
    csv_files = tuple(file for file in landing_files if file.header)
    keys = _keys_of_files(file, contract, csv_files) if csv_files else _keys_of_messages(file, contract)
    order = sorted(keys, key=lambda path: (-keys[path].rows, path))
    room = contract.max_new_columns - sum(column.added for column in contract.columns)
    existing = _undeclared_columns(connection, contract) if keys else {}
    taken, columns, left = [*contract.column_names, *RESERVED], list[Column](), list[str]()
    for path in order:
        column = _new_column(path, keys[path].values, taken, existing, is_csv=bool(csv_files))
        if column is None or len(columns) >= room:
            left.append(shown_path(path))
        else:
            columns.append(column)
            taken.append(column.name)
    if columns and _is_too_much(connection, contract, columns):
        fitting = bisect_left(
            range(len(columns)), True, key=lambda n: _is_too_much(connection, contract, columns[: n + 1])
        )
        left += [shown_path(column.path) for column in columns[fitting:]]
        columns = columns[:fitting]
    if existing and columns and _with_columns(connection, contract, columns) is None:
        # The columns that an earlier contract left in the table cannot be changed as these need.
        left += [shown_path(column.path) for column in columns if column.name in existing]
        columns = [column for column in columns if column.name not in existing]
    return Discovered(tuple(columns), tuple(left))


def take_up(
    connection: Connection, contract: EvolvedContract, columns: tuple[Column, ...], log_id: int
) -> EvolvedContract:
    """Record new columns as columns of the feed from now on; returns the contract with them."""
    now = datetime.now(UTC)
    rows = [
        {
            "feed": contract.feed,
            "column_name": column.name,
            "type": column.type,
            "path": list(column.path),
            "log_id": log_id,
            # They are read back in the order of this time.
            "added_at": now + timedelta(microseconds=place),
        }
        for place, column in enumerate(columns)
    ]
    insert_rows(connection, etl_column, rows)
    return replace(contract, columns=(*contract.columns, *like_the_others(contract, columns)))


def widen(connection: Connection, contract: EvolvedContract, file: Path) -> EvolvedContract:
    """Widen added columns of whole numbers, where an archive has other numbers and the table can be changed.

    Returns the contract with them.
    """
    whole = {column.name: column for column in contract.columns if column.added and column.type == "integer"}
    wider = [replace(whole[name], type="double") for name in _with_decimals(file, whole)]
    changed = _with_columns(connection, contract, wider) if wider else None
    if changed is None:
        return contract
    for column in wider:
        same = (etl_column.c.feed == contract.feed, etl_column.c.column_name == column.name)
        connection.execute(update(etl_column).where(*same).values(type=column.type))
    return changed


def _with_columns(
    connection: Connection, contract: EvolvedContract, columns: Iterable[Column]
) -> EvolvedContract | None:
    """The contract with some columns, which may replace others; None if its table cannot be changed accordingly."""
    new = {column.name: column for column in columns}
    present = tuple(new.pop(column.name, column) for column in contract.columns)
    changed = replace(contract, columns=(*present, *new.values()))
    return None if compare(connection, changed).refused else changed


def _with_decimals(file: Path, columns: Mapping[str, Column]) -> list[str]:
    """Which of some columns of an archive have numbers with decimals, and nothing but numbers."""
    present = {*columns_of(file)}
    values = {name: DistinctValues() for name in columns if name in present}
    for chunk in read_chunks(file, tuple(values)) if values else ():
        for name, texts in zip(chunk.schema.names, chunk.columns, strict=True):
            values[name].add(_inferable_texts(texts, columns[name]))
    return [
        name for name, found in values.items() if not all(map(is_integer, found)) and _infer(name, found) == "double"
    ]


def _new_column(
    path: tuple[str, ...],
    values: Iterable[Any],
    taken: Iterable[str],
    existing: Mapping[str, TypeEngine[Any]],
    *,
    is_csv: bool,
) -> Column | None:
    """The column for a key; None where the table has one of this name, from an earlier contract, that cannot take its values.

    A message's key then gets another name; a CSV file's column is called so in the archive already.
    """
    kind = _infer(path[-1], values)
    name = column_name(path[-1], taken)
    while (same := next((column for column in existing if column.lower() == name.lower()), None)) is not None:
        fitting = _fitting(existing[same], kind) if same == name else None
        if fitting is not None:
            return Column(name, fitting, path=path, added=True)
        if is_csv:
            return None
        name = column_name(path[-1], [*taken, *existing])
    return Column(name, kind, path=path, added=True)


def _fitting(existing: TypeEngine[Any], kind: ColumnType) -> ColumnType | None:
    """The type of a contract's column that is kept in an existing one; None where that cannot take values of this type."""
    if not isinstance(existing, _HOLDS[kind]) or getattr(existing, "length", None) is not None:
        return None
    if isinstance(existing, Integer):
        return kind
    return "boolean" if isinstance(existing, Boolean) else "double" if isinstance(existing, Double) else "text"


def _undeclared_columns(connection: Connection, contract: EvolvedContract) -> dict[str, TypeEngine[Any]]:
    """Columns of the feed's table that its contract does not name."""
    inspector = inspect(connection)
    if contract.table not in inspector.get_table_names():
        return {}
    tables = inspector.get_multi_columns(filter_names=[contract.table])
    columns = [column for table_columns in tables.values() for column in table_columns]
    declared = {*contract.column_names, *feed_table(contract).columns.keys()}
    return {column["name"]: column["type"] for column in columns if column["name"] not in declared}


def _is_too_much(connection: Connection, contract: EvolvedContract, columns: Iterable[Column]) -> bool:
    """Whether the database cannot hold the feed's table with some more columns."""
    more = replace(contract, columns=(*contract.columns, *columns))
    return any(broken_limits(product_of(connection.dialect), more, feed_table(more)))


def _keys_of_messages(file: Path, contract: EvolvedContract) -> dict[tuple[str, ...], _Key]:
    """Every unknown key with its values; a message that has one keeps its own text."""
    keys: dict[tuple[str, ...], _Key] = {}
    missing = missing_everywhere(contract)
    for chunk in read_chunks(file, ("raw", "source_item")):
        table = chunk.filter(chunk.column("raw").is_valid())
        for raw, item in zip(table.column("raw").to_pylist(), table.column("source_item").to_pylist(), strict=True):
            for path, value in read(raw, contract, int(item)).unknown.items():
                if value is not None and value not in missing:
                    keys.setdefault(path, _Key()).see([_inferable(value)])
    return keys


def _keys_of_files(
    file: Path, contract: EvolvedContract, landing_files: Iterable[LandingFile]
) -> dict[tuple[str, ...], _Key]:
    """The same for CSV: the values of columns that are not the contract's."""
    names = {
        column: source
        for landing_file in landing_files
        for column, source in part_columns(contract, landing_file.header).items()
        if source and column not in contract.column_names
    }
    keys: dict[tuple[str, ...], _Key] = {}
    as_all = Column("", "double", missing=missing_everywhere(contract), number=numbers_of(contract.source))
    for chunk in read_chunks(file):
        for column in names.keys() & set(chunk.schema.names):
            values = given_values(pa.chunked_array([chunk.column(column)]), as_all)
            if values.null_count < len(values):
                texts = _inferable_texts(values, as_all)
                keys.setdefault((names[column],), _Key()).see(texts, len(values) - values.null_count)
    return keys


_TEXT = object()
"""Replaces texts, objects and arrays of messages: whatever they look like, they stay text."""


def _inferable_texts(texts: pa.Array | pa.ChunkedArray, column: Column) -> list[Any]:
    """A file's distinct texts in the form that `infer_type` takes: numbers as in JSON, and `_TEXT` for what only looks like one.

    :param column: says how numbers are written, and which texts mean that there is no value.
    """
    chunks = texts if isinstance(texts, pa.ChunkedArray) else pa.chunked_array([texts])
    distinct = given_values(pa.chunked_array([chunks.unique()]), column).drop_null()
    values: list[Any] = distinct.to_pylist()
    if column.number is None:
        return values
    plain = plain_numbers(distinct, column.number).to_pylist()
    return [number or (_TEXT if is_number(text) else text) for text, number in zip(values, plain, strict=True)]


def _inferable(value: Any) -> Any:
    """A message's value in the form that `infer_type` takes: numbers and booleans as such, all others as `_TEXT`."""
    if isinstance(value, Digits) and is_number(value):
        return int(value) if _WHOLE.fullmatch(value) else float(value)
    return value if isinstance(value, bool) else _TEXT


def _infer(name: str, values: Iterable[Any]) -> ColumnType:
    distinct = list(values)
    if any(value is _TEXT for value in distinct):
        return "text"
    # Times stay text as well: the contract gives the format of times only for its declared columns.
    return _TYPES.get(infer_type(name, distinct).type, "text")
