from __future__ import annotations

import json
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.validation.decoding.avro import AvroDecoder
from tests.support.registry import framed, record

NUMBER = 7


def decoder(*schemas: Any) -> AvroDecoder:
    texts = tuple(map(json.dumps, schemas))
    return AvroDecoder({NUMBER: texts}.get)


def decoded(kind: Any, value: Any) -> str:
    """The JSON of a value in a record, read in the same type that it was written in."""
    found = decoder(record("R", v=kind))(framed(NUMBER, record("R", v=_stored(kind)), {"v": value}))
    assert found is not None
    return found.decode().removeprefix('{"v":').removesuffix("}")


def _stored(kind: Any) -> Any:
    """The type without its meaning: so that numbers and bytes can be given as they are stored."""
    return {k: v for k, v in kind.items() if k != "logicalType"} if isinstance(kind, dict) else kind


def logical(kind: str, meaning: str, /, **more: Any) -> dict[str, Any]:
    return {"type": kind, "logicalType": meaning, **more}


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        ("null", None, "null"),
        ("boolean", True, "true"),
        ("int", -5, "-5"),
        ("long", 2**63 - 1, "9223372036854775807"),
        ("double", 0.1, "0.1"),
        ("double", float("nan"), "NaN"),
        ("double", float("-inf"), "-Infinity"),
        ("float", 0.1, "0.1"),
        ("float", 3.4e38, "3.4e+38"),
        ("float", float("nan"), "NaN"),
        ("string", 'a "ö" 中\n\0', r'"a \"ö\" 中\n\u0000"'),
        ("bytes", b"\0\xff", '"00ff"'),
        ({"type": "fixed", "name": "F", "size": 2}, b"\0\xff", '"00ff"'),
        ({"type": "enum", "name": "E", "symbols": ["ON", "OFF"]}, "OFF", '"OFF"'),
        (["null", "double"], None, "null"),
        (["null", "double"], 1.5, "1.5"),
        ({"type": "array", "items": ["null", "float"]}, [0.1, None], "[0.1,null]"),
        ({"type": "map", "values": "bytes"}, {"a": b"\1"}, '{"a":"01"}'),
        (record("Inner", a="int", b={"type": "array", "items": "float"}), {"a": 1, "b": [0.1]}, '{"a":1,"b":[0.1]}'),
        (logical("bytes", "decimal", precision=9, scale=2), (2150).to_bytes(2, "big"), '"21.50"'),
        (logical("bytes", "decimal", precision=9, scale=2), (-5).to_bytes(1, "big", signed=True), '"-0.05"'),
        (logical("bytes", "decimal", precision=9, scale=2), b"", '"0.00"'),
        (logical("bytes", "decimal", precision=50), (10**40 + 1).to_bytes(20, "big"), f'"{10**40 + 1}"'),
        (logical("fixed", "decimal", name="D", size=4, precision=9, scale=9), b"\0\0\0\1", '"0.000000001"'),
        (logical("long", "timestamp-millis"), 1_749_978_721_250, '"2025-06-15T09:12:01.250Z"'),
        (logical("long", "timestamp-millis"), -1, '"1969-12-31T23:59:59.999Z"'),
        (logical("long", "timestamp-micros"), 1_749_978_721_250_001, '"2025-06-15T09:12:01.250001Z"'),
        (logical("long", "timestamp-nanos"), 1_749_978_721_250_001_002, '"2025-06-15T09:12:01.250001002Z"'),
        (logical("long", "local-timestamp-millis"), 1_749_978_721_250, '"2025-06-15T09:12:01.250"'),
        (logical("long", "timestamp-millis"), 2**62, f"{2**62}"),
        (logical("int", "date"), 20_254, '"2025-06-15"'),
        (logical("int", "date"), 2**31 - 1, f"{2**31 - 1}"),
        (logical("int", "time-millis"), 33_121_250, '"09:12:01.250"'),
        (logical("long", "time-micros"), 33_121_250_001, '"09:12:01.250001"'),
        (logical("long", "time-micros"), -1, "-1"),
        (logical("string", "uuid"), "f81d4fae-7dec-11d0-a765-00a0c91e6bf6", '"f81d4fae-7dec-11d0-a765-00a0c91e6bf6"'),
        (logical("fixed", "uuid", name="U", size=16), bytes(range(16)), '"00010203-0405-0607-0809-0a0b0c0d0e0f"'),
        (logical("fixed", "duration", name="P", size=12), bytes(12), f'"{"00" * 12}"'),
        (logical("long", "of nobody"), 5, "5"),
    ],
)
def test_every_type_has_a_form_in_json(kind: Any, value: Any, text: str) -> None:
    assert decoded(kind, value) == text


