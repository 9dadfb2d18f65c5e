"""Who joins part files fastest?"""

from __future__ import annotations

import hashlib
import sys
from dataclasses import replace
from pathlib import Path

from benchmarks import data
from benchmarks.arena import Arena
from benchmarks.contest import Contender, Contest, Outcome, run_program
from benchmarks.environment import CONTENDERS

HEADER = b"sensor_id,temperature,humidity,timestamp,source_partition,source_offset,source_item,source_time,raw\n"


def contest(arena: Arena, python: Path, rows: int, parts: int = 200) -> Contest:
    """Part-CSVs as 2_consume writes them into one file."""
    home = arena.home / f"merge-{rows}-{parts}"
    lines = write_parts(arena, home / "parts", rows, parts)

    def ours() -> Outcome:
        with arena.ground(tables=False) as ground:
            env = {**ground.env, "ETL_HOME": str(home)}
            return verified(run_program([sys.executable, "-m", "benchmarks.ours", "merge", str(rows)], env))

    def other(tool: str) -> Outcome:
        command = [str(python), str(CONTENDERS / "merge.py"), tool, str(home / "parts"), str(home / "joined.csv")]
        return verified(run_program(command, {}))

    def verified(done: Outcome) -> Outcome:
        joined_rows, digest = _sum_of(home / "joined.csv")
        (home / "joined.csv").unlink()
        return replace(done, rows=joined_rows, checksum=digest)

    return Contest(
        "merge",
        "Merge",
        f"{rows:,} rows in {parts} part files into one file",
        [
            Contender("3_merge", ours, "counts rows, verifies and computes SHA-256, fsync", is_ours=True),
            Contender("pandas.concat", lambda: other("pandas"), "text columns"),
            Contender("polars", lambda: other("polars"), "scan_csv, sink_csv"),
            Contender("duckdb", lambda: other("duckdb"), "COPY (FROM read_csv …)"),
            Contender("cat", lambda: other("cat"), "bytes alone: neither counted nor hashed"),
        ],
        rows,
        lines,
    )


def write_parts(arena: Arena, folder: Path, rows: int, parts: int) -> str:
    """Write the part files; returns the checksum of all their lines."""
    folder.mkdir(parents=True)
    with arena.ground(tables=False) as ground:
        readings = [message.value for chunk in data.messages(ground.contract, rows) for message in chunk]
    lines = [_line(number, value or b"") for number, value in enumerate(readings)]
    size = -(-rows // parts)
    for number in range(parts):
        body = b"".join(lines[number * size : (number + 1) * size])
        (folder / f"part-{number:05d}.csv").write_bytes(HEADER + body)
    return _sum(lines)


def _line(number: int, value: bytes) -> bytes:
    import orjson

    reading = orjson.loads(value)
    fields = [*(str(reading[name]) for name in ("sensor_id", "temperature", "humidity", "timestamp")), "0", str(number)]
    return f"{','.join(fields)},0,2025-06-15 00:00:00.000,\n".encode()


def _sum_of(file: Path) -> tuple[int, str]:
    with file.open("rb") as handle:
        next(handle)
        lines = list(handle)
    return len(lines), _sum(lines)


def _sum(lines: list[bytes]) -> str:
    """A checksum that ignores the order of the lines."""
    total = sum(int.from_bytes(hashlib.blake2b(line, digest_size=8).digest()) for line in lines)
    return f"{total % (1 << 64):016x}"
