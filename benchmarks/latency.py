"""How long does a message take from Kafka into the table, at a steady rate of messages?

The latency of a row is the end of its load (`etl_log.end_time`, written in the load's last statement before
its COMMIT) minus Kafka's timestamp of the message (when it was passed to the producer). Both come from the same clock.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any

import psycopg
from psycopg.sql import SQL, Identifier

from benchmarks import machine
from benchmarks.alongside import Scheduled, account, scheduled, sending
from benchmarks.arena import Arena, Ground
from benchmarks.figures import Keep, Result, Tell, attempt, require, spread
from etl.contract.reader import Contract
from etl.operations.schedules.state import schedules
from etl.settings import Settings
from etl.storage import batch_csv, manifests
from etl.storage.archive_file import archive_files

EVERY = "1s"
MODES: Mapping[str, Mapping[str, object]] = {
    "caught_up": {},
    "time_box": {"until": "time_box", "time_box_seconds": 2.0, "batch_seconds": 1.0},
}
"""Parameters of the notebooks: the defaults, and a time box of two seconds in each cycle."""
MAIN = "caught_up"
"""The way to read whose figures a target names. The others are measured in the first round only."""
WARM_UP_CYCLES = 2
_PATIENCE_SECONDS = 300
_LOOK_SECONDS = 0.1


def measure(arena: Arena, keep: Keep, tell: Tell, *, rates: Sequence[int], seconds: int, rounds: int) -> Result:
    """In each round, measure the main way to read, in the first one also the others, at each rate for this number of seconds.

    A failure is recorded, and the rest continues.
    """
    runs: dict[tuple[str, int], list[dict[str, Any]]] = {}
    failed: list[dict[str, str]] = []
    loads: list[dict[str, float]] = []
    result: Result = {}
    for number in range(rounds):
        loads.append(machine.load())
        for mode, rate in product([MAIN] if number else MODES, rates):
            with attempt(f"{mode} at {rate:,} messages/s", failed, tell), arena.ground() as ground:
                figures = _at(ground, MODES[mode], rate, seconds)
                runs.setdefault((mode, rate), []).append(figures)
                tell(f"latency: {mode} at {rate:,}/s: {figures['latency']}")
            result = {
                "title": "Latency",
                "question": "how long does a message take from Kafka into the table?",
                "every": EVERY,
                "measured_seconds": seconds,
                "modes": MODES,
                "points": [{"mode": mode, "rate": rate, **over_rounds(found)} for (mode, rate), found in runs.items()],
                "loads": loads,
                "failed": failed,
            }
            keep(result)
    return result


def over_rounds(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The figures of several rounds as one: medians of their percentiles and medians, the least and the most of all."""
    latency = _over([run["latency"] for run in runs], ("p50", "p99"))
    with_cycles = [run["cycle_seconds"] for run in runs if run["cycle_seconds"]["cycles"]]
    cycles = {"cycles": sum(one["cycles"] for one in with_cycles)}
    return {
        "rounds": len(runs),
        "rows": sum(run["rows"] for run in runs),
        "latency": latency,
        "p99_by_round": [run["latency"]["p99"] for run in runs],
        "cycle_seconds": {**cycles, **_over(with_cycles, ("median",))} if with_cycles else cycles,
    }


def _over(runs: Sequence[dict[str, float]], middles: Sequence[str]) -> dict[str, float]:
    return {
        "min": min(run["min"] for run in runs),
        **{name: median(run[name] for run in runs) for name in middles},
        "max": max(run["max"] for run in runs),
    }


def _at(ground: Ground, parameters: Mapping[str, object], rate: int, seconds: int) -> dict[str, Any]:
    options = [word for name, value in parameters.items() for word in ("-p", f"{name}={value}")]
    with scheduled(ground.contract, ground.env, "--every", EVERY, *options) as schedule:
        with sending(ground.settings, ground.contract, rate) as sent:
            _wait(schedule, lambda: _cycles(ground, schedule) >= WARM_UP_CYCLES, "warm up")
            since = datetime.now(UTC)
            _let_run(schedule, seconds)
            until = datetime.now(UTC)
        _wait(schedule, lambda: _loaded(ground) >= sent.number, "take what was sent")
    account(ground.settings, ground.contract).require_loaded(sent.number)
    with closing(psycopg.connect(ground.database_url, autocommit=True)) as connection:
        noted = note_sent(connection, ground.settings, ground.contract)
        require("rows of the archives", noted, sent.number)
        return {
            **latencies(connection, ground.contract, since, until),
            "cycle_seconds": _cycle_seconds(connection, since, until),
        }


