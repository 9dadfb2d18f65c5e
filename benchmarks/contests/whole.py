"""From a topic into a table: the whole pipeline, and its alternatives."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path

from benchmarks import connect, data, faucet
from benchmarks.alongside import account
from benchmarks.arena import FEED, Arena, Ground
from benchmarks.contest import Contender, Contest, Outcome, run_program, run_until
from benchmarks.environment import CONTENDERS
from etl.contract.reader import load_contract
from etl.services.java import Java
from etl.settings import PROJECT_ROOT

TIME_BOX_SECONDS = 120
"""The tutorials' consumer runs for this time, however much there is to read."""

SINK_SECONDS = 600
"""A sink that has failed does not end; after this time it counts as failed."""


def contest(arena: Arena, python: Path, rows: int, *, with_fixed_time_box: bool = True) -> Contest:
    """A day of the sensor fleet, from four partitions into a table that is unique on sensor and time.

    :param rows: readings, each a row; bad messages are between them.
    """
    way = _Way(arena, python, rows)
    java, program = connect.ensure(), faucet.ensure()
    fails = "fails on the first duplicate"
    tutorials = Contender(
        "fixed time box",
        way.tutorial,
        f"Spark for {TIME_BOX_SECONDS} s, pandas.concat, dropna, to_sql; papermill per notebook; {fails}; one run",
        stops_at_duplicate=True,
        runs_once=True,
    )
    return Contest(
        "whole",
        "Kafka to table",
        f"{rows:,} readings, with {way.bad:,} bad messages between them, into a table that is unique on sensor and time, from"
        " the start of the process (or of the warm cycle) to the last row",
        [
            Contender("etl, warm", way.warm, "a cycle of a schedule: validated, quarantined, audited", is_ours=True),
            Contender("etl, cold", way.cold, "`python -m etl run`, Spark's start included", is_ours=True),
            Contender("dlt, dicts", partial(way.dlt, "dicts"), f"append; {fails}", stops_at_duplicate=True),
            Contender(
                "dlt, Arrow", partial(way.dlt, "arrow"), f"append, CSV by COPY; {fails}", stops_at_duplicate=True
            ),
            Contender("dlt, Arrow upsert", partial(way.dlt, "arrow-upsert"), "merge on the key"),
            Contender(
                "dlt, Arrow, Parquet", partial(way.dlt, "arrow-parquet"), f"ADBC; {fails}", stops_at_duplicate=True
            ),
            Contender(
                "Debezium sink",
                partial(way.debezium, java, tuned=False),
                "upsert, Kafka Connect standalone; otherwise defaults; good messages only",
                sound_only=True,
            ),
            Contender(
                "Debezium sink, tuned",
                partial(way.debezium, java, tuned=True),
                "upsert by unnest, batches of 2,000, two tasks; without plugin discovery; good messages only",
                sound_only=True,
            ),
            Contender(
                "faucet-stream",
                partial(way.faucet, program),
                f"INSERT of 1,000 rows, one pipeline; {fails}",
                stops_at_duplicate=True,
            ),
            *([tutorials] if with_fixed_time_box else []),
        ],
        rows,
        way.checksum(),
        bad=way.bad,
    )


