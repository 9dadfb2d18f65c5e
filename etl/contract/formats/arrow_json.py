"""Rows of Arrow columns as JSON objects: numbers digit for digit, times in ISO 8601, whatever is nested as it is."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable, Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

_NULL = "null"


def as_objects(rows: pa.RecordBatch) -> Iterator[str]:
    """Each row as a JSON object with the columns' names as keys. A value that is null is `null`."""
    return _objects(rows.schema.names, [_literals(column) for column in rows.columns], rows.num_rows)


def _objects(names: Sequence[str], columns: list[list[str]], count: int) -> Iterator[str]:
    keys = [f"{_quoted(name)}:" for name in names]
    for values in zip(*columns, strict=True) if columns else itertools.repeat((), count):
        yield f"{{{','.join(map(str.__add__, keys, values))}}}"


def _literals(array: pa.Array) -> list[str]:
    """The values of a column as JSON."""
    kind = array.type
    if isinstance(kind, pa.BaseExtensionType):
        return _literals(array.storage)
    for is_kind, literals in _LITERALS.items():
        if is_kind(kind):
            return literals(array)
    return [_NULL if value is None else _quoted(str(value)) for value in array.to_pylist()]


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _nulls(array: pa.Array) -> list[str]:
    return [_NULL] * len(array)


def _decoded(array: pa.Array) -> list[str]:
    return _literals(array.dictionary_decode())


def _printed(array: pa.Array) -> list[str]:
    """Whole numbers and booleans."""
    return [_NULL if text is None else text for text in array.cast(pa.string()).to_pylist()]


def _floats(array: pa.Array) -> list[str]:
    if array.type != pa.float64():
        # The shortest digits of the narrower type: 0.1, and not 0.10000000149011612.
        array = array.cast(pa.float32()).cast(pa.string()).cast(pa.float64())
    return [_NULL if value is None else _float(value) for value in array.to_pylist()]


def _float(value: float) -> str:
    if math.isfinite(value):
        return repr(value)
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _decimals(array: pa.Array) -> list[str]:
    return [_NULL if value is None else format(value, "f") for value in array.to_pylist()]


def _texts(array: pa.Array) -> list[str]:
    return [_NULL if text is None else _quoted(text) for text in array.to_pylist()]


def _times(array: pa.Array) -> list[str]:
    if pa.types.is_timestamp(array.type) and array.type.tz:
        array = array.cast(pa.timestamp(array.type.unit, "UTC"))
    return [_NULL if text is None else f'"{text.replace(" ", "T")}"' for text in array.cast(pa.string()).to_pylist()]


def _durations(array: pa.Array) -> list[str]:
    return _printed(array.cast(pa.int64()))


def _bytes(array: pa.Array) -> list[str]:
    return [_NULL if value is None else _quoted(_as_text(value)) for value in array.to_pylist()]


def _as_text(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.hex()


def _lists(array: pa.Array) -> list[str]:
    lengths = pc.list_value_length(array).to_pylist()
    values = iter(_literals(array.flatten()))
    return [_NULL if n is None else f"[{','.join(itertools.islice(values, n))}]" for n in lengths]


def _structs(array: pa.Array) -> list[str]:
    names = [array.type.field(i).name for i in range(array.type.num_fields)]
    objects = _objects(names, [_literals(column) for column in array.flatten()], len(array))
    return [text if valid else _NULL for text, valid in zip(objects, array.is_valid().to_pylist(), strict=True)]


def _maps(array: pa.Array) -> list[str]:
    offsets = array.offsets.to_pylist()
    keys, values = _literals(array.keys), _literals(array.items)
    names = [key if key.startswith('"') else f'"{key}"' for key in keys]
    pairs = [f"{name}:{value}" for name, value in zip(names, values, strict=True)]
    first = offsets[0] if len(pairs) == offsets[-1] - offsets[0] else 0
    return [
        f"{{{','.join(pairs[start - first : end - first])}}}" if valid else _NULL
        for (start, end), valid in zip(itertools.pairwise(offsets), array.is_valid().to_pylist(), strict=True)
    ]


_LITERALS: dict[Callable[[pa.DataType], bool], Callable[[pa.Array], list[str]]] = {
    pa.types.is_null: _nulls,
    pa.types.is_dictionary: _decoded,
    pa.types.is_boolean: _printed,
    pa.types.is_integer: _printed,
    pa.types.is_floating: _floats,
    pa.types.is_decimal: _decimals,
    lambda kind: pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind): _texts,
    lambda kind: pa.types.is_timestamp(kind) or pa.types.is_date(kind) or pa.types.is_time(kind): _times,
    pa.types.is_duration: _durations,
    lambda kind: (
        pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind)
    ): _bytes,
    pa.types.is_map: _maps,
    lambda kind: pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind): _lists,
    pa.types.is_struct: _structs,
}
"""Kind of column → its values as JSON."""
