r"""A message and the readings in it: what its keys mean by the contract, and what is wrong with it as a whole.

A message is a JSON object. Without `explode` it is one reading; else each element of the array is one, numbered by
`source_item`. Elements of nested arrays are numbered through. An array that is missing or empty gives one reading without
values, so that no message vanishes.

A message must be JSON by RFC 8259. Beyond that, only what the contract names is judged: a key that it does not name may hold
anything, and may be there twice.

The column `raw` holds a message's own text:

* the text as it came, where it is UTF-8 without NUL and does not begin with a backslash;
* else `\x` and the hexadecimal digits of its bytes, as PostgreSQL prints `bytea`;
* `\null` for a null value (a tombstone).

For a feed of CSV files it holds the line.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from etl.model import ITEMS, Contract, Landing
from etl.reasons import Reason

Path = tuple[str, ...]
_PATH_SHOWN = 200


@dataclass
class Node:
    """An object of a message: its keys that hold values, those that hold objects, and the one that holds the readings."""

    leaves: list[tuple[str, str]] = field(default_factory=list)
    """Key and column."""
    objects: dict[str, Node] = field(default_factory=dict)
    array: str | None = None
    element: Node | None = None
    whole: list[str] = field(default_factory=list)
    """Columns that take an array's element itself: arrays of scalars."""

    @property
    def keys(self) -> tuple[str, ...]:
        """Every key that the contract knows."""
        array = (self.array,) if self.array else ()
        return tuple(dict.fromkeys([*(key for key, _ in self.leaves), *self.objects, *array]))


def tree(contract: Contract) -> Node:
    """The objects of a feed's messages."""
    root = Node()
    node = root
    for level in contract.explode:
        *path, array = level
        for key in path:
            node = node.objects.setdefault(key, Node())
        node.array, node.element = array, Node()
        node = node.element
    for column in contract.columns:
        _place(root, column.source, column.name)
    return root


def _place(node: Node, path: Path, column: str) -> None:
    key, *rest = path
    if not rest:
        node.leaves.append((key, column))
    elif rest[0] != ITEMS:
        _place(node.objects.setdefault(key, Node()), tuple(rest), column)
    elif node.element is not None and len(rest) == 1:
        node.element.whole.append(column)
    elif node.element is not None:
        _place(node.element, tuple(rest[1:]), column)


@dataclass(frozen=True)
class Reading:
    """One reading of a message, or what is wrong with the message."""

    reason: Reason | None
    texts: Mapping[str, str | None] = field(default_factory=dict)
    """The values as the text columns that the consumer would have made of them."""
    nested: frozenset[str] = frozenset()
    """Columns whose value is an object or an array."""
    unstorable: frozenset[str] = frozenset()
    """Columns whose text no database can hold; `texts` has it with escapes."""
    unknown: Mapping[Path, Any] = field(default_factory=dict)
    """Keys that the contract does not name, by path, with their values."""


def read(raw: str, contract: Contract, item: int = 0, header: tuple[str, ...] | None = None) -> Reading:
    """The reading number `item` of the message that `raw` holds.

    :param header: of a line of a CSV file, the columns of its file; None for a JSON message.
    """
    message = decode_raw(raw)
    if message is None:
        return Reading(Reason.TOMBSTONE)
    if header is not None:
        return _read_line(message, contract, header)
    parsed = _parse(message)
    if isinstance(parsed, Reason):
        return Reading(parsed)
    chains = _chains(parsed, contract.explode)
    if item >= len(chains):
        return Reading(Reason.NO_ITEMS)
    return _read_object(parsed, chains[item], contract)


def _read_object(parsed: _Pairs, chain: tuple[Any, ...], contract: Contract) -> Reading:
    root = tree(contract)
    if any(value.repeated & {*node.keys} for value, node in _known_objects(parsed, root, chain)):
        return Reading(Reason.DUPLICATE_KEY)
    for element, node in zip(chain, _elements(root), strict=True):
        if element is _ABSENT:
            return Reading(Reason.NO_ITEMS)
        if not node.whole and not isinstance(element, _Pairs):
            return Reading(Reason.NOT_OBJECT)
    values = {column.name: _pick(parsed, column.source, chain) for column in contract.columns}
    texts = {name: as_text(value) for name, value in values.items()}
    return Reading(
        None,
        {name: storable(text) for name, text in texts.items()},
        frozenset(name for name, value in values.items() if isinstance(value, dict | list)),
        frozenset(name for name, text in texts.items() if text is not None and not is_storable(text)),
        dict(_unknown(parsed, root, chain, ())),
    )


