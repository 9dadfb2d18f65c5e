"""The columns of a draft."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from etl.contract.draft.guesses.guess import Circumstances, Guess, guess, numbers_in
from etl.contract.draft.guesses.numbers import FileMarks
from etl.contract.draft.guesses.time_patterns import order_of
from etl.contract.draft.guesses.times import find_formats
from etl.contract.draft.guesses.units import is_unit
from etl.contract.draft.guesses.values import ColumnValues, text_of
from etl.contract.draft.names import names_of
from etl.contract.draft.readings import Readings
from etl.contract.draft.recognisers.shape import Path
from etl.contract.model import ITEMS

_WITH_UNIT = re.compile(r"[(\[]([^()\[\]]{1,12})[)\]]\s*$")


@dataclass
class DraftColumn:
    """A column of the draft."""

    name: str
    path: Path
    """Where its values are in a message; empty for one that is not in the message."""
    values: Sequence[Any]
    """One per reading."""
    seen: ColumnValues
    guess: Guess
    origin: str = ""
    """As `Column.origin`."""
    combine: tuple[str, ...] = ()
    is_constant: bool = False
    """Whether every reading has one text, which is in no file: a person must give it."""
    unit: str = ""
    required: str = ""
    """Why it is required; empty: it is not."""
    in_key: int = 0
    """Its position in the key, from 1 on."""
    texts: list[str] = field(default_factory=list)
    """Its values as texts, once they were asked for."""

    @property
    def is_complete(self) -> bool:
        return self.seen.given == self.seen.rows

    def only(self, rows: Sequence[int]) -> DraftColumn:
        """The column with some of its readings."""
        values = [self.values[row] for row in rows]
        texts = [self.as_texts()[row] for row in rows]
        return replace(self, values=values, seen=ColumnValues.of(self.seen.name, values), texts=texts)

    def as_texts(self) -> list[str]:
        """One text per reading; empty where there is no value."""
        if not self.texts:
            self.texts = ["" if value is None else text_of(value) for value in self.values]
        return self.texts


def columns_of(readings: Readings, now: datetime, *, delimiter: str, units: Mapping[str, str]) -> list[DraftColumn]:
    """A column for each path, with what its values say.

    :param delimiter: between the fields of a file; a comma for messages.
    :param units: header of a CSV file → unit.
    """
    keys = [_key(path) for path in readings.paths]
    values = [[row.get(path) for row in readings.rows] for path in readings.paths]
    seen = [ColumnValues.of(key, found) for key, found in zip(keys, values, strict=True)]
    numbers = [numbers_in(found) for found in seen]
    known = Circumstances(FileMarks.of(numbers, delimiter), now, _order(seen, now))
    return [
        DraftColumn(name, path, found, counted, guess(counted, number, known), unit=units.get(key, "") or _unit_in(key))
        for name, path, key, found, counted, number in zip(
            names_of(readings.paths), readings.paths, keys, values, seen, numbers, strict=True
        )
    ]


def _unit_in(header: str) -> str:
    """The unit in brackets at the end of a name: `Temperature (°C)`."""
    match = _WITH_UNIT.search(header)
    return match[1] if match and is_unit(match[1]) else ""


def column_beside(name: str, origin: str, values: Sequence[str], now: datetime) -> DraftColumn:
    """A column whose values are not in the message: its key, a header, the topic, or the time of the broker."""
    seen = ColumnValues.of(name, values)
    return DraftColumn(name, (), values, seen, guess(seen, None, Circumstances(FileMarks(), now)), origin=origin)


def by_path(columns: Iterable[DraftColumn], paths: Sequence[Path]) -> list[DraftColumn]:
    """The columns at these paths that exist, in the order of the paths."""
    found = {column.path: column for column in columns if column.path}
    return [found[path] for path in paths if path in found]


def _key(path: Path) -> str:
    return next((key for key in reversed(path) if key != ITEMS), "value")


def _order(columns: Sequence[ColumnValues], now: datetime) -> str:
    """The order of day, month and year where the dates of a column decide it, and no other column has another one."""
    orders = set[str]()
    for column in columns:
        texts = list(column.texts)[:3]
        if not texts or not all("/" in text or "-" in text or "." in text for text in texts):
            continue
        found = find_formats(column.texts, now, numbers=False)
        if found and found.fitting == column.given and not found.candidates:
            orders |= {order for name in found.formats if (order := order_of(name)) in ("dmY", "mdY", "dmy", "mdy")}
    return orders.pop() if len(orders) == 1 else ""
