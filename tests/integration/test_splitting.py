"""What Spark makes of messages is what `etl.message` says that they mean."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from etl.contract import load_contract
from etl.message import decode_raw, encode_raw, read
from etl.model import Contract
from etl.settings import Settings
from etl.spark import spark_session
from etl.splitting import UNPARSABLE, split_messages
from tests.stack import JARS
from tests.test_message import NESTED, SCALARS

DEVICE = {"deviceId": "a", "temperature": 20.5, "measure": "C", "status": "SUCCESS"}
EVENT = {
    "eventId": "e",
    "eventOffset": 1,
    "eventPublisher": "p",
    "customerId": "c",
    "eventTime": "2025-06-15T09:12:01Z",
}


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings.load(home=tmp_path_factory.mktemp("home"), jars=JARS)


def split(settings: Settings, contract: Contract, messages: list[bytes]) -> list[dict[str, Any]]:
    rows = [(message, 0, number, datetime(2025, 6, 15)) for number, message in enumerate(messages)]
    schema = "value binary, partition int, offset long, timestamp timestamp"
    frame = split_messages(spark_session(settings).createDataFrame(rows, schema), contract)
    return [row.asDict() for row in frame.collect()]


def event(*devices: Any, **more: Any) -> dict[str, Any]:
    return {**EVENT, "data": {"devices": list(devices)}, **more}


def of_devices() -> list[dict[str, Any]]:
    return [
        event(DEVICE, {**DEVICE, "deviceId": "b", "status": "ERROR"}),
        event(DEVICE, None, 7, "text", [], {}, {**DEVICE, "deviceId": "c"}),
        event(DEVICE, {**DEVICE, "battery": 3}),
        event(DEVICE, version=2),
        event(),
        {**EVENT, "data": {}},
        {**EVENT, "data": {"devices": "a"}},
        {**EVENT, "data": {"devices": {"deviceId": "a"}}},
        {**EVENT, "data": None},
        EVENT,
        event({**DEVICE, "temperature": {"c": 20}}, {**DEVICE, "deviceId": ["b"]}),
    ]


def of_sites() -> list[dict[str, Any]]:
    return [
        {"event": "e", "data": {"sites": [{"name": "A", "values": [{"v": 1}, {"v": 2}]}, {"name": "B"}]}},
        {"event": "e", "data": {"sites": [{"name": "B", "values": []}, {"name": "C", "values": [{"v": 3}]}]}},
        {"event": "e", "data": {"sites": []}},
    ]


def test_nested_messages_become_the_rows_that_the_contract_means(settings: Settings) -> None:
    devices = load_contract("device_events", settings)
    scalars: list[dict[str, Any]] = [{"event": "e", "values": [1.5, "2", None]}, {"event": "e", "values": []}]
    cases = [(devices, of_devices()), (NESTED, of_sites()), (SCALARS, scalars)]
    for contract, messages in cases:
        texts = [json.dumps(message) for message in messages]
        rows = split(settings, contract, [text.encode() for text in texts])
        expected = []
        for number, text in enumerate(texts):
            item = 0
            while True:
                reading = read(text, contract, item)
                if item and reading.reason and not holds(rows, number, item):
                    break
                expected.append((number, item, reading))
                item += 1
        found = {(int(row["source_offset"]), int(row["source_item"])): row for row in rows}
        assert len(rows) == len(found)
        assert set(found) == {(number, item) for number, item, _ in expected}
        for number, item, reading in expected:
            row = found[number, item]
            assert not row[UNPARSABLE]
            if reading.reason or reading.unknown or reading.nested:
                assert decode_raw(row["raw"]) == texts[number].encode(), reading
            else:
                assert {name: row[name] for name in contract.column_names} == reading.texts


def holds(rows: list[dict[str, Any]], number: int, item: int) -> bool:
    return any((row["source_offset"], row["source_item"]) == (str(number), str(item)) for row in rows)


def test_a_sound_message_does_not_keep_its_text(settings: Settings) -> None:
    rows = split(settings, load_contract("device_events", settings), [json.dumps(event(DEVICE, DEVICE)).encode()])
    assert [row["raw"] for row in rows] == [None, None]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"devices"', '"devices": [], "devices"'),
        ('"eventId"', '"eventId": 1, "eventId"'),
        ("]}", "]} x"),
        ("]}}", "]}"),
    ],
)
def test_a_broken_message_is_one_unparsable_row(settings: Settings, old: str, new: str) -> None:
    text = json.dumps({**EVENT, "data": {"devices": [DEVICE, DEVICE]}}).replace(old, new).encode()
    (row,) = split(settings, load_contract("device_events", settings), [text])
    assert row[UNPARSABLE]
    assert row["source_item"] == "0"
    assert decode_raw(row["raw"]) == text


PLAIN = b'{"sensor_id":"a","temperature":19.130,"humidity":5e1,"energy":-0,"timestamp":"2025-06-15T00:00:06Z"}'


def test_messages_in_any_form_become_what_they_mean(settings: Settings) -> None:
    raw_iot = load_contract("raw_iot", settings)
    reordered = json.dumps(dict(reversed(json.loads(PLAIN).items()))).encode()
    sound = [PLAIN, reordered, b" " + PLAIN.replace(b",", b" ,\n") + b"\r\n"]
    changes: list[tuple[bytes, bytes]] = [
        (b'"a"', rb'"\u0061"'),
        (b'"a"', '"aö中😀"'.encode()),
        (b'"a"', b'"\xff"'),
        (b'"a"', b'"\xed\xa0\x80"'),
        (b'"a"', '"�"'.encode()),
        (b'"a"', b'"\x1f"'),
        (b'"a"', b'"\x00"'),
        (b'"a"', b'""'),
        (b'"a"', b'"null"'),
        (b'"a"', b"null"),
        (b'"a"', b"true"),
        (b'"a"', b"12"),
        (b'"a"', b'{"b":1}'),
        (b'"a"', b'"[1]"'),
        (b'"a"', b'"' + "aö中".encode() * 50_000 + b'"'),
        (b"5e1", b"05"),
        (b"5e1", b"5."),
        (b"5e1", b"NaN"),
        (b"5e1", b'"50"'),
        (b"5e1", b"1" * 30),
        (b"}", b"} x"),
        (b"}", b"}{}"),
        (b"}", "} ".encode()),
        (b"}", b""),
        (b"}", b',"sensor_id":"b"}'),
        (b"}", b',"more":1}'),
        (b'"sensor_id":"a",', b""),
        (PLAIN, b"\x1f".join([b"a"] * 6)),
        (PLAIN, b""),
    ]
    messages = [*sound, *(PLAIN.replace(old, new) for old, new in changes)]
    rows = split(settings, raw_iot, messages)
    assert len(rows) == len(messages)
    for message, row in zip(messages, sorted(rows, key=lambda row: int(row["source_offset"])), strict=True):
        reading = read(encode_raw(message), raw_iot)
        if reading.reason:
            assert decode_raw(row["raw"]) == message, reading
        elif reading.nested or reading.unknown:
            assert (decode_raw(row["raw"]), row[UNPARSABLE]) == (message, False)
        else:
            assert not row[UNPARSABLE]
            assert {name: as_number(row[name]) for name in raw_iot.column_names} == {
                name: as_number(text) for name, text in reading.texts.items()
            }
    assert [row["raw"] for row in rows[: len(sound)]] == [None] * len(sound)


def as_number(text: str | None) -> float | str | None:
    """Spark's parser writes numbers in its own way."""
    try:
        return float(text or "")
    except ValueError:
        return text


