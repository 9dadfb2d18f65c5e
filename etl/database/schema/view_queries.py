"""The queries of a feed's own views."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Select,
    Table,
    Values,
    and_,
    cast,
    column,
    func,
    literal_column,
    select,
    values,
)

from etl.contract.model import EvolvedContract
from etl.database import DOUBLE, for_each, seconds_since, text_of
from etl.database.schema.feed_table import feed_table
from etl.database.schema.sensor_name import sensor_name_in_sql
from etl.database.schema.tables.audit_tables import etl_log, etl_source
from etl.database.schema.windows import pooled_deviation, window_tables


def readings_view(table: Table) -> Select[Any]:
    """The feed's rows with the names of their source and cycle."""
    return (
        select(
            *table.columns,
            etl_source.c.name.label("source_name"),
            etl_log.c.cycle_id,
            etl_log.c.end_time.label("loaded_at"),
        )
        .join(etl_source, etl_source.c.source_id == table.c.source_id)
        .join(etl_log, etl_log.c.log_id == table.c.log_id, isouter=True)
    )


def latest_view(contract: EvolvedContract, table: Table, names: Iterable[str] = ()) -> Select[Any]:
    """The newest reading of each sensor, found by the index on sensor and time.

    :param names: only these columns.
    """
    shown = [table.c[name] for name in names] or [*table.columns]
    time = contract.event_time.column
    keys = contract.sensor
    same_key = contract.windows is not None and contract.windows.key == keys
    # The sensors come from the largest windows, which are few, instead of from all readings.
    with_sensors = list(window_tables(contract))[-1] if same_key else table
    sensors = select(*(with_sensors.c[name] for name in keys)).distinct().subquery("sensors")
    other = table.alias("other")
    newest = (
        select(func.max(other.c[time]))
        .where(*(other.c[name] == sensors.c[name] for name in keys))
        .correlate(sensors)
        .scalar_subquery()
    )
    moments = select(*(sensors.c[name] for name in keys), newest.label(_NEWEST)).subquery("newest moments")
    place = [table.c[name].desc() for name in ("source_id", "source_partition", "source_offset", "source_item")]
    number = func.row_number().over(partition_by=[table.c[name] for name in keys], order_by=place).label(_PLACE)
    same = and_(*(table.c[name] == moments.c[name] for name in keys), table.c[time] == moments.c[_NEWEST])
    ranked = select(*shown, number).join(moments, same).subquery("ranked")
    return select(*(ranked.c[column.name] for column in shown)).where(ranked.c[_PLACE] == 1)


def statistics_view(contract: EvolvedContract) -> Select[Any]:
    """Count, minimum, maximum, average and sample deviation per sensor and measure, pooled from the largest windows."""
    table = list(window_tables(contract))[-1]
    window = table.c
    keys = [window[name] for name in (contract.windows.key if contract.windows else ())]
    by = [*keys, window.measure]
    total: ColumnElement[Any] = func.sum(window.count)
    mean = select(*by, (func.sum(window.avg * window.count) / total).label("avg")).group_by(*by).subquery("mean")
    same = and_(*(column == mean.c[column.name] for column in by))
    return (
        select(
            *by,
            total.label("count"),
            func.min(window["min"]).label("min"),
            func.max(window["max"]).label("max"),
            mean.c.avg,
            pooled_deviation(window, mean.c.avg).label("stddev"),
        )
        .select_from(table.join(mean, same))
        .group_by(*by, mean.c.avg)
    )


def windows_view(contract: EvolvedContract) -> Select[Any]:
    """The smallest windows of a feed."""
    window = next(window_tables(contract)).c
    return select(
        constant_text(contract.feed, 64).label("feed"),
        sensor_name_in_sql(window[name] for name in (contract.windows.key if contract.windows else ())).label("sensor"),
        window.measure,
        window.window_start,
        window.count.label("readings"),
        # Means of windows must be weighted: sum(total) / sum(readings).
        (window.avg * window.count).label("total"),
        window["min"].label("lowest"),
        window["max"].label("highest"),
        window.stddev.label("deviation"),
    )


def latest_values(contract: EvolvedContract) -> Select[Any]:
    """The newest value of each sensor and measure. The newest readings are looked for once, whatever they measure."""
    measures, at = contract.windows.measures if contract.windows else (), contract.event_time.column
    names = dict.fromkeys([*contract.sensor, at, *measures])
    newest = latest_view(contract, feed_table(contract), names).subquery("newest")
    time = newest.c[at]
    long = _measured(contract, newest, _LONG)
    return (
        select(
            constant_text(contract.feed, 64).label("feed"),
            sensor_name_in_sql(newest.c[name] for name in contract.sensor).label("sensor"),
            long.c.measure,
            long.c.value,
            time.label("event_time"),
            seconds_since(time).label("age_seconds"),
        )
        .select_from(for_each(newest, long))
        .where(long.c.value.is_not(None))
    )


def values_view(contract: EvolvedContract) -> Select[Any]:
    """Every value of a feed: a row per reading and measure, with the place where it came from.

    Sensors get their names where they are few, in the largest windows: so a filter on a name leads to the index on sensor and
    time, while one on the time alone leads to that on the time.
    """
    table, keys = feed_table(contract), contract.sensor
    readings: FromClause = table
    name: ColumnElement[str] = sensor_name_in_sql(table.c[key] for key in keys)
    if contract.windows is not None and contract.windows.key == keys:
        largest = list(window_tables(contract))[-1]
        sensor = [largest.c[key] for key in keys]
        known = select(*sensor, sensor_name_in_sql(sensor).label(_NAME)).distinct().subquery("known sensors")
        readings = table.join(known, and_(*(table.c[key] == known.c[key] for key in keys)))
        name = known.c[_NAME]
    long = _measured(contract, table, _EACH)
    return (
        select(
            constant_text(contract.feed, 64).label("feed"),
            name.label("sensor"),
            table.c[contract.event_time.column].label("event_time"),
            long.c.measure,
            long.c.value,
            table.c.log_id,
            *(table.c[place] for place in ("source_id", "source_partition", "source_offset", "source_item")),
        )
        .select_from(for_each(readings, long))
        .where(long.c.value.is_not(None))
    )


def _measured(contract: EvolvedContract, readings: FromClause, name: str) -> Values:
    """The measures of each of some readings, a row each, as `measure` and `value`; with the name of this part of a query."""
    measures = contract.windows.measures if contract.windows else ()
    long = values(column("measure", text_of(64)), column("value", DOUBLE), name=name)
    return long.data(
        [(constant_text(measure, 64), cast(readings.c[measure], DOUBLE)) for measure in measures]
    ).lateral()


def constant_text(value: str, length: int) -> ColumnElement[str]:
    """A feed's or a column's own name; contracts allow letters, digits and _ in it."""
    return cast(literal_column(f"'{value}'"), text_of(length))


# A space, so that no column of a contract is called the same.
_NEWEST, _PLACE, _NAME = "newest time", "row number", "sensor name"
_LONG, _EACH = "newest values", "each value"
