"""Which rows a request selects: by sensor and by time; and the feed whose table they are in."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import combinations, pairwise
from math import comb
from typing import Annotated, Any

from fastapi import Depends, Query
from pydantic import AfterValidator
from sqlalchemy import ColumnElement, FromClause, and_, false, inspect, or_

from etl.api.dependencies import Database, EvolvedFeed
from etl.api.problems import Problem
from etl.contract.model import Column, EvolvedContract
from etl.contract.similar_names import suggestion
from etl.database.schema.sensor_name import SENSOR_LENGTH, sensor_name_in_sql

COORDINATES = ("source_id", "source_partition", "source_offset", "source_item")
"""The columns of a feed's table that say where a row came from."""
WITHOUT_NULL = r"^[^\x00]+$"
"""A text that every database takes."""
SensorName = Annotated[
    str | None,
    Query(
        max_length=SENSOR_LENGTH,
        pattern=WITHOUT_NULL,
        description="only this sensor; several columns that identify it are joined by `/`, as `latest` shows them",
    ),
]
_MOST_SPLITS = 100


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except OverflowError:
        raise ValueError("lies beyond the years 1 to 9999 in UTC") from None


_Moment = Annotated[datetime, AfterValidator(_in_utc)]


@dataclass(frozen=True)
class Times:
    """A span of time; it may be open at both ends."""

    since: datetime | None = None
    until: datetime | None = None

    def include(self, time: ColumnElement[Any]) -> list[ColumnElement[bool]]:
        """Conditions for a time to be in it."""
        since = [] if self.since is None else [time >= self.since]
        return since if self.until is None else [*since, time < self.until]


def _times(
    since: Annotated[
        _Moment | None, Query(alias="from", description="not before this time; UTC if it has no offset")
    ] = None,
    until: Annotated[_Moment | None, Query(alias="to", description="before this time")] = None,
) -> Times:
    return Times(since, until)


Period = Annotated[Times, Depends(_times)]


def _loaded(contract: EvolvedFeed, database: Database) -> EvolvedContract:
    if not inspect(database).has_table(contract.table):
        raise Problem(
            404,
            f"Feed {contract.feed} has no table yet.",
            remedy=f"Whoever runs the server makes it: `python -m etl run {contract.feed}`, or `python -m etl init`.",
        )
    return contract


LoadedFeed = Annotated[EvolvedContract, Depends(_loaded)]
"""The feed in the path, whose table exists; otherwise 404."""


def one_of(name: str, known: Collection[str], what: str) -> str:
    """A name that a request gives.

    :param what: what it names.
    :raises Problem: it is not known; with the nearest ones.
    """
    if name not in known:
        raise Problem(422, f"There is no {what} {name[:SENSOR_LENGTH]!r}.", remedy=suggestion(name, known))
    return name


def is_sensor(
    contract: EvolvedContract, rows: FromClause, keys: Iterable[str], name: str | None
) -> list[ColumnElement[bool]]:
    """Conditions for rows to belong to the sensor with this name, so that an index on its columns finds them.

    :param keys: the columns that identify it.
    """
    if name is None:
        return []
    columns = [contract.column(key) for key in keys]
    slashes = [place for place, character in enumerate(name) if character == "/"]
    is_plain = all(column.type in ("text", "integer") for column in columns)
    if not is_plain or comb(len(slashes), len(columns) - 1) > _MOST_SPLITS:
        return [sensor_name_in_sql(rows.c[column.name] for column in columns) == name]
    # A value may contain the slash that stands between values.
    splits = [
        [name[begin + 1 : end] for begin, end in pairwise((-1, *places, len(name)))]
        for places in combinations(slashes, len(columns) - 1)
    ]
    return [or_(false(), *(_has_values(rows, columns, values) for values in splits))]


def _has_values(rows: FromClause, columns: Iterable[Column], texts: Iterable[str]) -> ColumnElement[bool]:
    conditions = []
    for column, text in zip(columns, texts, strict=True):
        value = text if column.type == "text" else _whole_number(text, column.bits)
        if value is None:
            return false()
        conditions.append(rows.c[column.name] == value)
    return and_(*conditions)


def _whole_number(text: str, bits: int) -> int | None:
    """The number that a database would write in this way, if one of so many bits is."""
    try:
        number = int(text)
    except ValueError:
        return None
    return number if str(number) == text and -(2 ** (bits - 1)) <= number < 2 ** (bits - 1) else None
