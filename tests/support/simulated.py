"""Messages of the simulators, held to the contracts of their feeds."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from etl.contract.model import EPOCH_UNITS, ISO8601, ITEMS
from etl.contract.reader import Column, Contract, load_contracts
from etl.jobs.produce.simulate import DEFAULT_START, Message, csv_header, simulate
from etl.settings import Settings

CONTRACTS = load_contracts(Settings.load(feeds=""))
Row = dict[str, Any]


def made(
    contract: Contract, rows: int, *, seed: int = 1, bad_share: float = 0.0, start: datetime = DEFAULT_START
) -> list[Message]:
    chunks = simulate(contract, rows, seed=seed, start=start, bad_share=bad_share)
    return [message for chunk in chunks for message in chunk]


def rows_of(contract: Contract, messages: list[Message]) -> list[Row]:
    """The readings of good messages, by the contract's columns."""
    if contract.source.format.is_tabular:
        lines = [(message.value or b"").decode() for message in messages]
        names = next(csv.reader([csv_header(contract).decode()], delimiter=contract.source.format.dialect.delimiter))
        found = csv.reader(lines, delimiter=contract.source.format.dialect.delimiter)
        sources = [dict(zip(names, line, strict=True)) for line in found]
        return [{c.name: source[c.source[0]] for c in contract.columns} for source in sources]
    return [row for message in messages for row in exploded(contract, json.loads(message.value or b""))]


def exploded(contract: Contract, document: Row) -> Iterator[Row]:
    count = 1
    if contract.explode:
        place: Any = document
        for key in contract.explode[0]:
            place = place[key]
        count = len(place)
    for item in range(count):
        yield {column.name: value_at(document, column, item) for column in contract.columns}


def value_at(document: Any, column: Column, item: int) -> Any:
    for key in column.source:
        document = document[item] if key == ITEMS else document[key]
    return document


def time_of(contract: Contract, row: Row) -> datetime:
    value, form = row[contract.event_time.column], contract.event_time.formats[0]
    if form in EPOCH_UNITS:
        return datetime.fromtimestamp(float(value) * EPOCH_UNITS[form], UTC)
    found = datetime.fromisoformat(value) if form == ISO8601 else datetime.strptime(value, form)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def breaks(column: Column, value: Any) -> str:
    """Which simple rule of its column a value breaks."""
    if value is None or value == "":
        return "missing" if column.required else ""
    if column.type in ("integer", "double"):
        number = int(value) if column.type == "integer" else float(value)
        low, high = column.minimum, column.maximum
        return "range" if (low is not None and number < low) or (high is not None and number > high) else ""
    if column.type == "boolean":
        return "" if value in (True, False, "true", "false") else "boolean"
    if column.max_length is not None and len(str(value)) > column.max_length:
        return "length"
    return "pattern" if column.pattern and not re.fullmatch(column.pattern, str(value)) else ""


def require_good(contract: Contract, messages: list[Message]) -> list[Row]:
    rows = rows_of(contract, messages)
    assert not [(c.name, row[c.name]) for row in rows for c in contract.columns if breaks(c, row[c.name])]
    keys = Counter(tuple(row[name] for name in contract.primary_key) for row in rows)
    assert not [key for key, times in keys.items() if times > 1], "keys are unique"
    return rows
