from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.contract.formats.avro_records import AvroRecords
from etl.contract.formats.json_objects import JsonObjects
from etl.contract.formats.record_format import RecordFormat
from etl.contract.model import Column, Contract, EventTime
from etl.contract.reader import load_contract
from etl.contract.sources.kafka_topic import KafkaTopic
from etl.settings import Settings
from etl.validation.message import count_readings, read, read_all, unsplit_reason
from etl.validation.reasons import Reason
from etl.validation.rebuilt_text import compose_json

COLUMNS = (
    Column("event", "text", required=True),
    Column("site", "text", path=("data", "sites", "[]", "name")),
    Column("value", "double", path=("data", "sites", "[]", "values", "[]", "v")),
    Column("at", "timestamp"),
)
NESTED = Contract(
    feed="nested",
    source=KafkaTopic("nested"),
    table="nested",
    columns=COLUMNS,
    primary_key=(),
    event_time=EventTime("at"),
    explode=(("data", "sites"), ("values",)),
)
SCALARS = dataclasses.replace(
    NESTED, columns=(Column("event", "text"), Column("value", "double", path=("values", "[]"))), explode=(("values",),)
)


@pytest.fixture
def devices(settings: Settings) -> Contract:
    return load_contract("device_events", settings)


def event(*devices: Any, **more: Any) -> str:
    return json.dumps({"eventId": "e1", "eventOffset": 7, "data": {"devices": list(devices)}, **more})


def test_each_element_of_the_array_is_a_reading_with_the_values_of_its_event(devices: Contract) -> None:
    raw = event({"deviceId": "a", "temperature": 20.50}, {"deviceId": "b", "status": "ERROR"})
    first, second = read(raw, devices, 0), read(raw, devices, 1)
    assert (first.texts["event_id"], first.texts["device_id"], first.texts["temperature"]) == ("e1", "a", "20.5")
    assert (second.texts["event_offset"], second.texts["device_id"], second.texts["status"]) == ("7", "b", "ERROR")
    assert second.texts["temperature"] is None


@pytest.mark.parametrize(
    "data", [None, {}, {"devices": []}, {"devices": None}, {"devices": {"deviceId": "a"}}, {"devices": "a"}, 7]
)
def test_a_message_without_readings_is_one_that_is_rejected(devices: Contract, data: Any) -> None:
    assert read(json.dumps({"eventId": "e1", "data": data}), devices).reason is Reason.NO_ITEMS


@pytest.mark.parametrize("element", [None, 7, "a", [], [{}]])
def test_an_element_that_is_no_object_harms_only_itself(devices: Contract, element: Any) -> None:
    raw = event({"deviceId": "a"}, element, {"deviceId": "c"})
    assert [read(raw, devices, item).reason for item in range(3)] == [None, Reason.NOT_OBJECT, None]


def test_a_key_that_occurs_twice_in_an_element_harms_only_that(devices: Contract) -> None:
    raw = event({"deviceId": "a"}, {"deviceId": "b"}).replace('"deviceId": "b"', '"deviceId": "b", "deviceId": "c"')
    assert [read(raw, devices, item).reason for item in range(2)] == [None, Reason.DUPLICATE_KEY]
    around = event({"deviceId": "a"}).replace('"devices"', '"devices": [], "devices"')
    assert read(around, devices).reason is Reason.DUPLICATE_KEY


def test_text_that_cannot_be_stored_harms_only_its_element(devices: Contract) -> None:
    raw = event({"deviceId": "a"}, {"deviceId": "\0"}, {"deviceId": "c", "status": "\ud800"})
    found = [read(raw, devices, item) for item in range(3)]
    assert [reading.reason for reading in found] == [None, None, None]
    assert [set(reading.unstorable) for reading in found] == [set(), {"device_id"}, {"status"}]


def test_unknown_keys_are_named_by_their_path(devices: Contract) -> None:
    raw = event({"deviceId": "a", "battery": 3}, {"deviceId": "b"}, version="2")
    assert read(raw, devices, 0).unknown == {("version",): "2", ("data", "devices", "[]", "battery"): "3"}
    assert read(raw, devices, 1).unknown == {("version",): "2"}


