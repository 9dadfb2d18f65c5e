"""What the API says of feeds, sensors and what is derived, compared with the tables and views of the database."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from pydantic import BaseModel, TypeAdapter

from etl.api.models import Anomaly, FeedContract, FeedState, Latest, Page, SilentSensor, Statistic, Window
from etl.api.routes.latest import newest_readings
from etl.contract.model import EvolvedContract
from etl.database import make_engine, transaction
from tests.support.api import Api, api, new_token
from tests.support.incidents import reported
from tests.support.readings import load_readings, reading, series
from tests.support.rooms import Rooms
from tests.support.stack import Project

__all__ = ["api"]

FEED = "/feeds/sensor_readings"


@pytest.fixture
def client(api: Api) -> Iterator[httpx.Client]:
    with api.client(new_token(api.project.settings)) as opened:
        yield opened


def get(client: httpx.Client, path: str, **parameters: Any) -> Any:
    answer = client.get(path, params=parameters)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    return answer.json()


def pages(client: httpx.Client, path: str, **parameters: Any) -> list[dict[str, Any]]:
    """The rows of all pages."""
    rows: list[dict[str, Any]] = []
    while True:
        page = get(client, path, **parameters)
        assert len(page["rows"]) <= parameters.get("limit", 10_000)
        rows += page["rows"]
        if page["next"] is None:
            return rows
        parameters["after"] = page["next"]


def parsed(model: type[BaseModel], answer: Any) -> dict[str, Any]:
    """An answer as the document describes it."""
    return model.model_validate(answer).model_dump()


def test_feeds_are_listed_with_how_fresh_they_are(project: Project, client: httpx.Client) -> None:
    load_readings(project, reported(datetime.now(UTC) - timedelta(seconds=30), [1, 2], [0, 10]))
    states = TypeAdapter(list[FeedState]).validate_python(get(client, "/feeds"))
    assert [state.feed for state in states] == sorted(state.feed for state in states)
    by_name = {state.feed: state for state in states}
    loaded = by_name["sensor_readings"]
    assert loaded.freshness == "FRESH"
    assert loaded.age_seconds is not None
    assert 0 < loaded.age_seconds < 600
    assert loaded.source == project.contract.source.in_words
    assert (loaded.sensors_expected, loaded.sensors_seen) == (100, 2)
    assert by_name["room_temperatures"].freshness == "NO READINGS"


def test_a_feed_is_shown_with_what_its_contract_says(project: Project, client: httpx.Client) -> None:
    load_readings(project, [reading(1, "09:00:00")])
    feed = FeedContract.model_validate(get(client, FEED))
    assert feed.sensor == ["sensor_id"]
    assert feed.event_time == "timestamp"
    assert feed.window_sizes == ["5m", "1d"]
    assert feed.measures == ["temperature", "humidity"]
    assert feed.columns["properties"]["temperature"]["maximum"] == 60


def test_the_latest_reading_of_each_sensor_is_that_of_the_view(project: Project, client: httpx.Client) -> None:
    load_readings(
        project, [reading(sensor, f"09:{minute:02d}:00", minute) for minute in range(5) for sensor in (3, 1, 12)]
    )
    load_readings(project, [reading(1, "08:00:00"), reading(12, "10:00:00", None)])
    answer = parsed(Latest, get(client, f"{FEED}/latest"))
    names = ("sensor_id", "temperature", "humidity")
    view = project.sql(f"SELECT {', '.join(names)}, timestamp FROM v_sensor_data_latest ORDER BY sensor_id")
    rows = answer["rows"]
    assert [(*(row["values"][name] for name in names), row["event_time"]) for row in rows] == view
    assert [row["sensor"] for row in rows] == ["1", "3", "12"]
    assert answer["latency_seconds"] == project.contract.freshness_seconds
    for row in rows:
        assert datetime.fromisoformat(row["values"]["timestamp"]) == row["event_time"]
        assert row["is_stale"] is True
        assert row["age_seconds"] == pytest.approx((datetime.now(UTC) - row["event_time"]).total_seconds(), abs=60)
        assert row["source"]["name"] == project.topic


def test_a_sensor_that_reports_is_not_stale(project: Project, client: httpx.Client) -> None:
    loaded = load_readings(project, reported(datetime.now(UTC) - timedelta(seconds=30), [1], [0]))
    (row,) = parsed(Latest, get(client, f"{FEED}/latest"))["rows"]
    assert row["is_stale"] is False
    assert row["cycle_id"] == loaded.cycle_id


def test_latest_readings_come_in_pages_and_one_by_one(project: Project, client: httpx.Client) -> None:
    load_readings(project, [reading(sensor, "09:00:00") for sensor in range(1, 8)])
    rows = pages(client, f"{FEED}/latest", limit=3)
    assert [row["sensor"] for row in rows] == ["1", "2", "3", "4", "5", "6", "7"]
    (row,) = get(client, f"{FEED}/latest", sensor="5")["rows"]
    assert row["values"]["sensor_id"] == 5
    assert get(client, f"{FEED}/latest", sensor="no such sensor")["rows"] == []


def test_of_readings_at_the_same_time_the_last_in_its_source_is_the_latest(
    client: httpx.Client, project: Project
) -> None:
    rooms = Rooms(project)
    rooms.drop(
        "a.csv", "r1,Room,08-12-2018 09:00,20,In", "r2,Room,08-12-2018 09:00,21,In", "r3,Room/2,08-12-2018 09:00,1,Out"
    )
    rooms.cycle()
    answer = parsed(Latest, get(client, "/feeds/room_temperatures/latest"))
    assert {row["sensor"]: row["values"]["id"] for row in answer["rows"]} == {"Room/In": "r2", "Room/2/Out": "r3"}
    assert answer["rows"][0]["source"] == {"name": "a.csv", "partition": 0, "offset": 3, "item": 0}
    assert answer["units"] == {"temp": "°C"}
    (row,) = get(client, "/feeds/room_temperatures/latest", sensor="Room/2/Out")["rows"]
    assert row["values"]["id"] == "r3"


@pytest.mark.postgresql
def test_the_latest_reading_is_searched_for_in_the_index(project: Project) -> None:
    load_readings(project, [reading(sensor, "09:00:00") for sensor in range(1, 50)])
    with project.stack.connect(project.database, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO sensor_data SELECT sensor_id, temperature, humidity, sensor_data.timestamp + n * interval '1 s',"
            " source_id, source_partition, 1000 + source_offset + 100 * n, source_item, log_id, NULL"
            " FROM sensor_data, generate_series(1, 1000) AS n"
        )
        connection.execute("VACUUM ANALYZE")
    engine = make_engine(project.settings)
    query = newest_readings(EvolvedContract.of(project.contract), None, None, 10_000)
    with transaction(engine) as connection:
        text = str(query.compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True}))
        plan = "\n".join(connection.exec_driver_sql(f"EXPLAIN {text}").scalars())
    engine.dispose()
    assert "Seq Scan on sensor_data " not in plan, plan
    assert "Index Scan Backward" in plan, plan


def test_windows_and_statistics_are_those_of_the_database(project: Project, client: httpx.Client) -> None:
    load_readings(project, series(40))
    rows = parsed(Page[Window], {"feed": "", "rows": pages(client, f"{FEED}/windows", limit=7), "next": None})["rows"]
    names = ("window_start", "sensor_id", "measure", "count", "min", "max", "avg", "stddev")
    table = project.sql(f"SELECT {', '.join(names)} FROM sensor_data_5m ORDER BY window_start, sensor_id, measure")
    assert [tuple(row[name] for name in names) for row in rows] == table

    days = get(client, f"{FEED}/windows", size="1d", sensor="2", measure="humidity")["rows"]
    assert [(row["sensor_id"], row["measure"], row["count"]) for row in days] == [(2, "humidity", 40)]
    part = {"from": "2025-06-15T10:10:00Z", "to": "2025-06-15T10:20:00Z", "sensor": "1", "measure": "temperature"}
    starts = [row["window_start"] for row in get(client, f"{FEED}/windows", **part)["rows"]]
    assert starts == ["2025-06-15T10:10:00Z", "2025-06-15T10:15:00Z"]

    found = pages(client, f"{FEED}/statistics", limit=3)
    assert len(found) == 4
    parsed(Page[Statistic], {"feed": "", "rows": found, "next": None})
    view = project.sql("SELECT sensor_id, measure, count, min, max FROM v_sensor_data_statistics ORDER BY 1, 2")
    assert [tuple(row[name] for name in ("sensor_id", "measure", "count", "min", "max")) for row in found] == view


def test_anomalies_are_chosen_by_time_score_and_sensor(project: Project, client: httpx.Client) -> None:
    loaded = load_readings(project, series(60, spike_at=45))
    rows = parsed(Page[Anomaly], get(client, f"{FEED}/anomalies"))["rows"]
    kept = project.sql("SELECT anomaly_id, score FROM etl_anomaly ORDER BY event_time, anomaly_id")
    assert [(row["anomaly_id"], row["score"]) for row in rows] == kept
    worst = max(rows, key=lambda row: float(row["score"]))
    assert (worst["sensor"], worst["measure"], worst["cycle_id"]) == ("2", "temperature", loaded.cycle_id)
    assert worst["event_time"] == datetime(2025, 6, 15, 10, 45, tzinfo=UTC)
    (one,) = get(client, f"{FEED}/anomalies", min_score=worst["score"])["rows"]
    assert one["anomaly_id"] == worst["anomaly_id"]
    assert get(client, f"{FEED}/anomalies", sensor="1", min_score=worst["score"])["rows"] == []
    assert get(client, f"{FEED}/anomalies", to="2025-06-15T10:00:00Z")["rows"] == []


def test_silent_sensors_are_those_of_the_view(project: Project, client: httpx.Client) -> None:
    project.etl("init")
    begin = datetime.now(UTC) - timedelta(minutes=20)
    load_readings(project, reported(begin, [1, 2, 3], range(0, 60, 10)))
    load_readings(project, reported(begin, [1], range(60, 1200, 10)))
    rows = parsed(Page[SilentSensor], get(client, f"{FEED}/silent"))["rows"]
    view = project.sql("SELECT sensor, last_event_time, value FROM v_etl_silent ORDER BY sensor")
    assert [row["sensor"] for row in rows] == ["2", "3"]
    assert [(row["sensor"], row["last_event_time"], row["value"]) for row in rows] == view


@pytest.mark.parametrize("path", ["latest", "readings", "windows", "statistics", "anomalies", "silent"])
def test_a_feed_without_tables_and_one_that_there_is_not_are_not_found(client: httpx.Client, path: str) -> None:
    missing = client.get(f"/feeds/room_temperatures/{path}")
    assert missing.status_code == 404
    assert "python -m etl run room_temperatures" in missing.json()["remedy"]
    for name in ("nobody", "..%2F..%2Fetc%2Fpasswd", "sensor_readings%00", "sensor_readings%20"):
        answer = client.get(f"/feeds/{name}/{path}")
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"
