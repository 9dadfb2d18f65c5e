"""Times that are divided between several columns: a date and a time of day, or year, month, day and hour."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime

from etl.contract.draft.columns import DraftColumn
from etl.contract.draft.guesses.guess import Guess
from etl.contract.draft.guesses.time_patterns import time_patterns
from etl.contract.draft.guesses.times import TimeFormats, find_formats, moment_of
from etl.contract.draft.guesses.values import ColumnValues
from etl.contract.inference import snake_case
from etl.contract.model import RESERVED, column_name

_DATE = re.compile(r"date|datum|day|tag|fecha|data$|jour")
_TIME = re.compile(r"time|zeit|hour|stunde|hora|heure|uhr|ora$")
_PARTS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("%Y", re.compile(r"(year|yr|yyyy|jahr|anno|annee|a[nñ]o)$")),
    ("%m", re.compile(r"(month|mon|mo|mm|monat|mes|mois)$")),
    ("%d", re.compile(r"(day|day_?of_?month|dd|dom|mday|tag|dia|jour)$")),
    ("%H", re.compile(r"(hour|hours|hr|hh|std|stunde|hora|heure|hod)$")),
    ("%M", re.compile(r"(minute|minutes|minuto)$")),
    ("%S", re.compile(r"(second|seconds|sec|ss|sekunde)$")),
)
_FEWEST = 3
_DAY_OF_YEAR = re.compile(r"(day|doy|day_?of_?year|julian(_?day)?|yday|tag)$")
_ORDINAL = re.compile(r"[0-9]{1,3}( [0-9]{1,2}:[0-9]{2})?")
_LIMITS = {"%Y": (1900, 2100), "%m": (1, 12), "%d": (1, 31), "%H": (0, 24), "%M": (0, 59), "%S": (0, 60)}


def combined_time(columns: Sequence[DraftColumn], now: datetime) -> tuple[DraftColumn, TimeFormats] | None:
    """A column that is combined from others, with its formats; None where the columns give no time together."""
    parts = _date_and_time(columns, now) or _numbers(columns) or _year_and_day(columns)
    if parts is None:
        return None
    texts = [" ".join(fields) if all(fields) else "" for fields in zip(*(p.as_texts() for p in parts), strict=True)]
    name = column_name("event_time", [*RESERVED, *(column.name for column in columns)])
    seen = ColumnValues.of(name, texts)
    formats = _formats(seen, parts, now)
    if formats is None or formats.fitting < 0.95 * seen.rows:
        return None
    names = tuple(part.name for part in parts)
    for part in parts:
        part.guess = Guess("string" if len(parts) == 2 else "integer", f"a part of {name}")
    guess = Guess("timestamp", f"{', '.join(names[:-1])} and {names[-1]}")
    return DraftColumn(name, (), texts, seen, guess, combine=names, texts=texts), formats


def _formats(seen: ColumnValues, parts: Sequence[DraftColumn], now: datetime) -> TimeFormats | None:
    if len(parts) == 2 and _DAY_OF_YEAR.match(parts[1].seen.name):
        found = _of_pattern(seen, "%Y %j %H:%M") or _of_pattern(seen, "%Y %j")
        return found or find_formats(seen.texts, now, numbers=False)
    if len(parts) == 2:
        return find_formats(seen.texts, now, numbers=False)
    return _of_pattern(seen, " ".join(directive for directive, _ in _PARTS[: len(parts)]))


def _of_pattern(seen: ColumnValues, pattern: str) -> TimeFormats | None:
    moments = {text: moment for text in seen.texts if (moment := moment_of(text, pattern)) is not None}
    if not moments:
        return None
    example = next(iter(moments))
    fitting = sum(seen.texts[text] for text in moments)
    return TimeFormats((pattern,), fitting, (), example, moments[example], min(moments.values()), is_local=True)


def _date_and_time(columns: Sequence[DraftColumn], now: datetime) -> list[DraftColumn] | None:
    """A column of dates and one of times of day that lie side by side in a record, the best-named ones."""
    dates = [column for column in columns if _is_day(column, now)]
    times = [column for column in columns if _is_time_of_day(column)]
    pairs = [
        (bool(_DATE.search(date.seen.name)) + bool(_TIME.search(time.seen.name)), date, time)
        for date in dates
        for time in times
        if date.path[:-1] == time.path[:-1] and date is not time
    ]
    best = max(pairs, key=lambda pair: pair[0], default=None)
    return [best[1], best[2]] if best else None


def _is_day(column: DraftColumn, now: datetime) -> bool:
    if not column.seen.texts or len(next(iter(column.seen.texts))) > 30:
        return False
    found = find_formats(column.seen.texts, now, numbers=bool(_DATE.search(column.seen.name)))
    return found is not None and found.is_day and found.fitting >= 0.95 * column.seen.rows


def _is_time_of_day(column: DraftColumn) -> bool:
    if not column.seen.texts:
        return False
    is_named = bool(_TIME.search(column.seen.name))
    fitting = sum(
        count
        for text, count in column.seen.texts.items()
        if len(text) <= 20 and (is_named or ":" in text) and time_patterns(text)
    )
    return fitting >= 0.95 * column.seen.rows


def _numbers(columns: Sequence[DraftColumn]) -> list[DraftColumn] | None:
    """Columns of year, month and day, and of hour, minute and second where they are there."""
    named = _named(columns)
    wanted = [directive for directive, _ in _PARTS]
    count = next((n for n, directive in enumerate(wanted) if directive not in named), len(wanted))
    return [named[directive] for directive in wanted[:count]] if count >= _FEWEST else None


def _year_and_day(columns: Sequence[DraftColumn]) -> list[DraftColumn] | None:
    """A column of years and one of days of the year, which may have the time of day as well."""
    year = _named(columns).get("%Y")
    days = [c for c in columns if _DAY_OF_YEAR.match(c.seen.name) and all(map(_ORDINAL.fullmatch, c.seen.texts))]
    return [year, days[0]] if year and days and days[0].seen.texts else None


def _named(columns: Sequence[DraftColumn]) -> Mapping[str, DraftColumn]:
    found: dict[str, DraftColumn] = {}
    for directive, name in _PARTS:
        for column in columns:
            if name.match(snake_case(column.seen.name)) and _is_in(column, *_LIMITS[directive]):
                found.setdefault(directive, column)
    return found


def _is_in(column: DraftColumn, low: int, high: int) -> bool:
    texts = column.seen.texts
    return bool(texts) and all(re.fullmatch("[0-9]{1,4}", text) and low <= int(text) <= high for text in texts)
