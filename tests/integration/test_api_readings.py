"""Readings by the API: the same rows in every format, page by page or as a stream, in little memory and with any parameter."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from etl.api.limits import AT_ONCE
from etl.api.models import Page, Reading, reading_model
from tests.support.api import Api, api, new_token
from tests.support.readings import load_readings, reading
from tests.support.rooms import HEADER, Rooms
from tests.support.stack import Project

__all__ = ["api"]

FEED = "/feeds/sensor_readings/readings"
ROOMS = "/feeds/room_temperatures/readings"
STREAMS = ("application/x-ndjson", "text/csv", "application/vnd.apache.parquet")
Rows = list[dict[str, Any]]


@pytest.fixture
def client(api: Api) -> Iterator[httpx.Client]:
    with api.client(new_token(api.project.settings)) as opened:
        yield opened


def ask(client: httpx.Client, path: str, accept: str = "application/json", **parameters: Any) -> httpx.Response:
    answer = client.get(path, params=parameters, headers={"Accept": accept})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].partition(";")[0] == accept
    return answer


def pages(client: httpx.Client, path: str, **parameters: Any) -> list[Rows]:
    found = []
    while True:
        page = ask(client, path, **parameters).json()
        found.append(page["rows"])
        if page["next"] is None:
            return found
        parameters["after"] = page["next"]


def in_every_format(client: httpx.Client, path: str, **parameters: Any) -> dict[str, Rows]:
    """The rows of each format as Python's values."""
    parquet = pq.read_table(io.BytesIO(ask(client, path, STREAMS[2], **parameters).content))
    moments = [field.name for field in parquet.schema if pa.types.is_timestamp(field.type)]
    lines = ask(client, path, STREAMS[0], **parameters).text.splitlines()
    texts = csv.DictReader(io.StringIO(ask(client, path, STREAMS[1], **parameters).text, newline=""))
    return {
        "json": [with_times(row, moments) for rows in pages(client, path, **parameters) for row in rows],
        "ndjson": [with_times(json.loads(line), moments) for line in lines],
        "csv": [{name: of_csv(text, parquet.schema.field(name).type) for name, text in row.items()} for row in texts],
        "parquet": parquet.to_pylist(),
    }


def with_times(row: dict[str, Any], names: list[str]) -> dict[str, Any]:
    return row | {name: datetime.fromisoformat(row[name]) for name in names if row[name] is not None}


def of_csv(text: str, kind: pa.DataType) -> Any:
    if text == "":
        return None
    if pa.types.is_timestamp(kind):
        return datetime.fromisoformat(text)
    if pa.types.is_boolean(kind):
        return {"t": True, "f": False}[text]
    if pa.types.is_floating(kind):
        return float(text)
    return int(text) if pa.types.is_integer(kind) else text


ROOM = '50% of "Room, 1"'


@pytest.fixture
def rooms(project: Project) -> Rooms:
    """A feed with texts that each format has to escape, and with columns that its table has gained, some without a value."""
    feed = Rooms(project)
    quoted = '"' + ROOM.replace('"', '""') + '"'
    feed.drop(
        "a.csv",
        f"r1,{quoted},08-12-2018 09:00,29.5,In,true,7,2018-12-08T09:00:01.25Z",
        f"r2,{quoted},08-12-2018 09:00,-1e-3,Out,,,",
        "r3,Wohnküche 🏠\\,08-12-2018 09:01,0,In,false,-1,2018-12-08T09:00:00Z",
        header=f"{HEADER},is_on,count,seen",
    )
    feed.cycle()
    return feed


def test_all_formats_have_the_same_rows(rooms: Rooms, client: httpx.Client) -> None:
    found = in_every_format(client, ROOMS)
    expected = [dict(zip(found["json"][0], row, strict=True)) for row in rooms.rows(", ".join(found["json"][0]))]
    assert len(expected) == 3
    assert [row["room"] for row in expected][:2] == [ROOM, ROOM]
    for name, rows in found.items():
        assert sorted(rows, key=lambda row: str(row["id"])) == expected, name


