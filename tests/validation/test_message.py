from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from etl.contract.model import Column, Contract, EventTime
from etl.contract.reader import load_contract
from etl.contract.sources.kafka_topic import KafkaTopic
from etl.settings import Settings
from etl.validation.message import read
from etl.validation.reasons import Reason

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
