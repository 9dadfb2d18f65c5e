"""Sensors that are silent now: the queries behind the view `v_etl_silent`, and behind the incidents of a load.

A sensor is silent when its last reading is more than some of its intervals ago (`alerts.silentAfterIntervals` of the contract,
3 by default). Its interval is that of the contract's fleet; without one, the median of the gaps between its last readings.

Readings come with cycles, and every one of them is as old as its way through the jobs is long. So silence is not counted up to
now, but up to the feed's newest reading: while the other sensors go on, the one that stops is seen with the next load. Where the
whole feed stops, it is counted up to the moment from which on the contract promises readings (its `latency`).

Sensors are looked up in the feed's largest windows, and their readings along the index on sensor and time: however many
readings there are, a few of each sensor are read. Feeds without windows per sensor are left out.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, FromClause, Select, Subquery, and_, case, cast, func, literal_column, select

from etl.contract.model import EvolvedContract
from etl.database import DOUBLE, for_each, seconds_since
from etl.database.schema.feed_table import feed_table
from etl.database.schema.sensor_name import sensor_name_in_sql
from etl.database.schema.view_queries import constant_text
from etl.database.schema.windows import window_tables

# With a space, so that no column of a contract is called the same.
SENSOR, NEWEST, AGE, INTERVAL = "sensor name", "newest time", "age seconds", "usual interval"
"""Columns of `silent_sensors`: name, time of the last reading, seconds since then, seconds between readings."""
_LEAST_AGE, _TIME, _GAP, _PLACE, _GAPS = "least age", "reading time", "gap seconds", "gap number", "number of gaps"

_MOST_READINGS = 20
"""How many of a sensor's last readings tell its interval."""
_FEWEST_GAPS = 4


def has_known_sensors(contract: EvolvedContract) -> bool:
    """Whether a feed's sensors are known without a look at all of its readings: it has windows per sensor."""
    return contract.windows is not None and contract.windows.key == contract.sensor


def silence_view(contract: EvolvedContract) -> Select[Any]:
    """The feed's part of `v_etl_silent`, with the last value of its first measure."""
    assert contract.windows is not None
    measure = contract.windows.measures[0]
    silent = silent_sensors(contract).subquery("silent sensors")
    last = feed_table(contract).alias("last readings")
    value = (
        select(func.max(cast(last.c[measure], DOUBLE)))
        .where(_same_sensor(contract, last, silent), last.c[contract.event_time.column] == silent.c[NEWEST])
        .correlate(silent)
        .scalar_subquery()
    )
    return select(
        constant_text(contract.feed, 64).label("feed"),
        silent.c[SENSOR].label("sensor"),
        silent.c[NEWEST].label("last_event_time"),
        constant_text(measure, 64).label("measure"),
        value.label("value"),
        silent.c[INTERVAL].label("interval_seconds"),
        silent.c[AGE].label("silent_seconds"),
        (silent.c[AGE] / silent.c[INTERVAL]).label("intervals"),
    )


def silent_sensors(contract: EvolvedContract) -> Select[Any]:
    """The sensors of a feed that are silent now: their columns, and SENSOR, NEWEST, AGE and INTERVAL.

    The feed's tables must exist, and `has_known_sensors` be true.
    """
    sensors = _ages(contract)
    if contract.fleet is None:
        sensors = _with_usual_intervals(contract, sensors)
        interval: ColumnElement[float] = sensors.c[INTERVAL]
    else:
        interval = _number(contract.fleet.interval_seconds)
    age = sensors.c[AGE]
    expected: ColumnElement[float] = sensors.c[_LEAST_AGE]
    if contract.freshness_seconds is not None:
        promised = _number(contract.freshness_seconds)
        expected = case((expected > promised, promised), else_=expected)
    keys = [sensors.c[name] for name in contract.sensor]
    return select(
        *keys,
        sensor_name_in_sql(keys).label(SENSOR),
        sensors.c[NEWEST],
        age,
        interval.label(INTERVAL),
    ).where(age - expected > _number(contract.alerts.silent_intervals) * interval)


def _ages(contract: EvolvedContract) -> Subquery:
    """How old each sensor's newest reading is, and the least age of all of them."""
    largest = list(window_tables(contract))[-1]
    sensors = select(*(largest.c[name] for name in contract.sensor)).distinct().subquery("known sensors")
    one = feed_table(contract).alias("one sensor")
    time = one.c[contract.event_time.column]
    newest = (
        select(func.max(time).label(NEWEST))
        .where(_same_sensor(contract, one, sensors))
        .correlate(sensors)
        .lateral("newest reading")
    )
    age = seconds_since(newest.c[NEWEST])
    # A sensor whose clock runs ahead does not make the others silent.
    least = func.min(case((age >= 0, age))).over()
    columns = (*sensors.c, newest.c[NEWEST], age.label(AGE), least.label(_LEAST_AGE))
    return select(*columns).select_from(for_each(sensors, newest)).subquery("sensor ages")


def _with_usual_intervals(contract: EvolvedContract, sensors: Subquery) -> Subquery:
    """The same for sensors with enough readings, with the median of the gaps between the last ones."""
    recent = feed_table(contract).alias("recent readings")
    time = recent.c[contract.event_time.column]
    times = (
        select(time.label(_TIME))
        .where(_same_sensor(contract, recent, sensors))
        .distinct()
        .order_by(time.desc())
        .limit(_MOST_READINGS)
        .correlate(sensors)
        .lateral("recent times")
    )
    keys = [sensors.c[name] for name in contract.sensor]
    before = func.lag(times.c[_TIME]).over(partition_by=keys, order_by=times.c[_TIME])
    gap = (seconds_since(before) - seconds_since(times.c[_TIME])).label(_GAP)
    gaps = select(*sensors.c, gap).select_from(for_each(sensors, times)).subquery("sensor gaps")

    keys = [gaps.c[name] for name in contract.sensor]
    place = func.row_number().over(partition_by=keys, order_by=gaps.c[_GAP]).label(_PLACE)
    number = func.count().over(partition_by=keys).label(_GAPS)
    ranked = select(*gaps.c, place, number).where(gaps.c[_GAP].is_not(None)).subquery("ranked gaps")

    # One gap in the middle, or two, whose mean is taken.
    is_middle = (ranked.c[_PLACE] * 2).between(ranked.c[_GAPS], ranked.c[_GAPS] + 2)
    own = [ranked.c[column.name] for column in sensors.c]
    median = func.avg(ranked.c[_GAP], type_=DOUBLE)
    return (
        # On SQL Server gaps are whole milliseconds: one of 0 is no interval.
        select(*own, case((median > 0, median)).label(INTERVAL))
        .where(ranked.c[_GAPS] >= _FEWEST_GAPS, is_middle)
        .group_by(*own)
        .subquery("usual intervals")
    )


def _same_sensor(contract: EvolvedContract, readings: FromClause, sensors: FromClause) -> ColumnElement[bool]:
    return and_(*(readings.c[name] == sensors.c[name] for name in contract.sensor))


def _number(value: float) -> ColumnElement[float]:
    """A number of the contract as a text, because a view is replaced when the texts in it change (`views._shows`).

    It is written as PostgreSQL shows it again.
    """
    return cast(literal_column(f"'{value:.15g}'"), DOUBLE)
