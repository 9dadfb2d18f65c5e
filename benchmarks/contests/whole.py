"""From a topic into a table: the whole pipeline, and its alternatives."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from benchmarks import connect, data
from benchmarks.arena import FEED, Arena, Ground
from benchmarks.contest import Contender, Contest, Outcome, run_program, run_until
from benchmarks.environment import CONTENDERS
from etl.settings import PROJECT_ROOT

TIME_BOX_SECONDS = 120
"""The tutorials' consumer runs for this time, however much there is to read."""

SINK_SECONDS = 600
"""A sink that has failed does not end; after this time it counts as failed."""


def contest(arena: Arena, python: Path, rows: int, *, with_fixed_time_box: bool = True) -> Contest:
    """A day of the sensor fleet, from four partitions into a table that is unique on sensor and time."""

    def warm() -> Outcome:
        with arena.ground() as ground:
            done = run_program([sys.executable, "-m", "benchmarks.ours", "warm", str(rows)], ground.env)
            return verified(ground, done, "sensor_data")

    def cold() -> Outcome:
        with arena.ground() as ground:
            data.fill(ground.settings, ground.contract, rows)
            command = [sys.executable, "-m", "etl", "run", FEED, "--messages", "0"]
            done = run_program(command, ground.env, cwd=PROJECT_ROOT)
            return verified(ground, done, "sensor_data")

    def dlt(mode: str, make: Callable[[Ground], str]) -> Callable[[], Outcome]:
        def run() -> Outcome:
            with arena.ground(tables=False) as ground:
                data.fill(ground.settings, ground.contract, rows)
                table = make(ground)
                command = [
                    str(python),
                    str(CONTENDERS / "whole_dlt.py"),
                    mode,
                    arena.settings.kafka(),
                    ground.topic,
                    table,
                ]
                env = {**ground.env, "DATABASE_URL": ground.database_url, "RUNTIME__DLTHUB_TELEMETRY": "false"}
                return verified(ground, run_program(command, env, cwd=ground.home), table)

        return run

    def debezium(*, tuned: bool) -> Outcome:
        with arena.ground(tables=False) as ground:
            data.fill(ground.settings, ground.contract, rows)
            table = ground.keyed_table()
            if tuned:
                ground.execute(connect.CAST)
            names = {"BOOTSTRAP": arena.settings.kafka(), "TOPIC": ground.topic, "TABLE": table}
            command = connect.command(java, ground.home, ground.database_url, names, tuned=tuned)
            with ground.watch(table, rows) as is_full:
                done = run_until(is_full, command, {}, timeout=SINK_SECONDS)
            return verified(ground, done, table)

    def tutorial() -> Outcome:
        with arena.ground(tables=False) as ground:
            data.fill(ground.settings, ground.contract, rows)
            table = ground.keyed_table()
            env = {**ground.env, "DATABASE_URL": ground.database_url, "SPARK_JARS": arena.spark_jars}
            command = [sys.executable, str(CONTENDERS / "fixed_time_box.py"), str(ground.home), arena.settings.kafka()]
            return verified(ground, run_program([*command, ground.topic, table, str(TIME_BOX_SECONDS)], env), table)

    def verified(ground: Ground, done: Outcome, table: str) -> Outcome:
        loaded, digest = ground.sum_of(table)
        return replace(done, rows=loaded, checksum=digest)

    java = connect.ensure()
    fails = "fails on the first duplicate"
    tutorials = Contender(
        "fixed time box",
        tutorial,
        f"Spark for {TIME_BOX_SECONDS} s, pandas.concat, to_sql; papermill per notebook; {fails}",
        stops_at_duplicate=True,
    )
    return Contest(
        "whole",
        "Kafka to table",
        f"{rows:,} messages into a table that is unique on sensor and time, from the start of the process (or of the warm"
        " cycle) to the last row",
        [
            Contender("etl, warm", warm, "a cycle of a schedule: validated, quarantined, audited", is_ours=True),
            Contender("etl, cold", cold, "`python -m etl run`, Spark's start included", is_ours=True),
            Contender("dlt, dicts", dlt("dicts", Ground.keyed_table), f"append; {fails}", stops_at_duplicate=True),
            Contender(
                "dlt, Arrow",
                dlt("arrow", Ground.keyed_table),
                f"append, CSV by COPY; {fails}",
                stops_at_duplicate=True,
            ),
            Contender("dlt, Arrow upsert", dlt("arrow-upsert", Ground.keyed_table), "merge on the key"),
            Contender(
                "dlt, Arrow, Parquet",
                dlt("arrow-parquet", Ground.keyed_table),
                f"ADBC; {fails}",
                stops_at_duplicate=True,
            ),
            Contender(
                "Debezium sink", lambda: debezium(tuned=False), "upsert, Kafka Connect standalone; otherwise defaults"
            ),
            Contender(
                "Debezium sink, tuned",
                lambda: debezium(tuned=True),
                "upsert by unnest, batches of 2,000, two tasks; without plugin discovery",
            ),
            *([tutorials] if with_fixed_time_box else []),
        ],
        rows,
        _checksum(arena, rows),
    )


def _checksum(arena: Arena, rows: int) -> str:
    """Checksum of the readings, loaded by a plain COPY, which no contender uses."""
    import orjson
    import psycopg

    with arena.ground(tables=False) as ground:
        table = ground.keyed_table()
        with (
            psycopg.connect(ground.database_url) as connection,
            connection.cursor() as cursor,
            cursor.copy(f"COPY {table} FROM STDIN") as copy,
        ):
            for message in (message for chunk in data.messages(ground.contract, rows) for message in chunk):
                reading = orjson.loads(message.value or b"")
                moment = f"{reading['timestamp']}+00"
                copy.write_row((reading["sensor_id"], reading["temperature"], reading["humidity"], moment))
        return ground.sum_of(table)[1]
