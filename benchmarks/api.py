"""How fast is the read API, in how little memory, and does it slow down a load?

The server is a process of its own, as `python -m etl api` starts it; requests come over HTTP from this process.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import psycopg
from psycopg.sql import SQL, Identifier

from benchmarks import data, machine
from benchmarks.arena import FEED, Arena, Ground
from benchmarks.contest import run_program
from benchmarks.figures import ROUNDS, Keep, Result, Tell, attempt, require, spread
from etl.jobs.consume.job import consume
from etl.jobs.merge.job import merge
from etl.settings import PROJECT_ROOT

LATEST_RUNS = 20
AT_ONCE = 200
CROWD_PATHS = (f"/feeds/{FEED}/latest", f"/feeds/{FEED}/readings", "/cycles", "/jobs")
_SECONDS = 600.0
_TABLE = "sensor_data"
_LOOK_SECONDS = 0.02
# Readings of a number of sensors in turn, one a second of each; made by the database, which is faster than a load.
_FILL = """
INSERT INTO sensor_data (
    sensor_id, temperature, humidity, timestamp, source_id, source_partition, source_offset, source_item, log_id
)
SELECT 1 + n % {sensors}, 20 + n % 7 / 10.0, 40 + n % 11 / 10.0, {begin} + n / {sensors} * interval '1 second', 1, 0, n, 0, 1
FROM generate_series(0, {rows} - 1) AS n
"""
_WINDOWS = """
INSERT INTO sensor_data_1d (sensor_id, measure, window_start, count, min, max, avg, stddev)
SELECT sensor_id, 'temperature', date_bin('1 day', timestamp, '1970-01-01 00:00+00'), count(*), min(temperature),
    max(temperature), avg(temperature), stddev_samp(temperature)
