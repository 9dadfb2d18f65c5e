"""Where the values of columns are in a message: envelope, arrays, and paths."""

from __future__ import annotations

import re
from dataclasses import replace

from etl.contract.every_column import numbers_of
from etl.contract.model import ITEMS, ROOT, Column
from etl.contract.properties.column_properties import read_missing
from etl.contract.properties.custom_properties import CustomProperties
from etl.contract.properties.number_format import with_marks_of
from etl.contract.similar_names import suggestion
from etl.contract.sources.source import FeedSource

Path = tuple[str, ...]


def read_envelope(given: CustomProperties) -> Path:
    """The keys of the object around a reading; empty: there is none."""
    if "envelope" not in given.values:
        return ()
    value = given.values["envelope"]
    if not isinstance(value, str) or not all(value.split(".")) or ITEMS in value:
        raise given.fail(f"{given.place}.envelope", f"{value!r}", "Write the path of an object: payload.after.")
    return tuple(value.split("."))


def read_explode(given: CustomProperties) -> tuple[Path, ...]:
    """The path of the array of readings, a tuple of keys per nested array; empty: a message is a reading."""
    if "explode" not in given.values:
        return ()
    value = given.values["explode"]
    if not isinstance(value, str) or not all(all(level.split(".")) for level in value.split("[].")):
        remedy = f"Write the path of an array: data.devices; {ROOT} where the message itself is the array."
        raise given.fail(f"{given.place}.explode", f"{value!r}", remedy)
    return tuple(tuple(level.split(".")) for level in value.split("[]."))


def complete_columns(
    given: CustomProperties, columns: tuple[Column, ...], source: FeedSource, envelope: Path, explode: tuple[Path, ...]
) -> tuple[Column, ...]:
    """The columns with their paths, and with what the feed says about all of them."""
    is_tabular = source.format.is_tabular
    for name in ("envelope", "explode"):
        if is_tabular and name in given.values:
            raise given.fail(f"{given.place}.{name}", "a CSV file has no objects or arrays", "Remove it.")
    if envelope and explode[:1] == ((ROOT,),):
        raise given.fail(
            f"{given.place}.envelope", "the message itself is the array of readings", "Remove one of the two."
        )
    paths = _paths(given, columns, explode, is_tabular=is_tabular)
    missing = read_missing(f"{given.place}.missingValues", given.values.get("missingValues", []), given.fail)
    usual = numbers_of(source)
    _require_combined(given, columns)
    _require_kafka(given, columns, source)
    return tuple(
        replace(
            column,
            path=paths.get(column.name) or ((*envelope, column.name) if envelope and column.is_in_message else ()),
            missing=tuple(dict.fromkeys([*missing, *column.missing])),
            number=with_marks_of(usual, column, f"schema[0].properties[{index}].customProperties", given.fail),
        )
        for index, column in enumerate(columns)
    )


def _paths(
    given: CustomProperties, columns: tuple[Column, ...], explode: tuple[Path, ...], *, is_tabular: bool
) -> dict[str, Path]:
    """The paths that `rename` gives."""
    place = f"{given.place}.rename"
    renamed = given.values.get("rename", {})
    if not isinstance(renamed, dict):
        raise given.fail(place, f"{renamed!r}", "Write column: path, one per line.")
    names = [column.name for column in columns]
    if unknown := sorted({*map(str, renamed)} - {*names}):
        raise given.fail(place, f"there is no column {unknown[0]!r}", suggestion(unknown[0], names))
    if elsewhere := [column for column in columns if column.name in renamed and not column.is_in_message]:
        why = "combined from other columns" if elsewhere[0].combine else f"taken from {elsewhere[0].origin}"
        why = "the same text in every reading" if elsewhere[0].constant else why
        raise given.fail(f"{place}.{elsewhere[0].name}", f"the column is {why}", "Remove one of the two.")
    return {
        name: (str(path),) if is_tabular else _path(given, f"{place}.{name}", path, explode)
        for name, path in renamed.items()
    }


def _path(given: CustomProperties, place: str, path: object, explode: tuple[Path, ...]) -> Path:
    """`data.devices[].id` as keys, with `[]` for an element of the array before it; or a list of keys, which may have dots."""
    if isinstance(path, list):
        if not all(isinstance(key, str) and key for key in path):
            raise given.fail(place, f"{path!r}", 'Write a list of keys: [data, "a.b"].')
        keys = tuple(path)
    else:
        keys = tuple(key for key in re.split(r"\.|(\[\])", str(path)) if key)
    arrays = [keys[:i] for i, key in enumerate(keys) if key == ITEMS]
    exploded = [tuple(key for level in _array_levels(explode, n) for key in level) for n in range(1, len(explode) + 1)]
    if not keys or any(array not in exploded for array in arrays):
        raise given.fail(place, f"{path!r} is not in an array of `explode`", "Write data.devices[].name.")
    return keys


def _array_levels(explode: tuple[Path, ...], count: int) -> list[Path]:
    """The first `count` levels of nested arrays, as the path of a column inside them begins."""
    parts: list[Path] = []
    for level in explode[:count]:
        parts += [level, (ITEMS,)]
    return parts[:-1]


def _require_kafka(given: CustomProperties, columns: tuple[Column, ...], source: FeedSource) -> None:
    for index, column in enumerate(columns):
        if column.origin and not source.needs_kafka:
            place = f"schema[0].properties[{index}].customProperties.from"
            raise given.fail(place, f"{column.origin!r} is part of a message in Kafka", "Remove it.")


def _require_combined(given: CustomProperties, columns: tuple[Column, ...]) -> None:
    by_name = {column.name: column for column in columns}
    for index, column in enumerate(columns):
        place = f"schema[0].properties[{index}].customProperties.combine"
        for name in column.combine:
            if name not in by_name:
                raise given.fail(place, f"there is no column {name!r}", suggestion(name, by_name))
            if by_name[name].combine:
                raise given.fail(place, f"{name!r} is combined itself", "Name columns that are in the source.")