@dataclass(frozen=True)
class _Way:
    """How each contender gets the messages, and how its table is looked at."""

    arena: Arena
    python: Path
    rows: int

    @cached_property
    def bad(self) -> int:
        return data.bad(self.rows)

    @cached_property
    def not_json(self) -> int:
        return data.not_json(load_contract(FEED, self.arena.settings), self.rows)

    def warm(self) -> Outcome:
        with self.arena.ground() as ground:
            done = run_program([sys.executable, "-m", "benchmarks.ours", "warm-with-bad", str(self.rows)], ground.env)
            return self._accounted(ground, done, cycles=2)

    def cold(self) -> Outcome:
        with self.arena.ground() as ground:
            self._fill(ground)
            command = [sys.executable, "-m", "etl", "run", FEED, "--messages", "0"]
            return self._accounted(ground, run_program(command, ground.env, cwd=PROJECT_ROOT), cycles=1)

    def dlt(self, mode: str) -> Outcome:
        with self.arena.ground(tables=False) as ground:
            self._fill(ground)
            table = ground.keyed_table()
            program = [str(self.python), str(CONTENDERS / "whole_dlt.py"), mode]
            env = {**ground.env, "DATABASE_URL": ground.database_url, "RUNTIME__DLTHUB_TELEMETRY": "false"}
            done = run_program([*program, self.arena.settings.kafka(), ground.topic, table], env, cwd=ground.home)
            return self._verified(ground, done, table)

    def debezium(self, java: Java, *, tuned: bool) -> Outcome:
        with self.arena.ground(tables=False) as ground:
            self._fill(ground, with_bad=False)
            table = ground.keyed_table()
            if tuned:
                ground.execute(connect.CAST)
            names = {"BOOTSTRAP": self.arena.settings.kafka(), "TOPIC": ground.topic, "TABLE": table}
            command = connect.command(java, ground.home, ground.database_url, names, tuned=tuned)
            with ground.watch(table, self.rows) as is_full:
                done = run_until(is_full, command, {}, timeout=SINK_SECONDS)
            return self._verified(ground, done, table)

    def faucet(self, program: Path | None) -> Outcome:
        with self.arena.ground(tables=False) as ground:
            self._fill(ground)
            table = ground.keyed_table()
            names = {"BOOTSTRAP": self.arena.settings.kafka(), "TOPIC": ground.topic, "TABLE": table}
            decodable = self.rows + self.bad - self.not_json
            command = faucet.command(program, ground.home, {**names, "MESSAGES": str(decodable)})
            done = run_program(command, {**ground.env, "DATABASE_URL": ground.database_url}, cwd=ground.home)
            return self._verified(ground, replace(done, rejected=faucet.refused(ground.home) + self.not_json), table)

    def tutorial(self) -> Outcome:
        with self.arena.ground(tables=False) as ground:
            self._fill(ground)
            table = ground.keyed_table()
            env = {**ground.env, "DATABASE_URL": ground.database_url, "SPARK_JARS": self.arena.spark_jars}
            program = [sys.executable, str(CONTENDERS / "fixed_time_box.py"), str(ground.home)]
            values = [self.arena.settings.kafka(), ground.topic, table, str(TIME_BOX_SECONDS)]
            return self._verified(ground, run_program([*program, *values], env), table)

    def checksum(self) -> str:
        """Checksum of the readings, loaded by a plain COPY, which no contender uses."""
        import orjson
        import psycopg

        with self.arena.ground(tables=False) as ground:
            table = ground.keyed_table()
            with (
                psycopg.connect(ground.database_url) as connection,
                connection.cursor() as cursor,
                cursor.copy(f"COPY {table} FROM STDIN") as copy,
            ):
                for message in (message for chunk in data.messages(ground.contract, self.rows) for message in chunk):
                    reading = orjson.loads(message.value or b"")
                    moment = f"{reading['timestamp']}+00"
                    copy.write_row((reading["sensor_id"], reading["temperature"], reading["humidity"], moment))
            return ground.sum_of(table)[1]

    def _fill(self, ground: Ground, *, with_bad: bool = True) -> None:
        data.fill(ground.settings, ground.contract, self.rows, with_bad=with_bad)

    def _accounted(self, ground: Ground, done: Outcome, cycles: int) -> Outcome:
        """Check that each message of these equal cycles was loaded or rejected, once, and that every job's balance agrees."""
        sent = cycles * (self.rows + self.bad)
        found = account(ground.settings, ground.contract)
        if not found.is_exact(sent):
            raise RuntimeError(f"{sent:,} messages were sent; found were {vars(found)}.")
        return self._verified(ground, replace(done, rejected=found.rejected // cycles), "sensor_data")

    @staticmethod
    def _verified(ground: Ground, done: Outcome, table: str) -> Outcome:
        loaded, digest = ground.sum_of(table)
        return replace(done, rows=loaded, checksum=digest)
