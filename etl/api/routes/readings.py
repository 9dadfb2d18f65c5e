"""The readings of a feed."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response
from sqlalchemy import select

from etl.api.dependencies import Database
from etl.api.formats import STREAMED
from etl.api.models import Page, Reading
from etl.api.pages import Paging, answer
from etl.api.problems import describe
from etl.api.selection import COORDINATES, LoadedFeed, Period, SensorName, is_sensor, one_of
from etl.contract.model import TABLE_COLUMNS, VIEW_COLUMNS, EvolvedContract
from etl.database.schema.feed_table import feed_table
from etl.database.schema.view_queries import readings_view

router = APIRouter(prefix="/feeds", tags=["readings"])

Columns = Annotated[
    str,
    Query(
        description="names with commas between them; by default those of the contract."
        f" Others are {', '.join((*TABLE_COLUMNS, *VIEW_COLUMNS))}"
    ),
]


@router.get("/{feed}/readings", response_model=Page[Reading], responses=STREAMED | describe(404))
def list_readings(
    contract: LoadedFeed,
    connection: Database,
    paging: Paging,
    times: Period,
    sensor: SensorName = None,
    columns: Columns = "",
) -> Response:
    """Readings, the oldest first. A page of all sensors is sorted by the database; of one sensor, or of a short time, it is fast.

    NDJSON, CSV and Parquet without `limit` have all readings, in the order in which they were loaded.
    """
    names = _chosen(contract, columns)
    table = feed_table(contract)
    rows = readings_view(table).subquery("readings") if set(names) & set(VIEW_COLUMNS) else table
    time = rows.c[contract.event_time.column]
    query = select(*(rows.c[name] for name in names)).where(
        *times.include(time), *is_sensor(contract, rows, contract.sensor, sensor)
    )
    order = [time, *(rows.c[name] for name in COORDINATES)]
    return answer(connection, query, order, paging, {"feed": contract.feed})


def _chosen(contract: EvolvedContract, text: str) -> list[str]:
    """The columns that a request names, each once.

    :raises Problem: one is not known.
    """
    known = (*contract.column_names, *TABLE_COLUMNS, *VIEW_COLUMNS)
    names = dict.fromkeys(name.strip() for name in text.split(",") if name.strip())
    return [one_of(name, known, "column") for name in names] or list(contract.column_names)