def test_nested_arrays_are_numbered_through() -> None:
    sites = [{"name": "A", "values": [{"v": 1}, {"v": 2}]}, {"name": "B"}, {"name": "C", "values": [{"v": 3}]}]
    raw = json.dumps({"event": "e", "data": {"sites": sites}})
    found = [read(raw, NESTED, item) for item in range(5)]
    assert [reading.reason for reading in found] == [None, None, Reason.NO_ITEMS, None, Reason.NO_ITEMS]
    texts = [found[i].texts for i in (0, 1, 3)]
    assert [(text["site"], text["value"]) for text in texts] == [("A", "1"), ("A", "2"), ("C", "3")]


def test_arrays_of_scalars_are_readings() -> None:
    raw = '{"event":"e","values":[1.50,"2",null,{"a":1}]}'
    found = [read(raw, SCALARS, item) for item in range(4)]
    assert [reading.texts["value"] for reading in found] == ["1.50", "2", None, '{"a":1}']
    assert found[3].nested == {"value"}


def test_a_line_is_read_by_the_header_of_its_file(settings: Settings) -> None:
    rooms = load_contract("room_temperatures", settings)
    header = ("temp", "id", "room_id/id", "noted_date", "out/in")
    good = read('29,"a ""b""",,08-12-2018 09:30,In\r\n', rooms, header=header)
    assert good.texts == {"id": 'a "b"', "room": None, "noted_date": "08-12-2018 09:30", "temp": "29", "place": "In"}
    for line in ("29,a\n", "29,a,b,c,d,e\n", '29,"a,b,c,d\n', '29,"a"x,b,c,d\n'):
        assert read(line, rooms, header=header).reason is Reason.NOT_CSV
    assert read(r"\x32392cff", rooms, header=header).reason is Reason.NOT_UTF8


DEBEZIUM = Contract(
    feed="cdc",
    source=KafkaTopic("cdc"),
    table="cdc",
    columns=(
        Column("id", "integer", path=("payload", "after", "id")),
        Column("value", "double", path=("payload", "after", "value")),
        Column("operation", "text", path=("payload", "op")),
        Column("at", "timestamp", path=("payload", "source", "ts_ms")),
    ),
    primary_key=(),
    event_time=EventTime("at"),
    envelope=("payload", "after"),
)


def change(after: Any, **more: Any) -> str:
    payload = {"before": {"id": 1}, "after": after, "op": "u", "source": {"ts_ms": 5, "db": "x"}, **more}
    return json.dumps({"schema": {"type": "struct"}, "payload": payload})


def test_keys_beside_an_envelope_are_not_unknown_and_those_in_it_are() -> None:
    reading = read(change({"id": 7, "value": 1.5, "room": "a"}), DEBEZIUM)
    assert reading.texts == {"id": "7", "value": "1.5", "operation": "u", "at": "5"}
    assert reading.unknown == {("payload", "after", "room"): "a"}


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (change(None), Reason.NO_READING),
        ('{"payload":{"op":"d"}}', Reason.NO_READING),
        ('{"payload":null}', Reason.NO_READING),
        ('{"payload":5}', Reason.NO_READING),
        ("{}", Reason.NO_READING),
        (change("text"), Reason.NOT_OBJECT),
        (change([]), Reason.NOT_OBJECT),
        ("[]", Reason.NOT_OBJECT),
        (change({}), None),
    ],
)
def test_a_message_whose_envelope_is_missing_or_null_has_no_reading(raw: str, reason: Reason | None) -> None:
    assert read(raw, DEBEZIUM).reason is reason


