"""What is derived from the readings of a feed: windows, statistics, anomalies."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response
from sqlalchemy import BigInteger, cast, select

from etl.api.dependencies import Database
from etl.api.formats import STREAMED
from etl.api.models import Anomaly, Page, Statistic, Window
from etl.api.pages import Paging, answer
from etl.api.problems import Problem, describe
from etl.api.selection import WITHOUT_NULL, LoadedFeed, Period, SensorName, is_sensor, one_of
from etl.contract.model import WINDOW_FIGURES, EvolvedContract, Windows
from etl.database import DOUBLE
from etl.database.schema.tables.audit_tables import etl_anomaly, etl_log
from etl.database.schema.view_queries import statistics_view
from etl.database.schema.windows import table_of_size

router = APIRouter(prefix="/feeds", tags=["derived"])

Measure = Annotated[str | None, Query(max_length=64, pattern=WITHOUT_NULL, description="only this measure")]


@router.get("/{feed}/windows", response_model=Page[Window], responses=STREAMED | describe(404))
def list_windows(
    contract: LoadedFeed,
    connection: Database,
    paging: Paging,
    times: Period,
    size: Annotated[
        str | None, Query(max_length=20, description="such as 5m or 1d; by default the smallest of the feed")
    ] = None,
    sensor: SensorName = None,
    measure: Measure = None,
) -> Response:
    """Count, minimum, maximum, average and deviation per window of time, sensor and measure, the oldest windows first."""
    windows = _windows(contract)
    sizes = [name for name, _ in windows.sizes]
    table = table_of_size(contract, windows, one_of(size or sizes[0], sizes, "size of windows"))
    query = select(table).where(*times.include(table.c.window_start), *is_sensor(contract, table, windows.key, sensor))
    if measure is not None:
        query = query.where(table.c.measure == one_of(measure, windows.measures, "measure with windows"))
    order = [table.c[name] for name in ("window_start", *windows.key, "measure")]
    return answer(connection, query, order, paging, {"feed": contract.feed})


@router.get("/{feed}/statistics", response_model=Page[Statistic], responses=STREAMED | describe(404))
def list_statistics(
    contract: LoadedFeed, connection: Database, paging: Paging, sensor: SensorName = None, measure: Measure = None
) -> Response:
    """Count, minimum, maximum, average and deviation per sensor and measure over all time."""
    windows = _windows(contract)
    rows = statistics_view(contract).subquery("statistics")
    # A sum of whole numbers is of another type in each database.
    figures = [cast(rows.c[name], BigInteger if name == "count" else DOUBLE).label(name) for name in WINDOW_FIGURES]
    query = select(*(rows.c[name] for name in (*windows.key, "measure")), *figures).where(
        *is_sensor(contract, rows, windows.key, sensor)
    )
    if measure is not None:
        query = query.where(rows.c.measure == one_of(measure, windows.measures, "measure with windows"))
    order = [rows.c[name] for name in (*windows.key, "measure")]
    return answer(connection, query, order, paging, {"feed": contract.feed})


@router.get("/{feed}/anomalies", response_model=Page[Anomaly], responses=STREAMED | describe(404))
def list_anomalies(
    contract: LoadedFeed,
    connection: Database,
    paging: Paging,
    times: Period,
    sensor: SensorName = None,
    measure: Measure = None,
    min_score: Annotated[
        float, Query(ge=0, allow_inf_nan=False, description="only those with at least this score")
    ] = 0.0,
) -> Response:
    """Readings that do not fit what their sensor sent before, and the cycles that loaded them, the oldest first."""
    anomaly = etl_anomaly.c
    query = (
        select(*(each for each in anomaly if each.name not in ("feed", "log_id")), etl_log.c.cycle_id)
        .join_from(etl_anomaly, etl_log, etl_log.c.log_id == anomaly.log_id)
        .where(anomaly.feed == contract.feed, anomaly.score >= min_score, *times.include(anomaly.event_time))
    )
    for each, wanted in ((anomaly.sensor, sensor), (anomaly.measure, measure)):
        if wanted is not None:
            query = query.where(each == wanted)
    return answer(connection, query, [anomaly.event_time, anomaly.anomaly_id], paging, {"feed": contract.feed})


def _windows(contract: EvolvedContract) -> Windows:
    """:raises Problem: the feed has none."""
    if contract.windows is None:
        raise Problem(
            404,
            f"Feed {contract.feed} has no windows.",
            remedy="The contract's `windows` names sizes and measures (docs/contracts.md).",
        )
    return contract.windows
