"""Schema evolution: keys and columns that the contract does not name, added as nullable columns where it says `evolve`.

A new column's type is inferred from the values with which it first comes, as `feeds new` does it. A later value of another
type makes a rejected row, never a failed load; but a whole number that turns out to have decimals makes its column wider.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert, inspect, update
from sqlalchemy.types import Boolean, Double, Integer, String, TypeEngine

from etl.contract.inference import DistinctValues, infer_type, is_integer
from etl.contract.model import RESERVED, Column, ColumnType, EvolvedContract, column_name
from etl.database import product_of
from etl.database.schema.audit_tables import etl_column
from etl.database.schema.comparison.compare import compare
from etl.database.schema.feed_table import feed_table
from etl.storage.batch_csv import read_chunks
from etl.storage.landing_folder import part_columns
from etl.storage.manifests import LandingFile
from etl.validation.message import read, shown_path
from etl.validation.texts import Digits

_TYPES: dict[str, ColumnType] = {"boolean": "boolean", "integer": "integer", "number": "double"}
_WHOLE = re.compile(r"-?\d+")
_HOLDS: dict[ColumnType, tuple[type[TypeEngine[Any]], ...]] = {
    "boolean": (Boolean, String),
    "integer": (Integer, Double, String),
    "double": (Double, Integer, String),
    "text": (String,),
}
"""Which columns of a table can take values of a type, or become such."""
NAMES_SHOWN = 20


@dataclass(frozen=True)
class Discovered:
    """What an archive has beyond its contract."""

    columns: tuple[Column, ...] = ()
    """To be added; those with the most rows first."""
    left: tuple[str, ...] = ()
    """Keys that are not: the feed has as many new columns as it may, or its table has no room for them."""

    def notes(self, before: Mapping[str, Any]) -> dict[str, Any]:
        """What a reader of the audit log should know, added to what was noted of archives before."""
        found: dict[str, Any] = {}
        if self.columns:
            types = {column.name: column.type for column in self.columns}
            found["new_columns"] = {**before.get("new_columns", {}), **types}
        if self.left:
            names = dict.fromkeys([*before.get("keys_not_taken_up", {}).get("names", ()), *self.left])
            count = max(before.get("keys_not_taken_up", {}).get("count", 0), len(self.left))
            found["keys_not_taken_up"] = {"count": count, "names": list(names)[:NAMES_SHOWN]}
        return found


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
    found = tuple(landing_files)
    keys = _of_files(file, contract, found) if found else _of_messages(file, contract)
    order = sorted(keys, key=lambda path: (-keys[path].rows, path))
    room = contract.max_new_columns - sum(column.added for column in contract.columns)
    there = _columns_there(connection, contract) if keys else {}
    taken, columns, left = [*contract.column_names, *RESERVED], list[Column](), list[str]()
    for path in order:
        column = _column(path, keys[path].values, taken, there, is_csv=bool(found))
        if column is None or len(columns) >= room:
            left.append(shown_path(path))
        else:
            columns.append(column)
            taken.append(column.name)
    while columns and _is_too_much(connection, contract, columns):
        left.append(shown_path(columns.pop().path))
    if there and columns and _with(connection, contract, columns) is None:
        # What an earlier contract left in the table cannot become what these need.
        left += [shown_path(column.path) for column in columns if column.name in there]
        columns = [column for column in columns if column.name not in there]
    return Discovered(tuple(columns), tuple(left))


def take_up(
    connection: Connection, contract: EvolvedContract, columns: tuple[Column, ...], log_id: int
) -> EvolvedContract:
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


def widen(connection: Connection, contract: EvolvedContract, file: Path) -> EvolvedContract:
    """Widen added columns of whole numbers, where an archive has other numbers and the table can be changed.

    Returns the contract with them.
    """
    whole = [column for column in contract.columns if column.added and column.type == "integer"]
    wider = [replace(column, type="double") for column in whole if _has_decimals(file, column.name)]
    changed = _with(connection, contract, wider) if wider else None
    if changed is None:
        return contract
    for column in wider:
        same = (etl_column.c.feed == contract.feed, etl_column.c.column_name == column.name)
        connection.execute(update(etl_column).where(*same).values(type=column.type))
    return changed


def _with(connection: Connection, contract: EvolvedContract, columns: Iterable[Column]) -> EvolvedContract | None:
    """The contract with some columns, which may replace others; None if its table cannot be changed accordingly."""
    new = {column.name: column for column in columns}
    others = tuple(new.pop(column.name, column) for column in contract.columns)
    changed = replace(contract, columns=(*others, *new.values()))
    return None if compare(connection, changed).refused else changed


def _has_decimals(file: Path, name: str) -> bool:
    """Whether a column of an archive has numbers with decimals, and nothing but numbers."""
    values = DistinctValues()
    for chunk in read_chunks(file):
        if name in chunk.schema.names:
            values.add(chunk.column(name).unique().drop_null().to_pylist())
    return not all(map(is_integer, values)) and infer_type(name, values).type == "number"


def _column(
    path: tuple[str, ...],
    values: Iterable[Any],
    taken: Iterable[str],
    there: Mapping[str, TypeEngine[Any]],
    *,
    is_csv: bool,
) -> Column | None:
    """The column for a key; None where the table has one of this name, from an earlier contract, that cannot take its values.

    A message's key then gets another name; a CSV file's column is called so in the archive already.
    """
    kind = _infer(path[-1], values)
    name = column_name(path[-1], taken)
    while (other := next((one for one in there if one.lower() == name.lower()), None)) is not None:
        fitting = _fitting(there[other], kind) if other == name else None
        if fitting is not None:
            return Column(name, fitting, path=path, added=True)
        if is_csv:
            return None
        name = column_name(path[-1], [*taken, *there])
    return Column(name, kind, path=path, added=True)


def _fitting(there: TypeEngine[Any], kind: ColumnType) -> ColumnType | None:
    """The type of a contract's column that is kept in an existing one; None where that cannot take values of this type."""
    if not isinstance(there, _HOLDS[kind]) or getattr(there, "length", None) is not None:
        return None
    if isinstance(there, Integer):
        return kind
    return "boolean" if isinstance(there, Boolean) else "double" if isinstance(there, Double) else "text"