def decode_raw(raw: str) -> bytes | None:
    """The message's bytes from the column `raw`; None for a tombstone."""
    if raw == r"\null":
        return None
    return bytes.fromhex(raw[2:]) if raw.startswith(r"\x") else raw.encode("utf-8")


def encode_raw(message: bytes) -> str:
    """Bytes as the column `raw` holds them."""
    try:
        text = message.decode("utf-8")
    except UnicodeDecodeError:
        return rf"\x{message.hex()}"
    return rf"\x{message.hex()}" if "\0" in text or text.startswith("\\") else text


def as_text(value: Any) -> str | None:
    """A value of a message as it stands in a text column."""
    if value is None or isinstance(value, str):
        return value
    return json.dumps(_plain(value), ensure_ascii=False, separators=(",", ":"))


def is_storable(text: str) -> bool:
    """Whether a database can hold a text: no NUL, no half of a surrogate pair."""
    return "\0" not in text and not re.search(r"[\ud800-\udfff]", text)


def storable(text: str | None) -> str | None:
    """A text as it is where a database can hold it, else with escapes."""
    return text if text is None or is_storable(text) else text.encode("unicode_escape").decode("ascii")


def shown_path(path: Path) -> str:
    """A path for people, in one text that is neither long nor anything that a database cannot hold."""
    return (storable(".".join(path)) or "")[:_PATH_SHOWN]


# --- JSON ------------------------------------------------------------------------------------------------------------


class Digits(str):
    """A number of a message, digit for digit."""

    __slots__ = ()


class _Pairs(dict[str, Any]):
    """A JSON object that knows which of its keys are there more than once."""

    def __init__(self, pairs: Iterable[tuple[str, Any]]) -> None:
        pairs = list(pairs)
        super().__init__(pairs)
        is_plain = len(self) == len(pairs)
        self.repeated = (
            frozenset() if is_plain else frozenset(k for k, n in Counter(k for k, _ in pairs).items() if n > 1)
        )


class _NotFinite(Exception):
    pass


def _refuse_constant(_: str) -> Any:
    raise _NotFinite


def _parse(message: bytes) -> _Pairs | Reason:
    try:
        text = message.decode("utf-8")
    except UnicodeDecodeError:
        return Reason.NOT_UTF8
    if not text.strip():
        return Reason.EMPTY
    try:
        parsed = json.loads(
            text, object_pairs_hook=_Pairs, parse_constant=_refuse_constant, parse_float=Digits, parse_int=Digits
        )
    except _NotFinite:
        return Reason.NOT_FINITE
    except (ValueError, RecursionError):
        return Reason.NOT_JSON
    return parsed if isinstance(parsed, _Pairs) else Reason.NOT_OBJECT


def _plain(value: Any) -> Any:
    """A parsed value with its numbers as numbers again, for writing it as JSON."""
    if isinstance(value, Digits):
        return json.loads(value)
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list) else value


def _follow(value: Any, path: Path) -> Any:
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


_ABSENT = object()
"""Stands for the readings of an outer element that has none."""


def _chains(parsed: _Pairs, explode: tuple[Path, ...]) -> list[tuple[Any, ...]]:
    """Per reading, the elements in which it lies, from the outermost array to the innermost."""
    chains: list[tuple[Any, ...]] = [()]
    for depth, path in enumerate(explode):
        grown = []
        for chain in chains:
            array = _follow(chain[-1] if chain else parsed, path)
            elements = array if isinstance(array, list) else []
            grown += [(*chain, element) for element in (elements or ([_ABSENT] if depth else []))]
        chains = grown
    return chains


def _pick(parsed: _Pairs, path: Path, chain: tuple[Any, ...]) -> Any:
    value: Any = parsed
    for part in _split(path):
        if part is None:
            value, chain = chain[0], chain[1:]
        else:
            value = _follow(value, part)
    return value


def _split(path: Path) -> Iterator[Path | None]:
    """A path's keys, with None for each step into an array (whose own key is left out)."""
    keys: list[str] = []
    for key in path:
        if key == ITEMS:
            yield None
            keys = []
        else:
            keys.append(key)
    if keys:
        yield tuple(keys)


def _elements(node: Node) -> list[Node]:
    """What the elements of the arrays hold, from the outermost to the innermost."""
    if node.element is not None:
        return [node.element, *_elements(node.element)]
    return [found for inner in node.objects.values() for found in _elements(inner)]


def _known_objects(value: Any, node: Node, chain: tuple[Any, ...]) -> Iterator[tuple[_Pairs, Node]]:
    """The objects of a message that the contract names, without those of its other readings."""
    if not isinstance(value, _Pairs):
        return
    yield value, node
    for key, inner in node.objects.items():
        yield from _known_objects(value.get(key), inner, chain)
    if node.element is not None and chain:
        yield from _known_objects(chain[0], node.element, chain[1:])


