"""CSV files that other programs wrote, converted to part files: every record in its columns, or kept as its own text.

Records are read by Python's `csv`, strictly. A line with an unbalanced quote would swallow the lines after it; so of a record
that is broken, or has another number of fields than the header, only the first line is rejected, and reading goes on with the
next line.
"""

from __future__ import annotations

import codecs
import gzip
import io
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

import pyarrow as pa

from etl.contract.formats.csv_dialect import CsvDialect
from etl.contract.model import LINEAGE_COLUMNS
from etl.contract.reader import Contract
from etl.errors import UnreadableFile
from etl.storage import batch_csv
from etl.storage.batch_csv import to_csv
from etl.storage.landing_folder import part_columns
from etl.storage.manifests import LandingFile, Part
from etl.storage.publish import finished_part
from etl.validation.csv_record import Record, read_records
from etl.validation.texts import encode_raw
from etl.validation.validate import validate

RECORDS_PER_PART = 50_000
_GZIP = b"\x1f\x8b"


def write_parts(
    contract: Contract, path: Path, digest: str, folder: Path, *, number: int
) -> tuple[LandingFile, list[Part]]:
    """Write a file's records as part files, in bounded memory.

    :param number: the value of `source_partition`; that of `source_offset` is the record's line.
    :raises UnreadableFile: the file cannot be unpacked, its header lacks required columns or names one twice, or it changed.
    """
    dialect = contract.source.format.dialect
    before = path.stat()
    parts: list[Part] = []
    rows = unparsable = lines = 0
    try:
        with _opened(path, dialect) as stream:
            records = read_records(stream, dialect, width=None if dialect.header else len(contract.columns))
            header = _header(records, contract, dialect)
            columns = part_columns(contract, header)
            for chunk in _chunks(records):
                table, broken = _as_table(chunk, header, columns, contract, number)
                parts.append(_write_part(folder / f"part-{number:05d}-{len(parts):05d}.csv", columns, table))
                rows, unparsable, lines = rows + len(chunk), unparsable + broken, chunk[-1].line
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise _discarded(folder, parts, f"it cannot be unpacked ({error})") from None
    after = path.stat()
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise _discarded(folder, parts, "it changed while it was read")
    if not parts:
        # A header alone is a file without readings; it is entered in the ledger like any other.
        parts.append(_write_part(folder / f"part-{number:05d}-00000.csv", columns, None))
    return LandingFile(path.name, digest, before.st_size, rows, unparsable, lines, header), parts


@contextmanager
def _opened(path: Path, dialect: CsvDialect) -> Iterator[TextIO]:
    with path.open("rb") as raw:
        is_gzip = raw.read(2) == _GZIP
        raw.seek(0)
        binary = gzip.GzipFile(fileobj=raw) if is_gzip else raw
        # `utf-8-sig` skips a byte-order mark.
        encoding = "utf-8-sig" if codecs.lookup(dialect.encoding).name == "utf-8" else dialect.encoding
        yield io.TextIOWrapper(binary, encoding, errors="surrogateescape", newline="")


def _header(records: Iterator[Record], contract: Contract, dialect: CsvDialect) -> tuple[str, ...]:
    """The names of a file's columns, without the spaces around them.

    :raises UnreadableFile: there is no header, a name is repeated, or a required column is missing or has another name.
    """
    sources = tuple(column.source[0] for column in contract.columns)
    if not dialect.header:
        return sources
    first = next(records, None)
    if first is None or first.fields is None:
        raise UnreadableFile("it is empty" if first is None else "its first line is no CSV header")
    header = tuple(name if name in sources else (name or "").strip() for name in first.fields)
    if repeated := sorted(name for name, number in Counter(header).items() if number > 1):
        raise UnreadableFile(f"its header names column {repeated[0]!r} twice")
    if reason := _header_problem(header, contract):
        raise UnreadableFile(f"its header {reason}", seen=f"it begins {first.text.strip()[:60]!r}")
    return header


