"""Who loads an archive fastest?"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from benchmarks import data
from benchmarks.arena import FEED, Arena, Ground
from benchmarks.contest import Contender, Contest, Outcome, run_program
from benchmarks.environment import CONTENDERS
from etl.jobs.consume.job import consume
from etl.jobs.load.job import load
from etl.jobs.merge.job import merge


def contest(arena: Arena, python: Path, rows: int) -> Contest:
    """An archive of sound rows into a table with a unique key on sensor and time."""
    kept = arena.home / f"load-{rows}"
    checksum = _prepare(arena, kept, rows)
    (archive,) = kept.glob("backup/*.csv")

    def ours(job: str) -> Outcome:
        with arena.ground() as ground:
            shutil.copytree(kept / "backup", ground.home / "backup" / FEED)
            done = run_program([sys.executable, "-m", "benchmarks.ours", job, str(rows)], ground.env)
            loaded, digest = ground.sum_of("sensor_data")
            return replace(done, rows=loaded, checksum=digest)

    def bare_copy() -> Outcome:
        with arena.ground() as ground:
            ground.execute("CREATE TABLE bare (LIKE sensor_data INCLUDING ALL)")
            return against(ground, "copy", kept / "rows.csv", "bare")

    def other(tool: str, make: Callable[[Ground], str] = Ground.keyed_table) -> Outcome:
        with arena.ground(tables=False) as ground:
            return against(ground, tool, archive, make(ground))

    def against(ground: Ground, tool: str, file: Path, table: str) -> Outcome:
        env = {**ground.env, "DATABASE_URL": ground.database_url}
        done = run_program([str(python), str(CONTENDERS / "load.py"), tool, str(file), table], env, cwd=ground.home)
        loaded, digest = ground.sum_of(table)
        return replace(done, rows=loaded, checksum=digest)

    return Contest(
        "load",
        "Load",
        f"an archive of {rows:,} rows into a table that is unique on sensor and time",
        [
            Contender(
                "4_load",
                lambda: ours("load"),
                "validated, late rows marked, windows, quality, anomalies, audited",
                is_ours=True,
            ),
            Contender(
                "4_load, rows alone",
                lambda: ours("load-only"),
                "validated, late rows marked, quality, audited; a contract without windows and anomalies",
                is_ours=True,
            ),
            Contender("COPY", bare_copy, "prepared rows into a copy of the table: the upper limit"),
            Contender("ADBC", lambda: other("adbc"), "pyarrow, binary COPY; fails on the first duplicate"),
            Contender("dlt, Arrow", lambda: other("dlt-arrow"), "append; fails on the first duplicate"),
            Contender("pandas.to_sql", lambda: other("to_sql"), "chunks of 10,000"),
        ],
        rows,
        checksum,
    )


def _prepare(arena: Arena, kept: Path, rows: int) -> str:
    """Make the archive with the project's jobs, and from it the table's rows for COPY; returns the rows' checksum."""
    with arena.ground() as ground:
        data.fill(ground.settings, ground.contract, rows)
        consume(ground.settings, ground.contract)
        merge(ground.settings, ground.contract)
        shutil.copytree(ground.home / "backup" / FEED, kept / "backup")
        load(ground.settings, ground.contract)
        _write_rows(ground, kept / "rows.csv")
        return ground.sum_of("sensor_data")[1]


def _write_rows(ground: Ground, file: Path) -> None:
    import psycopg

    with (
        file.open("wb") as sink,
        psycopg.connect(ground.database_url) as connection,
        connection.cursor() as cursor,
        cursor.copy("COPY sensor_data TO STDOUT (FORMAT csv)") as copy,
    ):
        for block in copy:
            sink.write(block)
