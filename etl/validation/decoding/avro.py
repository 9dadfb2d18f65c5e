"""Avro records behind the header of Confluent's wire format, as JSON objects with the same keys.

What JSON has no type for becomes text: a decimal digit for digit, a time in ISO 8601 (a timestamp in UTC, with `Z`; a local one
without), a UUID, and bytes as hexadecimal digits. A time beyond the years 1 to 9999 stays the number that it is in the record.
NaN and infinities are written as `NaN`, `Infinity` and `-Infinity`, which a contract can accept as `missingValues`.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from functools import partial
from io import BytesIO
from typing import Any
from uuid import UUID

import numpy as np
from fastavro import _read_py, parse_schema, schemaless_reader
from fastavro.read import LOGICAL_READERS
from fastavro.schema import SchemaParseException, UnknownType

Schemas = Callable[[int], tuple[str, ...] | None]
"""A schema by its number: the texts of those that it refers to, each after those that it needs, and its own as the last.

None where nobody knows the number.
"""

_HEADER = struct.Struct(">bI")
"""A zero byte, and the number of the schema."""
_PREFIX = "etl-"
"""Of the logical types that are read here: the registry of fastavro belongs to the whole process."""
_EPOCH = datetime(1970, 1, 1)
_DAY_SECONDS = 86_400
_BROKEN = (EOFError, ValueError, LookupError, TypeError, OverflowError, RecursionError, MemoryError, struct.error)
"""What fastavro raises on bytes that are no record of the schema."""
_NO_SCHEMA = (SchemaParseException, UnknownType, ValueError, LookupError, TypeError, AttributeError, RecursionError)


class AvroDecoder:
    """Decodes messages, with each schema read once."""

    def __init__(self, schemas: Schemas) -> None:
        self._schemas = schemas
        self._readers: dict[int, Callable[[BytesIO], Any] | None] = {}

    def __call__(self, message: bytes) -> bytes | None:
        """A message as JSON in UTF-8; None where it has no header, its schema is not known, or its bytes are no record of it.

        Errors of the function that finds schemas are passed on.
        """
        if len(message) < _HEADER.size:
            return None
        magic, number = _HEADER.unpack_from(message)
        if magic != 0 or (read := self._reader(number)) is None:
            return None
        stream = BytesIO(message)
        stream.seek(_HEADER.size)
        try:
            value = read(stream)
            if stream.read(1):
                return None
            return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
        except _BROKEN:
            return None

    def _reader(self, number: int) -> Callable[[BytesIO], Any] | None:
        if number not in self._readers:
            texts = self._schemas(number)
            self._readers[number] = None if texts is None else _reader_of(texts)
        return self._readers[number]


def _reader_of(texts: tuple[str, ...]) -> Callable[[BytesIO], Any] | None:
    """What reads the records of a schema; None where the schema is not valid."""
    schema: Any = None
    named: dict[str, Any] = {}
    try:
        for text in texts:
            schema = parse_schema(_with_own_types(json.loads(text)), named_schemas=named)
        # Compiled code has no limit for records that contain themselves: it would end the process.
        read = _read_py.schemaless_reader if _contains_itself(schema, named, ()) else schemaless_reader
    except _NO_SCHEMA:
        return None
    return lambda stream: read(stream, schema, None)


def _contains_itself(schema: Any, named: Mapping[str, Any], outer: tuple[str, ...]) -> bool:
    """Whether a record may contain a record of its own schema; `outer` has the names of the schemas around it."""
    if isinstance(schema, list):
        return any(_contains_itself(branch, named, outer) for branch in schema)
    if isinstance(schema, str):
        return schema in outer or (schema in named and _contains_itself(named[schema], named, outer))
    inner = [field["type"] for field in schema.get("fields", ())]
    inner += [schema[key] for key in ("items", "values") if key in schema]
    return any(_contains_itself(kind, named, (*outer, schema.get("name", ""))) for kind in inner)


def _with_own_types(schema: Any) -> Any:
    """A schema whose logical types are those below, so that what is read is JSON at once."""
    if isinstance(schema, list):
        return [_with_own_types(branch) for branch in schema]
    if isinstance(schema, str):
        return {"type": schema, "logicalType": _PREFIX + schema} if f"{schema}-{schema}" in _READERS else schema
    kind = schema["type"]
    if not isinstance(kind, str):
        return {**schema, "type": _with_own_types(kind)}
    own = {**schema}
    logical = own.pop("logicalType", kind)
    if name := next((name for name in (logical, kind) if f"{kind}-{name}" in _READERS), ""):
        own["logicalType"] = _PREFIX + name
    for inner in ("items", "values"):
        if inner in own:
            own[inner] = _with_own_types(own[inner])
    if "fields" in own:
        # Defaults are for readers with a schema of their own.
        own["fields"] = [{"name": field["name"], "type": _with_own_types(field["type"])} for field in own["fields"]]
    return own


def _decimal(value: bytes, schema: Mapping[str, Any]) -> str:
    unscaled, scale = int.from_bytes(value, "big", signed=True), int(schema.get("scale", 0))
    digits = str(abs(unscaled)).rjust(scale + 1, "0")
    number = f"{digits[:-scale]}.{digits[-scale:]}" if scale else digits
    return f"-{number}" if unscaled < 0 else number


def _timestamp(value: int, _: object, *, digits: int, end: str) -> str | int:
    seconds, fraction = divmod(value, 10**digits)
    try:
        return f"{(_EPOCH + timedelta(seconds=seconds)).isoformat()}.{fraction:0{digits}d}{end}"
    except OverflowError:
        return value


def _time(value: int, _: object, *, digits: int) -> str | int:
    seconds, fraction = divmod(value, 10**digits)
    if not 0 <= seconds < _DAY_SECONDS:
        return value
    return f"{(_EPOCH + timedelta(seconds=seconds)).time().isoformat()}.{fraction:0{digits}d}"


def _date(value: int, _: object) -> str | int:
    try:
        return date.fromordinal(_EPOCH.toordinal() + value).isoformat()
    except (ValueError, OverflowError):
        return value


def _float(value: float, _: object) -> float:
    """A number of 32 bits with no more digits than it has: 0.1, not 0.10000000149011612."""
    return float(str(np.float32(value)))


def _hexadecimal(value: bytes, _: object) -> str:
    return value.hex()


def _uuid(value: bytes, _: object) -> str:
    return str(UUID(bytes=value))


_Reader = Callable[[Any, Any], Any]
_DIGITS = {"millis": 3, "micros": 6, "nanos": 9}
_READERS: Mapping[str, _Reader] = {
    **{f"long-timestamp-{unit}": partial(_timestamp, digits=digits, end="Z") for unit, digits in _DIGITS.items()},
    **{f"long-local-timestamp-{unit}": partial(_timestamp, digits=digits, end="") for unit, digits in _DIGITS.items()},
    "int-time-millis": partial(_time, digits=3),
    "long-time-micros": partial(_time, digits=6),
    "int-date": _date,
    "float-float": _float,
    "bytes-bytes": _hexadecimal,
    "bytes-decimal": _decimal,
    "fixed-fixed": _hexadecimal,
    "fixed-decimal": _decimal,
    "fixed-uuid": _uuid,
}
"""Type and logical type → the value as JSON has it; the second argument is the schema. A type alone is there twice."""


def _registered(read: _Reader) -> Callable[..., Any]:
    return lambda value, writer_schema=None, reader_schema=None: read(value, writer_schema)


for _name, _read in _READERS.items():
    _type, _, _logical = _name.partition("-")
    LOGICAL_READERS[f"{_type}-{_PREFIX}{_logical}"] = _registered(_read)
