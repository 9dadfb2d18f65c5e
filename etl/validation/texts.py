"""Bytes and texts of messages in the form of columns."""

from __future__ import annotations

import json
import re
from typing import Any


def decode_raw(raw: str) -> bytes | None:
    """The message's bytes from the column `raw`; None for a tombstone."""
    if raw == r"\null":
        return None
    return bytes.fromhex(raw[2:]) if raw.startswith(r"\x") else raw.encode("utf-8")


def encode_raw(message: bytes | None) -> str:
    """A message in the form of the column `raw` (`etl.validation.message` defines it); None is a tombstone."""
    if message is None:
        return r"\null"
    try:
        text = message.decode("utf-8")
    except UnicodeDecodeError:
        return rf"\x{message.hex()}"
    return rf"\x{message.hex()}" if "\0" in text or text.startswith("\\") else text


def as_text(value: Any) -> str | None:
    """A value of a message as a text column has it: objects and arrays as JSON."""
    if value is None or isinstance(value, str):
        return value
    return json.dumps(plain_value(value), ensure_ascii=False, separators=(",", ":"))


def is_storable(text: str) -> bool:
    """Whether a database can store a text: no NUL, no half of a surrogate pair."""
    return "\0" not in text and not re.search(r"[\ud800-\udfff]", text)


def storable(text: str | None) -> str | None:
    """A text as it is where a database can store it, else with escapes."""
    return text if text is None or is_storable(text) else text.encode("unicode_escape").decode("ascii")


def plain_value(value: Any) -> Any:
    """A parsed value with its numbers as numbers again, for writing it as JSON."""
    if isinstance(value, Digits):
        return json.loads(value)
    if isinstance(value, dict):
        return {key: plain_value(inner) for key, inner in value.items()}
    return [plain_value(inner) for inner in value] if isinstance(value, list) else value


class Digits(str):
    """A number of a message, digit for digit."""

    __slots__ = ()