def test_the_readings_of_an_array_in_an_envelope_are_judged_and_those_beside_it_are_not() -> None:
    columns = (Column("id", "text", path=("data", "items", "[]", "id")), Column("at", "timestamp", path=("time",)))
    inside = dataclasses.replace(DEBEZIUM, columns=columns, envelope=("data",), explode=(("data", "items"),))
    raw = '{"time":"x","more":1,"data":{"unit":"C","items":[{"id":"a","n":1}]}}'
    assert set(read(raw, inside).unknown) == {("data", "unit"), ("data", "items", "[]", "n")}
    assert read('{"data":null}', inside).reason is Reason.NO_READING
    assert read('{"data":{}}', inside).reason is Reason.NO_ITEMS


ARRAY = dataclasses.replace(
    NESTED,
    columns=(
        Column("id", "text", path=("$", "[]", "id")),
        Column("value", "double", path=("$", "[]", "probes", "[]", "v")),
        Column("at", "timestamp", path=("$", "[]", "at")),
    ),
    explode=(("$",), ("probes",)),
)
FLAT_ARRAY = dataclasses.replace(ARRAY, columns=(ARRAY.columns[0], ARRAY.columns[2]), explode=(("$",),))


def test_a_message_may_be_the_array_of_its_readings() -> None:
    raw = '[{"id":"a","at":1},{"id":"b","x":2},7]'
    found = [read(raw, FLAT_ARRAY, item) for item in range(4)]
    assert [reading.reason for reading in found] == [None, None, Reason.NOT_OBJECT, Reason.NO_ITEMS]
    assert [reading.texts["id"] for reading in found[:2]] == ["a", "b"]
    assert found[1].unknown == {("$", "[]", "x"): "2"}
    assert count_readings(raw, FLAT_ARRAY) == 3
    nested = '[{"id":"a","probes":[{"v":1},{"v":2}]},{"id":"b","probes":[{"v":3}]}]'
    assert [read(nested, ARRAY, item).texts["value"] for item in range(3)] == ["1", "2", "3"]
    assert count_readings(nested, ARRAY) == 3


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("[]", Reason.NO_ITEMS),
        ("{}", Reason.NO_ITEMS),
        ('{"$":[{"id":"a"}]}', Reason.NO_ITEMS),
        ('{"id":"a"}', Reason.NO_ITEMS),
        ("7", Reason.NOT_OBJECT),
        ("null", Reason.NOT_OBJECT),
        ("[", Reason.NOT_JSON),
        ("[[]]", Reason.NOT_OBJECT),
        ('[{"id":"a","id":"b"}]', Reason.DUPLICATE_KEY),
    ],
)
def test_a_message_that_is_not_the_array_that_the_contract_names(raw: str, reason: Reason) -> None:
    assert read(raw, FLAT_ARRAY).reason is reason
    assert count_readings(raw, FLAT_ARRAY) == 1
    assert read("[]", NESTED).reason is Reason.NOT_OBJECT


@pytest.mark.parametrize("contract", [FLAT_ARRAY, ARRAY, DEBEZIUM, NESTED])
def test_a_text_that_is_composed_from_columns_is_read_as_the_same(contract: Contract) -> None:
    texts = {column.name: f"{number}" for number, column in enumerate(contract.columns)}
    composed = compose_json((column.source, texts[column.name], column.type) for column in contract.columns)
    reading = read(composed, contract)
    assert (reading.reason, dict(reading.texts), reading.unknown) == (None, texts, {})
    assert composed.startswith("[") is contract.explodes_root


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity"])
def test_words_for_no_number_are_read_where_they_mean_a_missing_value(word: str) -> None:
    raw = f'{{"payload":{{"after":{{"id":1,"value":{word}}}}}}}'
    assert read(raw, DEBEZIUM).reason is Reason.NOT_FINITE
    columns = tuple(dataclasses.replace(c, missing=(word,) if c.name == "id" else ()) for c in DEBEZIUM.columns)
    reading = read(raw, dataclasses.replace(DEBEZIUM, columns=columns))
    assert (reading.reason, reading.texts["value"]) == (None, word)
    other = "NaN" if word == "Infinity" else "Infinity"
    assert read(raw.replace(word, other), dataclasses.replace(DEBEZIUM, columns=columns)).reason is Reason.NOT_FINITE


