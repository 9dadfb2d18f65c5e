"""Durations such as 30s, 5m, 2h, 1d."""

from __future__ import annotations

import re
from collections.abc import Callable

from etl.errors import ContractError

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}

_DURATION = re.compile(r"(\d+(?:\.\d+)?)([smhd])")


def seconds(place: str, value: object, fail: Fail) -> float:
    """A duration such as 30s, 5m, 2h or 1d, in seconds."""
    found = parse_seconds(str(value))
    if not found:
        raise fail(place, f"{value!r} is no duration", "Write 30s, 5m, 2h or 1d.")
    return found


def parse_seconds(text: str) -> float | None:
    """A duration such as 30s, 5m, 2h or 1d, in seconds; None where the text is none."""
    found = _DURATION.fullmatch(text)
    return float(found[1]) * _UNITS[found[2]] if found else None


Fail = Callable[[str, str, str], ContractError]
"""Makes the error that names the file: of a place, what is wrong there, and the remedy."""
