"""Durations in contracts, options and schedules, such as 30s, 5m, 2h, 1d or 2w, which are seconds in code; moments as texts.

=====  ============
unit   seconds
=====  ============
``s``  1
``m``  60 (minutes)
``h``  3,600
``d``  86,400
``w``  604,800
=====  ============

No unit depends on the calendar: a day always has 24 hours.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime

from etl.errors import ContractError

UNIT_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
DAY_SECONDS = UNIT_SECONDS["d"]
LONGEST_SECONDS = 100 * 366 * DAY_SECONDS
"""The longest duration in a contract: a time that is so far away can still be computed."""

_DURATION = re.compile(r"(\d+(?:\.\d+)?)([smhdw])")

Fail = Callable[[str, str, str], ContractError]
"""Makes an error from a place in the contract, what is wrong there, and the remedy; adds the file and the line."""


def parse_duration(text: str, units: str = "smhd", *, fractions: bool = True) -> float | None:
    """The seconds of a duration; None where the text is not one.

    :param units: letters of `UNIT_SECONDS` that are allowed here.
    :param fractions: whether 1.5h is allowed.
    """
    parts = _DURATION.fullmatch(text)
    if parts is None or parts[2] not in units or (not fractions and "." in parts[1]):
        return None
    return float(parts[1]) * UNIT_SECONDS[parts[2]]


def format_duration(seconds: float) -> str:
    """Seconds in the largest unit up to days that gives a whole number: 600 → 10m, 90 → 90s, 1209600 → 14d."""
    unit = next((unit for unit in "dhm" if seconds % UNIT_SECONDS[unit] == 0), "s")
    return f"{seconds / UNIT_SECONDS[unit]:.12g}{unit}"


def moment(when: datetime) -> str:
    """A time for people: in UTC, to the second."""
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def contract_seconds(place: str, value: object, fail: Fail) -> float:
    """The seconds of a duration in a contract, more than 0 and at most 100 years.

    :raises ContractError: it is not one; made by `fail`.
    """
    seconds = parse_duration(str(value))
    if not seconds or seconds > LONGEST_SECONDS:
        raise fail(place, f"{value!r} is no duration", "Write 30s, 5m, 2h or 1d.")
    return seconds
