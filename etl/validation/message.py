r"""A message and its readings: what its keys mean by the contract, and what is wrong with it as a whole.

A message is a JSON object, or an array of readings where the contract explodes the message itself: the array is read as an
object with the one key `ROOT`. Without `explode` a message is one reading; else each element of the array is one, numbered by
`source_item`. Elements of nested arrays are numbered consecutively. An array that is missing or empty gives one reading without
values, so that no message is lost; so does an `envelope` that is missing or null.

A message must be JSON by RFC 8259; besides, NaN, Infinity and -Infinity are read where the contract names them as missing values.
Beyond that, only what the contract names is checked: a key that it does not name may have any value, and may be there twice.

The column `raw` contains a message's own text:

* the text as it came, where it is UTF-8 without NUL and does not begin with a backslash;
* else `\x` and the hexadecimal digits of its bytes, as PostgreSQL prints `bytea`;
* `\null` for a null value (a tombstone).

For a feed of CSV files it contains the line; for one of Avro records, the record as JSON, or as bytes where it cannot be decoded.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from etl.contract.formats.avro_records import AvroRecords
from etl.contract.formats.csv_records import split_line
from etl.contract.formats.record_format import RecordFormat
from etl.contract.model import ITEMS, ROOT, Contract
from etl.validation.reasons import Reason
from etl.validation.structure import Node, Path, tree
from etl.validation.texts import Digits, as_text, decode_raw, is_storable, storable

_PATH_SHOWN = 200

_Chain = tuple[Any, ...]
"""The array elements that contain a reading, from the outermost to the innermost."""


@dataclass(frozen=True)
class Reading:
    """One reading of a message, or what is wrong with the message."""

    reason: Reason | None
    texts: Mapping[str, str | None] = field(default_factory=dict)
    """Column → value as text, as the consumer would have written it."""
    nested: frozenset[str] = frozenset()
    """Columns whose value is an object or an array."""
    unstorable: frozenset[str] = frozenset()
    """Columns whose text no database can store; `texts` has it with escapes."""
    unknown: Mapping[Path, Any] = field(default_factory=dict)
    """Keys that the contract does not name, by path, with their values."""


_NO_ITEMS = Reading(Reason.NO_ITEMS)


def read(raw: str, contract: Contract, item: int = 0, header: tuple[str, ...] | None = None) -> Reading:
    """The reading number `item` of the message in `raw`.

    :param header: the columns of the CSV file that the line is from; None for a JSON message.
    """
    if header is not None:
        message = decode_raw(raw)
        return Reading(Reason.TOMBSTONE) if message is None else _read_line(message, contract, header)
    split = _split(raw, contract)
    if isinstance(split, Reason):
        return Reading(split)
    parsed, chains = split
    return _read_object(parsed, chains[item], contract, tree(contract)) if item < len(chains) else _NO_ITEMS


def read_all(raw: str, contract: Contract) -> list[Reading]:
    """All readings of the JSON message in `raw`, which is parsed once; the one that `read` gives where it has none."""
    split = _split(raw, contract)
    if isinstance(split, Reason):
        return [Reading(split)]
    parsed, chains = split
    root = tree(contract)
    return [_read_object(parsed, chain, contract, root) for chain in chains] or [_NO_ITEMS]


def count_readings(raw: str, contract: Contract) -> int:
    """How many readings the JSON message in `raw` has; 1 where it has none or is not valid."""
    split = _split(raw, contract)
    return 1 if isinstance(split, Reason) else max(1, len(split[1]))


def _split(raw: str, contract: Contract) -> tuple[_Pairs, list[_Chain]] | Reason:
    """A JSON message, and the chain of each of its readings; or what is wrong with it as a whole."""
    message = decode_raw(raw)
    if message is None:
        return Reason.TOMBSTONE
    undecoded = _UNDECODED.get(type(contract.source.format))
    if undecoded is not None and raw.startswith(r"\x"):
        return undecoded
    parsed = _parse(message, contract)
    if isinstance(parsed, Reason):
        return parsed
    envelope = _follow(parsed, contract.envelope)
    if not isinstance(envelope, _Pairs):
        return Reason.NO_READING if envelope is None else Reason.NOT_OBJECT
    return parsed, _chains(parsed, contract.explode)


def unsplit_reason(contract: Contract, header: tuple[str, ...] | None = None) -> Reason:
    """What is wrong with a message whose text is sound, but which the consumer could not split.

    :param header: as in `read`.
    """
    return Reason.NOT_CSV if header is not None else _UNDECODED.get(type(contract.source.format), Reason.NOT_JSON)


def _read_object(parsed: _Pairs, chain: _Chain, contract: Contract, root: Node) -> Reading:
    if any(value.repeated & {*node.keys} for value, node in _known_objects(parsed, root, chain)):
        return Reading(Reason.DUPLICATE_KEY)
    for element, node in zip(chain, _elements(root), strict=True):
        if element is _ABSENT:
            return Reading(Reason.NO_ITEMS)
        if not node.whole and not isinstance(element, _Pairs):
            return Reading(Reason.NOT_OBJECT)
    values = {column.name: _value_at(parsed, column.source, chain) for column in contract.message_columns}
    texts = {name: as_text(value) for name, value in values.items()}
    return Reading(
        None,
        {name: storable(text) for name, text in texts.items()},
        frozenset(name for name, value in values.items() if isinstance(value, dict | list)),
        frozenset(name for name, text in texts.items() if text is not None and not is_storable(text)),
        dict(_unknown_keys(parsed, root, chain, ())),
    )


def shown_path(path: Path) -> str:
    """A path for people, as one text that is short enough and that a database can store."""
    return (storable(".".join(path)) or "")[:_PATH_SHOWN]


# --- JSON ------------------------------------------------------------------------------------------------------------


class _Pairs(dict[str, Any]):
    """A JSON object with the names of its repeated keys."""

    def __init__(self, pairs: Iterable[tuple[str, Any]]) -> None:
        pairs = list(pairs)
        super().__init__(pairs)
        is_plain = len(self) == len(pairs)
        self.repeated = (
            frozenset() if is_plain else frozenset(k for k, n in Counter(k for k, _ in pairs).items() if n > 1)
        )


_UNDECODED: dict[type[RecordFormat], Reason] = {AvroRecords: Reason.NOT_AVRO}
"""Format whose records are decoded to JSON → what is wrong with a record where that failed."""


class _NotFinite(Exception):
    pass


def _parse(message: bytes, contract: Contract) -> _Pairs | Reason:
    try:
        text = message.decode("utf-8")
    except UnicodeDecodeError:
        return _UNDECODED.get(type(contract.source.format), Reason.NOT_UTF8)
    if not text.strip():
        return _UNDECODED.get(type(contract.source.format), Reason.EMPTY)
    try:
        parsed = json.loads(
            text,
            object_pairs_hook=_Pairs,
            parse_constant=partial(_constant, contract),
            parse_float=Digits,
            parse_int=Digits,
        )
    except _NotFinite:
        return Reason.NOT_FINITE
    except (ValueError, RecursionError):
        return unsplit_reason(contract)
    if contract.explodes_root:
        # An object has no array of readings, whatever its keys are called.
        parsed = _Pairs([(ROOT, parsed)]) if isinstance(parsed, list | dict) else parsed
    return parsed if isinstance(parsed, _Pairs) else Reason.NOT_OBJECT


def _constant(contract: Contract, word: str) -> Digits:
    """NaN, Infinity or -Infinity, where the contract names it as a missing value of some column.

    :raises _NotFinite: it does not.
    """
    if not any(word in column.missing for column in contract.message_columns):
        raise _NotFinite
    return Digits(word)


def _follow(value: Any, path: Path) -> Any:
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


_ABSENT = object()
"""The inner element of an outer element that has none."""


def _chains(parsed: _Pairs, explode: tuple[Path, ...]) -> list[_Chain]:
    """The chain of each reading; none where the message has no array of readings, or an empty one."""
    chains: list[_Chain] = [()]
    for depth, path in enumerate(explode):
        longer = []
        for chain in chains:
            array = _follow(chain[-1] if chain else parsed, path)
            elements = array if isinstance(array, list) else []
            longer += [(*chain, element) for element in (elements or ([_ABSENT] if depth else []))]
        chains = longer
    return chains


def _value_at(parsed: _Pairs, path: Path, chain: _Chain) -> Any:
    value: Any = parsed
    for part in _split_at_arrays(path):
        if part is None:
            value, chain = chain[0], chain[1:]
        else:
            value = _follow(value, part)
    return value


def _split_at_arrays(path: Path) -> Iterator[Path | None]:
    """A path's keys, split at each step into an array (as None; the array's own key is left out)."""
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
    """The elements of the nested arrays, from the outermost to the innermost."""
    if node.element is not None:
        return [node.element, *_elements(node.element)]
    return [element for inner in node.objects.values() for element in _elements(inner)]


def _known_objects(value: Any, node: Node, chain: _Chain) -> Iterator[tuple[_Pairs, Node]]:
    """The objects of a message that the contract names, without those of its other readings."""
    if not isinstance(value, _Pairs):
        return
    yield value, node
    for key, inner in node.objects.items():
        yield from _known_objects(value.get(key), inner, chain)
    if node.element is not None and chain:
        yield from _known_objects(chain[0], node.element, chain[1:])


def _unknown_keys(value: Any, node: Node, chain: _Chain, path: Path) -> Iterator[tuple[Path, Any]]:
    if not isinstance(value, dict):
        return
    keys = value if node.is_open else node.keys
    for key, inner in value.items():
        if key not in keys:
            yield (*path, key), inner
    for key, child in node.objects.items():
        yield from _unknown_keys(value.get(key), child, chain, (*path, key))
    if node.array and node.element and chain and not node.element.whole:
        yield from _unknown_keys(chain[0], node.element, chain[1:], (*path, node.array, ITEMS))


# --- CSV -------------------------------------------------------------------------------------------------------------


def _read_line(line: bytes, contract: Contract, header: tuple[str, ...]) -> Reading:
    dialect = contract.source.format.dialect
    try:
        text = line.decode(dialect.raw_encoding)
    except UnicodeDecodeError:
        return Reading(Reason.NOT_UTF8)
    if not text.strip():
        return Reading(Reason.EMPTY)
    if "\0" in text:
        return Reading(Reason.INVALID_TEXT)
    fields = split_line(text, dialect)
    if fields is None or len(fields) != len(header):
        return Reading(Reason.NOT_CSV)
    values = dict(zip(header, fields, strict=True))
    named = {column.source[0] for column in contract.message_columns}
    return Reading(
        None,
        {column.name: values.get(column.source[0]) for column in contract.message_columns},
        unknown={(name,): value for name, value in values.items() if name not in named and value is not None},
    )
