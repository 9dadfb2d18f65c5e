"""Which array of objects in a message holds its readings."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from etl.contract.draft.guesses.guess import is_named_like_a_time
from etl.contract.draft.guesses.values import shown
from etl.contract.draft.recognisers.shape import Path
from etl.contract.inference import is_number, snake_case
from etl.contract.model import ITEMS, ROOT

_READINGS = re.compile(
    r"(^|_)(readings?|measure(ment)?s?|values?|data|devices?|sensors?|probes?|records?|events?|points?|observations?|channels?"
    r"|metrics?|samples?|items?|entries|telemetry|results?|rows?|meters?|nodes?|stations?|uplinks?|messages?|features)$|^\$$"
)
_NO_READINGS = re.compile(
    r"gateway|^gws$|rx_?(info|metadata)|^lrrs?$|hotspot|error|alarm|warning|tags?$|links?$|location|antenna|neighbou?r"
    r"|versions?$|labels?$|headers?$|attachments?$|correlation"
)
_NAME = re.compile(r"(^|_)(id|name|key|n|sensor|device|channel|type|code|tag|uid|eui|mac|address)$")
_VALUE = re.compile(r"^(v|val|value|reading|result|measurement|state|avg|mean)$")
_COUNT = re.compile(r"(^|_)(id|no|nr|count|seq|sequence|version|total|size|page|limit|offset|code|port|index|ver|qos)$")
_MOST_RECORDS = 500
_USUAL, _SOME = 0.95, 0.5
"""The share of the messages in which an array must have elements; the smaller one, where it is certain that it holds readings."""


@dataclass(frozen=True)
class JudgedArrays:
    """The array whose elements are the readings; None where a message is one reading."""

    array: Path | None
    notes: tuple[str, ...] = ()
    question: str = ""
    """Which of several arrays it is, that hold the same."""


def array_of_readings(places: Sequence[Mapping[str, Any]]) -> JudgedArrays:
    """The array of readings in objects, by what its elements have: a time, a name and a value, or all the numbers there are.

    An array is none where the objects have measures of their own and its elements look like something else: each of them would
    become a row with the same measures.
    """
    places = places[:: max(1, len(places) // _MOST_RECORDS)]
    found = {path: elements for path, elements in _arrays_of(places).items() if elements}
    has_measures = any(_has_measure(place) for place in places)
    notes, certain, possible = [], list[Path](), list[Path]()
    for path, elements in found.items():
        share = len(elements) / len(places)
        if _is_certain(path, elements) and share >= _SOME:
            certain.append(path)
            if share < _USUAL:
                notes.append(
                    f"{len(places) - len(elements):,} of {len(places):,} messages have no {_text(path)}: no_items."
                )
        elif _may_be(path, elements) and share >= _USUAL and not has_measures:
            possible.append(path)
        elif _may_be(path, elements):
            notes.append(f"If the elements of {_text(path)} are the readings, add the property explode: {_text(path)}.")
    alike = [path for path in certain if _keys_of(found[path]) == _keys_of(found[certain[0]])]
    named = ", ".join(map(_text, alike[:5]))
    question = f"{named}? Their elements are alike, and one array can hold the readings" if len(alike) > 1 else ""
    return JudgedArrays(next(iter((*certain, *possible)), None), tuple(notes), question)


def _keys_of(arrays: Sequence[list[Mapping[str, Any]]]) -> set[str]:
    return {key for array in arrays[:50] for element in array[:20] for key in element}


def _arrays_of(places: Sequence[Mapping[str, Any]]) -> dict[Path, list[list[Mapping[str, Any]]]]:
    """Path → the arrays there that consist of objects."""
    found: dict[Path, list[list[Mapping[str, Any]]]] = {}
    for place in places:
        for path, value in _arrays(place, ()):
            if value and all(isinstance(element, Mapping) for element in value):
                found.setdefault(path, []).append(value)
    return found


def _arrays(place: Mapping[str, Any], path: Path) -> Iterator[tuple[Path, list[Any]]]:
    for key, value in place.items():
        if not can_be_dotted(key) or len(path) > 8:
            continue
        if isinstance(value, Mapping):
            yield from _arrays(value, (*path, key))
        elif isinstance(value, list):
            yield (*path, key), value


def can_be_dotted(key: str) -> bool:
    """Whether a path with dots between its keys can contain this key."""
    return bool(key) and "." not in key and (ITEMS not in key or key == ITEMS) and key.isprintable()


def _is_certain(path: Path, arrays: Sequence[list[Mapping[str, Any]]]) -> bool:
    if not _may_be(path, arrays):
        return False
    elements = [element for array in arrays[:50] for element in array[:20]]
    keys = {snake_case(key) for element in elements for key in element}
    has_time = any(is_named_like_a_time(key) for key in keys)
    has_name_and_value = any(map(_NAME.search, keys)) and any(map(_VALUE.search, keys))
    is_named = bool(_READINGS.search(snake_case(path[-1])))
    return has_time or has_name_and_value or is_named or _holds_readings(elements)


def _holds_readings(elements: Sequence[Mapping[str, Any]]) -> bool:
    """Whether there is an array of readings in the elements of an outer one."""
    inner = _arrays_of(elements)
    return any(_is_certain(path, arrays) for path, arrays in inner.items())


def _may_be(path: Path, arrays: Sequence[list[Mapping[str, Any]]]) -> bool:
    is_something_else = any(_NO_READINGS.search(snake_case(key)) for key in path)
    return not is_something_else and any(_has_value(element) for array in arrays[:50] for element in array[:20])


def _has_value(element: Any) -> bool:
    """Whether there is a number, or a state under a name for values, in an object or deeper."""
    if isinstance(element, Mapping):
        return any(_has_value(value) or (bool(_VALUE.search(snake_case(key)))) for key, value in element.items())
    if isinstance(element, list):
        return any(_has_value(value) for value in element[:20])
    return is_number(element)


def _has_measure(place: Mapping[str, Any]) -> bool:
    """Whether there is a number outside of arrays that is neither a time nor counts or identifies something."""
    for key, value in place.items():
        name = snake_case(key)
        if isinstance(value, Mapping):
            if _has_measure(value):
                return True
        elif is_number(value) and not is_named_like_a_time(name) and not _COUNT.search(name):
            return True
    return False


def _text(path: Path) -> str:
    return "the message" if path == (ROOT,) else shown(".".join(path))
