"""The text of a message composed from its columns, in the feed's own form, so that it can be read like the message itself.

For rows that did not keep their text: they looked valid when they were split, and were rejected later.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from etl.contract.formats.csv_dialect import CsvDialect
from etl.contract.model import ITEMS, ROOT, ColumnType
from etl.validation.texts import Digits, encode_raw

Path = tuple[str, ...]

# The grammar of numbers in RFC 8259, 6.
_JSON_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?")


def compose_json(values: Iterable[tuple[Path, str | None, ColumnType]]) -> str:
    """A JSON object with these values at their paths; each array has one element, which contains the reading.

    A message that is an array itself is written as one: where paths begin with `ROOT`, those that do not are in no message.

    :param values: path, text and type. Numbers and booleans are written as such where the text is one.
    """
    root: dict[str, Any] = {}
    # The longest paths first: where one column takes an object and another a part of it, the part is written.
    for path, text, kind in sorted(values, key=lambda value: -len(value[0])):
        _put_value(root, path, _literal(text, kind))
    array = root.get(ROOT)
    return encode_raw(_as_json(array if isinstance(array, list) else root).encode())


def _put_value(node: dict[str, Any], path: Path, value: Any) -> None:
    key, *rest = path
    if not rest:
        node.setdefault(key, value)
    elif rest == [ITEMS]:
        node.setdefault(key, [value])
    elif rest[0] == ITEMS:
        _put_value(node.setdefault(key, [{}])[0], tuple(rest[1:]), value)
    else:
        _put_value(node.setdefault(key, {}), tuple(rest), value)


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


def compose_line(header: Iterable[str], values: Mapping[str, str | None], dialect: CsvDialect) -> str:
    """A line of a CSV file in the form of the column `raw`, without its end.

    :param values: name in the header → value; a missing one leaves its field empty.
    """
    line = dialect.delimiter.join(_field(values.get(name), dialect) for name in header)
    if dialect.trailing_delimiter:
        line += dialect.delimiter
    try:
        return encode_raw(line.encode(dialect.raw_encoding, "surrogateescape"))
    except UnicodeEncodeError:
        # The contract's encoding was changed after the file was read.
        return encode_raw(line.encode(dialect.raw_encoding, "backslashreplace"))


def _field(text: str | None, dialect: CsvDialect) -> str:
    if text is None:
        return ""
    special = (dialect.delimiter, dialect.quote, "\r", "\n")
    if text and not any(mark in text for mark in special):
        return text
    return f"{dialect.quote}{text.replace(dialect.quote, dialect.quote * 2)}{dialect.quote}"