FROM sensor_data GROUP BY 1, 3
"""


@dataclass(frozen=True)
class Sizes:
    """How much is measured."""

    readings: int
    sensors: int
    loaded: int
    """Rows of the load beside which requests come."""
    rounds: int


SHORT = Sizes(100_000, 1_000, 100_000, 1)
FULL = Sizes(1_000_000, 10_000, 1_000_000, ROUNDS)


@dataclass(frozen=True)
class Server:
    """The API in a process of its own."""

    pid: int
    url: str
    token: str

    def client(self, accept: str = "*/*") -> httpx.Client:
        return httpx.Client(base_url=self.url, headers=_headers(self.token, accept), timeout=_SECONDS)

    def peak_bytes(self) -> int:
        """The most memory that the process has had (Linux)."""
        status = Path(f"/proc/{self.pid}/status").read_text("utf-8")
        return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) << 10


def measure(arena: Arena, keep: Keep, tell: Tell, sizes: Sizes) -> Result:
    """Measure each part; a failure is recorded, and the rest continues."""
    failed: list[dict[str, str]] = []
    result: Result = {
        "title": "Read API",
        "question": "how fast does it answer, in how little memory, and does it slow down a load?",
        "readings": sizes.readings,
        "sensors": sizes.sensors,
        "loaded": sizes.loaded,
        "rounds": sizes.rounds,
        "loads": [machine.load()],
        "failed": failed,
    }
    with attempt("the readings", failed, tell), arena.ground() as ground:
        _fill(ground, sizes)
        with serving(ground) as server:
            result["latest"] = _latest(server, sizes, tell)
            result["csv"] = _csv(ground, server, sizes, tell)
            result["peak_bytes"] = server.peak_bytes()
        keep(result)
    with attempt("a load beside requests", failed, tell):
        result["beside"] = _beside(arena, sizes, tell)
        keep(result)
    return result


@contextmanager
def serving(ground: Ground) -> Iterator[Server]:
    """The API on a ground's database; it ends with the context."""
    token = ground.etl("api", "token", "new", "benchmark").split()[-1]
    command = [sys.executable, "-m", "etl", "api"]
    env = {**ground.env, "ETL_API_REQUESTS_PER_MINUTE": "1000000", "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(command, env=env, cwd=PROJECT_ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        found = (re.search(r"http://[\d.]+:\d+", line) for line in process.stdout)
        url = next((address[0] for address in found if address), None)
        if url is None:
            raise RuntimeError("The API did not start.")
        server = Server(process.pid, url, token)
        with server.client() as client:
            client.get("/ready").raise_for_status()
        yield server
    finally:
        process.terminate()
        process.wait(30)


def _fill(ground: Ground, sizes: Sizes) -> None:
    # The audit row and the source that readings refer to.
    ground.etl("run", FEED, "--messages", "100", "-p", "bad_share=0")
    begin = f"timestamptz '{data.START.isoformat()}' + interval '400 days'"
    ground.execute(_FILL.format(sensors=sizes.sensors, rows=sizes.readings, begin=begin))
    ground.execute("DELETE FROM sensor_data_1d")
    ground.execute(_WINDOWS)
    ground.execute("VACUUM ANALYZE")


def _latest(server: Server, sizes: Sizes, tell: Tell) -> dict[str, Any]:
    """Milliseconds of the latest readings of all sensors, in pages of at most 10,000."""
    times = []
    with server.client() as client:
        for _ in range(LATEST_RUNS + 1):
            began = time.perf_counter()
            answer = client.get(f"/feeds/{FEED}/latest", params={"limit": 10_000})
            times.append(1000 * (time.perf_counter() - began))
            require("sensors", len(answer.raise_for_status().json()["rows"]), sizes.sensors)
    tell(f"latest: {median(times[1:]):.0f} ms")
    # The first one connects.
    return {"runs": LATEST_RUNS, "milliseconds": spread(times[1:])}


def _csv(ground: Ground, server: Server, sizes: Sizes, tell: Tell) -> dict[str, Any]:
    """Rows per second of all readings as CSV, beside those of COPY over a connection of the same kind."""
    path = f"/feeds/{FEED}/readings"
    with server.client("text/csv") as client:
        columns = client.get(path, params={"limit": 1}).text.splitlines()[0]
        # With the line of names.
        lines = ground.count(_TABLE) + 1
        ours, copied = [], []
        for _ in range(sizes.rounds):
            ours.append(_timed(lambda: _lines_of_http(client, path), "lines of CSV", lines))
            copied.append(_timed(lambda: _lines_of_copy(ground, columns), "lines of COPY", lines))
            tell(f"csv: {ours[-1]:.2f} s, COPY {copied[-1]:.2f} s")
    return {"seconds": spread(ours), "copy_seconds": spread(copied)}


def _timed(fetch: Callable[[], int], what: str, lines: int) -> float:
    began = time.perf_counter()
    found = fetch()
    seconds = time.perf_counter() - began
    require(what, found, lines)
    return seconds


def _lines_of_http(client: httpx.Client, path: str) -> int:
    with client.stream("GET", path) as answer:
        answer.raise_for_status()
        return sum(block.count(b"\n") for block in answer.iter_raw())


def _lines_of_copy(ground: Ground, columns: str) -> int:
    """The same columns of the same table."""
    query = SQL("COPY (SELECT {} FROM {}) TO STDOUT (FORMAT csv, HEADER)").format(
        SQL(", ").join(map(Identifier, columns.split(","))), Identifier(_TABLE)
    )
    with psycopg.connect(ground.database_url) as connection, connection.cursor() as cursor, cursor.copy(query) as copy:
        return sum(bytes(block).count(b"\n") for block in copy)


def _beside(arena: Arena, sizes: Sizes, tell: Tell) -> dict[str, Any]:
    """Seconds of a load alone, and of one while 200 requests come at once."""
    kept = arena.home / "beside"
    with arena.ground() as ground:
        data.fill(ground.settings, ground.contract, sizes.loaded)
        consume(ground.settings, ground.contract)
        merge(ground.settings, ground.contract)
        shutil.copytree(ground.home / "backup" / FEED, kept)
    alone, crowded, statuses = [], [], Counter[int]()
    for _ in range(sizes.rounds):
        alone.append(_load(arena, kept, sizes.loaded))
        answered: Counter[int] = Counter()
        crowded.append(_load(arena, kept, sizes.loaded, answered))
        statuses += answered
        tell(f"load: alone {alone[-1]:.2f} s, beside {AT_ONCE} requests {crowded[-1]:.2f} s ({dict(answered)})")
    return {
        "requests": AT_ONCE,
        "alone_seconds": spread(alone),
        "seconds": spread(crowded),
        "statuses": {str(status): number for status, number in statuses.items()},
    }


def _load(arena: Arena, kept: Path, rows: int, answered: Counter[int] | None = None) -> float:
    """Load the archive into new tables; with a counter, requests come as soon as it has begun."""
    with arena.ground() as ground:
        shutil.copytree(kept, ground.home / "backup" / FEED)
        # The server is there in both cases: only the requests differ.
        with serving(ground) as server:
            ended = threading.Event()
            crowd = threading.Thread(target=_crowd, args=(ground, server, ended, answered))
            if answered is not None:
                crowd.start()
            try:
                done = run_program([sys.executable, "-m", "benchmarks.ours", "load", str(rows)], ground.env)
            finally:
                ended.set()
                if answered is not None:
                    crowd.join()
        require("loaded rows", done.rows, rows)
    return done.seconds


def _crowd(ground: Ground, server: Server, ended: threading.Event, answered: Counter[int]) -> None:
    with psycopg.connect(ground.database_url, autocommit=True) as connection:
        running = "SELECT FROM etl_log WHERE status = 'RUNNING'"
        while not connection.execute(running).fetchone() and not ended.wait(_LOOK_SECONDS):
            pass
    answered.update(asyncio.run(_at_once(server)))


async def _at_once(server: Server) -> list[int]:
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(
        base_url=server.url, headers=_headers(server.token), limits=limits, timeout=_SECONDS
    ) as client:
        asked = (client.get(CROWD_PATHS[number % len(CROWD_PATHS)]) for number in range(AT_ONCE))
        return [response.status_code for response in await asyncio.gather(*asked)]


def _headers(token: str, accept: str = "*/*") -> dict[str, str]:
    return {"Authorization": f"Bearer {token}", "Accept": accept}
