"""Infers a column's type from its values, in the same way for drafts of contracts and for schema evolution."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

MOST_VALUES = 1_000

LogicalType = Literal["boolean", "integer", "number", "timestamp", "string"]
"""A type of the Open Data Contract Standard."""

_INTEGER = re.compile(r"-?(0|[1-9]\d*)")
_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?")
_CODE = re.compile(r"-?\d+[eE]\d+")
_MOST_EXACT = 2**53
"""Every whole number up to it is a double."""
_ISO = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d(:?\d\d)?)?")
_COUNT_NAME = re.compile(
    r"(id|no|nr|number|count|cnt|counter|port|offset|seq|sequence|index|version|code|sensor|device)$"
)


@dataclass(frozen=True)
class InferredType:
    """A type; where the values alone do not decide it, with the reason."""

    type: LogicalType
    why: str = ""


def infer_type(name: str, values: Iterable[Any]) -> InferredType:
    """The type that holds all these values, and the values that are likely to follow them.

    A text counts as what it looks like. Whole numbers are integers only where the name says that they identify or count
    something, or where a double cannot hold them exactly: 29 may be followed by 29.5. Digits with leading zeros, or with an
    exponent but no point or sign (12e5), are codes and stay text.

    :param name: the column's name or the message's key; it may be in camel case.
    """
    # By type as well: True and 1 are equal, and a set would keep one of them.
    distinct = [value for _, value in {(type(value), value) for value in values}]
    if not distinct:
        return InferredType("string", "guessed: no record of the sample has a value")
    if all(isinstance(value, bool) or value in ("true", "false") for value in distinct):
        return InferredType("boolean")
    if any(isinstance(value, bool) for value in distinct):
        return InferredType("string", "guessed: its values differ in type")
    if all(is_integer(value) for value in distinct):
        return _infer_integer(name, max(abs(int(value)) for value in distinct))
    if all(is_number(value) and not (isinstance(value, str) and _CODE.fullmatch(value)) for value in distinct):
        return InferredType("number")
    if all(isinstance(value, str) and is_iso_time(value) for value in distinct):
        return InferredType("timestamp")
    is_mixed = len({isinstance(value, str) for value in distinct}) > 1
    return InferredType("string", "guessed: its values differ in type" if is_mixed else "")


def _infer_integer(name: str, largest: int) -> InferredType:
    if largest >= 2**63:
        return InferredType("string", "guessed: its numbers are too large for the database")
    if _COUNT_NAME.search(snake_case(name)) or largest > _MOST_EXACT:
        return InferredType("integer")
    return InferredType("number", "guessed: whole numbers in the sample, a measure by name")


class DistinctValues:
    """The distinct values of a column; once there are more than `MOST_VALUES`, a few that have the same type as all of them."""

    def __init__(self) -> None:
        # By type as well: True, 1 and 1.0 are equal, and a set would keep one of them.
        self._values: dict[tuple[type, Any], Any] = {}

    def __iter__(self) -> Iterator[Any]:
        return iter(self._values.values())

    def add(self, values: Iterable[Any]) -> None:
        self._values.update({(type(value), value): value for value in values})
        if len(self._values) > MOST_VALUES:
            kept = _representatives(self)
            self._values = {(type(value), value): value for value in kept}


def _representatives(values: Iterable[Any]) -> list[Any]:
    """One value of each kind, and of whole numbers the largest."""
    kept: dict[tuple[type, str], Any] = {}
    for value in values:
        kind = (type(value), "integer" if is_integer(value) else infer_type("", [value]).type)
        if kind not in kept or (kind[1] == "integer" and abs(int(value)) > abs(int(kept[kind]))):
            kept[kind] = value
    return list(kept.values())


def is_integer(value: Any) -> bool:
    """Whether a value is a whole number, or a text that looks like one; leading zeros make it a code."""
    return not isinstance(value, bool) and bool(_INTEGER.fullmatch(str(value)))


def is_number(value: Any) -> bool:
    """Whether a value is a finite number, or a text that looks like one."""
    return not isinstance(value, bool) and bool(_NUMBER.fullmatch(str(value)))


def is_iso_time(text: str) -> bool:
    """Whether a text is a time of ISO 8601 that exists."""
    if not _ISO.fullmatch(text):
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def snake_case(key: str) -> str:
    """`deviceId` → `device_id`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", key).lower()
