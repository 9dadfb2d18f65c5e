"""Key and indexes: a key changes only while the table is empty; indexes follow sensor and event time."""

from __future__ import annotations

from sqlalchemy import Column, Index, Table, UniqueConstraint
from sqlalchemy.schema import AddConstraint, DropConstraint

from etl.database.schema.comparison.catalogue import Catalogue


def other_key(catalogue: Catalogue) -> UniqueConstraint | None:
    """The constraint that replaces the table's; None where it stays, or the change is refused."""
    (key,) = (constraint for constraint in catalogue.table.constraints if isinstance(constraint, UniqueConstraint))
    wanted = [column.name for column in key.columns]
    there = catalogue.unique.get(str(key.name))
    other_keys = [columns for name, columns in catalogue.unique.items() if name != key.name]
    if set(there or ()) == set(wanted) or (there is None and set(wanted) in map(set, other_keys)):
        return None
    if not catalogue.has_rows:
        return key
    sql = [str(AddConstraint(key).compile(dialect=catalogue.connection.dialect))]
    if there is not None:
        sql.insert(0, str(DropConstraint(key).compile(dialect=catalogue.connection.dialect)))
    catalogue.refuse(
        f"the key of table {catalogue.table.name!r}, which has rows, is {_listed(there)}; the contract says {_listed(wanted)}.",
        "Take the change back, give the feed a new table (schema[0].physicalName), or change the key by hand: "
        + " ".join(f"{' '.join(statement.split())};" for statement in sql),
    )
    return None


def other_indexes(catalogue: Catalogue) -> tuple[tuple[Index, ...], tuple[Index, ...]]:
    """The indexes to drop, and those to create: they follow sensor and event time."""
    wanted = {str(index.name): index for index in catalogue.table.indexes}
    ours = {f"ix_{catalogue.table.name}_{suffix}" for suffix in ("sensor", "time", "log_id")}
    drop, make = [], []
    for name in sorted(ours | set(wanted)):
        columns = [column.name for column in wanted[name].columns] if name in wanted else None
        if name in catalogue.indexes and catalogue.indexes[name] != columns:
            drop.append(wanted.get(name, _named(name, catalogue.table)))
        if name in wanted and catalogue.indexes.get(name) != columns:
            make.append(wanted[name])
    return tuple(drop), tuple(make)


def _listed(names: list[str] | None) -> str:
    return f"({', '.join(names)})" if names else "none"


def _named(name: str, table: Table) -> Index:
    """An index of which only the name counts, for dropping it."""
    copy = Table(table.name, type(table.metadata)(), Column("any"))
    return Index(name, copy.c["any"])
