"""Readings of a sample that are alike in some columns."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from etl.contract.draft.columns import DraftColumn
from etl.contract.draft.guesses.times import moment_of


def named(columns: Sequence[DraftColumn], names: Sequence[str]) -> list[DraftColumn]:
    found = {column.name: column for column in columns}
    return [found[name] for name in names if name in found]


def conflicts(columns: Sequence[DraftColumn], key: Sequence[DraftColumn]) -> int:
    """How many readings have the key of an earlier one, and other values."""
    rows: defaultdict[tuple[object, ...], list[int]] = defaultdict(list)
    for number, values in enumerate(zip(*(_comparable(column) for column in key), strict=True)):
        rows[values].append(number)
    again = [numbers for numbers in rows.values() if len(numbers) > 1]
    if not again:
        return 0
    texts = [column.as_texts() for column in columns]
    return sum(any(text[number] != text[numbers[0]] for text in texts) for numbers in again for number in numbers[1:])


def _comparable(column: DraftColumn) -> Sequence[object]:
    """The values as they are compared: those of a time as moments, which several texts may mean."""
    if column.guess.type != "timestamp":
        return column.as_texts()
    known = {text: _moment(text, column) for text in column.seen.texts}
    return [known.get(text, text) for text in column.as_texts()]


def _moment(text: str, column: DraftColumn) -> object:
    return next((found for name in column.guess.formats if (found := moment_of(text, name)) is not None), text)
