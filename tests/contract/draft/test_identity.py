"""Event time, sensor and key: by name and by evidence; what is uncertain is asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from etl.contract.draft import identity
from etl.contract.draft.columns import DraftColumn
from etl.contract.draft.identity import conflicts
from etl.contract.formats.csv_dialect import CsvDialect
from tests.contract.draft.drafting import drafted, lines, questions, text_of_draft

TIME = "2025-06-15T00:00:00Z"
TIMES = [f"2025-06-15T{minute // 60:02}:{minute % 60:02}:00Z" for minute in range(100)]


def test_times_are_taken_by_name_before_content() -> None:
    record = {"installed_at": "2020-01-01T00:00:00Z", "event_time": TIME, "sensor": "a"}
    found = drafted([record])
    assert found.event_time.column == "event_time"
    assert found.column("installed_at").type == "timestamp"


def test_times_that_differ_are_taken_before_one_that_is_always_the_same() -> None:
    found = drafted(lines(id=["a"] * 30, deployed=[TIME] * 30, reading_at=TIMES[:30], v=[1.5] * 30))
    assert found.event_time.column == "reading_at"


def test_times_in_the_future_are_no_event_time() -> None:
    found = drafted(lines(id=["a"], time=["2030-01-01T00:00:00Z"], sent=[TIME], v=[1.5]))
    assert found.event_time.column == "sent"


def test_messages_without_a_time_have_that_of_the_broker() -> None:
    found = drafted([{"id": 1, "temperature": 2.5}, {"id": 2, "temperature": 2.5}])
    assert found.event_time.column == "broker_time"
    assert found.column("broker_time").origin == "broker_time"
    assert found.primary_key == ()


def test_a_file_without_a_time_asks_for_one_and_names_what_is_against_the_candidates() -> None:
    csv = CsvDialect()
    (question,) = questions(text_of_draft(lines(id=["a"], temperature=["2.5"]), csv=csv))
    assert question.place == "customProperties.eventTime.column"
    times = [TIME, TIME, "", "", "", TIME]
    text = text_of_draft(lines(id=["a"] * 6, time=times, v=["1.5"] * 6), csv=csv)
    assert "time (3 of 6 have a time)" in next(q.text for q in questions(text) if "eventTime" in q.place)


def test_numbers_that_would_be_times_are_named_as_candidates_and_not_taken() -> None:
    counts = lines(id=["a"] * 3, pulses=[1_750_000_000, 1_750_000_060, 1_750_000_120], v=[1.5] * 3)
    (question,) = questions(text_of_draft(counts))
    assert "pulses (its numbers would be epochs)" in question.text


def test_a_time_that_cannot_be_read_is_asked_rather_than_that_of_the_broker_taken() -> None:
    (question,) = questions(
        text_of_draft(lines(device=["a"] * 3, date=["/Date(1)/", "/Date(2)/", "/Date(3)/"], v=[1.5] * 3))
    )
    assert 'date ("/Date(1)/" is in no known format)' in question.text
    columnar = {
        "device": "a",
        "v": 1.5,
        "hourly": {"time": ["2025-06-15T00:00", "2025-06-15T01:00"], "temperature": [1.5, 2.5]},
    }
    (question,) = questions(text_of_draft([columnar]))
    assert "hourly.time (an array, which no column can be)" in question.text


def test_an_id_that_is_always_the_same_is_in_no_key() -> None:
    records = lines(id=["1234"] * 3, device=["a", "b", "a"], time=TIMES[:3], v=[1.5, 2.5, 3.5])
    assert drafted(records).primary_key == ("device", "time")


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


def test_an_event_that_is_sent_again_is_no_sensor() -> None:
    records = lines(
        event_id=[f"e{n // 2}" for n in range(30)],
        device=["a"] * 30,
        ts=[TIMES[n // 2] for n in range(30)],
        v=[1.5] * 30,
    )
    found = drafted(records)
    assert (found.sensor, found.primary_key) == (("device",), ("event_id",))


def test_a_key_identifies_all_readings_or_there_is_none() -> None:
    same = {"sensor": "a", "time": TIME, "v": 1.5}
    assert drafted([same, same | {"v": 2.5}]).primary_key == ()
    assert drafted([same, same | {"sensor": "b"}]).primary_key == ("sensor", "time")
    assert "what is delivered again is loaded again" in text_of_draft([same, same | {"v": 2.5}])


def test_readings_that_are_there_again_are_no_reason_against_a_key() -> None:
    records = lines(sensor=["a"] * 10, time=TIMES[:10], v=[float(n) for n in range(10)])
    assert drafted([*records, *records[:3]]).primary_key == ("sensor", "time")
    assert "3 readings are repeated" in text_of_draft([*records, *records[:3]])


def test_two_texts_of_one_moment_are_one_key() -> None:
    records = lines(sensor=["a", "a"], time=["2025-06-15T00:00:00Z", "2025-06-15T02:00:00+02:00"], v=[1.5, 2.5])
    assert drafted(records).primary_key == ()


def test_an_id_of_few_readings_may_be_that_of_a_sensor_so_the_time_is_in_the_key() -> None:
    assert drafted([{"id": 5, "ts": 1_750_000_000, "v": 1.5}]).primary_key == ("id", "ts")
    many = lines(id=[f"r{n * 7}" for n in range(30)], device=["a", "b"] * 15, time=TIMES[:30], v=[1.5] * 30)
    assert drafted(many).primary_key == ("id",)


def test_the_number_of_a_line_is_no_key() -> None:
    records = lines(row_id=[str(n) for n in range(30)], device=["a"] * 30, time=TIMES[:30], v=["1.5"] * 30)
    assert drafted(records, csv=CsvDialect()).primary_key == ("device", "time")


def test_only_what_identifies_is_required() -> None:
    found = drafted(lines(device=["a"] * 30, time=TIMES[:30], v=[1.5] * 30, note=["x"] * 30))
    assert [column.name for column in found.columns if column.required] == ["device", "time"]


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

    monkeypatch.setattr(identity, "conflicts", counted)
    more = {f"text{number}": ["x", "y"] * 15 for number in range(20)}
    text_of_draft(lines(time=TIMES[:30], v=[1.5] * 30, **more), csv=CsvDialect())
    assert asked.count(("time",)) == 1