def test_a_reading_of_the_future_keeps_its_text(settings: Settings) -> None:
    contract = load_contract("raw_iot", settings)
    ahead = timedelta(seconds=contract.event_time.ahead_seconds)
    times = [datetime.now(UTC) + ahead + timedelta(minutes=minutes) for minutes in (-5, 5)]
    messages = [PLAIN.replace(b"2025-06-15T00:00:06Z", time.isoformat().encode()) for time in times]
    assert [row["raw"] for row in split(settings, contract, messages)] == [None, messages[1].decode()]


def test_the_code_that_spark_makes_is_the_same_at_any_time(settings: Settings) -> None:
    """Code that is new has to be compiled, and starts slow: with a moment in it, it was new in every batch."""
    spark = spark_session(settings)
    compiled = spark._jvm.org.apache.spark.sql.catalyst.expressions.codegen.CodeGenerator  # type: ignore[union-attr]
    contract = load_contract("raw_iot", settings)
    split(settings, contract, [PLAIN])
    before = compiled.compileTime()
    split(settings, contract, [PLAIN])
    assert compiled.compileTime() == before


def test_keys_with_marks_in_them_are_found(settings: Settings) -> None:
    column = dataclasses.replace(SCALARS.columns[0], path=("a`b c",))
    contract = dataclasses.replace(SCALARS, columns=(column, SCALARS.columns[1]))
    (row,) = split(settings, contract, [b'{"a`b c":"x","values":[1]}'])
    assert row["event"] == "x"
