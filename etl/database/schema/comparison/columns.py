"""Columns: those that the table lacks, and those that become wider or optional. Widening is done, narrowing is refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Column, Table, literal_column, or_, select
from sqlalchemy.types import BigInteger, Double, Integer, SmallInteger, String, TypeEngine

from etl.contract.model import TABLE_COLUMNS
from etl.database import AlteredColumn
from etl.database.schema.comparison.catalogue import Catalogue

_MOST_EXACT = 2**53
"""Every whole number up to it is a double."""


def require_own(catalogue: Catalogue) -> None:
    """Refuse a table that was not created for a feed."""
    if missing := [name for name in TABLE_COLUMNS if name not in catalogue.columns[catalogue.table.name]]:
        catalogue.refuse(
            f"the database has a table {catalogue.table.name} that is no feed's: it lacks {missing[0]}.",
            "Give the feed another table: schema[0].physicalName.",
        )


def added(catalogue: Catalogue) -> Iterator[Column[Any]]:
    """Columns that the table lacks."""
    there = catalogue.columns[catalogue.table.name]
    folded = {name.lower(): name for name in there}
    for column in catalogue.table.columns:
        if column.name in there:
            continue
        if other := folded.get(column.name.lower()):
            catalogue.refuse(
                f"column {column.name!r} differs in case only from column {other!r} of table {catalogue.table.name}.",
                f"Keep {other}, and say under customProperties `rename` where its values are: `{other}: {column.name}`.",
            )
            continue
        yield column


def altered(catalogue: Catalogue) -> Iterator[AlteredColumn]:
    """Columns that become wider, or may be empty from now on.

    A column that is wider than the contract asks for stays as it is; `catalogue.table` then has the table's type.
    """
    for name, there in catalogue.columns[catalogue.table.name].items():
        is_required = not there.get("nullable", True)
        column = catalogue.table.columns.get(name)
        if column is None:
            # No load fills a column that the contract does not name.
            fills_itself = there.get("default") is not None or there.get("identity") or there.get("computed")
            if is_required and not fills_itself:
                yield AlteredColumn(name, there["type"], True, False, True)
            continue
        is_other = _is_wider(catalogue, column, there["type"])
        if not is_other and isinstance(column.type, String) and isinstance(there["type"], String):
            column.type = there["type"]
        nullable = bool(column.nullable) or not is_required
        if is_other or (is_required and nullable):
            yield AlteredColumn(name, column.type, nullable, is_other, is_required)


def _is_wider(catalogue: Catalogue, column: Column[Any], there: TypeEngine[Any]) -> bool:
    """Whether a column becomes wider. What is neither wider nor the same, nor a shorter text, is refused."""
    wanted, existing = (catalogue.type_name(kind) for kind in (column.type, there))
    if wanted == existing:
        return False
    if isinstance(column.type, String) and isinstance(there, String):
        # A smaller maxLength is a rule for new rows.
        return there.length is not None and (column.type.length is None or column.type.length > there.length)
    if isinstance(column.type, Integer) and isinstance(there, Integer):
        if _bits(column.type) > _bits(there):
            return True
    elif isinstance(column.type, Double) and isinstance(there, Integer):
        if _bits(there) < 64 or not _has_inexact(catalogue, column.name):
            return True
        catalogue.refuse(
            f"column {column.name!r} of table {catalogue.table.name!r} is {existing} and holds numbers above 2^53, which"
            f" {wanted} cannot hold exactly.",
            "Leave it an integer, or give the numbers a new column: another name, and `rename`.",
        )
        return False
    catalogue.refuse(
        f"column {column.name!r} of table {catalogue.table.name!r} is {existing}; the contract says {wanted}.",
        "Only what makes a column wider is done: i16 to i32 to i64 to number, or a larger maxLength. Take the change back,"
        " or give the values a new column: another name, and `rename`.",
    )
    return False


def _has_inexact(catalogue: Catalogue, name: str) -> bool:
    number: Column[Any] = Column(name, BigInteger)
    table = Table(catalogue.table.name, type(catalogue.table.metadata)(), number)
    outside = or_(table.c[name] > _MOST_EXACT, table.c[name] < -_MOST_EXACT)
    return catalogue.finds(select(literal_column("1")).select_from(table).where(outside).limit(1))


def _bits(kind: TypeEngine[Any]) -> int:
    return 64 if isinstance(kind, BigInteger) else 16 if isinstance(kind, SmallInteger) else 32
