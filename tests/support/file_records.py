"""Files read as the job `consume` reads them, without a landing folder."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pyarrow as pa

from etl.contract.formats.record_format import RecordFormat
from etl.contract.model import Contract
from etl.jobs.consume.files.readers import read_file

Row = dict[str, str | None]


def rows_of(contract: Contract, path: Path, form: RecordFormat | None = None) -> list[Row]:
    """All rows of a file, with line or number, item and raw, and without partition and time."""
    rows: list[Row] = []
    with read_file(contract, form or contract.source.format, path, 7) as records:
        for chunk in records.chunks:
            assert tuple(chunk.table.column_names[: len(records.columns)]) == records.columns
            assert set(chunk.table["source_partition"].to_pylist()) == {"7"}
            rows += chunk.table.drop_columns(["source_partition", "source_time"]).to_pylist()
    return rows


def counts_of(contract: Contract, path: Path) -> tuple[int, int]:
    """Number of records, and of those that could not be split."""
    with read_file(contract, contract.source.format, path, 0) as records:
        chunks = list(records.chunks)
    return sum(chunk.records for chunk in chunks), sum(chunk.unparsable for chunk in chunks)


def zstd(content: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as packed:
        packed.write(content)
    return bytes(sink.getvalue())


def packings() -> dict[str, Any]:
    """Name of a packing → what packs."""
    return {"plain": bytes, "gzip": gzip.compress, "zstd": zstd}
