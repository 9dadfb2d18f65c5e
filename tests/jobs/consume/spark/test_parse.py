"""What Spark makes of messages is what `etl.validation.message` says that they mean."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest
from pyspark.sql import functions as F

from etl.contract.model import ITEMS, ROOT, Column, Contract, EventTime, NumberFormat
from etl.contract.reader import load_contract
from etl.contract.sources.kafka_topic import KafkaTopic
from etl.jobs.consume.spark.parse import split_messages
from etl.jobs.consume.spark.parsed_objects import UNPARSABLE
from etl.jobs.consume.spark.session import spark_session
from etl.settings import Settings
from etl.validation.message import count_readings, read
from etl.validation.texts import decode_raw, encode_raw
from tests.support.stack import JARS
from tests.validation.test_message import NESTED, SCALARS

pytestmark = pytest.mark.integration

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
        # What the contract does not name is not judged; the message must be JSON.
        (b"}", b',"more":NaN}'),
        (b"}", b',"more":{"a":[-Infinity]}}'),
        (b"}", rb',"more":"\u0000 \ud800"}'),
        (b"}", rb',"\u0000\udc00":1}'),
        (b"}", b',"more":{"a":1,"a":2}}'),
        (b"}", b',"more":1,"more":2}'),
        (b"}", b',"more":1,"energy":2}'),
        (b"}", b',"more":' + b"1" * 2000 + b"}"),
        (b"}", b',"Temperature":1,"TEMPERATURE":2,"":3}'),
        (b'"a"', rb'"\ud83d\ude00"'),
        (b'"a"', rb'"\ud83d"'),
        (b'"a"', rb'"\\ud83d\ude00"'),
        (b'"a"', rb'"\ude00\ud83d"'),
        (b'"sensor_id":"a",', b""),
        (PLAIN, b"\x1f".join([b"a"] * 6)),
        (PLAIN, b""),
    ]
    messages = [*sound, *(PLAIN.replace(old, new) for old, new in changes)]
    rows = split(settings, raw_iot, messages)
    assert len(rows) == len(messages)
    for message, row in zip(messages, sorted(rows, key=lambda row: int(row["source_offset"])), strict=True):
        reading = read(encode_raw(message), raw_iot)
        if reading.reason or reading.unstorable:
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


KEYS = (
    "a`b c",
    "T",
    "t",
    """ä'"\\$1""",
    "value",
    "partition",
    "offset",
    "items",
    "parsed",
    "keys",
    "chain",
    "item",
    "message",
    "_corrupt_record",
    "",
)


@pytest.mark.parametrize("explode", [False, True])
def test_keys_are_found_whatever_they_are(settings: Settings, explode: bool) -> None:
    where = ("readings", "[]") if explode else ()
    columns = [Column(f"c{number}", "text", path=(*where, key)) for number, key in enumerate(KEYS)]
    columns += [Column(f"d{number}", "text", path=(*where, "in", key)) for number, key in enumerate(KEYS)]
    # Columns that bear the names of Spark's.
    columns += [Column(key, "text", path=(*where, key)) for key in KEYS[4:-1]]
    contract = dataclasses.replace(
        SCALARS, columns=tuple(columns), explode=(("readings",),) if explode else (), event_time=EventTime("c0")
    )
    values = {key: f"v{number}" for number, key in enumerate(KEYS)}
    reading = {**values, "in": {key: f"w{number}" for number, key in enumerate(KEYS)}}
    messages = [
        reading,
        # Known and unknown keys that differ only in case.
        {**reading, "VALUE": 1, "In": {"T": 1}},
        {**dict(reversed(reading.items())), "in": {**reading["in"], "KEYS": 1}},  # type: ignore[dict-item]
    ]
    texts = [json.dumps({"readings": [message]} if explode else message).encode() for message in messages]
    rows = split(settings, contract, texts)
    expected = {f"c{n}": f"v{n}" for n in range(len(KEYS))} | {f"d{n}": f"w{n}" for n in range(len(KEYS))}
    expected |= {key: values[key] for key in KEYS[4:-1]}
    assert [{name: row[name] for name in contract.column_names} for row in rows] == [expected] * 3
    assert [row["raw"] for row in rows] == [None, *(text.decode() for text in texts[1:])]
    assert not any(row[UNPARSABLE] for row in rows)