def test_all_formats_have_the_same_rows_of_a_sensor_and_of_all_columns(rooms: Rooms, client: httpx.Client) -> None:
    columns = (
        "source_offset,seen,is_on,count,temp,id,source_name,cycle_id,loaded_at,log_id,lateness_seconds,source_id,"
        "source_partition,source_item,room,noted_date,place"
    )
    found = in_every_format(client, ROOMS, sensor=f"{ROOM}/In", columns=columns)
    (row,) = found["json"]
    assert ",".join(row) == columns
    assert (row["id"], row["source_name"], row["source_offset"], row["is_on"]) == ("r1", "a.csv", 2, True)
    assert row["seen"] == "2018-12-08T09:00:01.25Z"
    assert all(rows == found["json"] for rows in found.values()), found
    reading_model(rooms.contract).model_validate(row)


def test_pages_have_every_reading_once_in_the_order_of_time(rooms: Rooms, client: httpx.Client) -> None:
    lines = [f"p{number},Room,08-12-2018 10:{number % 4:02d},20,In" for number in range(20)]
    rooms.drop("b.csv", *lines)
    rooms.cycle()
    found = pages(client, ROOMS, limit=3, sensor="Room/In")
    assert [len(rows) for rows in found] == [3] * 6 + [2]
    rows = [row for some in found for row in some]
    times = [row["noted_date"] for row in rows]
    assert times == sorted(times)
    assert sorted(row["id"] for row in rows) == sorted(line.partition(",")[0] for line in lines)
    Page[Reading].model_validate(ask(client, ROOMS).json())
    assert len(pages(client, ROOMS)) == 1


def test_a_stream_may_have_a_limit_and_a_beginning(rooms: Rooms, client: httpx.Client) -> None:
    page = ask(client, ROOMS, limit=2).json()
    for accept in STREAMS[:2]:
        first = ask(client, ROOMS, accept, limit=2).text
        rest = ask(client, ROOMS, accept, after=page["next"]).text
        assert [name in first for name in ("r1", "r2", "r3")] == [True, True, False]
        assert [name in rest for name in ("r1", "r2", "r3")] == [False, False, True]


def test_a_period_has_its_beginning_and_not_its_end(project: Project, client: httpx.Client) -> None:
    load_readings(project, [reading(1, f"09:{minute:02d}:00") for minute in range(5)])

    def minutes(since: str, until: str) -> list[str]:
        rows = ask(client, FEED, **{"from": since, "to": until}).json()["rows"]
        return [row["timestamp"][14:16] for row in rows]

    assert minutes("2025-06-15T09:01:00Z", "2025-06-15T09:03:00Z") == ["01", "02"]
    assert minutes("2025-06-15T11:01:00+02:00", "2025-06-15 09:03") == ["01", "02"]
    assert minutes("2025-06-15T09:03:00Z", "2025-06-15T09:03:00Z") == []


def test_without_readings_every_format_is_a_whole_document(project: Project, client: httpx.Client) -> None:
    load_readings(project, [reading(1, "09:00:00")])
    found = in_every_format(client, FEED, sensor="2")
    assert found == {"json": [], "ndjson": [], "csv": [], "parquet": []}
    assert ask(client, FEED, STREAMS[1], sensor="2").text == "sensor_id,temperature,humidity,timestamp\n"


