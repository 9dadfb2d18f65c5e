"""Messages from a file, one by one."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from etl.contract.formats.csv_dialect import CsvDialect
from etl.contract.formats.csv_records import Lines, read_records
from etl.contract.reader import Contract
from etl.errors import ConfigurationError
from etl.jobs.produce.simulate import CHUNK, Message
from etl.storage.content.json_messages import json_messages
from etl.storage.content.unpacked import opened

_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?")


def messages_of_file(file: Path, contract: Contract) -> Iterator[list[Message]]:
    """The rows of a file as messages, in chunks; lines of JSON are sent unchanged.

    The file may be compressed with gzip or zstd.

    :raises ConfigurationError: the file does not exist, is neither CSV nor JSON by its name, or has no header.
    :raises UnreadableFile: it cannot be unpacked, or is a broken document.
    """
    if not file.is_file():
        raise ConfigurationError(f"There is no file {file}.", remedy=f"Give the path of a {_KINDS} file.")
    suffix = next((part for part in reversed(file.suffixes) if part.lower() not in _COMPRESSED), "").lower()
    if suffix not in _VALUES:
        raise ConfigurationError(f"{file.name} is no {_KINDS} file.", remedy="Rename or convert the file.")
    chunk: list[Message] = []
    for value in _VALUES[suffix](file, contract):
        chunk.append(Message(_key(value, contract), value))
        if len(chunk) == CHUNK:
            yield chunk
            chunk = []
    yield chunk


def _json_values(file: Path, contract: Contract) -> Iterator[bytes]:
    with json_messages(file, wraps=contract.explodes_root) as messages:
        yield from (message for _, message in messages)


def _csv_values(file: Path, contract: Contract) -> Iterator[bytes]:
    numbers = {column.name for column in contract.columns if column.type in ("integer", "double")}
    with opened(file) as content:
        handle = io.TextIOWrapper(content, "utf-8-sig", errors="surrogateescape", newline="")
        records = read_records(Lines(handle, CsvDialect()), CsvDialect())
        header = next(records, None)
        if header and header.fields is None:
            raise ConfigurationError(
                f"{file.name}: the first line is not a CSV header.", remedy="Give a file with a header."
            )
        names = header.fields if header and header.fields else []
        for record in records:
            if record.fields is None:
                # A broken line is sent unchanged: the load rejects it and keeps its text.
                yield record.text.rstrip("\r\n").encode("utf-8", "surrogateescape")
            else:
                fields = zip(names, record.fields, strict=True)
                pairs = (f"{json.dumps(k or '')}:{_json_value(k in numbers, v or '')}" for k, v in fields)
                yield f"{{{','.join(pairs)}}}".encode()


_VALUES: Mapping[str, Callable[[Path, Contract], Iterator[bytes]]] = {
    ".csv": _csv_values,
    ".json": _json_values,
    ".jsonl": _json_values,
    ".ndjson": _json_values,
}
"""Ending of a file → the values of its messages."""
_KINDS = " or ".join(_VALUES)
_COMPRESSED = (".gz", ".zst")


def _json_value(is_number: bool, value: Any) -> str:
    """A CSV field as JSON, digit for digit."""
    if is_number and isinstance(value, str) and _NUMBER.fullmatch(value):
        return value
    return json.dumps(value, ensure_ascii=False)


def _key(value: bytes, contract: Contract) -> bytes | None:
    try:
        document = orjson.loads(value)
    except orjson.JSONDecodeError:
        return None
    # The place in the message, which may be below an envelope or under another name than the column's.
    found = document
    for name in contract.column(contract.message_key).source:
        found = found.get(name) if isinstance(found, dict) else None
    return None if found is None or isinstance(found, dict | list) else str(found).encode()