def test_what_is_not_in_messages_is_not_read_from_them() -> None:
    columns = (
        *(Column(name, "text") for name in ("date", "time")),
        Column("at", "timestamp", combine=("date", "time")),
        Column("device", "text", origin="key"),
    )
    reading = read(
        '{"date":"d","time":"t","at":"x","device":"y"}', dataclasses.replace(DEBEZIUM, columns=columns, envelope=())
    )
    assert reading.texts == {"date": "d", "time": "t"}
    assert set(reading.unknown) == {("at",), ("device",)}


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (r"\x00000000", Reason.NOT_AVRO),
        (r"\x00ff", Reason.NOT_AVRO),
        ("hello", Reason.NOT_AVRO),
        ("", Reason.NOT_AVRO),
        (r"\null", Reason.TOMBSTONE),
        ("[]", Reason.NOT_OBJECT),
        ('{"payload":{"after":{"id":1}}}', None),
    ],
)
def test_bytes_that_were_not_decoded_are_no_avro(raw: str, reason: Reason | None) -> None:
    contract = dataclasses.replace(DEBEZIUM, source=KafkaTopic("cdc", AvroRecords()))
    assert read(raw, contract).reason is reason
    assert unsplit_reason(contract) is Reason.NOT_AVRO


BESIDE_ENVELOPE = dataclasses.replace(
    DEBEZIUM,
    columns=(
        Column("unit", "text", path=("data", "unit")),
        Column("id", "text", path=("items", "[]", "id")),
        Column("at", "timestamp", path=("items", "[]", "at")),
    ),
    envelope=("data",),
    explode=(("items",),),
)


@pytest.mark.parametrize(
    ("data", "reasons"),
    [
        ({"unit": "C"}, [None, None]),
        (None, [Reason.NO_READING]),
        ([], [Reason.NOT_OBJECT]),
        ("C", [Reason.NOT_OBJECT]),
    ],
)
def test_a_message_without_its_envelope_is_one_reading_whatever_its_array_has(
    data: Any, reasons: list[Reason | None]
) -> None:
    raw = json.dumps({"data": data, "items": [{"id": "a"}, {"id": "b"}]})
    assert [reading.reason for reading in read_all(raw, BESIDE_ENVELOPE)] == reasons
    assert count_readings(raw, BESIDE_ENVELOPE) == len(reasons)


KEYS = st.sampled_from(
    ["data", "sites", "values", "items", "name", "v", "id", "payload", "after", "probes", "event", "x"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.sampled_from(["\0", "\ud800"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)
ITEMS_OF = st.lists(st.dictionaries(KEYS, JSON, max_size=3) | JSON, max_size=3)
MESSAGES = st.one_of(
    st.fixed_dictionaries({"items": ITEMS_OF, "values": ITEMS_OF}, optional={"data": JSON}),
    st.fixed_dictionaries({"data": st.fixed_dictionaries({"sites": ITEMS_OF})}),
    st.fixed_dictionaries({"payload": st.fixed_dictionaries({"after": JSON})}),
    ITEMS_OF,
    JSON,
)


@given(
    st.builds(json.dumps, MESSAGES) | st.sampled_from(["", r"\null", r"\x00ff", '{"items":[', '{"values":[NaN]}']),
    st.sampled_from([NESTED, SCALARS, DEBEZIUM, BESIDE_ENVELOPE, ARRAY, FLAT_ARRAY]),
    st.sampled_from([JsonObjects(), AvroRecords()]),
)
def test_all_readings_of_a_message_are_those_that_are_read_one_by_one(
    raw: str, contract: Contract, form: RecordFormat
) -> None:
    contract = dataclasses.replace(contract, source=KafkaTopic("any", form))
    count = count_readings(raw, contract)
    assert read_all(raw, contract) == [read(raw, contract, item) for item in range(count)]
    assert read(raw, contract, count).reason is not None
