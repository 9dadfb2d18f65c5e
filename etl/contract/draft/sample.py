"""A sample of a new feed: its records, and the readings in them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path as File
from typing import Any

from etl.contract.model import ITEMS
from etl.errors import ConfigurationError

Path = tuple[str, ...]
RECORDS = 10_000
"""How many records of a sample are read."""


@dataclass(frozen=True)
class Sample:
    """The records unchanged; those of a CSV file are its fields by header, all of them text."""

    name: str
    records: list[dict[str, Any]]
    delimiter: str = ""
    """For a CSV file; empty for JSON."""
    encoding: str = "utf-8"

    @property
    def is_csv(self) -> bool:
        return bool(self.delimiter)


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


def read_sample(file: File) -> Sample:
    """A `.json` (an object, or an array of objects), `.jsonl` or `.csv` file.

    :raises ConfigurationError: it cannot be read, or has no records.
    """
    kinds = {".json": _json, ".jsonl": _json_lines, ".csv": _csv}
    if not file.is_file() or file.suffix.lower() not in kinds:
        raise ConfigurationError(f"There is no sample {file}.", remedy="Give the path of a .json, .jsonl or .csv file.")
    text, encoding = _decoded(file.read_bytes())
    try:
        sample = kinds[file.suffix.lower()](file.name, text, encoding)
    except (ValueError, csv.Error) as error:
        raise ConfigurationError(f"{file.name} cannot be read: {error}", remedy="Correct the sample.") from None
    if not sample.records or not all(isinstance(record, dict) and record for record in sample.records):
        raise ConfigurationError(
            f"{file.name} has no records, or something that is not an object.", remedy="Give a few whole messages."
        )
    return sample


def _decoded(content: bytes) -> tuple[str, str]:
    """A sample's text and encoding: UTF-8; else cp1252 if it has characters that only cp1252 has; else Latin-1."""
    try:
        return content.decode("utf-8-sig"), "utf-8"
    except UnicodeDecodeError:
        pass
    # Euro sign and dashes of cp1252 are control characters in Latin-1.
    if any(0x80 <= byte <= 0x9F for byte in content):
        with suppress(UnicodeDecodeError):
            return content.decode("cp1252"), "cp1252"
    return content.decode("latin-1"), "latin-1"


def _lines(text: str) -> io.StringIO:
    """The lines of a text, which end with CR, LF or both; `str.splitlines` would split at seven more characters."""
    return io.StringIO(text, newline="")


def _json(name: str, text: str, _: str) -> Sample:
    document = json.loads(text)
    return Sample(name, (document if isinstance(document, list) else [document])[:RECORDS])


def _json_lines(name: str, text: str, _: str) -> Sample:
    lines = [line for line in _lines(text) if line.strip()]
    return Sample(name, [json.loads(line) for line in lines[:RECORDS]])


def _csv(name: str, text: str, encoding: str) -> Sample:
    header = next(_lines(text), "")
    delimiter = max(",;\t|", key=header.count)
    rows = csv.DictReader(_lines(text), delimiter=delimiter, strict=True)
    names = list(rows.fieldnames or ())
    if len(set(names)) < len(names) or not all(name.strip() for name in names):
        raise ValueError("a column of the header has no name, or two have the same")
    records = [
        {key: value for key, value in row.items() if key is not None and value not in (None, "")}
        for _, row in zip(range(RECORDS), rows, strict=False)
    ]
    return Sample(name, [dict.fromkeys(names) | record for record in records], delimiter, encoding)


def readings_of(sample: Sample) -> Readings:
    """The readings: each record, or each element of its first array of objects, and so on inward."""
    if sample.is_csv:
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
