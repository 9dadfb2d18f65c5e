"""The columns of a contract in words, one entry each; many columns that are alike share one."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from itertools import groupby

from etl.contract.every_column import missing_everywhere, numbers_of
from etl.contract.model import ITEMS, Column, Contract, NumberFormat

TYPES = {"text": "string", "double": "number"}
"""Type in the model → in a contract, where the two differ."""
FEW = 60
"""A contract with more columns shows those that are alike as one entry."""
_LEAST_ALIKE = 4
MOST_ENTRIES = 120
_FROM_KAFKA = {"key": "Kafka key", "topic": "Kafka topic", "broker_time": "Kafka time"}


@dataclass(frozen=True)
class Entry:
    """One column, or several that follow each other and differ only in their names."""

    names: tuple[str, ...]
    sources: tuple[str, ...]
    type: str
    unit: str
    rules: str
    meaning: str

    @property
    def name(self) -> str:
        return _span(self.names) + (f" ({len(self.names):,} columns)" if len(self.names) > 1 else "")

    @property
    def source(self) -> str:
        return _span(self.sources)


def entries(contract: Contract) -> list[Entry]:
    """The columns, in their order: each for itself in a contract with few columns."""
    everywhere = missing_everywhere(contract)
    single = [_entry(column, contract, everywhere) for column in contract.columns]
    if len(single) <= FEW:
        return single
    found = []
    for _, run in groupby(single, key=lambda entry: replace(entry, names=(), sources=())):
        alike = list(run)
        found += [_joined(alike)] if len(alike) >= _LEAST_ALIKE else alike
    return found


def source_of(column: Column, contract: Contract) -> str:
    """Where a column's value is: in a message as `rename` writes it, beside it in Kafka, in other columns, or in the contract.

    Keys with dots of their own make a path a list.
    """
    if column.combine:
        return " + ".join(column.combine)
    if column.constant:
        return f"{column.constant} in every reading"
    if column.origin:
        kind, _, name = column.origin.partition(":")
        return f"Kafka header {name}" if name else _FROM_KAFKA[kind]
    if any("." in key for key in column.source) and not contract.source.format.is_tabular:
        return json.dumps(column.source, ensure_ascii=False)
    return ".".join(column.source).replace(f".{ITEMS}", ITEMS)


def rules(column: Column, contract: Contract, everywhere: Collection[str]) -> list[str]:
    """The rules that a column's values must meet, and how they are written, in words.

    :param everywhere: `missing_everywhere`, which is said once for the feed.
    """
    texts = ["required"] if column.required else []
    if column.name in contract.primary_key:
        texts.append("key")
    if column.type == "integer":
        texts.append(f"{column.bits} bits")
    if column.minimum is not None and column.maximum is not None:
        texts.append(f"{column.minimum:g} to {column.maximum:g}")
    else:
        texts += [f"at least {column.minimum:g}"] if column.minimum is not None else []
        texts += [f"at most {column.maximum:g}"] if column.maximum is not None else []
    texts += [f"{column.min_length} or more characters"] if column.min_length else []
    texts += [f"at most {column.max_length} characters"] if column.max_length else []
    texts += [f"matches {column.pattern}"] if column.pattern else []
    texts += ["without blanks at its ends"] if column.trim else []
    return [*texts, *_forms(column, contract, everywhere)]


def _forms(column: Column, contract: Contract, everywhere: Collection[str]) -> Iterator[str]:
    """How values are written, where that is not as everywhere in the feed."""
    if own := [text for text in column.missing if text not in everywhere]:
        yield f"no value: {' or '.join(own)}"
    if column.number and column.number != numbers_of(contract.source):
        yield from _marks(column.number)
    if column.formats:
        yield f"written as {' or '.join(column.formats)}"
    if column.timezone:
        yield f"without an offset it is {column.timezone}"


def _marks(number: NumberFormat) -> Iterator[str]:
    yield f"decimal mark {number.decimal}"
    if number.thousands:
        yield f"thousands mark {number.thousands}"
    if number.suffix:
        yield f"may end in {number.suffix}"


def _entry(column: Column, contract: Contract, everywhere: Collection[str]) -> Entry:
    kind = TYPES.get(column.type, column.type)
    texts = ", ".join(rules(column, contract, everywhere))
    return Entry((column.name,), (source_of(column, contract),), kind, column.unit, texts, column.description)


def _joined(alike: list[Entry]) -> Entry:
    names = tuple(name for entry in alike for name in entry.names)
    return replace(alike[0], names=names, sources=tuple(source for entry in alike for source in entry.sources))


def _span(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} … {names[-1]}"
