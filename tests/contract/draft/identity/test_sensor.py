"""The sensor: by name and by evidence; what is uncertain is asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from etl.contract.draft.columns import DraftColumn
from etl.contract.draft.identity import sensor
from etl.contract.draft.identity.comparison import conflicts
from etl.contract.formats.csv_dialect import CsvDialect
from tests.contract.draft.drafting import drafted, lines, questions, text_of_draft

TIME = "2025-06-15T00:00:00Z"
TIMES = [f"2025-06-15T{minute // 60:02}:{minute % 60:02}:00Z" for minute in range(100)]


@pytest.mark.parametrize(
    ("record", "sensor"),
    [
        ({"device_id": "a", "device_type": "x", "name": "n"}, "device_id"),
        ({"meterId": "a", "gatewayId": "g"}, "meter_id"),
        ({"station": "a", "status": "ok"}, "station"),
        ({"devEui": "a", "applicationName": "x"}, "dev_eui"),
        ({"moteid": 3, "epoch_no": 7}, "moteid"),
        ({"id": "a", "kind": "x"}, "id"),
        ({"room": "kitchen", "firmware": "1.2"}, "room"),
        ({"mac": "AA:BB", "model": "m"}, "mac"),
    ],
)
def test_a_sensor_is_found_by_its_name(record: dict[str, Any], sensor: str) -> None:
    assert drafted([record | {"time": TIME, "v": 1.5}]).sensor == (sensor,)


def test_a_sensor_is_found_by_what_tells_equal_times_apart() -> None:
    records = lines(wo=["a", "b"] * 10, time=[time for time in TIMES[:10] for _ in "ab"], v=list(range(20)))
    assert drafted(records).sensor == ("wo",)


def test_columns_that_may_be_the_sensor_are_asked() -> None:
    (question,) = questions(text_of_draft(lines(abc=["x", "y"], xyz=["p", "q"], time=TIMES[:2], v=[1.5, 2.5])))
    assert question.place == "customProperties.sensor"
    assert "abc (2 different), xyz (2 different)" in question.text
    assert "`from: key`" in question.text


def test_a_message_without_an_id_takes_the_topics_key() -> None:
    records = lines(time=TIMES[:4], v=[1.5, 2.5, 3.5, 4.5])
    found = drafted(records, [{"key": "dev-1"}, {"key": "dev-2"}] * 2)
    assert found.sensor == ("message_key",)
    assert found.column("message_key").origin == "key"
    assert found.primary_key == ("message_key", "time")


def test_a_header_that_names_a_device_comes_before_the_key() -> None:
    beside = [{"key": "1", "header:deviceId": "dev-1", "header:traceparent": "00-1"}] * 2
    found = drafted(lines(time=TIMES[:2], v=[1.5, 2.5]), beside)
    assert found.column(found.sensor[0]).origin == "header:deviceId"


def test_a_column_of_the_message_comes_before_what_is_beside_it() -> None:
    assert drafted(lines(sensor=["a"], time=[TIME], v=[1.5]), [{"key": "k"}]).sensor == ("sensor",)


def test_messages_without_any_id_ask_where_it_is() -> None:
    (question,) = questions(text_of_draft(lines(time=TIMES[:2], v=[1.5, 2.5])))
    assert question.place == "schema[0].properties[2].customProperties.from"
    assert "key, header:NAME, or topic" in question.text


def test_a_file_of_measures_for_many_quantities_has_the_quantity_in_sensor_and_key() -> None:
    records = lines(
        device=["a"] * 20,
        parameter=["no2", "o3"] * 10,
        time=[time for time in TIMES[:10] for _ in "ab"],
        value=[float(n) for n in range(20)],
    )
    found = drafted(records)
    assert found.sensor == ("device", "parameter")
    assert found.primary_key == ("device", "parameter", "time")


def test_what_tells_readings_of_one_time_apart_is_in_the_sensor_whatever_its_name() -> None:
    records = lines(
        device=["a"] * 20, k=["t", "h"] * 10, ts=[time for time in TIMES[:10] for _ in "ab"], v=list(range(20))
    )
    found = drafted(records)
    assert (found.sensor, found.primary_key) == (("device", "k"), ("device", "k", "ts"))


def test_a_file_of_long_numbers_that_repeat_has_more_than_one_sensor() -> None:
    mpan = ["1012345678901", "1012345678902"] * 10
    found = drafted(
        lines(mpan=mpan, ts=[time for time in TIMES[:10] for _ in "ab"], v=["1.5"] * 10 + ["2.5"] * 10),
        csv=CsvDialect(),
    )
    assert (found.sensor, found.column("mpan").type) == (("mpan",), "integer")


def test_a_file_with_two_readings_of_one_time_is_never_one_sensors() -> None:
    records = lines(ts=[TIMES[0], TIMES[0], TIMES[1]], v=["1.5", "2.5", "3.5"])
    (question,) = questions(text_of_draft(records, csv=CsvDialect()))
    assert question.place == "customProperties.sensor"


def test_a_sensors_name_that_ends_in_a_blank_is_trimmed() -> None:
    assert drafted(lines(device=["a ", "b"], time=TIMES[:2], v=[1.5, 2.5])).column("device").trim


def test_names_that_others_have_are_not_drafted() -> None:
    found = drafted(lines(measure=["a", "a"], xmin=[1.5, 2.5], cycle_id=["c", "d"], device=["x", "y"], time=TIMES[:2]))
    assert found.column_names == ("measure", "xmin_", "cycle_id_", "device", "time")
    records = lines(measure=["a", "b"] * 10, time=[time for time in TIMES[:10] for _ in "ab"], v=list(range(20)))
    assert drafted(records).sensor == ("sensor_measure",)


def test_readings_of_one_time_are_looked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, ...]] = []

    def counted(columns: Sequence[DraftColumn], key: Sequence[DraftColumn]) -> int:
        asked.append(tuple(column.name for column in key))
        return conflicts(columns, key)

    monkeypatch.setattr(sensor, "conflicts", counted)
    more = {f"text{number}": ["x", "y"] * 15 for number in range(20)}
    text_of_draft(lines(time=TIMES[:30], v=[1.5] * 30, **more), csv=CsvDialect())
    assert asked.count(("time",)) == 1
