"""The messages of common platforms are recognised by their shape, and drafted as a person would read them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from etl.contract.draft.recognisers.registry import RECOGNISERS, recognise
from tests.contract.draft.drafting import drafted, questions, text_of_draft

_TIME = "2025-06-15T09:12:01.123456789Z"
_GATEWAYS = [
    {"gateway_ids": {"gateway_id": "gw-1"}, "time": _TIME, "timestamp": 2463457000, "rssi": -42, "snr": 4.2},
    {"gateway_ids": {"gateway_id": "gw-2"}, "time": _TIME, "timestamp": 1750000000, "rssi": -102, "snr": -4.2},
]
THINGS_STACK = {
    "end_device_ids": {
        "device_id": "dev-1",
        "application_ids": {"application_id": "app"},
        "dev_eui": "0004A30B001C0530",
    },
    "correlation_ids": ["as:up:01E"],
    "received_at": _TIME,
    "uplink_message": {
        "f_port": 1,
        "f_cnt": 7,
        "frm_payload": "gkHe",
        "decoded_payload": {"temperature": 21.5, "battery": {"voltage": 3.6}},
        "rx_metadata": _GATEWAYS,
        "settings": {"data_rate": {"lora": {"bandwidth": 125000}}, "timestamp": 2463457000},
        "received_at": _TIME,
    },
}
CHIRPSTACK = {
    "deduplicationId": "3ac7e3c4-4401-4b8d-9386-a5c902f9202d",
    "time": _TIME,
    "deviceInfo": {"tenantName": "t", "applicationName": "a", "deviceName": "dev-1", "devEui": "0101010101010101"},
    "devAddr": "00189440",
    "fCnt": 4,
    "fPort": 1,
    "data": "qg==",
    "object": {"temperature": 21.5},
    "rxInfo": [{"gatewayId": "0016c001f153a14c", "rssi": -36, "snr": 10.5}],
    "txInfo": {"frequency": 868100000},
}
THIRD_CHIRPSTACK = {
    "applicationID": "1",
    "deviceName": "dev-1",
    "devEUI": "0101010101010101",
    "rxInfo": [{"gatewayID": "g", "time": _TIME, "rssi": -36}],
    "fCnt": 4,
    "fPort": 1,
    "object": {"temperature": 21.5},
}
LORIOT = {
    "cmd": "gw",
    "seqno": 1,
    "EUI": "0004A30B001C0530",
    "ts": 1750000000123,
    "fcnt": 7,
    "port": 1,
    "rssi": -100,
    "data": "0a",
    "decoded": {"temperature": 21.5},
    "gws": [{"rssi": -100, "ts": 1750000000456, "tmms": 2463457000, "gweui": "g"}],
}
THINGPARK = {
    "DevEUI_uplink": {
        "Time": "2025-06-15T11:12:01.123+02:00",
        "DevEUI": "0004A30B001C0530",
        "FPort": "1",
        "FCntUp": "7",
        "payload_hex": "0a",
        "payload": {"temperature": 21.5},
        "Lrrs": {"Lrr": [{"Lrrid": "1", "LrrRSSI": "-60.0"}]},
    }
}
_CHANGE = {
    "before": {"id": 1, "station": "a", "measured_at": "2025-06-15T09:11:01Z", "temperature": 20.5},
    "after": {"id": 1, "station": "a", "measured_at": "2025-06-15T09:12:01Z", "temperature": 21.5},
    "source": {"connector": "postgresql", "ts_ms": 1750000000123, "table": "readings"},
    "op": "u",
    "ts_ms": 1750000000456,
}
_FIELDS = {
    "type": "struct",
    "fields": [{"type": "struct", "fields": [{"type": "int32", "field": "id"}], "field": "after"}],
}
CONNECT = {
    "schema": {"type": "struct", "fields": [{"type": "string", "optional": False, "field": "station"}]},
    "payload": {"station": "a", "time": "2025-06-15T09:12:01Z", "temperature": 21.5},
}
CLOUD_EVENT = {
    "specversion": "1.0",
    "id": "A234",
    "source": "/gateways/1",
    "type": "com.example.reading",
    "time": _TIME,
    "datacontenttype": "application/json",
    "data": {"deviceId": "dev-1", "temperature": 21.5},
}
IOT_HUB = {
    "EnqueuedTimeUtc": "2025-06-15T09:12:01.1230000Z",
    "Properties": {},
    "SystemProperties": {"connectionDeviceId": "dev-1", "enqueuedTime": "2025-06-15T09:12:01.1230000Z"},
    "Body": {"temperature": 21.5},
}
SHADOW = {
    "state": {"reported": {"temperature": 21.5}, "desired": {"temperature": 20}},
    "metadata": {"reported": {"temperature": {"timestamp": 1750000000}}},
    "version": 3,
    "timestamp": 1750000000,
    "thingName": "dev-1",
}
STATE_CHANGED = {
    "event_type": "state_changed",
    "data": {
        "entity_id": "sensor.living",
        "old_state": {"entity_id": "sensor.living", "state": "21.4", "last_updated": "2025-06-15T09:11:01+00:00"},
        "new_state": {
            "entity_id": "sensor.living",
            "state": "21.5",
            "attributes": {"unit_of_measurement": "°C"},
            "last_changed": "2025-06-15T09:12:01+00:00",
            "last_updated": "2025-06-15T09:12:01+00:00",
        },
    },
    "origin": "LOCAL",
    "time_fired": "2025-06-15T09:12:01.5+00:00",
    "context": {"id": "01H", "parent_id": None},
}
HISTORY = {"entity_id": "sensor.living", "state": "21.5", "last_changed": "2025-06-15T09:12:01.123Z"}
SENML = {
    "$": [
        {"n": "urn:dev:ow:1;temperature", "u": "Cel", "t": 1750000000.5, "v": 21.5},
        {"n": "b", "t": 1750000001, "v": 3},
    ]
}
OBSERVATION = {
    "@iot.id": 7,
    "@iot.selfLink": "http://x/Observations(7)",
    "phenomenonTime": "2025-06-15T09:12:01Z",
    "resultTime": None,
    "result": 21.5,
    "Datastream": {"@iot.id": 3},
}
SPARKPLUG = {
    "timestamp": 1750000000123,
    "metrics": [
        {"name": "temperature", "timestamp": 1750000000120, "dataType": "Float", "value": 21.5},
        {"name": "humidity", "timestamp": 1750000000120, "dataType": "Float", "value": 40.5},
    ],
    "seq": 2,
    "deviceId": "dev-1",
}
NGSI = {
    "id": "urn:ngsi-ld:Sensor:1",
    "type": "Sensor",
    "@context": "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context.jsonld",
    "temperature": {"type": "Property", "value": 21.5, "unitCode": "CEL", "observedAt": "2025-06-15T09:12:01Z"},
    "humidity": {"type": "Property", "value": 40.5, "observedAt": "2025-06-15T09:12:01Z"},
}
TELEGRAF = {
    "metrics": [
        {"name": "cpu", "tags": {"host": "a", "cpu": "cpu0"}, "fields": {"usage": 1.5}, "timestamp": 1750000000},
        {"name": "cpu", "tags": {"host": "a", "cpu": "cpu1"}, "fields": {"usage": 2.5}, "timestamp": 1750000000},
    ]
}
INFLUX = {"measurement": "air", "tags": {"station": "a"}, "fields": {"no2": 21.5}, "time": 1750000000123456789}
INFLUX_TABLE = {
    "": "",
    "result": "_result",
    "table": "0",
    "_start": "2025-06-14T00:00:00Z",
    "_stop": "2025-06-16T00:00:00Z",
    "_time": "2025-06-15T09:12:01Z",
    "_value": "21.5",
    "_field": "no2",
    "_measurement": "air",
    "station": "a",
}
PROMETHEUS = {
    "labels": {"__name__": "up", "instance": "a:9100", "job": "node"},
    "name": "up",
    "timestamp": "2025-06-15T09:12:01Z",
    "value": "1",
}

CASES: list[tuple[str, Mapping[str, Any], str, tuple[str, ...], str]] = [
    ("The Things Stack", THINGS_STACK, "received_at", ("dev_eui",), "temperature"),
    ("ChirpStack", CHIRPSTACK, "time", ("dev_eui",), "temperature"),
    ("LORIOT", LORIOT, "ts", ("eui",), "temperature"),
    ("ThingPark", THINGPARK, "time", ("dev_eui",), "temperature"),
    ("Debezium", _CHANGE, "measured_at", ("station",), "temperature"),
    ("Debezium", {"schema": _FIELDS, "payload": _CHANGE}, "measured_at", ("station",), "temperature"),
    ("JsonConverter", CONNECT, "time", ("station",), "temperature"),
    ("CloudEvents", CLOUD_EVENT, "time", ("device_id",), "temperature"),
    ("Azure IoT Hub", IOT_HUB, "enqueued_time_utc", ("connection_device_id",), "temperature"),
    ("AWS IoT", SHADOW, "timestamp", ("thing_name",), "temperature"),
    ("state_changed", STATE_CHANGED, "last_updated", ("entity_id",), "state"),
    ("history of Home Assistant", HISTORY, "last_changed", ("entity_id",), "state"),
    ("SenML", SENML, "t", ("n",), "v"),
    ("SensorThings", OBSERVATION, "phenomenon_time", ("datastream_iot_id",), "result"),
    ("Sparkplug", SPARKPLUG, "metrics_timestamp", ("device_id", "name"), "value"),
    ("NGSI", NGSI, "observed_at", ("id",), "temperature"),
    ("Telegraf", TELEGRAF, "timestamp", ("host", "cpu"), "usage"),
    ("points of InfluxDB", INFLUX, "time", ("station",), "no2"),
    ("annotated CSV", INFLUX_TABLE, "time", ("measurement", "station", "field"), "value"),
    ("Prometheus", PROMETHEUS, "timestamp", ("name", "instance", "job"), "value"),
]
ANSWER = {
    "status": "success",
    "data": {
        "resultType": "vector",
        "result": [{"metric": {"__name__": "up", "instance": "a:9100"}, "value": [1750000000.1, "1"]}],
    },
}


@pytest.mark.parametrize(("name", "record", "time", "sensor", "measure"), CASES, ids=[case[0] for case in CASES])
def test_a_platforms_messages_are_drafted_with_time_sensor_and_measure(
    name: str, record: Mapping[str, Any], time: str, sensor: tuple[str, ...], measure: str
) -> None:
    assert name in recognise([record]).name
    text = text_of_draft([record])
    found = drafted([record])
    assert "# Recognised: " in text
    assert (found.event_time.column, found.sensor) == (time, sensor)
    assert found.column(measure).type == "double"


def test_every_recogniser_has_a_case() -> None:
    found = {recognise([record]).name for record in (*(case[1] for case in CASES), ANSWER)}
    assert {recogniser.name for recogniser in RECOGNISERS} == found


def test_times_that_no_path_can_name_are_asked() -> None:
    question = questions(text_of_draft([ANSWER]))[0]
    assert question.place == "customProperties.eventTime.column"
    assert "times stand in arrays" in question.text


@pytest.mark.parametrize("record", [THINGS_STACK, CHIRPSTACK, LORIOT, THINGPARK])
def test_an_uplink_is_one_row_however_many_gateways_received_it(record: Mapping[str, Any]) -> None:
    found = drafted([record])
    assert found.explode == ()
    assert not any(
        "gateway" in key.lower() or key == "rx_metadata" for column in found.columns for key in column.source
    )


def test_a_wrapped_uplink_is_found() -> None:
    found = drafted([{"result": THINGS_STACK}])
    assert found.envelope == ("result",)
    assert found.column("temperature").source[0] == "result"


def test_an_uplink_without_a_time_of_its_own_has_the_brokers() -> None:
    found = drafted([THIRD_CHIRPSTACK])
    assert found.column(found.event_time.column).origin == "broker_time"


def test_changes_are_read_after_the_change_and_deletes_are_told() -> None:
    delete = _CHANGE | {"op": "d", "after": None}
    text = text_of_draft([*[_CHANGE] * 30, delete])
    found = drafted([*[_CHANGE] * 30, delete])
    assert found.envelope == ("after",)
    assert {column.source[0] for column in found.columns} == {"after", "op", "ts_ms", "source"}
    assert "1 of 31 records have no after" in text
    assert "deletes" in text


def test_a_schema_around_messages_is_no_reading() -> None:
    found = drafted([CONNECT])
    assert found.envelope == ("payload",)
    assert found.explode == ()
    assert {column.source[0] for column in found.columns} == {"payload"}


def test_the_key_of_a_cloud_event_is_its_id_with_the_source() -> None:
    other = CLOUD_EVENT | {"source": "/gateways/2"}
    found = drafted([CLOUD_EVENT, other])
    assert found.primary_key == ("source", "id")
    without_device = CLOUD_EVENT | {"subject": "dev-2", "data": {"temperature": 21.5}}
    assert drafted([without_device]).sensor == ("subject",)


def test_the_devices_own_time_comes_before_that_of_the_envelope() -> None:
    own = CLOUD_EVENT | {"data": {"deviceId": "a", "measuredAt": "2025-06-15T09:00:00Z", "temperature": 21.5}}
    assert drafted([own]).event_time.column == "measured_at"


def test_an_unresolved_pack_asks_what_the_time_is() -> None:
    pack = {"$": [{"bn": "urn:dev:1/", "bt": 1750000000, "n": "temperature", "v": 21.5}, {"n": "humidity", "v": 40}]}
    (question,) = questions(text_of_draft([pack]))
    assert question.place == "customProperties.eventTime.column"
    assert "bt stands in a pack's first entry" in question.text


def test_a_shape_that_few_records_lack_is_still_recognised() -> None:
    join = {"end_device_ids": {"device_id": "dev-1"}, "received_at": _TIME, "join_accept": {"session_key_id": "x"}}
    assert recognise([*[THINGS_STACK] * 19, join]).fitting == 19
    assert recognise([*[THINGS_STACK] * 17, join]).name == ""


@pytest.mark.parametrize("record", [{}, {"a": 1}, {"data": None, "labels": 3, "metrics": [1], "state": "x", "$": []}])
def test_anything_else_is_not_recognised(record: Mapping[str, Any]) -> None:
    assert recognise([record]).name == ""
    assert not any(recogniser.fits(record) for recogniser in RECOGNISERS)


def test_metrics_of_an_unnamed_device_ask_where_it_is() -> None:
    without = {key: value for key, value in SPARKPLUG.items() if key != "deviceId"}
    (question,) = questions(text_of_draft([without]))
    assert question.place.endswith("customProperties.from")
    found = drafted([without], [{"key": "dev-1"}])
    assert found.sensor == ("message_key", "name")


_ENTRIES = [{"n": "a", "t": 1_750_000_000, "v": 1.5}]
_POINT = {"measurement": "air", "tags": {"room": "a"}, "fields": {"v": 1.5}, "time": _TIME}
_METRIC = {"name": "air", "tags": {"room": "a"}, "fields": {"v": 1.5}, "timestamp": 1_750_000_000}


@pytest.mark.parametrize(
    ("fitting", "other"),
    [
        ({"$": _ENTRIES}, {"$": [1]}),
        ({"e": _ENTRIES}, {"e": 1}),
        ({"metrics": [_METRIC]}, {"metrics": 5}),
        ({"metrics": [_METRIC]}, {**_METRIC, "metrics": 5}),
        (_METRIC, {**_METRIC, "name": ["air"]}),
        (_POINT, {**_POINT, "measurement": {"name": "air"}}),
        ({"payload": _CHANGE}, {"payload": 1}),
        (SPARKPLUG, {"metrics": [1]}),
    ],
)
def test_a_record_of_another_kind_among_many_spoils_no_draft(fitting: dict[str, Any], other: dict[str, Any]) -> None:
    found = recognise([*[fitting] * 99, other])
    assert found.name == recognise([fitting]).name != ""
    assert "kind: DataContract" in text_of_draft([*[fitting] * 99, other])
