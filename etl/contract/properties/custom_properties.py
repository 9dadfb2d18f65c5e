"""The `customProperties` of one object of a contract."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, TypeGuard

from etl.contract.durations import Fail

if TYPE_CHECKING:
    from open_data_contract_standard.model import CustomProperty


def is_finite_number(value: object) -> TypeGuard[float]:
    """Whether a value is a number that a double can hold, and no boolean."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


@dataclass(frozen=True)
class CustomProperties:
    """Custom properties by name, with the place where they are in the contract."""

    place: str
    values: Mapping[str, Any]
    fail: Fail

    @classmethod
    def of(cls, place: str, items: Iterable[CustomProperty] | None, allowed: Iterable[str], fail: Fail) -> Self:
        """:raises ContractError: a property is not allowed there."""
        values = {item.property or "": item.value for item in items or ()}
        if unknown := sorted(set(values) - set(allowed)):
            raise fail(place, f"{unknown[0]!r} is not known", f"Known: {', '.join(sorted(allowed))}.")
        return cls(place, values, fail)

    def mapping(self, name: str, allowed: set[str], *required: str) -> dict[str, Any]:
        """A property that is an object, as a dictionary.

        :raises ContractError: it is not an object, has unknown keys, or lacks a required one.
        """
        value = self.values[name]
        if not isinstance(value, dict) or set(value) - allowed or set(required) - set(value):
            wanted = f" with {', '.join(required)}" if required else ""
            problem, remedy = f"must be an object{wanted}", f"It may have {', '.join(sorted(allowed))}."
            raise self.fail(f"{self.place}.{name}", problem, remedy)
        return value
