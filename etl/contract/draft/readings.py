"""The readings in the records of a sample: flat, with the path of each value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from etl.contract.draft.arrays import array_of_readings, can_be_dotted
from etl.contract.draft.guesses.values import shown
from etl.contract.draft.recognisers.shape import Path, Shape, at
from etl.contract.model import ITEMS

_DEEPEST = 32
_MOST_LISTS = 0.05
"""The share of a column's values that may be lists."""
MOST_PATHS = 1_000
"""More columns fit into no table of SQL Server (1,024), and PostgreSQL has room for 1,600."""


@dataclass
class Readings:
    """The readings of a sample: flat, with the path of each value."""

    rows: list[dict[Path, Any]]
    messages: list[int]
    """The number of the record in which each of the rows is."""
    paths: list[Path] = field(default_factory=list)
    """Of the values that become columns, in the order of their first appearance."""
    explode: tuple[Path, ...] = ()
    """Paths of the arrays, from the outer to the inner one."""
    left_out: list[Path] = field(default_factory=list)
    """Paths of values that become no columns."""
    arrays: list[Path] = field(default_factory=list)
    """Those of them that are arrays."""
    question: str = ""
    """What a person must decide about `explode`."""
    notes: list[str] = field(default_factory=list)
    """What else a person should know."""

    def is_shared(self, path: Path) -> bool:
        """Whether all readings of a message share the value at a path."""
        return bool(self.explode) and ITEMS not in path


def readings_of(records: Sequence[Mapping[str, Any]], shape: Shape, *, is_tabular: bool) -> Readings:
    """The readings in records: each record, or each element of an array of objects that holds readings, and so on inward."""
    if is_tabular:
        rows: list[dict[Path, Any]] = [{(key,): value for key, value in record.items()} for record in records]
        readings = Readings(rows, list(range(len(rows))))
    else:
        readings = _exploded(records, shape)
    _choose_paths(readings, shape)
    return readings


_Place = tuple[dict[Path, Any], Any, int]
"""The values around a place, the object there, and the number of its record."""


def _exploded(records: Sequence[Mapping[str, Any]], shape: Shape) -> Readings:
    readings = Readings([], [])
    places: list[_Place] = [
        ({}, record, number)
        for number, record in enumerate(records)
        if not shape.envelope or isinstance(at(record, *shape.envelope), Mapping)
    ]
    if len(places) < len(records):
        without = f"{len(records) - len(places):,} of {len(records):,} records"
        readings.notes.append(f"{without} have no {'.'.join(shape.envelope)}: they are rejected as no_reading.")
    base: Path = ()
    while True:
        places = [(values | dict(_leaves(place, base)), place, number) for values, place, number in places]
        array = _next_array(places, shape, readings)
        if array is None:
            readings.rows = [values for values, _, _ in places]
            readings.messages = [number for _, _, number in places]
            return readings
        readings.explode += (array,)
        base = (*base, *array, ITEMS)
        places = [
            (values, element, number)
            for values, place, number in places
            if isinstance(elements := at(place, *array), list)
            for element in elements
            if isinstance(element, Mapping)
        ]


def _next_array(places: Sequence[_Place], shape: Shape, readings: Readings) -> Path | None:
    depth = len(readings.explode)
    if shape.explode is not None:
        return shape.explode[depth] if depth < len(shape.explode) else None
    judged = array_of_readings([place for _, place, _ in places])
    readings.notes += [note for note in judged.notes if note not in readings.notes]
    readings.question = readings.question or judged.question
    return judged.array


def _leaves(place: Mapping[str, Any], path: Path) -> Iterator[tuple[Path, Any]]:
    """Path and value of everything that is not an object and can be named in a contract."""
    for key, value in place.items():
        if not is_nameable(key):
            continue
        if isinstance(value, Mapping):
            if len(path) < _DEEPEST:
                yield from _leaves(value, (*path, key))
        else:
            yield (*path, key), value


def is_nameable(key: str) -> bool:
    """Whether a path of a contract can contain this key."""
    return bool(key) and key != ITEMS and key.isprintable()


def path_text(path: Path) -> str:
    """A path for people."""
    dotted = ".".join(path).replace(f".{ITEMS}", ITEMS)
    return dotted if all(map(can_be_dotted, path)) else shown(dotted)


def _choose_paths(readings: Readings, shape: Shape) -> None:
    """The paths that become columns, and those that do not."""
    seen: Counter[Path] = Counter()
    lists: Counter[Path] = Counter()
    for row in readings.rows:
        for path, value in row.items():
            seen[path] += value is not None
            lists[path] += isinstance(value, list)
    around = {path[:length] for path, count in seen.items() if count for length in range(1, len(path))}
    taken = []
    for path, count in seen.items():
        # A value that is no text or number where one is expected makes a rejected row.
        is_array = lists[path] > _MOST_LISTS * count
        is_object_elsewhere = path in around
        is_wanted = (not shape.keep or _begins(path, shape.keep)) and not _begins(path, shape.leave_out)
        if is_array or is_object_elsewhere or not is_wanted:
            is_exploded = path in _array_paths(readings.explode)
            is_left_out = (count or is_array) and not is_exploded and not is_object_elsewhere
            readings.left_out += [path] if is_left_out else []
            readings.arrays += [path] if is_left_out and is_array else []
        else:
            taken.append(path)
    often = set(sorted(taken, key=lambda path: -seen[path])[:MOST_PATHS])
    readings.paths = [path for path in taken if path in often]
    readings.left_out += [path for path in taken if path not in often]
    _note_mixed(readings, [path for path in around if seen[path] > lists[path]])


def _note_mixed(readings: Readings, mixed: Sequence[Path]) -> None:
    for path in mixed[:5]:
        readings.notes.append(
            f"{path_text(path)} is an object in some records and a value in others: only its keys are read."
        )


def _begins(path: Path, starts: Sequence[Path]) -> bool:
    return any(path[: len(start)] == start for start in starts)


def _array_paths(explode: Sequence[Path]) -> set[Path]:
    paths, base = set[Path](), Path(())
    for level in explode:
        paths.add((*base, *level))
        base = (*base, *level, ITEMS)
    return paths
