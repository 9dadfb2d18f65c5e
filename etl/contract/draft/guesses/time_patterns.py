"""The patterns of `strptime` that a text may be written in, by the look of it."""

from __future__ import annotations

import re
from collections.abc import Iterator

_SEPARATED = re.compile(r"(\d{1,4})([-/.])(\d{1,2})\2(\d{1,4})")
_COMPACT = {8: ("%Y%m%d",), 10: ("%Y%m%d%H",), 12: ("%Y%m%d%H%M",), 14: ("%Y%m%d%H%M%S",)}
_DAY_FIRST = re.compile(r"\d{1,2}([- /.]|\. )([A-Za-z]{3,9})[- /.,]*(\d{4}|\d\d)")
_MONTH_FIRST = re.compile(r"([A-Za-z]{3,9})([ -])\d{1,2}(, |,|[ -])(\d{4})")
_ORDINAL = re.compile(r"(\d{4})-(\d{3})")
_WEEKDAY = re.compile(r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun)([a-z]{3,6})?(, |,| )")
_C_TIME = re.compile(r"[A-Z][a-z]{2} [A-Z][a-z]{2}  ?\d{1,2} \d\d:\d\d:\d\d \d{4}")
_TIME = re.compile(
    r"(\d{1,2})([:.h])\d{2}(?:(\2)\d{2}(?:([.,])\d{1,9})?)?(?:( ?)([AaPp][Mm]))?( ?)(Z|[+-]\d\d:?\d\d|UTC|GMT)?"
)
_COMPACT_TIME = re.compile(r"\d{6}|\d{4}")
_BETWEEN = ("T", ", ", " - ", "  ", " ", "_", "-", ";", "/")
_MONTHS = re.compile("jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec", re.IGNORECASE)


def patterns_of(text: str) -> tuple[str, ...]:
    """Every pattern that the text looks like; several where the order of day, month and year is open."""
    if _C_TIME.fullmatch(text):
        return ("%a %b %d %H:%M:%S %Y",)
    if re.fullmatch(r"[0-9]+", text):
        return _COMPACT.get(len(text), ())
    weekday = _WEEKDAY.match(text)
    start = "" if weekday is None else f"{'%A' if weekday[2] else '%a'}{weekday[3]}"
    rest = text[weekday.end() :] if weekday else text
    return tuple(f"{start}{pattern}" for pattern in _dates_and_times(rest))


def _dates_and_times(text: str) -> Iterator[str]:
    if dates := date_patterns(text):
        yield from dates
        return
    for between in _BETWEEN:
        for position in _positions(text, between):
            dates = date_patterns(text[:position])
            times = time_patterns(text[position + len(between) :])
            if dates and times:
                yield from (f"{date}{between}{time}" for date in dates for time in times)
                return


def _positions(text: str, mark: str) -> Iterator[int]:
    position = text.find(mark)
    while position > 0:
        yield position
        position = text.find(mark, position + 1)


def date_patterns(text: str) -> tuple[str, ...]:
    """The patterns that a date alone looks like."""
    if match := _SEPARATED.fullmatch(text):
        return _orders(match[1], match[2], match[4])
    if re.fullmatch(r"\d{8}", text):
        return ("%Y%m%d",)
    if (match := _DAY_FIRST.fullmatch(text)) and _MONTHS.match(match[2]):
        between = text[match.end(2) : match.start(3)]
        return (f"%d{match[1]}{_month(match[2])}{between}{'%Y' if len(match[3]) == 4 else '%y'}",)
    if (match := _MONTH_FIRST.fullmatch(text)) and _MONTHS.match(match[1]):
        return (f"{_month(match[1])}{match[2]}%d{match[3]}%Y",)
    return ("%Y-%j",) if _ORDINAL.fullmatch(text) else ()


def _orders(first: str, mark: str, last: str) -> tuple[str, ...]:
    if len(first) == 4:
        return (f"%Y{mark}%m{mark}%d",) if len(last) <= 2 else ()
    if len(first) == 3 or len(last) not in (2, 4):
        return ()
    year = "%Y" if len(last) == 4 else "%y"
    day_first, month_first = f"%d{mark}%m{mark}{year}", f"%m{mark}%d{mark}{year}"
    if mark == ".":
        # Nobody writes the month first with dots.
        return (day_first,)
    return (day_first, month_first) if year == "%Y" else (day_first, month_first, f"%y{mark}%m{mark}%d")


def _month(name: str) -> str:
    return "%b" if len(name) == 3 else "%B"


def time_patterns(text: str) -> tuple[str, ...]:
    """The patterns that a time of day alone looks like."""
    if match := _TIME.fullmatch(text):
        mark, fraction, half = match[2], match[4], match[6]
        if bool(match[7]) and not match[8]:
            return ()
        hour = "%I" if half else "%H"
        pattern = f"{hour}{mark}%M" + (f"{mark}%S" if match[3] else "") + (f"{fraction}%f" if fraction else "")
        zone = {"UTC": "UTC", "GMT": "GMT"}.get(match[8] or "", "%z" if match[8] else "")
        return (f"{pattern}{f'{match[5]}%p' if half else ''}{match[7]}{zone}",)
    if _COMPACT_TIME.fullmatch(text):
        return ("%H%M%S",) if len(text) == 6 else ("%H%M",)
    return ()


def order_of(pattern: str) -> str:
    """The order of day, month and year in a pattern, as in `dmY`; empty where the month has a name."""
    return "".join(re.findall(r"%([dmyY])", pattern)) if "%m" in pattern else ""


def has_time(pattern: str) -> bool:
    return "%H" in pattern or "%I" in pattern
