"""Which line of a CSV text names the columns, and which lines around it are no records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from etl.contract.draft.samples.tables.fields import Kind, column_kinds, is_ruler, kind_of, names_units
from etl.contract.draft.samples.tables.rows import Row

_PURE = 0.98
"""Share of a column's values with the same kind from which on another one does not belong to a record."""
_TYPED = 0.6
_MOST_BLOCK = 10
"""Lines before the records among which the header is looked for."""


@dataclass(frozen=True)
class Header:
    """The header's line."""

    names: tuple[str, ...]
    """As they are written; empty: no line names the columns."""
    line: int
    """Its number of lines before it; without a header that of the first record."""
    first: int
    """The line of the first record."""
    units: tuple[str, ...] = ()
    """The fields of a line of units below it."""
    is_short: bool = False
    """Whether it lacks the name of the first column, as R writes it."""


def find_header(rows: Sequence[Row], width: int) -> Header:
    """The header: of the lines before the records, the last one that consists of names.

    :param rows: at least one of them has that width.
    """
    places = [place for place, row in enumerate(rows) if len(row.fields or ()) == width]
    kinds = _kinds([rows[place].fields or [] for place in places])
    if not any(kind in ("number", "time") for kind, _ in kinds):
        first = rows[places[0]]
        after = rows[places[1]].line if len(places) > 1 else first.line + 1
        return Header(tuple(first.fields or ()), first.line, after)
    first_record = next((place for place in places if _is_record(rows[place].fields or [], kinds)), len(rows))
    block = _block_before(rows, first_record, width)
    if not block:
        return _of_other_width(rows, first_record, width)
    return _in_block(block, rows)


def _kinds(rows: Sequence[Sequence[str]]) -> list[tuple[Kind, float]]:
    """The kinds of the columns, from the later half of the lines, where no header is."""
    return column_kinds(rows[max(1, len(rows) // 2) :] or rows)


def _is_record(fields: Sequence[str], kinds: Sequence[tuple[Kind, float]]) -> bool:
    """Whether a line holds values of the columns' kinds: most of them, and where a column is pure, no others."""
    if is_ruler(fields):
        return False
    fits = misfits = 0
    for field, (kind, share) in zip(fields, kinds, strict=True):
        if kind not in ("number", "time") or share < _TYPED:
            continue
        own = kind_of(field)
        if own == kind or (not own and field.strip()):
            fits += 1
        elif own:
            misfits += 1
            if share >= _PURE:
                return False
    return fits > 0 and fits >= misfits


def _block_before(rows: Sequence[Row], first: int, width: int) -> list[Row]:
    """The lines of the records' width before the first record. Between them and it may be rulers, and records that are broken."""
    place = first
    while place > 0 and len(rows[place - 1].fields or ()) != width and _may_follow_header(rows[place - 1]):
        place -= 1
    block: list[Row] = []
    for row in reversed(rows[max(0, place - _MOST_BLOCK) : place]):
        if len(row.fields or ()) != width:
            break
        block.insert(0, row)
    return block


def _may_follow_header(row: Row) -> bool:
    return row.fields is None or is_ruler(row.fields) or _has_values(row.fields)


def _in_block(block: Sequence[Row], rows: Sequence[Row]) -> Header:
    """The header among lines of the records' width: no values in it, no units, and the last such line."""

    def rank(row: Row) -> tuple[int, bool, int]:
        fields = row.fields or []
        return sum(kind_of(field) in ("number", "time") for field in fields), names_units(fields), -row.line

    header = min(block, key=rank)
    below = [row for row in rows if row.line > header.line]
    units: list[Row] = []
    for row in below:
        if row.fields is None or not (is_ruler(row.fields) or (row in block and names_units(row.fields))):
            break
        units.append(row)
    first = below[len(units)].line if len(units) < len(below) else below[-1].line + 1 if below else header.line + 1
    names = next((row.fields for row in units if row.fields and not is_ruler(row.fields)), ())
    return Header(tuple(header.fields or ()), header.line, first, tuple(names))


def _of_other_width(rows: Sequence[Row], first_record: int, width: int) -> Header:
    """The header where the line before the records has one field less, as R writes it, or none at all."""
    first = rows[first_record].line if first_record < len(rows) else 0
    before = rows[first_record - 1] if first_record else None
    if before and before.fields and len(before.fields) == width - 1 > 1 and not _has_values(before.fields):
        return Header(("", *before.fields), before.line, first, is_short=True)
    return Header((), first, first)


def _has_values(fields: Sequence[str]) -> bool:
    return any(kind_of(field) in ("number", "time") for field in fields)
