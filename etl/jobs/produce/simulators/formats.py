"""How simulated readings are written for each kind of source."""

from __future__ import annotations

import csv
import io
import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from etl.contract.formats.csv_dialect import CsvDialect
from etl.contract.model import ITEMS
from etl.contract.reader import Contract
from etl.contract.sources.kafka_topic import KafkaTopic
from etl.contract.sources.landing_folder import LandingFolder
from etl.contract.sources.source import FeedSource
from etl.jobs.produce.simulators.base import Message, Spoiler, edit, fields, resent, truncated

Value = str | int | float | bool
Row = Mapping[str, Value]
"""Column → value, in the order of the contract."""


@dataclass(frozen=True)
class Form:
    """How readings are written, and which bad messages can be made of them."""

    message: Callable[[Contract, Sequence[Row]], Message]
    """The message with these readings; several only where the contract has `explode`."""
    spoilers: Callable[[Contract, int], list[Spoiler]]
    """Makers of bad messages (truncated, without a required value, sent before) for a contract and its number of senders."""


def _json_message(contract: Contract, rows: Sequence[Row]) -> Message:
    document: dict[str, Any] = {}
    for number, column in itertools.product(range(len(rows)), contract.columns):
        _put(document, column.source, rows[number][column.name], number)
    key = "/".join(str(rows[0][name]) for name in contract.sensor)
    return Message(key.encode(), json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode())


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
    top = next((c.source[0] for c in contract.columns if c.required), contract.columns[0].source[0])
    return [truncated, edit(lambda document: document.pop(top)), resent(senders)]


def csv_line(values: Sequence[Value], dialect: CsvDialect) -> bytes:
    """A line of a CSV file, without its end."""
    text = io.StringIO()
    csv.writer(text, delimiter=dialect.delimiter, quotechar=dialect.quote).writerow(values)
    return text.getvalue().rstrip("\r\n").encode(dialect.encoding)


def _csv_message(contract: Contract, rows: Sequence[Row]) -> Message:
    values = [json.dumps(value) if isinstance(value, bool) else value for value in rows[0].values()]
    return Message(None, csv_line(values, contract.source.format.dialect))


def _csv_spoilers(contract: Contract, senders: int) -> list[Spoiler]:
    required = next((i for i, column in enumerate(contract.columns) if column.required), 0)
    delimiter = contract.source.format.dialect.delimiter
    empty = fields(lambda line: ["" if i == required else value for i, value in enumerate(line)], delimiter)
    return [fields(lambda line: line[: len(line) // 2], delimiter), empty, resent(senders)]


FORMS: Mapping[type[FeedSource], Form] = {
    KafkaTopic: Form(_json_message, _json_spoilers),
    LandingFolder: Form(_csv_message, _csv_spoilers),
}