def _cycles(ground: Ground, schedule: Scheduled) -> int:
    state = next((state for state in schedules(ground.settings) if state.pid == schedule.pid), None)
    if state and state.failed:
        raise RuntimeError(f"A cycle failed: {schedule.printed()[-1500:]}")
    return state.cycles if state else 0


def _loaded(ground: Ground) -> int:
    with psycopg.connect(ground.database_url) as connection:
        row = connection.execute("SELECT sum(records_processed) FROM etl_log WHERE job_name = 'load'").fetchone()
    return int(row[0] or 0) if row else 0


def _wait(schedule: Scheduled, reached: Callable[[], bool], goal: str) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not reached():
        schedule.require_alive()
        if time.monotonic() > deadline:
            raise RuntimeError(
                f"The schedule did not {goal} within {_PATIENCE_SECONDS} s: {schedule.printed()[-1500:]}"
            )
        time.sleep(_LOOK_SECONDS)


def _let_run(schedule: Scheduled, seconds: float) -> None:
    try:
        schedule.process.wait(seconds)
    except subprocess.TimeoutExpired:
        return
    schedule.require_alive()


def note_sent(connection: psycopg.Connection[Any], settings: Settings, contract: Contract) -> int:
    """Copy Kafka's timestamp of each message, which the feed's table does not hold, from the archives into the table `sent`."""
    connection.execute("SET TIME ZONE 'UTC'")
    connection.execute("CREATE TABLE sent (source_partition integer, source_offset bigint, at timestamptz)")
    with connection.cursor() as cursor, cursor.copy("COPY sent FROM STDIN (FORMAT csv)") as copy:
        for file in _archives(settings, contract):
            for chunk in batch_csv.read_chunks(file, ("source_partition", "source_offset", "source_time")):
                copy.write(batch_csv.to_csv(chunk))
    return connection.execute("SELECT count(*) FROM sent").fetchone()[0]  # type: ignore[index, no-any-return]


def _archives(settings: Settings, contract: Contract) -> list[Path]:
    return [archive.content for archive in archive_files(manifests.feed_backup(settings, contract.feed))]


_LATENCIES = SQL(
    """
    WITH rows_sent AS (SELECT * FROM sent WHERE at >= %(since)s AND at < %(until)s)
    SELECT (SELECT count(*) FROM rows_sent), count(*),
           percentile_cont(ARRAY[0.5, 0.99]) WITHIN GROUP (ORDER BY seconds), min(seconds), max(seconds)
    FROM (
        SELECT extract(epoch FROM log.end_time - rows_sent.at)::double precision AS seconds
        FROM {table}
        JOIN rows_sent USING (source_partition, source_offset)
        JOIN etl_log AS log USING (log_id)
    ) AS found
    """
)


def latencies(
    connection: psycopg.Connection[Any], contract: Contract, since: datetime, until: datetime
) -> dict[str, Any]:
    """Percentiles of the latency, in seconds, of the rows sent from `since` up to, not including, `until`.

    :raises RuntimeError: a message that was sent then has no row, or was loaded before it was sent.
    """
    query = _LATENCIES.format(table=Identifier(contract.table))
    row = connection.execute(query, {"since": since, "until": until}).fetchone()
    assert row is not None
    sent, loaded, percentiles, least, most = row
    require("rows with a latency", loaded, sent)
    if not loaded or least < 0:
        raise RuntimeError(f"{loaded} rows were sent between {since} and {until}; the least latency is {least} s.")
    return {"rows": loaded, "latency": {"min": least, "p50": percentiles[0], "p99": percentiles[1], "max": most}}


def _cycle_seconds(connection: psycopg.Connection[Any], since: datetime, until: datetime) -> dict[str, float]:
    rows = connection.execute(
        "SELECT extract(epoch FROM max(end_time) - min(start_time))::double precision FROM etl_log"
        " GROUP BY cycle_id HAVING min(start_time) >= %s AND min(start_time) < %s",
        (since, until),
    ).fetchall()
    return {"cycles": len(rows), **spread([row[0] for row in rows])} if rows else {"cycles": 0}
