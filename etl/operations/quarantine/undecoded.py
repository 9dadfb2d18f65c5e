"""Rejected messages that could not be decoded: what the schema registry may know by now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from etl.contract.reader import Contract
from etl.settings import Settings
from etl.storage.schema_registry import SchemaRegistry
from etl.validation.decoding.decoders import DECODERS
from etl.validation.reasons import Reason
from etl.validation.texts import decode_raw, encode_raw


def decoded_texts(settings: Settings, contract: Contract, rows: Iterable[Mapping[str, Any]]) -> dict[int, str]:
    """rejected_id → the message as JSON, of the rows that were rejected as not decodable and can be decoded now.

    :raises ServiceUnavailable: there are such rows, and the schema registry does not answer.
    :raises ConfigurationError: there are such rows, and the settings name no schema registry.
    """
    form = contract.source.format
    waiting = {row["rejected_id"]: row["raw"] for row in rows if row["reason"] == Reason.NOT_AVRO}
    if not form.needs_registry or not waiting:
        return {}
    decode = DECODERS[type(form)](SchemaRegistry.of(settings).schema)
    messages = {number: decode(decode_raw(raw) or b"") for number, raw in waiting.items()}
    return {number: encode_raw(message) for number, message in messages.items() if message is not None}
