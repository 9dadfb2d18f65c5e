"""Simulated messages as the loader sees them when nothing of them is left but their text and what was beside them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pyarrow as pa

from etl.contract.reader import Column, Contract
from etl.jobs.produce.simulate import Message
from etl.validation.message import count_readings
from etl.validation.texts import encode_raw
from etl.validation.validate import Validated, validate


def validated(contract: Contract, messages: list[Message]) -> Validated:
    rows = [row for number, message in enumerate(messages) for row in _rows(contract, message, number)]
    return validate(pa.Table.from_pylist(rows), contract, now=datetime.now(UTC))


def _rows(contract: Contract, message: Message, number: int) -> list[dict[str, str | None]]:
    raw = encode_raw(message.value or b"")
    place = {"source_partition": "0", "source_offset": str(number), "raw": raw}
    beside = {column.name: _beside(column, contract, message) for column in contract.columns if column.origin}
    return [{**beside, **place, "source_item": str(item)} for item in range(count_readings(raw, contract))]


def _beside(column: Column, contract: Contract, message: Message) -> str | None:
    if column.origin == "key":
        return (message.key or b"").decode()
    if column.origin == "topic":
        return contract.source.name
    if column.origin == "broker_time":
        assert message.time_ms is not None
        return (datetime(1970, 1, 1) + timedelta(milliseconds=message.time_ms)).isoformat(timespec="milliseconds") + "Z"
    name = column.origin.partition(":")[2]
    return dict(message.headers)[name].decode()
