"""CSV files: every line in its columns, or kept as its own text.

Records are read by Python's `csv`, strictly. A line with an unbalanced quote would swallow the lines after it; so of a record
that is broken, or has another number of fields than the header, only the first line is rejected, and reading goes on with the
next line.
"""

from __future__ import annotations

import codecs
import io
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

import pyarrow as pa

from etl.contract.formats.csv_dialect import CsvDialect
from etl.contract.formats.csv_lines import CsvLines
from etl.contract.formats.csv_records import Lines, Record, read_records
from etl.contract.reader import Contract
from etl.errors import UnreadableFile
from etl.jobs.consume.files.records import BYTES_PER_CHUNK, RECORDS_PER_CHUNK, Chunk, FileRecords, lineage
from etl.storage.content.unpacked import marked_encoding, opened
from etl.storage.landing_folder import part_columns
from etl.validation.texts import encode_raw
from etl.validation.validate import validate


@contextmanager
def read_csv(contract: Contract, form: CsvLines, path: Path, number: int) -> Iterator[FileRecords]:
    """The records of a CSV file.

    :raises UnreadableFile: the file cannot be unpacked or decoded, or its header lacks required columns or names one twice.
    """
    dialect = form.dialect
    with _text_of(path, dialect) as stream:
        lines = Lines(stream, dialect)
        lines.skip(dialect.skip_rows)
        records = read_records(lines, dialect, width=None if dialect.header else len(_sources(contract)))
        header = _header(records, contract, dialect)
        if dialect.header:
            lines.skip(dialect.skip_after_header)
        columns = part_columns(contract, header)
        chunks = (_as_chunk(chunk, header, columns, contract, dialect, number) for chunk in _chunks(records))
        yield FileRecords(header, tuple(columns), chunks)


@contextmanager
def _text_of(path: Path, dialect: CsvDialect) -> Iterator[TextIO]:
    with opened(path) as content:
        encoding = marked_encoding(content) or codecs.lookup(dialect.encoding).name
        # Where a byte is no part of ASCII's supersets it is kept, and only its record is rejected. In other encodings a
        # damaged byte shifts all that follows.
        errors = "strict" if encoding.startswith(("utf-16", "utf-32")) else "surrogateescape"
        try:
            yield io.TextIOWrapper(content, encoding, errors=errors, newline="")
        except UnicodeDecodeError as error:
            raise UnreadableFile(f"it is not valid in {encoding} ({error.reason})") from None


def _sources(contract: Contract) -> tuple[str, ...]:
    """The names of the columns that a file of the feed has."""
    return tuple(column.source[0] for column in contract.message_columns)


def _header(records: Iterator[Record], contract: Contract, dialect: CsvDialect) -> tuple[str, ...]:
    """The names of a file's columns, without the spaces around them.

    :raises UnreadableFile: there is no header, a name is repeated, or a required column is missing or has another name.
    """
    sources = _sources(contract)
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
    missing = [column for column in contract.message_columns if column.source[0] not in header]
    if needed := [column.source[0] for column in missing if column.required]:
        return f"lacks {', '.join(map(repr, needed))}"
    names = {*contract.primary_key, *contract.sensor, contract.event_time.column}
    values = [column for column in contract.message_columns if column.name not in names]
    if values and all(column in missing for column in values):
        return f"names none of {', '.join(repr(column.source[0]) for column in values[:5])}"
    if contract.unknown_keys == "freeze":
        declared = {*_sources(contract)}
        unknown = {_folded(name): name for name in header if name not in declared}
        for column in missing:
            if other := unknown.get(_folded(column.source[0])):
                return f"names {other!r}, which the contract calls {column.source[0]!r}"
    return ""


def _folded(name: str) -> str:
    """A name without case, spaces and punctuation, which people and programs write differently."""
    return re.sub(r"[\W_]+", "", name).casefold() or name


def _chunks(records: Iterator[Record]) -> Iterator[list[Record]]:
    chunk: list[Record] = []
    letters = 0
    for record in records:
        chunk.append(record)
        letters += len(record.text)
        if len(chunk) == RECORDS_PER_CHUNK or letters >= BYTES_PER_CHUNK:
            yield chunk
            chunk, letters = [], 0
    if chunk:
        yield chunk


def _as_chunk(
    records: list[Record],
    header: tuple[str, ...],
    columns: dict[str, str | None],
    contract: Contract,
    dialect: CsvDialect,
    number: int,
) -> Chunk:
    """Records as text columns. Records that break a rule keep their own text."""
    whole = [len(header) == len(record.fields or ()) for record in records]
    empty: list[str | None] = [None] * len(header)
    by_field = list(zip(*(r.fields if ok else empty for r, ok in zip(records, whole, strict=True)), strict=True))
    values = {
        name: [None] * len(records) if source is None else by_field[header.index(source)]
        for name, source in columns.items()
    }
    origin = lineage(number, [str(record.line) for record in records], ["0"] * len(records))
    raw: list[str | None] = [None if ok else _raw(record, dialect) for record, ok in zip(records, whole, strict=True)]
    table = pa.table({name: pa.array(column, pa.string()) for name, column in {**values, **origin, "raw": raw}.items()})
    # Whether a row is valid is decided by the loader; here only whether it keeps its text.
    checked = validate(table, contract, now=datetime.now(UTC), headers={number: header})
    for row in checked.rejected_rows:
        raw[row] = _raw(records[row], dialect)
    table = table.set_column(table.num_columns - 1, "raw", pa.array(raw, pa.string()))
    return Chunk(table, len(records), whole.count(False), records[-1].line)


def _raw(record: Record, dialect: CsvDialect) -> str:
    text = record.text.rstrip("\r\n")
    try:
        return encode_raw(text.encode(dialect.raw_encoding, "surrogateescape"))
    except UnicodeEncodeError:
        # A byte-order mark has shown that the file is in another encoding than the contract's.
        return encode_raw(text.encode(dialect.raw_encoding, "backslashreplace"))
