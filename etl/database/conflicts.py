"""Staged rows whose key the table already has, with other values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    Table,
    and_,
    case,
    false,
    func,
    literal,
    literal_column,
    not_,
    or_,
    select,
    true,
)

from etl.database.stage import STAGE_ROW, Stage

PLACE = ("source_id", "source_partition", "source_offset", "source_item")


def differs(number: int) -> str:
    """The name of the column that says whether a value differs, by its place among those that are compared."""
    return f"differs {number}"


def conflicting(stage: Stage, key: Sequence[str], compared: Sequence[str], constants: dict[str, Any]) -> Select[Any]:
    """Number and coordinates of staged rows for whose key the table has another row, and which values differ.

    Ordered by number. Call it after the insertion. A row is not compared with itself: one that was inserted, or that came
    again from the same place.

    :param compared: the columns whose values are compared.
    :param constants: columns that have one value for all staged rows.
    """
    table, staged = stage.table, stage.staged.alias("staged rows")
    place = {name: staged.c[name] if name in staged.c else literal(constants[name]) for name in PLACE}
    is_itself = and_(*(table.c[name] == value for name, value in place.items()))
    other = [_differ(table.c[name], staged.c[name]) for name in compared]
    flags = (case((is_other, true()), else_=false()).label(differs(number)) for number, is_other in enumerate(other))
    return (
        select(staged.c[STAGE_ROW], *(staged.c[name] for name in PLACE[1:]), *flags)
        .select_from(staged.join(table, same_key(table, staged, key)))
        .where(not_(is_itself), or_(*other))
        .order_by(staged.c[STAGE_ROW])
    )


def _differ(left: ColumnElement[Any], right: ColumnElement[Any]) -> ColumnElement[bool]:
    """IS DISTINCT FROM, written for every version: SQL Server knows it from 2022 on."""
    return or_(left != right, and_(left.is_(None), right.is_not(None)), and_(left.is_not(None), right.is_(None)))


def same_key(table: Table, staged: Any, key: Sequence[str]) -> ColumnElement[bool]:
    """Whether a row of a table and a staged one have the same key."""
    return and_(*(table.c[name] == staged.c[name] for name in key))


def last_of_each_key(stage: Stage, key: Sequence[str], rows: Select[Any]) -> Select[Any]:
    """The number of the last row with each key, of staged rows that `conflicting` returns."""
    conflicts = rows.order_by(None).subquery("found")
    staged = stage.staged.alias("numbered")
    order = staged.c[STAGE_ROW].desc()
    place = func.row_number().over(partition_by=[staged.c[name] for name in key], order_by=order).label("place of key")
    ranked = (
        select(staged.c[STAGE_ROW], place)
        .select_from(staged.join(conflicts, conflicts.c[STAGE_ROW] == staged.c[STAGE_ROW]))
        .subquery("ranked")
    )
    return select(ranked.c[STAGE_ROW]).where(ranked.c["place of key"] == literal_column("1"))
