"""Simulated messages as Avro, with a schema that is made from the contract and registered for them."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from typing import Any

from fastavro import parse_schema, schemaless_writer

from etl.contract.model import EPOCH_UNITS, ITEMS, ROOT, Column
from etl.contract.reader import Contract
from etl.errors import ConfigurationError
from etl.jobs.produce.delivery import Chunks
from etl.jobs.produce.simulators.value_texts import first_format
from etl.settings import Settings
from etl.storage.schema_registry import SchemaRegistry

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_TYPES = {"text": "string", "integer": "long", "double": "double", "boolean": "boolean"}


def as_avro(settings: Settings, contract: Contract) -> Callable[[Chunks], Chunks]:
    """What makes Avro of messages in JSON; a broken message becomes a broken record.

    The schema is registered under a subject of its own, `<topic>-simulated`: the one of the real messages stays as it is.

    :raises ConfigurationError: no registry is set, or a key of a message cannot be one of a record.
    :raises ServiceUnavailable: the registry does not answer.
    """
    registry, schema = SchemaRegistry.of(settings), record_schema(contract)
    number = registry.register(f"{contract.source.name}-simulated", json.dumps(schema))
    head, parsed = struct.pack(">bI", 0, number), parse_schema(schema)

    def encoded(value: bytes | None) -> bytes | None:
        if value is None:
            return None
        stream = BytesIO(head)
        stream.seek(0, 2)
        try:
            schemaless_writer(stream, parsed, json.loads(value))
        except ValueError:
            return head + value
        return stream.getvalue()

    def encode(chunks: Chunks) -> Chunks:
        for chunk in chunks:
            yield [replace(message, value=encoded(message.value)) for message in chunk]

    return encode


def record_schema(contract: Contract) -> Any:
    """The schema of a feed's messages; every value may be null.

    :raises ConfigurationError: a key cannot be one of a record.
    """
    tree: dict[str, Any] = {}
    for column in contract.message_columns:
        node = tree
        for key in column.source[:-1]:
            node = node.setdefault(key, {})
        node.setdefault(column.source[-1], _type_of(column, contract))
    _, whole = _schema(tree, "Message") if ROOT not in tree else _schema(tree[ROOT], "Reading")
    return whole


def _schema(node: Any, name: str) -> tuple[str, Any]:
    """A value that may be null."""
    if isinstance(node, str):
        return "null", node
    if ITEMS in node:
        return "null", {"type": "array", "items": [*_schema(node[ITEMS], f"{name}Item")]}
    if wrong := [key for key in node if not _NAME.fullmatch(key)]:
        raise ConfigurationError(
            f"No Avro can be simulated: {wrong[0]!r} cannot be a key of a record.",
            remedy="Send messages with your own program.",
        )
    fields = [{"name": key, "type": [*_schema(inner, f"{name}_{key}")], "default": None} for key, inner in node.items()]
    return "null", {"type": "record", "name": name, "fields": fields}


def _type_of(column: Column, contract: Contract) -> str:
    is_part = any(column.name in other.combine for other in contract.columns)
    if is_part or column.number is not None:
        return "string"
    if column.type != "timestamp":
        return _TYPES[column.type]
    form = first_format(column, contract)
    return "string" if form not in EPOCH_UNITS else "double" if form == "epoch_seconds" else "long"
