"""Messages from a file, one by one."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from etl.contract.draft.samples.content import plain_suffix
from etl.contract.formats.csv_dialect import CsvDialect
from etl.contract.formats.csv_records import Lines, read_records
from etl.contract.formats.json_objects import JsonObjects
from etl.contract.reader import Contract
from etl.errors import ConfigurationError, UnreadableFile
from etl.jobs.produce.simulate import CHUNK, Message
from etl.storage.content.json_messages import is_message, json_messages
from etl.storage.content.unpacked import opened

_JSON = JsonObjects.suffixes
_KINDS = " or ".join((".csv", *_JSON))
_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?")


def messages_of_file(file: Path, contract: Contract) -> Iterator[list[Message]]:
    """The rows of a file as messages, in chunks; lines of JSON are sent unchanged.

    The file may be compressed with gzip or zstd.

    :raises ConfigurationError: the file does not exist, is neither JSON nor CSV by its name, or has no header.
    :raises UnreadableFile: it cannot be unpacked, or is a broken document.
    """
    if not file.is_file():
        raise ConfigurationError(f"There is no file {file}.", remedy=f"Give the path of a {_KINDS} file.")
    chunk: list[Message] = []
    for value in _csv_values(file, contract) if is_csv(file) else _json_values(file, contract):
        chunk.append(Message(_key(value, contract), value))
        if len(chunk) == CHUNK:
            yield chunk
            chunk = []
    yield chunk


def is_csv(file: Path) -> bool:
    """Whether a file's rows are read as CSV: its name ends in .csv, and it does not begin with a message in JSON."""
    if plain_suffix(file) != ".csv":
        return False
    try:
        return not is_message(_first_message(file))
    except UnreadableFile:
        return True


def _json_values(file: Path, contract: Contract) -> Iterator[bytes]:
    if plain_suffix(file) not in _JSON:
        _require_json(file)
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


def _require_json(file: Path) -> None:
    """:raises ConfigurationError: a file whose name does not say that it is JSON has no messages."""
    why = ""
    try:
        if _first_message(file):
            return
    except UnreadableFile as error:
        why = f": {error.cause}"
    raise ConfigurationError(
        f"{file.name} is no {_KINDS} file{why}.",
        remedy="Repair or convert the file; CSV must have a name that ends in .csv.",
    )


def _first_message(file: Path) -> bytes:
    """The first message of a file in JSON; empty: it has none.

    :raises UnreadableFile: it cannot be unpacked, or its beginning is no JSON.
    """
    with json_messages(file, wraps=False) as messages:
        return next((message for _, message in messages), b"")


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
