"""Messages from a file, line by line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from etl.contract.formats.csv_dialect import CsvDialect
from etl.contract.reader import Contract
from etl.errors import ConfigurationError
from etl.jobs.produce.simulate import CHUNK, Message
from etl.validation.csv_record import Lines, read_records

_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?")


def messages_of_file(file: Path, contract: Contract) -> Iterator[list[Message]]:
    """The rows of a file as messages, in chunks; a `.jsonl` line is sent unchanged.

    :raises ConfigurationError: the file does not exist, is neither .csv nor .jsonl, or has no header.
    """
    if not file.is_file():
        raise ConfigurationError(f"There is no file {file}.", remedy="Give the path of a .csv or .jsonl file.")
    if file.suffix not in (".csv", ".jsonl"):
        raise ConfigurationError(f"{file.name} is neither .csv nor .jsonl.", remedy="Rename or convert the file.")
    values = _csv_values(file, contract) if file.suffix == ".csv" else _json_lines(file)
    chunk: list[Message] = []
    for value in values:
        chunk.append(Message(_key(value, contract), value))
        if len(chunk) == CHUNK:
            yield chunk
            chunk = []
    yield chunk


def _json_lines(file: Path) -> Iterator[bytes]:
    with file.open("rb") as handle:
        for line in handle:
            yield line.rstrip(b"\r\n")


def _csv_values(file: Path, contract: Contract) -> Iterator[bytes]:
    numbers = {column.name for column in contract.columns if column.type in ("integer", "double")}
    with file.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as handle:
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
    key = document.get(contract.message_key) if isinstance(document, dict) else None
    return str(key).encode() if key is not None else None
