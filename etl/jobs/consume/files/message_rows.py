"""JSON messages of a file as rows of text columns, with the meaning that `etl.validation.message` defines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pyarrow as pa

from etl.contract.model import ITEMS, Contract
from etl.jobs.consume.files.quick_messages import QuickMessages
from etl.jobs.consume.files.records import BYTES_PER_CHUNK, RECORDS_PER_CHUNK, Chunk, lineage
from etl.validation.message import Reading, read_all
from etl.validation.texts import encode_raw
from etl.validation.validate import validate

_LARGE_BYTES = 1 << 16
"""Of a larger message with several readings, unknown keys around the readings are reported with the first one only."""
_MOST_COPIED_BYTES = 256 << 20
"""Most bytes that copies of one message's text, or of all in a chunk, may take."""
_WITHOUT_READINGS = ("no_items", "no_reading")
"""Reasons of messages that could be split, and have no reading."""

Texts = Sequence[str | None]


@dataclass
class _Rows:
    """The rows of a chunk that is being built."""

    texts: list[Texts] = field(default_factory=list)
    """Of each row, in the order of the columns."""
    offsets: list[str] = field(default_factory=list)
    items: list[str] = field(default_factory=list)
    messages: list[bytes | None] = field(default_factory=list)
    """Of each row, the message that it is from."""
    keeps: list[bool] = field(default_factory=list)
    """Whether a row must keep its message's text, whatever its values are."""
    size: int = 0
    records: int = 0
    unparsable: int = 0

    def add(self, offset: int, item: int, texts: Texts, message: bytes | None, *, keeps: bool) -> None:
        self.texts.append(texts)
        self.offsets.append(str(offset))
        self.items.append(str(item))
        self.messages.append(message)
        self.keeps.append(keeps)


def split_messages(messages: Iterable[tuple[int, bytes | None]], contract: Contract, number: int) -> Iterator[Chunk]:
    """Messages as chunks of rows.

    :param messages: each with its line or number; None is a message without a value, as Kafka has them.
    :param number: the value of `source_partition`.
    """
    names = contract.read_names
    quick = QuickMessages(contract)
    rows, offset = _Rows(), 0
    for offset, message in messages:
        if message is not None and (texts := quick.texts(message)) is not None:
            rows.add(offset, 0, texts, message, keeps=False)
        else:
            _add_readings(rows, offset, message, contract, names)
        rows.records += 1
        rows.size += len(message or b"")
        if len(rows.texts) >= RECORDS_PER_CHUNK or rows.size >= BYTES_PER_CHUNK:
            yield _as_chunk(rows, offset, contract, names, number)
            rows = _Rows()
    if rows.records:
        yield _as_chunk(rows, offset, contract, names, number)


def _add_readings(rows: _Rows, offset: int, message: bytes | None, contract: Contract, names: tuple[str, ...]) -> None:
    """All readings of a message; a message without readings is one row without values."""
    size = len(message or b"")
    readings = read_all(encode_raw(message), contract)
    keeps = [_keeps_text(reading, item, size) for item, reading in enumerate(readings)]
    if contract.unknown_keys == "freeze" and keeps.count(True) * size > _MOST_COPIED_BYTES:
        # Unknown keys are only reported then: those of one reading do.
        keeps = [_keeps_text(reading, item, size) for item, reading in enumerate(_unknown_once(readings))]
    copied = keeps.count(True) * size
    if copied > _MOST_COPIED_BYTES and len(readings) > 1:
        readings, keeps, copied = [Reading(readings[0].reason)], [True], size
        is_split = False
    else:
        is_split = any(reading.reason is None or reading.reason.value in _WITHOUT_READINGS for reading in readings)
    for item, reading in enumerate(readings):
        rows.add(offset, item, [reading.texts.get(name) for name in names], message, keeps=keeps[item])
    rows.size += copied
    rows.unparsable += not is_split


def _unknown_once(readings: list[Reading]) -> list[Reading]:
    """The readings, of which only the first with unknown keys still has them."""
    first = next((item for item, reading in enumerate(readings) if reading.unknown), 0)
    return [reading if item == first else replace(reading, unknown={}) for item, reading in enumerate(readings)]


def _keeps_text(reading: Reading, item: int, size: int) -> bool:
    """Whether what is wrong with a reading, or unknown in it, is only in the message's text."""
    if reading.reason is not None or reading.nested or reading.unstorable:
        return True
    is_reported = item == 0 or size <= _LARGE_BYTES
    return any(is_reported or ITEMS in path for path in reading.unknown)


def _as_chunk(rows: _Rows, last: int, contract: Contract, names: tuple[str, ...], number: int) -> Chunk:
    values = dict(zip(names, zip(*rows.texts, strict=True), strict=True))
    origin = lineage(number, rows.offsets, rows.items)
    columns = {name: pa.array(column, pa.string()) for name, column in {**values, **origin}.items()}
    # Whether a row is valid is decided by the loader; here only whether it keeps its text.
    without = pa.nulls(len(rows.texts), pa.string())
    checked = validate(pa.table({**columns, "raw": without}), contract, now=datetime.now(UTC))
    raw: list[str | None] = [
        encode_raw(m) if keeps else None for m, keeps in zip(rows.messages, rows.keeps, strict=True)
    ]
    left = _MOST_COPIED_BYTES
    for row in checked.rejected_rows:
        # What finds no room is composed from its columns, where the loader rejects it.
        left -= 0 if raw[row] is not None else len(rows.messages[row] or b"")
        if raw[row] is None and left >= 0:
            raw[row] = encode_raw(rows.messages[row])
    return Chunk(pa.table({**columns, "raw": pa.array(raw, pa.string())}), rows.records, rows.unparsable, last)