def _unknown(value: Any, node: Node, chain: tuple[Any, ...], path: Path) -> Iterator[tuple[Path, Any]]:
    if not isinstance(value, dict):
        return
    for key, inner in value.items():
        if key not in node.keys:
            yield (*path, key), inner
    for key, child in node.objects.items():
        yield from _unknown(value.get(key), child, chain, (*path, key))
    if node.array and node.element and chain and not node.element.whole:
        yield from _unknown(chain[0], node.element, chain[1:], (*path, node.array, ITEMS))


# --- CSV -------------------------------------------------------------------------------------------------------------


def _read_line(line: bytes, contract: Contract, header: tuple[str, ...]) -> Reading:
    landing = contract.landing or Landing("")
    try:
        text = line.decode(landing.encoding)
    except UnicodeDecodeError:
        return Reading(Reason.NOT_UTF8)
    if not text.strip():
        return Reading(Reason.EMPTY)
    if "\0" in text:
        return Reading(Reason.INVALID_TEXT)
    fields = split_line(text, landing)
    if fields is None or len(fields) != len(header):
        return Reading(Reason.NOT_CSV)
    values = dict(zip(header, fields, strict=True))
    named = {column.source[0] for column in contract.columns}
    return Reading(
        None,
        {column.name: values.get(column.source[0]) for column in contract.columns},
        unknown={(name,): value for name, value in values.items() if name not in named and value is not None},
    )


def split_line(text: str, landing: Landing) -> list[str | None] | None:
    """The fields of a record: NULL where nothing stands between two delimiters; None where the record is broken."""
    # Lines end as in the file itself: `str.splitlines` would also end one at a vertical tab, or at U+2028.
    lines = io.StringIO(text, newline="")
    try:
        rows = list(csv.reader(lines, delimiter=landing.delimiter, quotechar=landing.quote, strict=True))
    except csv.Error:
        return None
    if len(rows) != 1 or hides_separator(text, landing):
        return None
    return fields_with_nulls(rows[0], text, landing)


def fields_with_nulls(fields: Sequence[str], text: str, landing: Landing) -> list[str | None]:
    """The fields that Python's reader found in a record, with NULL for those that are empty and not quoted.

    The reader itself tells the two apart from Python 3.12 on only.
    """
    if landing.quote * 2 not in text:
        return [field or None for field in fields]
    # Each match starts at a field.
    written = (found[0] for found in _field_pattern(landing.quote, landing.delimiter).finditer(text.rstrip("\r\n")))
    return [
        field if field or source.startswith(landing.quote) else None
        for field, source in zip(fields, written, strict=False)
    ]


def hides_separator(text: str, landing: Landing) -> bool:
    """Whether a quote inside an unquoted field has a partner that ends a field, and a separator is between the two.

    Then a separator may be missing before the first one, and all fields after it be shifted. RFC 4180, 2.5, allows no quote
    in an unquoted field; one that is alone, as in `5" pipe`, leaves no doubt and is text.
    """
    if landing.quote not in text or _clean_pattern(landing.quote, landing.delimiter).fullmatch(text):
        return False
    line = text.rstrip("\r\n")
    for found in _field_pattern(landing.quote, landing.delimiter).finditer(line):
        first = line.find(landing.quote, found.start(), found.end())
        if first <= found.start():
            continue
        partner = line.find(landing.quote, first + 1)
        ends_field = partner + 1 == len(line) or line.startswith(landing.delimiter, partner + 1)
        if partner > 0 and ends_field and landing.delimiter in line[first:partner]:
            return True
    return False


@cache
def _field_pattern(quote: str, delimiter: str) -> re.Pattern[str]:
    """A field with the delimiter after it: quoted (a quote inside is doubled), or up to the next delimiter."""
    quote, delimiter = re.escape(quote), re.escape(delimiter)
    return re.compile(rf"(?:{quote}[^{quote}]*(?:{quote}{quote}[^{quote}]*)*{quote}|[^{delimiter}]*)(?:{delimiter}|\Z)")


@cache
def _clean_pattern(quote: str, delimiter: str) -> re.Pattern[str]:
    """A record in which quotes are only around fields, or doubled in those."""
    quote, delimiter = re.escape(quote), re.escape(delimiter)
    field = rf"(?:{quote}[^{quote}]*(?:{quote}{quote}[^{quote}]*)*{quote}|[^{quote}{delimiter}]*)"
    return re.compile(rf"{field}(?:{delimiter}{field})*[\r\n]*")
