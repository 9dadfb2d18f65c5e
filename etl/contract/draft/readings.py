"""The readings in the records of a sample: flat, with the path of each value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from etl.contract.draft.samples.sample import Sample
from etl.contract.model import ITEMS

Path = tuple[str, ...]


@dataclass
class Readings:
    """The readings of a sample: flat, with the path of each value."""

    rows: list[dict[Path, Any]]
    explode: list[Path]
    """Paths of the arrays, from the outer to the inner one."""
    left_out: list[str] = field(default_factory=list)

    @property
    def paths(self) -> list[Path]:
        return list(dict.fromkeys(path for row in self.rows for path in row))

    def outer_names(self, names: Mapping[Path, str]) -> set[str]:
        """The columns whose value all readings of a message share."""
        return {name for path, name in names.items() if self.explode and ITEMS not in path}


def readings_of(sample: Sample) -> Readings:
    """The readings: each record, or each element of its first array of objects, and so on inward."""
    if sample.form.is_tabular:
        return Readings([{(key,): value for key, value in record.items()} for record in sample.records], [])
    readings = Readings([], [])
    rows: list[tuple[dict[Path, Any], Any, Path]] = [({}, record, ()) for record in sample.records]
    while True:
        flat = [(values | dict(_leaves(place, path)), place, path) for values, place, path in rows]
        array = _first_array([(place, path) for _, place, path in rows])
        readings.left_out += [note for note in _not_representable(rows, array) if note not in readings.left_out]
        if array is None:
            readings.rows = [values for values, _, _ in flat]
            return readings
        base = rows[0][2]
        readings.explode.append(array[len(base) :])
        rows = [
            (values, element, (*array, ITEMS))
            for values, place, _ in flat
            for element in _array_at(place, array[len(base) :])
            if isinstance(element, dict)
        ]


def _leaves(place: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    """Path and value of everything that is neither object nor array and can be named in a path."""
    for key, value in place.items():
        if not _can_be_named(key):
            continue
        if isinstance(value, dict):
            yield from _leaves(value, (*path, key))
        elif not isinstance(value, list):
            yield (*path, key), value


def _can_be_named(key: str) -> bool:
    """Whether a path of a contract can contain this key."""
    return bool(key) and "." not in key and ITEMS not in key and key.isprintable()


def _arrays(place: Any, path: Path) -> Iterator[tuple[Path, list[Any]]]:
    for key, value in place.items():
        if not _can_be_named(key):
            continue
        if isinstance(value, dict):
            yield from _arrays(value, (*path, key))
        elif isinstance(value, list):
            yield (*path, key), value


def _first_array(places: Sequence[tuple[Any, Path]]) -> Path | None:
    """The first array whose elements are objects."""
    for place, path in places:
        for array, elements in _arrays(place, path):
            if elements and all(isinstance(element, dict) for element in elements):
                return array
    return None


def _not_representable(rows: Sequence[tuple[Any, Any, Path]], taken: Path | None) -> Iterator[str]:
    """The parts of a sample that a contract cannot describe."""
    for _, place, path in rows:
        for array, _ in _arrays(place, path):
            if array != taken:
                # `repr`: a key may contain anything, even a line break.
                name = repr(".".join(array).replace(f".{ITEMS}", ITEMS))
                yield f"the array {name}; one array of objects per level can hold readings."
        for key in place:
            if not _can_be_named(key):
                yield f"the key {key!r}, which no path can name."


def _array_at(place: Any, path: Path) -> list[Any]:
    for key in path:
        place = place.get(key) if isinstance(place, dict) else None
    return place if isinstance(place, list) else []
