"""Ages such as 30m, 12h, 7d, 2w."""

from __future__ import annotations

import re
from datetime import timedelta

from etl.errors import ConfigurationError

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def parse_age(text: str) -> timedelta | None:
    """`7d`, `12h`, `30m`, `2w`; `never` is None.

    :raises ConfigurationError: it is none of these.
    """
    if text == "never":
        return None
    found = re.fullmatch(r"(\d{1,5})([mhdw])", text)
    if found is None:
        raise ConfigurationError(f"{text!r} is no age.", remedy="Give it as 30m, 12h, 7d or 2w, or as never.")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})
