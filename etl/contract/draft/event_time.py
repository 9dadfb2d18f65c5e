"""Which column of a sample is the event time, and how it is written."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from etl.contract.draft.columns import DraftColumn, by_path
from etl.contract.draft.combined_times import combined_time
from etl.contract.draft.guesses.guess import Guess, in_words, is_named_like_a_time
from etl.contract.draft.guesses.times import TimeFormats, find_formats
from etl.contract.draft.guesses.values import plain_name, shown
from etl.contract.draft.readings import path_text
from etl.contract.draft.recognisers.shape import Path, Shape
from etl.contract.model import ISO8601

_BEST_NAME = re.compile(
    r"^(event_?time(stamp)?|time_?stamp(_?(utc|gmt|ms))?|ts|dt|time(_?(utc|gmt))?|date_?time|zeit(stempel|punkt)?|t)$|event"
    r"|measure|observ|sampl|record(ed)?_?(at|time)|reading_?(time|at|date)|(sensor|device)_?(time|ts)|phenomenon_time"
)
_FULL_NAME = re.compile(r"^(time|date|date_?time|time_?stamp|ts|event_?time)$|_(time|timestamp|date|datetime)$")
_POOR_NAME = re.compile(
    r"creat|updat|install|modif|expir|birth|insert|ingest|process|last|next|boot|valid|due|start|stop|end(_|ed|$)|deliver|sent"
    r"|upload|changed|first|calibrat|commission|warrant|since|until|enqueued|published|received|server|sunrise|sunset"
)
_SHARE = 0.95
"""Of the readings that must have a time."""
_OLDEST_YEAR = 1900


@dataclass(frozen=True)
class EventTimeGuess:
    """The event time."""

    column: str
    """Empty: a person must decide."""
    formats: tuple[str, ...] = (ISO8601,)
    why: str = ""
    question: str = ""
    """What a person must decide: about the formats, or, without a column, which one it is."""
    earliest: str = ""
    """A day before 2000, where times are older."""
    is_local: bool = False
    has_candidates: bool = False
    """Without a column: whether the readings have a time all the same, in some of them or where it cannot be read."""


@dataclass(frozen=True)
class _Candidate:
    column: DraftColumn
    found: TimeFormats
    rank: float

    @property
    def is_plausible(self) -> bool:
        return self.found.fitting >= _SHARE * self.column.seen.rows and self.found.late <= 0.05 * self.column.seen.rows


def choose_event_time(
    columns: list[DraftColumn], shape: Shape, now: datetime, left_out: Sequence[Path] = ()
) -> EventTimeGuess:
    """The event time. A column that combines others is added to the columns; what the platform says comes first.

    :param left_out: paths in the messages that become no columns.
    """
    candidates = [found for column in columns if (found := _candidate(column, shape, now))]
    plausible = [candidate for candidate in candidates if candidate.is_plausible]
    chosen = _by_shape(plausible, columns, shape)
    if chosen is None:
        whole = [candidate for candidate in plausible if not candidate.found.is_day and candidate.rank > 0]
        chosen = _best(whole, least=2) or _combined(columns, now) or _best(whole) or _best(plausible)
    if chosen is None:
        unread = [text for column in columns if (text := _unread(column, now))] + list(_in_arrays(left_out))
        is_known = bool(candidates or unread or shape.time_question)
        return EventTimeGuess("", question=_open(candidates, unread, shape), has_candidates=is_known)
    return _settled(chosen, [c for c in plausible if c.column is not chosen.column and c.rank >= chosen.rank])


def _candidate(column: DraftColumn, shape: Shape, now: datetime) -> _Candidate | None:
    name = column.seen.name
    is_named = is_named_like_a_time(name)
    if column.seen.booleans or not column.seen.texts:
        return None
    found = find_formats(column.seen.texts, now, numbers=is_named or column.path in shape.times)
    if found is None or found.fitting * 2 < column.seen.given:
        return None
    rank = 3.0 if _BEST_NAME.search(name) else 2.0 if is_named else 1.0
    rank -= 1.5 * bool(_POOR_NAME.search(name)) + 1.0 * found.is_day
    # A time that never changes is when something was installed; that of one message is shared by its readings.
    is_constant = len(column.seen.texts) == 1 and column.seen.rows >= 20
    return _Candidate(column, found, rank - 1.0 * is_constant)


def _by_shape(plausible: Sequence[_Candidate], columns: Sequence[DraftColumn], shape: Shape) -> _Candidate | None:
    own = [
        candidate
        for candidate in plausible
        if any(candidate.column.path[: len(start)] == start for start in shape.own_times) and candidate.column.path
    ]
    named = by_path(columns, shape.times)
    known = [candidate for column in named for candidate in plausible if candidate.column is column]
    return _best(own, least=2) or next(iter(known), None)


def _best(candidates: Sequence[_Candidate], least: float = -9) -> _Candidate | None:
    """The candidate with the best name; among equals the first. Without a name that says so, there must be only one."""
    found = max(candidates, key=lambda candidate: candidate.rank, default=None)
    if found is None or found.rank < least:
        return None
    is_unnamed = found.rank <= 1 and not is_named_like_a_time(found.column.seen.name)
    return None if is_unnamed and sum(candidate.rank == found.rank for candidate in candidates) > 1 else found


def _combined(columns: list[DraftColumn], now: datetime) -> _Candidate | None:
    if (combined := combined_time(columns, now)) is None:
        return None
    column, found = combined
    columns.append(column)
    return _Candidate(column, found, 2.5)


def _settled(chosen: _Candidate, others: Sequence[_Candidate]) -> EventTimeGuess:
    column, found = chosen.column, chosen.found
    why = f"{found.fitting:,} of {column.seen.rows:,}; {in_words(found)}"
    if others:
        why += f"; others: {', '.join(other.column.name for other in others[:3])}"
    combination = f"{column.guess.why}; " if column.combine else ""
    column.guess = Guess("timestamp", f"{combination}{why}", formats=found.formats)
    column.required = "the event time"
    question = ""
    if found.candidates:
        both = " or ".join(f'"{name}"' for name in found.candidates)
        question = f"{both}? The values fit each of them, such as {shown(found.example)}"
    earliest = ""
    if found.earliest and found.early > 0.05 * found.fitting and found.earliest.year >= _OLDEST_YEAR:
        # Clocks that were never set begin in 1970.
        earliest = "" if found.earliest.year == 1970 else f"{found.earliest.year}-01-01"
    return EventTimeGuess(column.name, found.formats, why, question, earliest, found.is_local)


def _unread(column: DraftColumn, now: datetime) -> str:
    """Why a column that may be a time is none: numbers without a name that says so, or texts in a form that is not known."""
    if not column.is_complete or column.seen.booleans:
        return ""
    if column.guess.type in ("number", "integer"):
        found = find_formats(column.seen.texts, now)
        is_epoch = found is not None and found.fitting == column.seen.rows and not found.is_day
        return f"{column.name} (its numbers would be epochs)" if is_epoch else ""
    is_named = column.guess.type == "string" and bool(_FULL_NAME.search(column.seen.name))
    return f'{column.name} ("{shown(next(iter(column.seen.texts)))}" is in no known format)' if is_named else ""


def _in_arrays(left_out: Sequence[Path]) -> Iterator[str]:
    for path in left_out:
        if _FULL_NAME.search(plain_name(path[-1])):
            yield f"{path_text(path)} (an array, which no column can be)"


def _open(candidates: Sequence[_Candidate], unread: Sequence[str], shape: Shape) -> str:
    """What a person must decide, with the candidates and what is against each."""
    if shape.time_question:
        return shape.time_question
    named = []
    for candidate in sorted(candidates, key=lambda candidate: -candidate.rank)[:5]:
        column, found = candidate.column, candidate.found
        has = f"{found.fitting:,} of {column.seen.rows:,} have a time"
        named.append(f"{column.name} ({has}{', but in the future' if found.late else ''})")
    named += unread[:3]
    return f"which column is it? {', '.join(named)}" if named else "no column has a time in nearly every record"