def _header_problem(header: tuple[str, ...], contract: Contract) -> str:
    """Why a file with this header is not one of the feed: its rows would all be rejected, or lose their values. Else empty."""
    missing = [column for column in contract.columns if column.source[0] not in header]
    if needed := [column.source[0] for column in missing if column.required]:
        return f"lacks {', '.join(map(repr, needed))}"
    names = {*contract.primary_key, *contract.sensor, contract.event_time.column}
    values = [column for column in contract.columns if column.name not in names]
    if values and all(column in missing for column in values):
        return f"names none of {', '.join(repr(column.source[0]) for column in values[:5])}"
    if contract.unknown_keys == "freeze":
        declared = {column.source[0] for column in contract.columns}
        unknown = {_folded(name): name for name in header if name not in declared}
        for column in missing:
            if other := unknown.get(_folded(column.source[0])):
                return f"names {other!r}, which the contract calls {column.source[0]!r}"
    return ""


def _folded(name: str) -> str:
    """A name without case, spaces and punctuation, which people and programs write differently."""
    return re.sub(r"[\W_]+", "", name).casefold() or name


def part_paths(contract: Contract, headers: Iterable[tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Column of part files → where its values were in the landing files; only columns for which all files agree."""
    sources: dict[str, set[str]] = {}
    for header in headers:
        for name, source in part_columns(contract, header).items():
            sources.setdefault(name, set()).add(source or contract.column(name).source[0])
    return {name: (*paths,) for name, paths in sources.items() if len(paths) == 1}


def _chunks(records: Iterator[Record]) -> Iterator[list[Record]]:
    chunk: list[Record] = []
    for record in records:
        chunk.append(record)
        if len(chunk) == RECORDS_PER_PART:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _as_table(
    chunk: list[Record], header: tuple[str, ...], columns: dict[str, str | None], contract: Contract, number: int
) -> tuple[pa.Table, int]:
    """Records as text columns, and how many could not be split. Records that break a rule keep their own text."""
    dialect = contract.source.format.dialect
    whole = [len(header) == len(record.fields or ()) for record in chunk]
    empty: list[str | None] = [None] * len(header)
    by_field = list(zip(*(r.fields if ok else empty for r, ok in zip(chunk, whole, strict=True)), strict=True))
    values = {
        name: by_field[header.index(source)] if source else [None] * len(chunk) for name, source in columns.items()
    }
    lineage = {
        "source_partition": [str(number)] * len(chunk),
        "source_offset": [str(record.line) for record in chunk],
        "source_item": ["0"] * len(chunk),
        "source_time": [f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}.000"] * len(chunk),
    }
    raw: list[str | None] = [None if ok else _raw(record, dialect) for record, ok in zip(chunk, whole, strict=True)]
    table = pa.table(
        {name: pa.array(column, pa.string()) for name, column in {**values, **lineage, "raw": raw}.items()}
    )
    # Whether a row is valid is decided by the loader; here only whether it keeps its text.
    checked = validate(table, contract, now=datetime.now(UTC), headers={number: header})
    for row in checked.rejected_rows:
        raw[row] = _raw(chunk[row], dialect)
    return table.set_column(table.num_columns - 1, "raw", pa.array(raw, pa.string())), whole.count(False)


def _raw(record: Record, dialect: CsvDialect) -> str:
    return encode_raw(record.text.rstrip("\r\n").encode(dialect.encoding, "surrogateescape"))


def _write_part(file: Path, columns: dict[str, str | None], table: pa.Table | None) -> Part:
    with file.open("wb") as handle:
        handle.write(batch_csv.header((*columns, *LINEAGE_COLUMNS)))
        if table is not None:
            handle.write(to_csv(table))
    return finished_part(file, table.num_rows if table is not None else 0)


def _discarded(folder: Path, parts: list[Part], reason: str) -> UnreadableFile:
    for part in parts:
        (folder / part.name).unlink()
    return UnreadableFile(reason)