HOSTILE_PATTERNS = ["(a|b)*", "(a+)+c", "(?P<x>a)+", r"(?P<x>a)(?P=x)", "[[a]", "[a&&[b]", "a{1,200}a{1,200}a{1,200}c"]


@pytest.mark.parametrize("pattern", HOSTILE_PATTERNS)
def test_a_pattern_can_neither_stop_a_job_nor_hold_it_up(settings: Settings, pattern: str) -> None:
    column = dataclasses.replace(load_contract("raw_iot", settings).columns[0], pattern=pattern)
    contract = dataclasses.replace(
        load_contract("raw_iot", settings), columns=(column, *load_contract("raw_iot", settings).columns[1:])
    )
    messages = [PLAIN.replace(b'"a"', b'"' + b"a" * length + b'"') for length in (1, 40, 100_000)]
    assert [row[column.name] for row in split(settings, contract, messages)] == ["a", "a" * 40, "a" * 100_000]


def test_a_pattern_that_java_understands_keeps_the_text_of_what_does_not_match(settings: Settings) -> None:
    contract = load_contract("raw_iot", settings)
    column = dataclasses.replace(contract.columns[0], pattern="[ab]+")
    contract = dataclasses.replace(contract, columns=(column, *contract.columns[1:]))
    messages = [PLAIN, PLAIN.replace(b'"a"', b'"c"'), PLAIN.replace(b'"a"', b'"' + b"a" * 201 + b'"')]
    assert [row["raw"] is None for row in split(settings, contract, messages)] == [True, False, False]


def test_keys_of_one_hash_code_stop_no_job(settings: Settings) -> None:
    """Jackson's table of names gives up with an error that Spark does not expect."""
    keys = (b"".join(letters) for letters in product((b"aB", b"b!"), repeat=16))
    message = PLAIN.replace(b"}", b"".join(b',"%s":1' % key for key in keys) + b"}")
    rows = split(settings, load_contract("raw_iot", settings), [PLAIN, message, PLAIN])
    assert [row[UNPARSABLE] for row in rows] == [False, True, False]
    assert decode_raw(rows[1]["raw"]) == message


def test_a_message_with_very_many_readings_takes_memory_for_one(settings: Settings) -> None:
    """A copy of the message per reading, all at once, was more than Spark's heap."""
    contract = load_contract("device_events", settings)
    spark = spark_session(settings)
    many = [json.dumps(event(*[DEVICE] * 4_000, **more)).encode() for more in ({}, {"version": 2})]
    zeros = json.dumps(event(*[0] * 200_000)).encode()
    rows = [(message, 0, number, datetime(2025, 6, 15)) for number, message in enumerate([*many, zeros])]
    frame = split_messages(
        spark.createDataFrame(rows, "value binary, partition int, offset long, timestamp timestamp"), contract
    )
    found = frame.groupBy("source_offset", UNPARSABLE).agg(F.count("*"), F.count("raw"), F.count("device_id")).collect()
    # Around the readings, an unknown key is reported once. A copy for each of the zeros is refused.
    assert sorted(map(tuple, found)) == [
        ("0", False, 4_000, 0, 4_000),
        ("1", False, 4_000, 1, 4_000),
        ("2", True, 1, 1, 0),
    ]


DEBEZIUM = Contract(
    feed="meters",
    source=KafkaTopic("meters"),
    table="meters",
    columns=(
        Column("id", "text", required=True, path=("payload", "after", "id")),
        Column("value", "double", path=("payload", "after", "value")),
        Column("at", "timestamp", required=True, path=("payload", "after", "at")),
        Column("source", "text", path=("payload", "source", "name")),
    ),
    primary_key=("id", "at"),
    event_time=EventTime("at"),
    envelope=("payload", "after"),
)