def test_a_type_that_is_defined_once_and_named_again_is_read_alike() -> None:
    schema = record("R", a={"type": "fixed", "name": "F", "size": 1}, b="F", c=["null", "F"])
    message = framed(NUMBER, schema, {"a": b"\1", "b": b"\2", "c": b"\3"})
    assert decoder(schema)(message) == b'{"a":"01","b":"02","c":"03"}'


def test_schemas_refer_to_others() -> None:
    unit, reading = record("com.example.Unit", name="string"), record("Reading", unit="com.example.Unit")
    message = framed(NUMBER, record("Reading", unit=unit), {"unit": {"name": "C"}})
    assert decoder(unit, reading)(message) == b'{"unit":{"name":"C"}}'


SCHEMA = record("R", id="string", v=["null", "double"])
GOOD = framed(NUMBER, SCHEMA, {"id": "aö", "v": 1.5})


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\0",
        GOOD[:5],
        GOOD[:-1],
        GOOD + b"\0",
        b"\1" + GOOD[1:],
        b'{"id":"a","v":1.5}',
        struct.pack(">bI", 0, NUMBER + 1) + GOOD[5:],
        GOOD.replace("ö".encode(), b"\xff\xff"),
        GOOD[:5] + b"\xff" * 20,
        GOOD[:5] + b"\2a\4",
    ],
)
def test_what_is_no_record_of_a_known_schema_is_not_decoded(message: bytes) -> None:
    decode = decoder(SCHEMA)
    assert decode(GOOD) == '{"id":"aö","v":1.5}'.encode()
    assert decode(message) is None


@pytest.mark.parametrize("schema", [{"type": "record"}, "no type", record("R", v="NoSuchType"), 5, None, []])
def test_a_schema_that_cannot_be_read_decodes_nothing(schema: Any) -> None:
    assert decoder(schema)(GOOD) is None


def test_a_record_that_contains_itself_too_often_is_not_decoded() -> None:
    schema = record("R", inner=["null", "R"])
    assert decoder(schema)(struct.pack(">bI", 0, NUMBER) + b"\2" * 100_000 + b"\0") is None


def test_a_schema_is_asked_for_once() -> None:
    asked: list[int] = []

    def schemas(number: int) -> tuple[str, ...] | None:
        asked.append(number)
        return (json.dumps(SCHEMA),) if number == NUMBER else None

    decode = AvroDecoder(schemas)
    unknown = struct.pack(">bI", 0, 2**32 - 1) + GOOD[5:]
    assert [decode(message) is None for message in (GOOD, unknown, GOOD, unknown)] == [False, True, False, True]
    assert asked == [NUMBER, 2**32 - 1]


@given(st.binary(max_size=60))
def test_no_bytes_stop_a_job(body: bytes) -> None:
    kinds = {"a": "string", "b": ["null", "float"], "c": {"type": "array", "items": "long"}, "d": "bytes"}
    found = decoder(record("R", **kinds))(GOOD[:5] + body)
    assert found is None or set(json.loads(found)) == {*"abcd"}
