"""Reads plain JSON messages quickly: sound, without arrays of readings, and with no key that the contract does not name."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from etl.contract.model import Contract
from etl.validation.structure import Node, Path, tree

_ESCAPES = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
"""Escapes that may stand for what no database can store: NUL, and half of a surrogate pair."""
_PLAIN = (str, type(None))


class QuickMessages:
    """The texts of messages about which nothing needs to be said. `etl.validation.message.read` reads all others."""

    def __init__(self, contract: Contract) -> None:
        root = tree(contract)
        self._is_possible = not contract.explode
        self._envelope = contract.envelope
        self._keys = None if root.is_open else frozenset(root.keys)
        self._objects = [(path, frozenset(node.keys)) for path, node in _inner_objects(root, ()) if not node.is_open]
        self._paths = [
            contract.column(name).source if contract.column(name).is_in_message else () for name in contract.read_names
        ]
        self._is_flat = all(len(path) == 1 for path in self._paths) and not contract.envelope
        self._names = [path[0] if path else "" for path in self._paths]
        self._decode = json.JSONDecoder(
            object_pairs_hook=_object, parse_float=str, parse_int=str, parse_constant=_refuse
        ).decode

    def texts(self, message: bytes) -> list[str | None] | None:
        """The texts of the contract's columns; None where `read` must read the message."""
        if not self._is_possible or (b"\\u" in message and _ESCAPES.search(message)):
            return None
        try:
            parsed = self._decode(message.decode("utf-8"))
        except (ValueError, RecursionError):
            return None
        if type(parsed) is not dict or (self._keys is not None and not parsed.keys() <= self._keys):
            return None
        if self._is_flat:
            values = [parsed.get(name) for name in self._names]
        elif self._is_strange(parsed):
            return None
        else:
            values = [_at(parsed, path) if path else None for path in self._paths]
        return values if all(type(value) in _PLAIN for value in values) else _with_booleans(values)

    def _is_strange(self, parsed: dict[str, Any]) -> bool:
        """Whether a message lacks the object around its reading, or an inner object has keys that the contract does not name."""
        if self._envelope and type(_at(parsed, self._envelope)) is not dict:
            return True
        inner = ((_at(parsed, path), keys) for path, keys in self._objects)
        return any(type(value) is dict and not value.keys() <= keys for value, keys in inner)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is there twice")
    return found


def _refuse(word: str) -> Any:
    raise ValueError(word)


def _inner_objects(node: Node, path: Path) -> Iterator[tuple[Path, Node]]:
    for key, inner in node.objects.items():
        yield (*path, key), inner
        yield from _inner_objects(inner, (*path, key))


def _at(value: Any, path: Path) -> Any:
    for key in path:
        value = value.get(key) if type(value) is dict else None
    return value


def _with_booleans(values: list[Any]) -> list[str | None] | None:
    """Booleans as texts; None where a value is an object or an array."""
    texts = [{True: "true", False: "false"}[value] if type(value) is bool else value for value in values]
    return texts if all(type(text) in _PLAIN for text in texts) else None