def change(after: Any, **more: Any) -> dict[str, Any]:
    return {
        "schema": {"fields": []},
        "payload": {"before": None, "after": after, "op": "c", "source": {"name": "s", "v": 1}},
    } | more


def test_only_keys_in_the_envelope_are_unknown_and_a_message_without_it_keeps_its_text(settings: Settings) -> None:
    row = {"id": "a", "value": 1.5, "at": "2025-06-15T09:12:01Z"}
    sound = [change(row), change({**row, "value": None}), {"payload": {"after": row}}]
    suspect = [
        change(None),
        {"payload": {"op": "d"}},
        {"payload": None},
        {"payload": 5},
        {"op": "d"},
        change("text"),
        change([row]),
        change({**row, "more": 1}),
        change({"value": 1}),
    ]
    texts = [json.dumps(message).encode() for message in [*sound, *suspect]]
    rows = sorted(split(settings, DEBEZIUM, texts), key=lambda row: int(row["source_offset"]))
    assert [row["raw"] for row in rows] == [None] * len(sound) + [text.decode() for text in texts[len(sound) :]]
    assert not any(row[UNPARSABLE] for row in rows)
    for text, row in zip(texts, rows, strict=True):
        reading = read(encode_raw(text), DEBEZIUM)
        if reading.reason is None:
            assert {name: row[name] for name in DEBEZIUM.column_names} == reading.texts


LISTED = Contract(
    feed="listed",
    source=KafkaTopic("listed"),
    table="listed",
    columns=(
        Column("id", "text", required=True, path=(ROOT, ITEMS, "id")),
        Column("value", "double", path=(ROOT, ITEMS, "value")),
        Column("at", "timestamp", required=True, path=(ROOT, ITEMS, "at")),
    ),
    primary_key=("id", "at"),
    event_time=EventTime("at"),
    explode=((ROOT,),),
)


def test_a_message_that_is_an_array_becomes_its_elements(settings: Settings) -> None:
    one, two = ({"id": name, "value": 1.5, "at": "2025-06-15T09:12:01Z"} for name in "ab")
    messages = [
        json.dumps(message).encode()
        for message in (
            [one, two],
            [one, {**two, "more": 1}],
            [one, 5, None],
            [],
            [[one]],
            {"$": [one]},
            one,
            5,
            None,
            "a",
        )
    ]
    broken = [
        b"",
        b" ",
        b"[",
        b'[{"id":"a"}',
        b"[] []",
        b'[],"a":1',
        b'[],"$":[]',
        b"[]}",
        b"[\xff]",
        b"\xef\xbb\xbf[]",
        b"[],",
    ]
    rows = split(settings, LISTED, [*messages, b" \n" + messages[0] + b"\n", *broken])
    found = {(int(row["source_offset"]), int(row["source_item"])): row for row in rows}
    assert len(found) == len(rows)
    for number, message in enumerate([*messages, b" \n" + messages[0] + b"\n", *broken]):
        raw = encode_raw(message)
        items = max(1, count_readings(raw, LISTED))
        assert {item for place, item in found if place == number} == {*range(items)}, message
        for item in range(items):
            row, reading = found[number, item], read(raw, LISTED, item)
            if reading.reason or reading.unknown:
                assert row["raw"] == raw, message
            else:
                assert {name: row[name] for name in LISTED.column_names} == reading.texts
                assert row["raw"] is None
        assert not broken.count(message) or found[number, 0][UNPARSABLE], message


