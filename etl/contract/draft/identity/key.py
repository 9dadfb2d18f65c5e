"""Which columns of a sample identify a reading."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from etl.contract.draft.columns import DraftColumn, by_path
from etl.contract.draft.event_time import EventTimeGuess
from etl.contract.draft.identity.comparison import conflicts, named
from etl.contract.draft.identity.row_names import MANY, METRIC, ROW
from etl.contract.draft.recognisers.shape import Shape
from etl.contract.model import BROKER_TIME

_COUNTER = re.compile(
    r"(^|_)(seq|sequence|seqno|counter|fcnt|f_cnt|cnt|no|nr|number|index|offset|frame|packet|epoch|item)"
)


@dataclass(frozen=True)
class KeyGuess:
    """The columns that identify a reading; none: no likely ones do."""

    columns: tuple[str, ...] = ()
    why: str = ""
    replacing: int = 0
    """How many readings are an earlier one with other values."""


def choose_key(
    columns: Sequence[DraftColumn], shape: Shape, sensor: Sequence[str], time: EventTimeGuess, shared: set[str]
) -> KeyGuess:
    """The first likely columns by which no two different readings of the sample are alike, and which every reading has.

    Of changes of rows, those are compared that bring a row for the first time. A later change may bring the row again, with
    other values; where it brings another time, it is another reading, so that the key has the time.

    :param shared: columns whose value all readings of a message have in common.
    """
    first = _first_versions(columns, shape)
    for names in dict.fromkeys(_likely_keys(first, shape, tuple(sensor), time, shared)):
        chosen = named(columns, names)
        if not chosen or not all(column.is_complete for column in chosen) or conflicts(first, named(first, names)):
            continue
        if conflicts(_own_time(columns, shape, time), chosen):
            continue
        distinct = len(set(zip(*(column.as_texts() for column in chosen), strict=True)))
        again = chosen[0].seen.rows - distinct
        why = f"no two of {chosen[0].seen.rows:,} readings share it"
        replacing = conflicts(columns, chosen) if first is not columns else 0
        return KeyGuess(names, f"{distinct:,} keys; {again:,} readings are repeated" if again else why, replacing)
    return KeyGuess()


def _first_versions(columns: Sequence[DraftColumn], shape: Shape) -> Sequence[DraftColumn]:
    """The columns with those readings alone that are the first of a row; all, where that is not known of any."""
    operation = by_path(columns, [shape.operation])
    rows = [row for row, text in enumerate(operation[0].as_texts()) if text in shape.inserts] if operation else []
    return [column.only(rows) for column in columns] if rows else columns


def _own_time(columns: Sequence[DraftColumn], shape: Shape, time: EventTimeGuess) -> list[DraftColumn]:
    """The event time, where it is one of the row, not that of the change."""
    times = named(columns, (time.column,))
    return [column for column in times if any(column.path[: len(start)] == start for start in shape.own_times)]


def _likely_keys(
    columns: Sequence[DraftColumn], shape: Shape, sensor: tuple[str, ...], time: EventTimeGuess, shared: set[str]
) -> Iterator[tuple[str, ...]]:
    for paths in shape.keys:
        known = by_path(columns, paths)
        if len(known) == len(paths):
            yield tuple(column.name for column in known)
    ids = [column for column in columns if ROW.search(column.seen.name) and column.name not in sensor]
    for column in ids:
        if (
            not column.path
            or column.guess.type not in ("string", "integer")
            or (not shape.operation and _is_line_number(column))
        ):
            continue
        if column.name in shared:
            yield (column.name, *sensor) if sensor else (column.name,)
        elif column.seen.name in ("id", "_id") and not _is_unmistakable(column):
            if not sensor or len(column.seen.texts) == column.seen.rows:
                yield tuple(name for name in (column.name, time.column) if name)
        else:
            yield (column.name,)
    # The time of the broker is another one when a message is sent again.
    is_own = bool(time.column) and named(columns, (time.column,))[0].origin != BROKER_TIME
    if not is_own or not sensor:
        return
    yield (*sensor, time.column)
    for column in columns:
        is_telling = METRIC.search(column.seen.name) or _COUNTER.search(column.seen.name)
        if is_telling and column.name not in (*sensor, time.column) and column.guess.type in ("string", "integer"):
            yield (*sensor, column.name, time.column)


def _is_line_number(column: DraftColumn) -> bool:
    """Whether values count the lines of a file from 0 or 1 on: the next file begins again."""
    texts = column.as_texts()
    return len(texts) > 2 and any(texts == [str(n + start) for n in range(len(texts))] for start in (0, 1))


def _is_unmistakable(column: DraftColumn) -> bool:
    """Whether an `id` is that of a reading: all are different in many, or they look like UUIDs."""
    is_uuid = all(re.fullmatch(r"[0-9a-fA-F]{8}(-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}", t) for t in column.seen.texts)
    return len(column.seen.texts) == column.seen.rows and (is_uuid or column.seen.rows >= MANY)
