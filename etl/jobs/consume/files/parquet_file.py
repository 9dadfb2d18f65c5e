"""Parquet files: a row is the JSON object with the same keys."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pyarrow as pa
import pyarrow.parquet as pq

from etl.contract.formats.arrow_json import as_objects
from etl.contract.formats.parquet_rows import ParquetRows
from etl.contract.model import Contract
from etl.errors import UnreadableFile
from etl.jobs.consume.files.message_rows import split_messages
from etl.jobs.consume.files.records import FileRecords
from etl.storage.content.unpacked import is_compressed, opened

_ROWS_AT_ONCE = 8_192
_BYTES_AT_ONCE = 32 << 20
_BUFFER_BYTES = 1 << 20


@contextmanager
def read_parquet(contract: Contract, form: ParquetRows, path: Path, number: int) -> Iterator[FileRecords]:
    """The rows of a file, numbered from 1.

    :raises UnreadableFile: it is damaged or no Parquet file, or lacks a required column.
    """
    with _seekable(path) as handle:
        # Errors of who reads the rows are not the file's.
        with _damage_is_reported():
            file = pq.ParquetFile(handle, buffer_size=_BUFFER_BYTES)
            _require_columns(file.schema_arrow, contract)
        yield FileRecords((), contract.read_names, split_messages(_messages(file), contract, number))


def _messages(file: pq.ParquetFile) -> Iterator[tuple[int, bytes]]:
    number = 0
    with _damage_is_reported():
        for rows in file.iter_batches(batch_size=_rows_at_once(file)):
            for text in as_objects(rows):
                number += 1
                yield number, text.encode("utf-8")


def _rows_at_once(file: pq.ParquetFile) -> int:
    """How many rows of average length are in memory at once."""
    groups = [file.metadata.row_group(number) for number in range(file.metadata.num_row_groups)]
    longest = max((group.total_byte_size // max(group.num_rows, 1) for group in groups), default=0)
    return max(1, min(_ROWS_AT_ONCE, _BYTES_AT_ONCE // max(longest, 1)))


@contextmanager
def _damage_is_reported() -> Iterator[None]:
    """Errors of Arrow about a file's content say that the file cannot be read; a lack of memory is not the file's."""
    try:
        yield
    except MemoryError:
        raise
    except pa.ArrowException as error:
        raise UnreadableFile(f"it is no Parquet file that can be read ({_first_line(error)})") from None
    except OSError as error:
        # Arrow's errors about damaged content have no number; those of the disk have one.
        if error.errno is not None:
            raise
        raise UnreadableFile(f"it is no Parquet file that can be read ({_first_line(error)})") from None


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


@contextmanager
def _seekable(path: Path) -> Iterator[IO[bytes]]:
    """The file; where it is compressed as a whole, its content in a temporary file."""
    if not is_compressed(path):
        with path.open("rb") as handle:
            yield handle
        return
    with opened(path) as content, tempfile.TemporaryFile() as unpacked:
        shutil.copyfileobj(content, unpacked, _BUFFER_BYTES)
        unpacked.seek(0)
        yield unpacked


def _require_columns(schema: pa.Schema, contract: Contract) -> None:
    """:raises UnreadableFile: a required column is missing, so that every row would be rejected."""
    needed = dict.fromkeys(column.source[0] for column in contract.message_columns if column.required)
    if missing := [name for name in needed if name not in schema.names]:
        raise UnreadableFile(
            f"it has no column {', '.join(map(repr, missing))}", seen=f"it has {', '.join(schema.names)[:200]}"
        )
