"""Which measures and sensors a notebook shows where a feed has too many of them, and what it says about the rest.

The database chooses, so a feed of 1,700 measures or 100,000 sensors is explored in seconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any

from sqlalchemy import ColumnElement, Connection, FromClause, Select, Table, and_, false, func, or_, select

from etl.contract.model import EvolvedContract
from etl.contract.similar_names import suggestion
from etl.database.schema.sensor_name import sensor_name_in_sql
from etl.database.schema.tables.audit_tables import etl_anomaly
from etl.database.schema.windows import window_tables
from etl.errors import ParameterError
from etl.jobs.load.sample import MOST_MEASURES

MOST_SENSORS = 50
_SHOWN = 6
_CANDIDATES = 2_000
# A space, so that no column of a contract is called the same.
_NAME, _READINGS = "whole name", "number of readings"


@dataclass(frozen=True)
class Choice:
    """Some of many, and why these."""

    names: tuple[str, ...]
    total: int
    why: str
    """Such as: those with the most values."""

    @property
    def is_all(self) -> bool:
        return len(self.names) == self.total

    def in_words(self, noun: str) -> str:
        """`12 of 1,700 measures: those with the most values`."""
        if self.is_all:
            return f"all {self.total:,} {noun}"
        return f"{len(self.names):,} of {self.total:,} {noun}: {self.why}"

    @property
    def listed(self) -> str:
        """The first names."""
        more = f", … ({len(self.names)})" if len(self.names) > _SHOWN else ""
        return ", ".join(self.names[:_SHOWN]) + more


def choose_measures(
    connection: Connection, contract: EvolvedContract, wanted: str, begin: datetime, end: datetime
) -> Choice:
    """The measures to show.

    :param wanted: names with commas between them, in which `*` stands for any characters; empty: those with the most
        anomalies between the two times, then those with the most values.
    :raises ParameterError: a name is not known; with the nearest ones.
    """
    every = contract.measures
    if split_names(wanted):
        return _named_measures(every, wanted)
    if len(every) <= MOST_MEASURES:
        return Choice(every, len(every), "")
    remarkable = _anomalies_of_measures(connection, contract, begin, end)
    counted = _values_of_measures(connection, contract, begin, end)
    if not counted and not remarkable:
        return Choice(every[:MOST_MEASURES], len(every), "the first of the contract")
    chosen = sorted(every, key=lambda name: (-remarkable.get(name, 0), -counted.get(name, 0)))[:MOST_MEASURES]
    why = (
        "those with the most anomalies, then those with the most values" if remarkable else "those with the most values"
    )
    return Choice(tuple(name for name in every if name in chosen), len(every), why)


def _named_measures(every: tuple[str, ...], wanted: str) -> Choice:
    found: dict[str, None] = {}
    for pattern in split_names(wanted):
        matching = [name for name in every if fnmatchcase(name.lower(), pattern.lower())]
        if not matching:
            raise ParameterError(
                f"There is no measure {pattern!r} among the feed's {len(every):,}.", remedy=suggestion(pattern, every)
            )
        found |= dict.fromkeys(matching)
    names = tuple(found)
    why = "those that were named" if len(names) <= MOST_MEASURES else f"the first of {len(names):,} that were named"
    return Choice(names[:MOST_MEASURES], len(every), why)


def _anomalies_of_measures(
    connection: Connection, contract: EvolvedContract, begin: datetime, end: datetime
) -> dict[str, int]:
    """How many anomalies the measures with the most of them have."""
    number = func.count()
    query = (
        select(etl_anomaly.c.measure, number)
        .where(
            etl_anomaly.c.feed == contract.feed,
            etl_anomaly.c.measure.in_(contract.measures),
            etl_anomaly.c.event_time >= begin,
            etl_anomaly.c.event_time <= end,
        )
        .group_by(etl_anomaly.c.measure)
        .order_by(number.desc(), etl_anomaly.c.measure)
        .limit(MOST_MEASURES)
    )
    return {row[0]: int(row[1]) for row in connection.execute(query)}


def _values_of_measures(
    connection: Connection, contract: EvolvedContract, begin: datetime, end: datetime
) -> dict[str, int]:
    """How many values the measures with the most of them have, by the largest windows; empty where there are none."""
    tables = list(window_tables(contract))
    if not tables:
        return {}
    columns = tables[-1].c
    number = func.sum(columns.count)
    longest = timedelta(seconds=contract.windows.sizes[-1][1] if contract.windows else 0)
    query = (
        select(columns.measure, number.label("values"))
        # A window that begins before the period may reach into it.
        .where(columns.window_start > begin - longest, columns.window_start <= end)
        .group_by(columns.measure)
        .order_by(number.desc(), columns.measure)
        .limit(MOST_MEASURES)
    )
    return {row.measure: int(row[1]) for row in connection.execute(query)}


def split_names(text: str) -> list[str]:
    """Names with commas between them; papermill makes a number of a single name that looks like one."""
    return [name.strip() for name in str(text).split(",") if name.strip()]


def sensors_present(contract: EvolvedContract, table: Table, within: Iterable[ColumnElement[bool]]) -> Select[Any]:
    """The sensors with readings under a condition: the columns that identify one, its name, and how many readings it has."""
    keys = [table.c[name] for name in contract.sensor]
    name = sensor_name_in_sql(keys, length=None).label(_NAME)
    return select(*keys, name, func.count().label(_READINGS)).where(*within).group_by(*keys)


def choose_sensors(
    connection: Connection,
    contract: EvolvedContract,
    table: Table,
    within: tuple[ColumnElement[bool], ...],
    *,
    most: int,
    wanted: str,
    total: int,
) -> tuple[Choice, list[tuple[Any, ...]]]:
    """The sensors whose single readings are shown, and the values that identify them.

    :param wanted: names of sensors with commas between them; empty: those with the most anomalies, then readings.
    :raises ParameterError: a sensor has no readings in the period; with the nearest names.
    """
    present = sensors_present(contract, table, within).subquery("present")
    keys = [present.c[name] for name in contract.sensor]
    if names := split_names(wanted):
        if len(names) > MOST_SENSORS:
            raise ParameterError(f"{len(names)} sensors are named.", remedy=f"Name at most {MOST_SENSORS}.")
        rows = connection.execute(select(present.c[_NAME], *keys).where(present.c[_NAME].in_(names))).all()
        _require_all(connection, present, names, [row[0] for row in rows])
        return Choice(tuple(names), total, "those that were named"), [tuple(row[1:]) for row in rows]
    remarkable = (
        select(etl_anomaly.c.sensor, func.count().label("anomalies"))
        .where(etl_anomaly.c.feed == contract.feed)
        .group_by(etl_anomaly.c.sensor)
        .subquery()
    )
    anomalies = func.coalesce(remarkable.c.anomalies, 0)
    query = (
        select(present.c[_NAME], *keys)
        .join_from(present, remarkable, remarkable.c.sensor == present.c[_NAME], isouter=True)
        .order_by(anomalies.desc(), present.c[_READINGS].desc(), *keys)
        .limit(min(most, MOST_SENSORS))
    )
    rows = connection.execute(query).all()
    why = "those with the most anomalies, then those with the most readings"
    return Choice(tuple(str(row[0]) for row in rows), total, why), [tuple(row[1:]) for row in rows]


def _require_all(connection: Connection, present: FromClause, names: Sequence[str], found: Sequence[str]) -> None:
    missing = [name for name in names if name not in {*found}]
    if not missing:
        return
    name, wrong = present.c[_NAME], missing[0].lower()
    candidates: list[str] = []
    # Of 100,000 names, those that begin alike.
    for begin in (wrong[: 2 * len(wrong) // 3], wrong[:1], ""):
        alike = func.lower(name).startswith(begin, autoescape=True)
        candidates = candidates or list(connection.scalars(select(name).where(alike).order_by(name).limit(_CANDIDATES)))
    raise ParameterError(
        f"No sensor {missing[0]!r} has readings in this period.", remedy=suggestion(missing[0], candidates)
    )


def is_of_sensors(contract: EvolvedContract, table: Table, sensors: Sequence[tuple[Any, ...]]) -> ColumnElement[bool]:
    """Whether a row of the table is a reading of one of some sensors."""
    conditions = (
        and_(*(table.c[name] == value for name, value in zip(contract.sensor, values, strict=True)))
        for values in sensors
    )
    return or_(false(), *conditions)
