"""The values of one column of a sample, counted."""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from etl.contract.inference import snake_case

_SHOWN = 40
_SPELLED = {
    "ä": "ae",
    "ö": "oe",
    "ü": "ue",
    "ß": "ss",
    "ø": "oe",
    "æ": "ae",
    "å": "aa",
    "ł": "l",
    "đ": "d",
    "°": "",
    "²": "2",
    "³": "3",
}


@dataclass(frozen=True)
class ColumnValues:
    """How often each text occurs; empty fields and nulls are left out."""

    name: str
    """The key of the message or the header, in snake case and without accents."""
    rows: int
    texts: Mapping[str, int]
    numbers: int = 0
    """How many of them are numbers of JSON, not texts."""
    booleans: int = 0
    """How many of them are `true` and `false` of JSON."""

    @classmethod
    def of(cls, key: str, values: Iterable[Any]) -> ColumnValues:
        texts: Counter[str] = Counter()
        rows = numbers = booleans = 0
        for value in values:
            rows += 1
            if value is None or value == "":
                continue
            booleans += isinstance(value, bool)
            numbers += isinstance(value, int | float) and not isinstance(value, bool)
            texts[text_of(value)] += 1
        return cls(plain_name(key), rows, texts, numbers, booleans)

    @property
    def given(self) -> int:
        return sum(self.texts.values())

    def without(self, texts: Iterable[str]) -> ColumnValues:
        left_out = set(texts)
        kept = {text: count for text, count in self.texts.items() if text not in left_out}
        return ColumnValues(self.name, self.rows, kept, self.numbers, self.booleans)


def plain_name(key: str) -> str:
    """A key in snake case, without accents and signs: `Gerät-Nr.` → `geraet_nr`."""
    spelled = "".join(_SPELLED.get(letter, letter) for letter in snake_case(key))
    letters = (letter for letter in unicodedata.normalize("NFKD", spelled) if not unicodedata.combining(letter))
    return re.sub(r"\W+", "_", "".join(letters), flags=re.ASCII).strip("_")


def text_of(value: Any) -> str:
    """A value as the loader reads it."""
    return value if isinstance(value, str) else json.dumps(value)


def shown(text: str) -> str:
    """A text for a comment: in one line, and not long."""
    short = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
    return short if short.isprintable() and short.strip() == short else ascii(short)


def counted(texts: Mapping[str, int], most: int = 3) -> str:
    """Texts and how often they occur, for a comment: `NA 18 times, - twice`."""
    often = sorted(texts.items(), key=lambda item: -item[1])
    words = [f'"{shown(text)}" {_times(count)}' for text, count in often[:most]]
    return ", ".join(words) + (f" and {len(often) - most:,} others" if len(often) > most else "")


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count:,} times")
