"""How the times of a column are written."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import islice

from etl.contract.draft.guesses.time_patterns import has_time, order_of, patterns_of
from etl.contract.inference import is_iso_time
from etl.contract.model import EPOCH_SIZES, EPOCH_UNITS, ISO8601

_FIRST = datetime(2000, 1, 1, tzinfo=UTC)
_AHEAD = timedelta(days=1)
_NUMBER = re.compile(r"\d+(\.\d*)?([eE]\+?\d\d?)?", re.ASCII)
_OFFSET = re.compile(r"(Z|[+-]\d\d(:?\d\d)?)$", re.IGNORECASE)
_RARE_ISO = re.compile(
    r"(\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d([.,]\d{1,9})?)?|\d{8}[Tt]\d{4}(\d\d([.,]\d{1,9})?)?)([Zz]|[+-]\d\d(:?\d\d)?)?",
    re.ASCII,
)
_LONG_FRACTION = re.compile(r"([.,]\d{6})\d{1,3}(?!\d)")
_MOST_FORMATS = 4
_SHORTEST = 13
_PROBED = 40
"""A column none of whose first values looks like a time has none."""


@dataclass(frozen=True)
class TimeFormats:
    """The formats of a column's times."""

    formats: tuple[str, ...]
    """Those that fit the most values first."""
    fitting: int
    """How many values are in one of them."""
    candidates: tuple[str, ...] = ()
    """Where the order of day and month is open: the formats that fit all values as well; else empty."""
    example: str = ""
    moment: datetime | None = None
    """What the example means by the first format."""
    earliest: datetime | None = None
    late: int = 0
    """How many of the values are more than a day ahead of now."""
    early: int = 0
    """How many are before 2000, the earliest time that is accepted where the contract says nothing else."""
    is_local: bool = False
    """Whether some values have no offset."""
    is_day: bool = False
    """Whether they are days without a time."""


def find_formats(texts: Mapping[str, int], now: datetime, *, numbers: bool = True) -> TimeFormats | None:
    """The formats of the texts that are times; None where none is.

    :param texts: text → how often it occurs.
    :param numbers: whether plain numbers may be times; they are by their size, between the year 2000 and tomorrow.
    """
    if len(texts) > _PROBED and not any(_sorted(dict(islice(texts.items(), _PROBED)), now, numbers=numbers)):
        return None
    fits, families = _sorted(texts, now, numbers=numbers)
    chosen, candidates = _decided(families)
    for pattern, count in chosen.items():
        fits[pattern] += count
    if not fits:
        return None
    formats = tuple(name for name, _ in fits.most_common(_MOST_FORMATS))
    return _described(texts, formats, candidates, now)


_Families = dict[tuple[str, ...], dict[str, int]]
"""Patterns that some texts look like → these texts, and how often each occurs."""


def _sorted(texts: Mapping[str, int], now: datetime, *, numbers: bool) -> tuple[Counter[str], _Families]:
    """Format → how many values are in it, for those that decide it themselves; and the others by the patterns they look like."""
    fits: Counter[str] = Counter()
    families: _Families = {}
    for text, count in texts.items():
        if is_time(text):
            fits[ISO8601] += count
        elif unit := _epoch_unit(text, now) if numbers else "":
            fits[unit] += count
        elif (numbers or not _NUMBER.fullmatch(text)) and (patterns := _patterns(text)):
            families.setdefault(patterns, {})[text] = count
    return fits, families


def is_time(text: str) -> bool:
    """Whether a text is a time of ISO 8601 as the loader reads it, rare forms included."""
    if len(text) < _SHORTEST or not text[0].isdigit():
        return False
    if is_iso_time(text):
        return True
    if not _RARE_ISO.fullmatch(text):
        return False
    return moment_of(text, ISO8601) is not None


