"""The text of a message made from its columns, in the feed's own form, so that it reads as the message itself would.

For rows that did not keep their text: they looked sound when they were split, and were refused later.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from etl.contract.model import ITEMS, ColumnType, Landing
from etl.validation.texts import Digits, encode_raw

Path = tuple[str, ...]

# The grammar of numbers in RFC 8259, 6.
_JSON_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?")


def compose_json(values: Iterable[tuple[Path, str | None, ColumnType]]) -> str:
    """A JSON object with these values at their paths; of an array it has one element, in which the reading lies.

    :param values: path, text and type. Numbers and truth values are written as such where they are some.
    """
    root: dict[str, Any] = {}
    # The longest paths first: an object that a column takes whole gives way to the parts that others take of it.
    for path, text, kind in sorted(values, key=lambda value: -len(value[0])):
        _place(root, path, _literal(text, kind))
    return encode_raw(_as_json(root).encode())


def _place(node: dict[str, Any], path: Path, value: Any) -> None:
    key, *rest = path
    if not rest:
        node.setdefault(key, value)
    elif rest == [ITEMS]:
        node.setdefault(key, [value])
    elif rest[0] == ITEMS:
        _place(node.setdefault(key, [{}])[0], tuple(rest[1:]), value)
    else:
        _place(node.setdefault(key, {}), tuple(rest), value)


def _literal(text: str | None, kind: ColumnType) -> Any:
    is_number = kind in ("integer", "double") and text is not None and _JSON_NUMBER.fullmatch(text)
    if is_number:
        return Digits(text)
    return text == "true" if kind == "boolean" and text in ("true", "false") else text


def _as_json(value: Any) -> str:
    if isinstance(value, Digits):
        return str(value)
    if isinstance(value, dict):
        return f"{{{','.join(f'{json.dumps(k, ensure_ascii=False)}:{_as_json(v)}' for k, v in value.items())}}}"
    if isinstance(value, list):
        return f"[{','.join(map(_as_json, value))}]"
    return json.dumps(value, ensure_ascii=False)


def compose_line(header: Iterable[str], values: Mapping[str, str | None], landing: Landing) -> str:
    """A line of a CSV file as the column `raw` holds it, without its end.

    :param values: by the names of the header; nothing is written for one that is missing.
    """
    line = landing.delimiter.join(_field(values.get(name), landing) for name in header)
    try:
        return encode_raw(line.encode(landing.encoding, "surrogateescape"))
    except UnicodeEncodeError:
        # The contract's encoding was changed after the file was read.
        return encode_raw(line.encode(landing.encoding, "backslashreplace"))


def _field(text: str | None, landing: Landing) -> str:
    if text is None:
        return ""
    special = (landing.delimiter, landing.quote, "\r", "\n")
    if text and not any(mark in text for mark in special):
        return text
    return f"{landing.quote}{text.replace(landing.quote, landing.quote * 2)}{landing.quote}"
