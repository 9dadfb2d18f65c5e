"""The key: what identifies the readings of a sample."""

from __future__ import annotations

from typing import Any

import pytest

from etl.contract.formats.csv_dialect import CsvDialect
from tests.contract.draft.drafting import drafted, lines, read_draft, text_of_draft

TIME = "2025-06-15T00:00:00Z"
TIMES = [f"2025-06-15T{minute // 60:02}:{minute % 60:02}:00Z" for minute in range(100)]


def test_an_id_that_is_always_the_same_is_in_no_key() -> None:
    records = lines(id=["1234"] * 3, device=["a", "b", "a"], time=TIMES[:3], v=[1.5, 2.5, 3.5])
    assert drafted(records).primary_key == ("device", "time")


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


def change(operation: str, number: int, *, power: float = 1.5, minute: int | None = None) -> dict[str, Any]:
    """A change of Debezium to a row of a table of readings."""
    row = {"id": number + 1, "device": f"d{number % 3}", "power": power, "measured_at": TIMES[minute or number]}
    source = {"connector": "postgresql", "ts_ms": 1_750_000_000_000 + number}
    return {"before": None, "after": row, "source": source, "op": operation, "ts_ms": 1_750_000_000_001}


@pytest.mark.parametrize("operation", ["c", "r"])
def test_later_changes_of_a_row_replace_it(operation: str) -> None:
    inserts = [change(operation, number) for number in range(30)]
    assert drafted(inserts).primary_key == ("id",)
    assert drafted(inserts).on_conflict == "quarantine"
    text = text_of_draft([*inserts, change("u", 3, power=2.5), change("u", 4, power=3.5)])
    assert read_draft(text).primary_key == ("id",)
    assert read_draft(text).on_conflict == "keepLast"
    assert "    value: keepLast  # the sample has 2 later changes of a row\n" in text


def test_a_change_of_a_rows_time_is_another_reading() -> None:
    inserts = [change("r", number) for number in range(30)]
    updates = [change("u", number, power=2.5, minute=40 + number) for number in range(30)]
    found = drafted([*inserts, *updates])
    assert (found.primary_key, found.on_conflict) == (("device", "measured_at"), "quarantine")