def moment_of(text: str, name: str) -> datetime | None:
    """The time that a text is in a format, in UTC; None where it is none. A time without an offset is taken as UTC."""
    found: datetime | None
    try:
        if name == ISO8601:
            found = datetime.fromisoformat(text.upper().replace(",", "."))
        elif name in EPOCH_UNITS:
            is_of_unit = _NUMBER.fullmatch(text) and _magnitude(float(text)) == name
            found = datetime.fromtimestamp(float(text) * EPOCH_UNITS[name], UTC) if is_of_unit else None
        else:
            found = datetime.strptime(_LONG_FRACTION.sub(r"\1", text), name)
    except (ValueError, OverflowError, OSError):
        return None
    return found if found is None or found.tzinfo else found.replace(tzinfo=UTC)


def _magnitude(number: float) -> str:
    """The unit of a number of seconds or parts of seconds since 1970, by its size."""
    return next(name for name, (least, above) in EPOCH_SIZES.items() if least <= number < above)


def _epoch_unit(text: str, now: datetime) -> str:
    """The unit in which a number is a time between 2000 and tomorrow; empty where there is none."""
    if not _NUMBER.fullmatch(text):
        return ""
    number, first, last = float(text), _FIRST.timestamp(), (now + _AHEAD).timestamp()
    return next((name for name, unit in EPOCH_UNITS.items() if first <= number * unit <= last), "")


def _patterns(text: str) -> tuple[str, ...]:
    return _patterns_by_shape(re.sub("[0-9]", "1", text)) if len(text) <= 60 else ()


@cache
def _patterns_by_shape(shape: str) -> tuple[str, ...]:
    return patterns_of(shape)


def _decided(families: Mapping[tuple[str, ...], Mapping[str, int]]) -> tuple[Counter[str], tuple[str, ...]]:
    """Pattern → how many values it fits, one pattern for texts that look alike; and the candidates where it is open.

    Texts of one shape that decide the order of day and month decide it for those of the other shapes.
    """
    possible = {family: _possible(family, texts) for family, texts in families.items()}
    decided = {order_of(patterns[0]) for patterns, _ in possible.values() if len(patterns) == 1}
    chosen, candidates = Counter[str](), dict[str, None]()
    for patterns, count in possible.values():
        if not patterns:
            continue
        known = [pattern for pattern in patterns if order_of(pattern) in decided]
        if len(patterns) > 1 and not known:
            candidates |= dict.fromkeys(patterns)
        chosen[(known or patterns)[0]] += count
    return chosen, tuple(candidates)


def _possible(family: tuple[str, ...], texts: Mapping[str, int]) -> tuple[list[str], int]:
    """The patterns of a family that fit as many of its texts as any, and how many that are."""
    fits = {
        pattern: sum(count for text, count in texts.items() if moment_of(text, pattern) is not None)
        for pattern in family
    }
    most = max(fits.values())
    return ([pattern for pattern, count in fits.items() if count == most] if most else []), most


def _described(
    texts: Mapping[str, int], formats: tuple[str, ...], candidates: tuple[str, ...], now: datetime
) -> TimeFormats:
    moments: dict[str, datetime] = {}
    for text in texts:
        for name in formats:
            if (moment := moment_of(text, name)) is not None:
                moments[text] = moment
                break
    example = next((text for text in moments if moment_of(text, formats[0]) is not None), "")
    patterns = [name for name in formats if name not in EPOCH_UNITS and name != ISO8601]
    is_local = any("%z" not in name and "UTC" not in name and "GMT" not in name for name in patterns)
    is_local |= ISO8601 in formats and any(is_time(text) and not _OFFSET.search(text) for text in moments)
    return TimeFormats(
        formats,
        sum(texts[text] for text in moments),
        candidates,
        example,
        moments.get(example),
        min(moments.values(), default=None),
        sum(texts[text] for text, moment in moments.items() if moment > now + _AHEAD),
        sum(texts[text] for text, moment in moments.items() if moment < _FIRST),
        is_local,
        is_day=bool(patterns) and len(patterns) == len(formats) and not any(map(has_time, patterns)),
    )