@pytest.mark.parametrize(
    ("parameters", "status"),
    [
        ({"sensor": "\x00"}, 422),
        ({"sensor": ""}, 422),
        ({"sensor": "9" * 200}, 200),
        ({"sensor": "9" * 201}, 422),
        ({"sensor": "1'; DROP TABLE sensor_data; --"}, 200),
        ({"sensor": "%s %(a)s :a \\ ' \" 🏠"}, 200),
        ({"columns": "temprature"}, 422),
        ({"columns": "temperature,temperature"}, 200),
        ({"columns": "raw"}, 422),
        ({"columns": "temperature;--"}, 422),
        ({"columns": " , "}, 200),
        ({"from": "0001-01-01T00:00:00+14:00"}, 422),
        ({"from": "0001-01-01T00:00:00Z", "to": "9999-12-31T23:59:59.999999Z"}, 200),
        ({"from": "yesterday"}, 422),
        ({"limit": "0"}, 422),
        ({"limit": "10001"}, 422),
        ({"after": "x"}, 422),
        ({"after": "\x00"}, 422),
    ],
)
def test_no_parameter_makes_the_server_fail(
    project: Project, client: httpx.Client, parameters: dict[str, str], status: int
) -> None:
    load_readings(project, [reading(1, "09:00:00")])
    for accept in ("application/json", *STREAMS):
        answer = client.get(FEED, params=parameters, headers={"Accept": accept})
        assert answer.status_code == status, answer.text
        if status != 200:
            assert answer.json()["remedy"]
    assert project.value("SELECT count(*) FROM sensor_data") == 1


def test_a_format_that_there_is_not_is_refused(project: Project, client: httpx.Client) -> None:
    load_readings(project, [reading(1, "09:00:00")])
    answer = client.get(FEED, headers={"Accept": "text/html"})
    assert answer.status_code == 406
    assert "text/csv" in answer.json()["remedy"]


def fill(project: Project, rows: int) -> None:
    """Many readings, faster than by a load; they have no windows."""
    load_readings(project, [reading(1, "09:00:00")])
    with project.stack.connect(project.database, autocommit=True) as connection:
        connection.execute(
            'INSERT INTO sensor_data (sensor_id, temperature, humidity, "timestamp",'
            " source_id, source_partition, source_offset, source_item, log_id)"
            " SELECT 1 + n % 1000, 20 + n % 7 / 10.0, 40, timestamptz '2025-06-16 00:00Z' + n * interval '1 s',"
            f" 1, 0, n, 0, 1 FROM generate_series(1, {rows - 1}) AS n"
        )


@pytest.mark.postgresql
@pytest.mark.parametrize("accept", STREAMS)
def test_a_client_that_goes_away_frees_its_connection(api: Api, client: httpx.Client, accept: str) -> None:
    fill(api.project, 300_000)
    for _ in range(AT_ONCE + 2):
        with client.stream("GET", FEED, headers={"Accept": accept}) as answer:
            assert answer.status_code == 200
            assert next(answer.iter_raw(1_000))
    assert ask(client, FEED, limit=1).json()["rows"]


@pytest.fixture
def server(project: Project, tmp_path: Path) -> Iterator[tuple[int, str]]:
    """A server in a process of its own: its id, and its address."""
    process = project.popen("api", "--port", "0")
    try:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        address = next(found[0] for found in (re.search(r"http://[\d.]+:\d+", line) for line in lines) if found)
        yield process.pid, address
    finally:
        process.terminate()
        try:
            process.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def peak_mib(pid: int) -> float:
    """The most memory that a process has had so far."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) / 1024


@pytest.mark.postgresql
@pytest.mark.skipif(not psutil.LINUX, reason="the peak of a process is read from /proc")
@pytest.mark.parametrize("accept", STREAMS)
def test_a_million_readings_are_sent_in_little_memory(project: Project, server: tuple[int, str], accept: str) -> None:
    pid, address = server
    fill(project, 1_000_000)
    headers = {"Authorization": f"Bearer {new_token(project.settings)}", "Accept": accept}
    with httpx.Client(base_url=address, headers=headers, timeout=120) as client:
        assert client.get(FEED, params={"limit": 10}).status_code == 200
        before = peak_mib(pid)
        content = io.BytesIO()
        with client.stream("GET", FEED) as answer:
            for block in answer.iter_raw():
                content.write(block)
    is_parquet = accept == STREAMS[2]
    rows = pq.read_metadata(content).num_rows if is_parquet else content.getvalue().count(b"\n")
    assert rows == 1_000_000 + (accept == STREAMS[1])
    assert peak_mib(pid) < 300
    assert peak_mib(pid) - before < 150
