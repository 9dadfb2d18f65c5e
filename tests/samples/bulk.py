"""Samples that are bulky, or no text: made when they are needed, always the same."""

from __future__ import annotations

import csv
import gzip
import json
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet

_START = datetime(2026, 5, 4, 7, 0, tzinfo=UTC)


def _readings(rows: int) -> Iterator[dict[str, Any]]:
    draw = random.Random(7)
    for row in range(rows):
        moment = _START + timedelta(minutes=row)
        yield {"device": f"d{row % 2}", "time": f"{moment:%Y-%m-%dT%H:%M:%SZ}", "temp": round(draw.uniform(18, 24), 1)}


def _wide(rows: int, measures: int) -> Iterator[dict[str, Any]]:
    draw = random.Random(measures)
    for reading in _readings(rows):
        more = {f"m{number:04d}": round(draw.uniform(0, 100), 2) for number in range(measures)}
        yield {"device": reading["device"], "time": reading["time"], **more}


def _write_csv(file: Path, rows: list[dict[str, Any]]) -> None:
    with file.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _lines(rows: Iterator[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def _wide_150(folder: Path) -> None:
    (folder / "wide.jsonl").write_bytes(_lines(_wide(40, 150)))


def _wide_1700(folder: Path) -> None:
    _write_csv(folder / "wide.csv", list(_wide(20, 1700)))


def _csv_gzip(folder: Path) -> None:
    _write_csv(folder / "plain", list(_readings(40)))
    (folder / "readings.csv.gz").write_bytes(gzip.compress((folder / "plain").read_bytes(), mtime=0))


def _ndjson_gzip(folder: Path) -> None:
    (folder / "readings.ndjson.gz").write_bytes(gzip.compress(_lines(_readings(40)), mtime=0))


def _ndjson_zstd(folder: Path) -> None:
    with pa.CompressedOutputStream(str(folder / "readings.ndjson.zst"), "zstd") as stream:
        stream.write(_lines(_readings(40)))


def _parquet(folder: Path) -> None:
    table = pa.Table.from_pylist([{**row, "time": datetime.fromisoformat(row["time"])} for row in _readings(40)])
    pa.parquet.write_table(table, folder / "readings.parquet")


def _parquet_by_day(folder: Path) -> None:
    rows = list(_readings(40))
    for number, part in enumerate((rows[:20], rows[20:])):
        file = folder / f"2026/05/{4 + number:02d}/part.parquet"
        pa.parquet.write_table(pa.Table.from_pylist(part), file, compression="zstd")


BULK: dict[str, Callable[[Path], None]] = {
    "wide_150": _wide_150,
    "wide_1700": _wide_1700,
    "csv_gzip": _csv_gzip,
    "ndjson_gzip": _ndjson_gzip,
    "ndjson_zstd": _ndjson_zstd,
    "parquet_times": _parquet,
    "parquet_by_day": _parquet_by_day,
}
"""Sample → writes its files into a folder, in which their subfolders exist."""
