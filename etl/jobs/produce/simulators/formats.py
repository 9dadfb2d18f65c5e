"""How simulated readings are written in each format."""

from __future__ import annotations

import csv
import io
import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from etl.contract.formats.avro_records import AvroRecords
from etl.contract.formats.csv_dialect import CsvDialect
from etl.contract.formats.csv_lines import CsvLines
from etl.contract.formats.json_objects import JsonObjects
from etl.contract.formats.parquet_rows import ParquetRows
from etl.contract.formats.record_format import RecordFormat
from etl.contract.model import BROKER_TIME, ITEMS, ROOT
from etl.contract.reader import Contract
from etl.jobs.produce.simulators.base import Message, Spoiler, edit, fields, resent, truncated
from etl.jobs.produce.simulators.value_texts import Value, milliseconds

Row = Mapping[str, Value]
"""Column → value, in the order of the contract."""
_HEADER = "header:"


@dataclass(frozen=True)
class Form:
    """How readings are written, and which bad messages can be made of them."""

    message: Callable[[Contract, Sequence[Row]], Message]
    """The message with these readings; several only where the contract has `explode`."""
    spoilers: Callable[[Contract, int], list[Spoiler]]
    """Makers of bad messages (truncated, without a required value, sent before) for a contract and its number of senders."""


def _json_message(contract: Contract, rows: Sequence[Row]) -> Message:
    document: dict[str, Any] = {}
    for number, column in itertools.product(range(len(rows)), contract.message_columns):
        _put(document, column.source, rows[number][column.name], number)
    beside = {origin: rows[0][name] for name, origin in contract.origins.items()}
    key = beside["key"] if "key" in beside else "/".join(_text(rows[0][name]) for name in contract.sensor)
    headers = ((origin.removeprefix(_HEADER), _text(beside[origin])) for origin in beside if origin.startswith(_HEADER))
    return Message(
        _text(key).encode(),
        json.dumps(document.get(ROOT, document), ensure_ascii=False, separators=(",", ":")).encode(),
        tuple((name, value.encode()) for name, value in headers),
        milliseconds(beside[BROKER_TIME]) if BROKER_TIME in beside else None,
    )


def _text(value: Value) -> str:
    return json.dumps(value) if isinstance(value, bool) else str(value)


def _put(place: Any, path: tuple[str, ...], value: Value, number: int) -> None:
    """Put a value under its path. The elements of the innermost array are the rows; outer arrays have one element."""
    for i, key in enumerate(path[:-1]):
        is_array = path[i + 1] == ITEMS
        if key == ITEMS:
            wanted = number if ITEMS not in path[i + 1 :] else 0
            place.extend({} for _ in range(wanted + 1 - len(place)))
            place = place[wanted]
        else:
            place = place.setdefault(key, [] if is_array else {})
    place.setdefault(path[-1], value)


def _json_spoilers(contract: Contract, senders: int) -> list[Spoiler]:
    return [truncated, *_whole_spoilers(contract, senders)]


def _whole_spoilers(contract: Contract, senders: int) -> list[Spoiler]:
    """Those that leave a message an object, as every row of a Parquet file is one."""
    path = next((column.source for column in contract.message_columns if column.required), ())
    return [edit(lambda document: _remove(document, path)), resent(senders)]


def _remove(document: Any, path: tuple[str, ...]) -> None:
    """Remove the key with which a path begins; of an array, in its first element."""
    if path[:1] == (ROOT,):
        document[0].pop(path[2], None)
    elif path:
        document.pop(path[0], None)


def csv_line(values: Sequence[Value], dialect: CsvDialect) -> bytes:
    """A line of a CSV file, without its end, in the dialect's `raw_encoding`."""
    text = io.StringIO()
    csv.writer(text, delimiter=dialect.delimiter, quotechar=dialect.quote).writerow(values)
    end = dialect.delimiter if dialect.trailing_delimiter else ""
    return (text.getvalue().rstrip("\r\n") + end).encode(dialect.raw_encoding)


def _csv_message(contract: Contract, rows: Sequence[Row]) -> Message:
    values = [_text(rows[0][column.name]) for column in contract.message_columns]
    return Message(None, csv_line(values, contract.source.format.dialect))


def _csv_spoilers(contract: Contract, senders: int) -> list[Spoiler]:
    required = next((i for i, column in enumerate(contract.message_columns) if column.required), 0)
    dialect = contract.source.format.dialect
    spoiled = partial(fields, delimiter=dialect.delimiter, encoding=dialect.raw_encoding)
    empty = spoiled(lambda line: ["" if i == required else value for i, value in enumerate(line)])
    return [spoiled(lambda line: line[: len(line) // 2]), empty, resent(senders)]


FORMS: Mapping[type[RecordFormat], Form] = {
    JsonObjects: Form(_json_message, _json_spoilers),
    CsvLines: Form(_csv_message, _csv_spoilers),
    ParquetRows: Form(_json_message, _whole_spoilers),
    AvroRecords: Form(_json_message, _whole_spoilers),
}