def test_values_that_only_the_loader_understands_are_no_reason_to_keep_the_text(settings: Settings) -> None:
    columns = (
        Column("id", "text", required=True),
        Column("value", "double", required=True, number=NumberFormat(",", ".", "°C"), maximum=50.0),
        Column("count", "integer", missing=("NA", "-200"), minimum=0),
        Column("seen", "timestamp", formats=("%d.%m.%Y",), missing=("-",)),
        Column("sent", "timestamp", formats=("epoch_seconds", "epoch_milliseconds")),
        Column("at", "timestamp", combine=("date", "time"), required=True),
        Column("date", "text"),
        Column("time", "text"),
    )
    contract = dataclasses.replace(SCALARS, columns=columns, explode=(), event_time=EventTime("at"))
    sound = {
        "id": "a",
        "value": "1.022,5 °C",
        "count": "NA",
        "seen": "15.06.2025",
        "sent": 1749978721250,
        "date": "d",
        "time": "t",
    }
    messages = [sound, {**sound, "count": -200, "seen": "-"}, {**sound, "count": -201}, {**sound, "count": "x"}]
    rows = split(settings, contract, [json.dumps(message, ensure_ascii=False).encode() for message in messages])
    assert [row["raw"] is None for row in rows] == [True, True, False, False]
    assert [name for name in rows[0] if name in contract.column_names] == [*contract.read_names]
    assert (rows[0]["value"], rows[0]["date"]) == ("1.022,5 °C", "d")


@pytest.mark.parametrize("explode", [False, True])
def test_a_nan_that_the_contract_expects_is_the_word_itself(settings: Settings, explode: bool) -> None:
    contract = LISTED if explode else dataclasses.replace(LISTED, explode=())
    words = ("NaN", "-Infinity")
    columns = [
        dataclasses.replace(column, path=column.path if explode else (column.name,), missing=words)
        for column in LISTED.columns
    ]
    contract = dataclasses.replace(contract, columns=tuple(columns))
    texts = ['{"id":"a","value":NaN,"at":"2025-06-15"}', '{"id":"a","value":-Infinity,"at":"2025-06-15","more":NaN}']
    messages = [(f"[{text}]" if explode else text).encode() for text in texts]
    rows = split(settings, contract, messages)
    assert [row["value"] for row in rows] == [*words]
    assert [row["raw"] for row in rows] == [message.decode() for message in messages]
    assert not any(row[UNPARSABLE] for row in rows)


@pytest.mark.parametrize("explode", [False, True])
def test_a_nan_that_one_column_expects_is_the_word_itself_in_every_column(settings: Settings, explode: bool) -> None:
    """Else the loader would take the quotes for a part of the text."""
    columns = [
        dataclasses.replace(
            column, path=column.path if explode else (column.name,), missing=("NaN",) if column.name == "value" else ()
        )
        for column in LISTED.columns
    ]
    contract = dataclasses.replace(LISTED, columns=tuple(columns), explode=LISTED.explode if explode else ())
    texts = [
        '{"id":NaN,"value":1.5,"at":NaN}',
        r'{"id":"\"NaN\"","value":2.5,"at":"2025-06-15"}',
        r'{"id":"\"NaN","value":NaN,"at":"2025-06-15"}',
    ]
    messages = [(f"[{text}]" if explode else text).encode() for text in texts]
    rows = split(settings, contract, messages)
    for message, row in zip(messages, sorted(rows, key=lambda row: int(row["source_offset"])), strict=True):
        assert {name: row[name] for name in contract.column_names} == read(encode_raw(message), contract).texts
        assert not row[UNPARSABLE]


def test_a_feed_without_any_of_this_is_read_as_ever(settings: Settings) -> None:
    """The plan names nothing that only some contracts need."""
    spark = spark_session(settings)
    frame = spark.createDataFrame([], "value binary, partition int, offset long, timestamp timestamp")
    for feed in ("raw_iot", "device_events"):
        plan = split_messages(frame, load_contract(feed, settings))._jdf.queryExecution().optimizedPlan().toString()
        assert "beside" not in plan
        assert "decoded" not in plan
        assert "Python" not in plan
