"""How times are written: the formats that a contract may name."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from etl.contract.durations import Fail
from etl.contract.model import EPOCH_UNITS, ISO8601

_DIRECTIVES = "%Y %y %m %d %H %I %p %M %S %f %z %j %b %B %a %A %%"
_SAMPLE = datetime(2021, 11, 28, 15, 45, 59, 123456, tzinfo=UTC)


def read_formats(place: str, formats: object, fail: Fail) -> tuple[str, ...]:
    """A list of formats.

    :raises ContractError: one is not known, or a pattern does not say which day it is.
    """
    if not isinstance(formats, list) or not formats:
        raise fail(place, f"{formats!r}", "Give a list of formats.")
    for name in formats:
        if name != ISO8601 and str(name) not in EPOCH_UNITS and "%" not in str(name):
            supported = ", ".join([ISO8601, *EPOCH_UNITS])
            raise fail(place, f"{name!r} is not known", f"Use {supported}, or a pattern such as %d-%m-%Y %H:%M.")
        if "%" in str(name) and (problem := _broken_format(str(name))):
            raise fail(place, f"{name!r} {problem}", f"Use {_DIRECTIVES}, and year, month and day among them.")
    return tuple(map(str, formats))


def read_timezone(place: str, name: object, fail: Fail) -> str:
    """An IANA time zone by name.

    :raises ContractError: there is none of this name.
    """
    try:
        ZoneInfo(str(name))
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        # A folder of zones, such as Europe, is an error of the operating system that names the folder.
        problem = f"{name!r} is no time zone" if isinstance(error, OSError) else str(error)
        raise fail(place, problem, "Use an IANA time zone, such as Europe/Berlin.") from None
    return str(name)


def _broken_format(pattern: str) -> str:
    """What is wrong with a pattern of `strptime`; empty if its directives are supported, and it reads back the day it writes."""
    used = re.findall(r"%.?", pattern, re.DOTALL)
    if unknown := [directive for directive in used if directive not in _DIRECTIVES.split()]:
        return f"has {unknown[0]!r}, which is not supported everywhere"
    if ("%I" in used) != ("%p" in used):
        return "has one of %I and %p without the other"
    try:
        read = datetime.strptime(_SAMPLE.strftime(pattern), pattern)
    except (ValueError, re.error) as error:
        return f"cannot be read: {error}"
    return "" if read.date() == _SAMPLE.date() else "does not say which day it is"
