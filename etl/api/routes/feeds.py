"""The feeds: what their contracts promise, how fresh they are, and which of their sensors are silent."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from sqlalchemy import Connection, Integer, column, select, table

from etl.api.dependencies import Database, EvolvedFeed
from etl.api.formats import STREAMED
from etl.api.models import FeedContract, FeedState, Page, SilentSensor, reading_model
from etl.api.pages import Paging, answer
from etl.api.problems import Problem, describe
from etl.api.routes import latest
from etl.api.selection import LoadedFeed
from etl.contract.reader import Contract
from etl.database import DOUBLE, MOMENT, text_of
from etl.database.schema.silence import has_known_sensors, silence_view

router = APIRouter(prefix="/feeds", tags=["feeds"])
router.include_router(latest.router)

_FRESHNESS = table(
    "v_etl_freshness",
    column("feed", text_of(64)),
    column("last_event_time", MOMENT),
    column("age_seconds", DOUBLE),
    column("freshness", text_of(16)),
    column("sensors_seen", Integer),
)


@router.get("")
def list_feeds(request: Request, connection: Database) -> list[FeedState]:
    """All feeds, and how fresh each is."""
    contracts: dict[str, Contract] = request.app.state.contracts
    states = _states(connection)
    return [FeedState(**_described(contract, states)) for _, contract in sorted(contracts.items())]


@router.get("/{feed}", responses=describe(404))
def show_feed(contract: EvolvedFeed, connection: Database) -> FeedContract:
    """A feed: how fresh it is, its columns with their units and limits, and what else its contract says."""
    windows, fleet = contract.windows, contract.fleet
    return FeedContract(
        **_described(contract, _states(connection)),
        sensor=list(contract.sensor),
        event_time=contract.event_time.column,
        primary_key=list(contract.primary_key),
        window_sizes=[name for name, _ in windows.sizes] if windows else [],
        window_key=list(windows.key) if windows else [],
        measures=list(windows.measures) if windows else [],
        anomaly_threshold=contract.anomalies.threshold if contract.anomalies else None,
        interval_seconds=fleet.interval_seconds if fleet else None,
        columns=reading_model(contract).model_json_schema(),
    )


@router.get("/{feed}/silent", response_model=Page[SilentSensor], responses=STREAMED | describe(404))
def list_silent_sensors(contract: LoadedFeed, connection: Database, paging: Paging) -> Response:
    """The sensors that have stopped while others go on, as `v_etl_silent` has them."""
    if not has_known_sensors(contract):
        raise Problem(
            404,
            f"Which sensors of feed {contract.feed} are silent is not known: it has no windows per sensor.",
            remedy="Let the contract have `windows` whose `key` is that of `sensor`.",
        )
    silent = silence_view(contract).subquery("silent").c
    query = select(*(each for each in silent if each.name != "feed"))
    return answer(connection, query, [silent.sensor, silent.last_event_time], paging, {"feed": contract.feed})


def _described(contract: Contract, states: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return {
        "feed": contract.feed,
        "description": contract.description,
        "version": contract.version,
        "source": contract.source.in_words,
        "table": contract.table,
        "latency_seconds": contract.freshness_seconds,
        "last_event_time": None,
        "age_seconds": None,
        "freshness": "NO READINGS",
        "sensors_expected": contract.fleet.sensors if contract.fleet else None,
        "sensors_seen": None,
        **states.get(contract.feed, {}),
    }


def _states(connection: Connection) -> dict[str, dict[str, Any]]:
    """How fresh each feed is, by name; feeds without tables are left out."""
    return {row["feed"]: dict(row) for row in connection.execute(select(_FRESHNESS)).mappings()}
