"""Messages in the form that nearly all have: the contract's keys in its order, scalar values without escapes, no null in a
required column.

One regular expression splits such a message, in a fraction of the time of a JSON parser that must also check for unknown and
repeated keys. It is narrower than JSON: a message that it does not match may still be sound.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from etl.contract.model import Contract
from etl.validation.structure import Path

if TYPE_CHECKING:
    from pyspark.sql import Column as SparkColumn

_SPACE = r"[ \t\r\n]*+"
# No escapes, no control characters, and not the character that Java puts in place of bytes that are not UTF-8. Java is much
# faster with classes of ASCII alone.
_ASCII = r"[ !#-\[\]-~]*+"
_CHARACTERS = rf"{_ASCII}(?:[\x7f-\ufffc]++{_ASCII})*+"
_NUMBER = r"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?"
_NULL = "null"
_REQUIRED = rf'(?:"({_CHARACTERS})"|({_NUMBER}|true|false))'
# A null or a missing value would become the same as the text "null" or an empty text: these two texts are left to the parser.
_OPTIONAL = rf'(?:"(?!(?:{_NULL})?")({_CHARACTERS})"|({_NUMBER}|true|false|{_NULL}))'
_NEXT = rf"{_SPACE},{_SPACE}"
_BETWEEN = "\x1f"
"""Separates the values of a split message; a control character, so none of them contains it."""


@dataclass(frozen=True)
class FlatForm:
    """The form of a feed's messages when they are flat."""

    expression: str
    """In a syntax that Java and Python share, with two groups per value: a text without its quotes, or any other scalar."""
    places: dict[str, int]
    """Column → the number of its value, from 0."""
    optional: frozenset[str]
    """Columns whose value may be null or missing."""
    mark: str = field(default_factory=lambda: secrets.token_hex(16))
    """Random, so that nobody can send a message that looks like a split one."""

    def split(self, text: SparkColumn) -> SparkColumn:
        """A message as an array of texts, for `is_flat` and `value`. Make it a column, so that it is evaluated once."""
        from pyspark.sql import functions as F

        values = [f"${2 * place + 1}${2 * place + 2}" for place in range(max(self.places.values()) + 1)]
        return F.split(F.regexp_replace(text, self.expression, _BETWEEN.join([self.mark, *values])), _BETWEEN)

    def is_flat(self, parts: SparkColumn) -> SparkColumn:
        """Whether the message is flat; never NULL."""
        from pyspark.sql import functions as F

        return F.coalesce(F.get(parts, F.lit(0)) == self.mark, F.lit(False))

    def value(self, parts: SparkColumn, column: str) -> SparkColumn:
        """A column's text in a flat message, NULL where there is none."""
        from pyspark.sql import functions as F

        text = F.get(parts, F.lit(self.places[column] + 1))
        return F.nullif(F.nullif(text, F.lit("")), F.lit(_NULL)) if column in self.optional else text


def flat_form(contract: Contract) -> FlatForm | None:
    """The flat form of a feed's messages.

    None where there is none: readings are elements of arrays, one column takes an object and another a part of it, a key needs an
    escape, or the message has no values at all.
    """
    required = sources(contract)
    if required is None:
        return None
    values = {path: _REQUIRED if is_required else _OPTIONAL for path, is_required in required.items()}
    expression, order = message_expression(values, required)
    return FlatForm(
        expression,
        {column.name: order.index(column.source) for column in contract.message_columns},
        frozenset(column.name for column in contract.message_columns if not required[column.source]),
    )


def sources(contract: Contract) -> dict[Path, bool] | None:
    """The paths of a feed's values, in the contract's order, and whether each is required; None where no message is flat."""
    required: dict[Path, bool] = {}
    for column in contract.message_columns:
        required[column.source] = required.get(column.source, True) and column.required
    is_nested = any(longer[: len(path)] == path for path in required for longer in required if longer != path)
    can_be_found = all(re.fullmatch(_CHARACTERS, key) for path in required for key in path)
    return None if contract.explode or is_nested or not can_be_found or not required else required


def message_expression(values: Mapping[Path, str], required: Mapping[Path, bool]) -> tuple[str, list[Path]]:
    """The expression of flat messages with these expressions of their values, and the paths in the order of its values."""
    order: list[Path] = []
    return rf"\A{_SPACE}{_object(values, required, (), order)}{_SPACE}(?![\s\S])", order


def _object(values: Mapping[Path, str], required: Mapping[Path, bool], parent: Path, order: list[Path]) -> str:
    """The expression for an object, its keys in the contract's order; the paths of its values are appended to `order`.

    An optional value may be missing, unless it is the first one.
    """
    expression = rf"\{{{_SPACE}"
    for number, path in enumerate(
        dict.fromkeys(path[: len(parent) + 1] for path in values if path[: len(parent)] == parent)
    ):
        if path in values:
            order.append(path)
            value = values[path]
        else:
            value = _object(values, required, path, order)
        member = rf'{_NEXT if number else ""}"{re.escape(path[-1])}"{_SPACE}:{_SPACE}{value}'
        expression += rf"(?:{member})?+" if number and not required.get(path, True) else member
    return rf"{expression}{_SPACE}\}}"