def _columns_there(connection: Connection, contract: EvolvedContract) -> dict[str, TypeEngine[Any]]:
    """Columns of the feed's table that its contract does not name."""
    inspector = inspect(connection)
    if contract.table not in inspector.get_table_names():
        return {}
    found = inspector.get_multi_columns(filter_names=[contract.table])
    columns = [column for several in found.values() for column in several]
    known = {*contract.column_names, *feed_table(contract).columns.keys()}
    return {column["name"]: column["type"] for column in columns if column["name"] not in known}


def _is_too_much(connection: Connection, contract: EvolvedContract, columns: Iterable[Column]) -> bool:
    """Whether the database cannot hold the feed's table with some more columns."""
    more = replace(contract, columns=(*contract.columns, *columns))
    return bool(product_of(connection.dialect).broken_limits(feed_table(more)))


def _of_messages(file: Path, contract: EvolvedContract) -> dict[tuple[str, ...], _Key]:
    """Every unknown key with its values; a message that has one keeps its own text."""
    keys: dict[tuple[str, ...], _Key] = {}
    for chunk in read_chunks(file, ("raw", "source_item")):
        table = chunk.filter(chunk.column("raw").is_valid())
        for raw, item in zip(table.column("raw").to_pylist(), table.column("source_item").to_pylist(), strict=True):
            for path, value in read(raw, contract, int(item)).unknown.items():
                if value is not None:
                    keys.setdefault(path, _Key()).see([_seen(value)])
    return keys


def _of_files(
    file: Path, contract: EvolvedContract, landing_files: Iterable[LandingFile]
) -> dict[tuple[str, ...], _Key]:
    """The same for CSV: the values of columns that are not the contract's."""
    names = {
        column: source
        for found in landing_files
        for column, source in part_columns(contract, found.header).items()
        if source and column not in contract.column_names
    }
    keys: dict[tuple[str, ...], _Key] = {}
    for chunk in read_chunks(file):
        for column in names.keys() & set(chunk.schema.names):
            values = chunk.column(column)
            if values.null_count < len(values):
                texts = values.unique().drop_null().to_pylist()
                keys.setdefault((names[column],), _Key()).see(texts, len(values) - values.null_count)
    return keys


_TEXT = object()
"""A text of a message, or what is no scalar: whatever it looks like, it stays text."""


def _seen(value: Any) -> Any:
    """A message's value in the form that `infer_type` takes: a number is one whatever it looks like, a text is none."""
    if isinstance(value, Digits):
        return int(value) if _WHOLE.fullmatch(value) else float(value)
    return value if isinstance(value, bool) else _TEXT


def _infer(name: str, values: Iterable[Any]) -> ColumnType:
    found = list(values)
    if any(value is _TEXT for value in found):
        return "text"
    # Times as well: the contract says for its own columns only how they are written.
    return _TYPES.get(infer_type(name, found).type, "text")
