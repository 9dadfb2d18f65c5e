"""The latest reading of each sensor, as an application asks for the state of a device."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from operator import itemgetter
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from sqlalchemy import Column, Connection, Row, Select, select

from etl.api.dependencies import Database
from etl.api.formats import json_response
from etl.api.models import Latest
from etl.api.pages import MOST_ROWS, After, cursor_of, page_of, rows_of_page
from etl.api.problems import describe
from etl.api.selection import COORDINATES, LoadedFeed, SensorName, is_sensor
from etl.contract.model import EvolvedContract
from etl.database import for_each, in_batches
from etl.database.schema.feed_table import feed_table
from etl.database.schema.sensor_name import sensor_name
from etl.database.schema.silence import has_known_sensors
from etl.database.schema.tables.audit_tables import etl_log, etl_source
from etl.database.schema.windows import window_tables

router = APIRouter()

# With a space, so that no column of a contract is called the same.
_SENSORS, _READINGS, _NEWEST = "page of sensors", "readings of one", "newest of one"


@router.get("/{feed}/latest", response_model=Latest, responses=describe(404))
def latest(
    contract: LoadedFeed,
    connection: Database,
    sensor: SensorName = None,
    limit: Annotated[int, Query(ge=1, le=MOST_ROWS, description="most sensors; a page may have fewer")] = MOST_ROWS,
    after: After = None,
) -> Response:
    """The latest reading of each sensor, in the order of the sensors: how old it is, against what the contract promises."""
    most = rows_of_page(limit, len(contract.columns))
    newest = _one_each(contract, connection.execute(newest_readings(contract, sensor, after, most + 1)).all())
    shown = newest[:most]
    following = cursor_of([shown[-1]._mapping[name] for name in contract.sensor]) if len(newest) > most else None
    source_place = len(contract.column_names)
    sources = _texts(connection, etl_source.c.source_id, etl_source.c.name, {row[source_place] for row in shown})
    cycles = _texts(connection, etl_log.c.log_id, etl_log.c.cycle_id, {row[-1] for row in shown})
    now = datetime.now(UTC)
    return json_response(
        {
            "feed": contract.feed,
            "latency_seconds": contract.freshness_seconds,
            "units": {column.name: column.unit for column in contract.columns if column.unit},
            "rows": list(_described(contract, shown, sources, cycles, now)),
            "next": following,
        }
    )


def newest_readings(contract: EvolvedContract, sensor: str | None, after: str | None, limit: int) -> Select[Any]:
    """Each sensor's newest reading, by one search in the index on sensor and time; all of them where several are equally new."""
    table = feed_table(contract)
    # Sensors come from the largest windows, which are few, instead of from all readings.
    known = list(window_tables(contract))[-1] if has_known_sensors(contract) else table
    keys = [known.c[name] for name in contract.sensor]
    sensors = (
        page_of(select(*keys).where(*is_sensor(contract, known, contract.sensor, sensor)).distinct(), keys, after)
        .limit(limit)
        .subquery(_SENSORS)
    )
    one = table.alias(_READINGS)
    newest = (
        select(*(one.c[name] for name in (*contract.column_names, *COORDINATES, "log_id")))
        .where(*(one.c[name] == sensors.c[name] for name in contract.sensor))
        .order_by(one.c[contract.event_time.column].desc())
        .fetch(1, with_ties=True)
        .correlate(sensors)
        .lateral(_NEWEST)
    )
    return select(*newest.c).select_from(for_each(sensors, newest)).order_by(*sensors.c)


def _one_each(contract: EvolvedContract, rows: Iterable[Row[Any]]) -> list[Row[Any]]:
    """One reading of each sensor, as `v_<table>_latest` has it: of several at the same time, the last one in its source."""
    sensor_of = itemgetter(*(contract.column_names.index(name) for name in contract.sensor))
    first = len(contract.column_names)
    coordinates = slice(first, first + len(COORDINATES))
    newest: dict[Any, Row[Any]] = {}
    for row in rows:
        key = sensor_of(row)
        if key not in newest or row[coordinates] > newest[key][coordinates]:
            newest[key] = row
    return list(newest.values())


def _described(
    contract: EvolvedContract,
    rows: Iterable[Row[Any]],
    sources: dict[int, str],
    cycles: dict[int, str],
    now: datetime,
) -> Iterator[dict[str, Any]]:
    names, promised = contract.column_names, contract.freshness_seconds
    places = [names.index(name) for name in contract.sensor]
    time_place, first = names.index(contract.event_time.column), len(names)
    for row in rows:
        source_id, partition, offset, item, log_id = row[first:]
        moment: datetime = row[time_place]
        age = (now - moment).total_seconds()
        yield {
            "sensor": sensor_name([row[place] for place in places]),
            "event_time": moment,
            "age_seconds": age,
            "is_stale": None if promised is None else age > promised,
            "values": dict(zip(names, row, strict=False)),
            "source": {"name": sources.get(source_id), "partition": partition, "offset": offset, "item": item},
            "cycle_id": cycles.get(log_id),
        }


def _texts(connection: Connection, number: Column[int], text: Column[str], wanted: Iterable[int]) -> dict[int, str]:
    """The texts that belong to some numbers: one short query, where a join would search once for each sensor."""
    found: dict[int, str] = {}
    for batch in in_batches(wanted):
        found.update((row[0], row[1]) for row in connection.execute(select(number, text).where(number.in_(batch))))
    return found
