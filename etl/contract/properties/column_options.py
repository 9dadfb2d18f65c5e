"""The standard's `logicalTypeOptions` of a column: the limits of its values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from etl.contract.durations import Fail
from etl.contract.patterns import broken_pattern
from etl.contract.properties.custom_properties import is_finite_number

_OPTIONS = {
    "string": {"maxLength", "minLength", "pattern"},
    "integer": {"minimum", "maximum", "format"},
    "number": {"minimum", "maximum", "format"},
    "boolean": set[str](),
    "timestamp": set[str](),
}
_BITS = {"integer": {"i16": 16, "i32": 32, "i64": 64}, "number": {"f64": 64}}
_TIMEZONE = "Remove it. For times without an offset, give the column the custom property `timezone`, or write eventTime.timezone."


def read_options(place: str, logical_type: str, options: Mapping[str, Any], fail: Fail) -> dict[str, Any]:
    """Limits, by the fields of `Column`.

    :raises ContractError: an option is not for columns of this type, or its value is none of its kind.
    """
    if unknown := sorted(set(options) - _OPTIONS[logical_type]):
        allowed = ", ".join(sorted(_OPTIONS[logical_type]))
        remedy = f"Use {allowed}." if allowed else _TIMEZONE if logical_type == "timestamp" else "Remove it."
        raise fail(place, f"{unknown[0]!r} is not supported for {logical_type}", remedy)
    read: dict[str, Any] = {}
    for name, value in options.items():
        if name == "format":
            read["bits"] = _bits(f"{place}.format", logical_type, value, fail)
        elif value is not None:
            field, problem = _LIMITS[name]
            if said := problem(value):
                raise fail(f"{place}.{name}", *said)
            read[field] = value
    return read


def _bits(place: str, logical_type: str, width: object, fail: Fail) -> int:
    known = _BITS[logical_type]
    if not isinstance(width, str) or width not in known:
        raise fail(place, f"{width!r}", f"Use {', '.join(known)}.")
    return known[width]


def _number_problem(value: object) -> tuple[str, str] | None:
    return None if is_finite_number(value) else (f"{value!r}", "Give a number, without quotes.")


def _length_problem(value: object) -> tuple[str, str] | None:
    is_length = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    return None if is_length else (f"{value!r}", "Give a number of characters.")


def _pattern_problem(value: object) -> tuple[str, str] | None:
    if not isinstance(value, str):
        return f"{value!r}", "Write the pattern in quotes."
    remedy = "Use what Python, RE2 and Java all understand: no look-around, back-references or named groups."
    return (problem, remedy) if (problem := broken_pattern(value)) else None


_LIMITS: Mapping[str, tuple[str, Callable[[object], tuple[str, str] | None]]] = {
    "minimum": ("minimum", _number_problem),
    "maximum": ("maximum", _number_problem),
    "minLength": ("min_length", _length_problem),
    "maxLength": ("max_length", _length_problem),
    "pattern": ("pattern", _pattern_problem),
}
"""Option → the field of a column, and what is wrong with a value, with the remedy."""
