"""What a field of a CSV file looks like: a number, a time, a unit, or any other text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

Kind = Literal["", "number", "time", "text"]
"""Empty: the field has no value."""

_MISSING = {"", "-", "--", "---", "?", ".", "na", "n/a", "#n/a", "nan", "null", "none", "nil", "inf", "-inf", "missing"}
_CLOCK = r"\d{1,2}:\d{2}(:\d{2}([.,]\d+)?)?( ?[AaPp]\.?[Mm]\.?)?"
_AFTER_DATE = r"([T ,].*|)"
_TIME = re.compile(
    rf"\d{{4}}[-/.]\d{{1,2}}[-/.]\d{{1,2}}{_AFTER_DATE}"
    rf"|\d{{1,2}}[-/.]\d{{1,2}}[-/.](\d{{4}}|\d{{2}}){_AFTER_DATE}"
    rf"|{_CLOCK}"
    rf"|\d{{1,2}}[- .]?[A-Za-z]{{3,9}}\.?[- ,]*\d{{2,4}}{_AFTER_DATE}"
    r"|([A-Za-z]{3,9},? )?[A-Za-z]{3,9}\.? \d{1,2},? .*\d{2}.*"
    r"|[A-Za-z]{3}, \d{1,2} [A-Za-z]{3} \d{4}.*"
    r"|\d{8}T\d{4,6}.*"
)
_NUMBER = re.compile(r"[+-]?(\d[\d.,' \u00a0]*|[.,]\d+)([eE][+-]?\d+)?( ?[%°µA-Za-zΩ/²³]{1,6})?")
_UNIT = re.compile(
    r"°\s?[CFK]?|deg\.?( ?[CFK])?|degrees?.*|[CFK]|celsius|kelvin|fahrenheit|%.*|percent|pct"
    r"|[hkM]?Pa|m?bar|psi|atm|torr|mmHg|[kMG]?W(h|att)?|[kM]?VAr?h?|[mµuk]?[VA]|volts?|amps?|[kMG]?Hz|[mkMG]?(ohms?|Ω)|[mµu]?S(/cm|/m)?"
    r"|[pn]{2}[mb]v?|[kmµu]?g(/m[3³²2]|/l|/kg)?|[µu]g/m[3³]|mg/m[3³]|[mcdk]?m|[mcdk]?m/s\S*|km/h|mph|kn(ots)?|kts"
    r"|m[²³23](/[hs])?|[dcm]?l(/\S+)?|litres?|gal(lons)?|mm/h|W/m[²2\^]*\S*|[kM]?lux|lx|[kM]?J|k?cal|dB[mA(]?\)?|rpm|1/min|1/s"
    r"|[mµnu]?s(ec)?|min(utes?)?|h(ours?)?|days?|[µu]mol\S*|pH|NTU|#|-+|=+|unitless|on/off"
    r"|(?i:yyyy\S*.*|dd[./-]mm\S*.*|mm/dd\S*.*|hh:mm\S*|utc|gmt)"
)
_TYPE = re.compile(
    r"(string|text|(var)?char|str|double|float\d*|real|u?int(eger)?\d*|(unsigned)?long|bool(ean)?|number|numeric|decimal"
    r"|datetime\S*|datetime64\S*|timestamp\S*|date|time|object)?",
    re.IGNORECASE,
)
_MOST_EXAMINED = 100_000
"""Fields whose kinds are examined; a sample of many columns is judged by fewer rows."""


@lru_cache(maxsize=50_000)
def kind_of(field: str) -> Kind:
    """What a field looks like; marks in numbers and the order of dates are not decided here."""
    text = field.strip()
    if text.lower() in _MISSING:
        return ""
    if _TIME.fullmatch(text):
        return "time"
    return "number" if _NUMBER.fullmatch(text) else "text"


def column_kinds(rows: Sequence[Sequence[str]]) -> list[tuple[Kind, float]]:
    """Of each column the kind that most of its values have, and the share that have it."""
    if not rows:
        return []
    step = 1 + len(rows) * len(rows[0]) // _MOST_EXAMINED
    return [_most_frequent([kind_of(field) for field in column]) for column in zip(*rows[::step], strict=True)]


def _most_frequent(kinds: Sequence[Kind]) -> tuple[Kind, float]:
    given = [kind for kind in kinds if kind]
    if not given:
        return "", 1.0
    kind = max(dict.fromkeys(given), key=given.count)
    return kind, given.count(kind) / len(given)


def names_units(fields: Sequence[str]) -> bool:
    """Whether a line holds units, types or rulers, and no names."""
    given = [plain_unit(field) for field in fields if field.strip()]
    if not given:
        return True
    if all(_TYPE.fullmatch(text) for text in given):
        return True
    units = [bool(_UNIT.fullmatch(text)) for text in given]
    return sum(units) * 2 > len(units)


def is_ruler(fields: Sequence[str]) -> bool:
    """Whether a line only separates the header from the records: `----+----`."""
    text = "".join(fields).replace(" ", "")
    return bool(text) and not set(text) - set("-+=:|")


def plain_unit(field: str) -> str:
    """A unit without the brackets around it."""
    return field.strip().strip("[]()").strip()
