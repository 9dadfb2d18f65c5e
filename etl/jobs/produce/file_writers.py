"""How simulated messages are written as a file, in each format that a landing folder takes."""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from etl.contract.formats.csv_lines import CsvLines
from etl.contract.formats.json_objects import JsonObjects
from etl.contract.formats.parquet_rows import ParquetRows
from etl.contract.formats.record_format import RecordFormat
from etl.contract.reader import Contract
from etl.jobs.produce.simulate import Message, csv_header


@dataclass(frozen=True)
class FileWriter:
    """Writes messages as one file."""

    ending: str
    """How the file's name ends."""
    write: Callable[[IO[bytes], Contract, Iterable[list[Message]]], int]
    """Writes all messages; returns how many these are."""


def _write_csv(handle: IO[bytes], contract: Contract, chunks: Iterable[list[Message]]) -> int:
    dialect = contract.source.format.dialect
    before = [b""] * dialect.skip_rows
    if dialect.header:
        before += [csv_header(contract), *[b""] * dialect.skip_after_header]
    if dialect.raw_encoding == dialect.encoding:
        return _write_lines(handle, before, chunks)
    # One encoder for the whole file: it writes its byte-order mark once.
    recoded = _Recoded(handle, dialect.raw_encoding, dialect.encoding)
    return _write_lines(recoded, before, chunks)


def _write_json(handle: IO[bytes], contract: Contract, chunks: Iterable[list[Message]]) -> int:
    return _write_lines(handle, [], chunks)


def _write_lines(handle: Any, before: list[bytes], chunks: Iterable[list[Message]]) -> int:
    rows = 0
    handle.write(b"".join(line + b"\n" for line in before))
    for chunk in chunks:
        rows += len(chunk)
        handle.write(b"".join((message.value or b"") + b"\n" for message in chunk))
    return rows


class _Recoded:
    """A file that is written in another encoding."""

    def __init__(self, handle: IO[bytes], given: str, written: str) -> None:

        self._handle = handle
        self._given = given
        self._encoder = codecs.getincrementalencoder(written)()

    def write(self, text: bytes) -> None:
        self._handle.write(self._encoder.encode(text.decode(self._given)))


def _write_parquet(handle: IO[bytes], contract: Contract, chunks: Iterable[list[Message]]) -> int:
    """All messages as one table: its columns are known only when all messages are."""
    objects = [json.loads(message.value or b"{}") for chunk in chunks for message in chunk]
    names = dict.fromkeys(name for document in objects for name in document)
    pq.write_table(pa.table({name: _column([document.get(name) for document in objects]) for name in names}), handle)
    return len(objects)


def _column(values: list[Any]) -> pa.Array:
    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        # A bad value may be of another type than the others.
        texts = [v if v is None or isinstance(v, str) else json.dumps(v, ensure_ascii=False) for v in values]
        return pa.array(texts, pa.string())


WRITERS: Mapping[type[RecordFormat], FileWriter] = {
    CsvLines: FileWriter(".csv", _write_csv),
    JsonObjects: FileWriter(".jsonl", _write_json),
    ParquetRows: FileWriter(".parquet", _write_parquet),
}
"""Of each format that is read from files."""
