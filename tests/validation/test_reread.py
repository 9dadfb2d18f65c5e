"""Rows of the quarantine, read again from their texts and from what was beside their messages."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from etl.contract.formats.avro_records import AvroRecords
from etl.contract.model import Column, Contract, EventTime
from etl.contract.sources.kafka_topic import KafkaTopic
from etl.validation.reread import reread, with_all_readings

NOW = datetime(2026, 1, 1, tzinfo=UTC)
FEED = Contract(
    feed="tags",
    source=KafkaTopic("tags"),
    table="tags",
    columns=(
        Column("device", "text", required=True, origin="key"),
        Column("site", "text", origin="header:site"),
        Column("value", "double", path=("$", "[]", "v")),
        Column("day", "text", path=("$", "[]", "day")),
        Column("clock", "text", path=("$", "[]", "clock")),
        Column("at", "timestamp", required=True, combine=("day", "clock")),
    ),
    primary_key=("device", "at"),
    event_time=EventTime("at"),
    explode=(("$",),),
)


def row(raw: str, beside: dict[str, str] | None, **more: Any) -> dict[str, Any]:
    place = {"source_id": 1, "source_partition": 0, "source_offset": 5, "source_item": 0}
    whole = [{"column": None, "rule": "not_json", "value": None}]
    return {"rejected_id": 1, **place, "raw": raw, "raw_rebuilt": False, "header": None, "problems": whole,
            "beside_message": beside, **more}  # fmt: skip


def test_rows_are_read_with_what_was_beside_their_messages() -> None:
    raw = '[{"v":1,"day":"2025-06-15","clock":"09:12"},{"v":2,"day":"2025-06-15","clock":"09:13"}]'
    rows = with_all_readings(FEED, [row(raw, {"key": "a", "header:site": "s"}), row(raw, None)])
    assert [r["source_item"] for r in rows] == [0, 1, 0, 1]
    result = reread(FEED, rows, {}, now=NOW)
    found = result.accepted.select(["device", "site", "value", "at"]).to_pylist()
    moments = [datetime(2025, 6, 15, 9, minute, tzinfo=UTC) for minute in (12, 13)]
    assert found == [{"device": "a", "site": "s", "value": 1.0 + n, "at": moments[n]} for n in (0, 1)]
    assert result.rejected["reason"].to_pylist() == ["missing"] * 2
    again = reread(FEED, rows, {"device": "b"}, now=NOW)
    assert again.accepted["device"].to_pylist() == ["b"] * 4


def test_what_is_beside_a_message_is_found_when_its_column_has_another_name_since() -> None:
    columns = (dataclasses.replace(FEED.columns[0], name="tag"), *FEED.columns[1:])
    contract = dataclasses.replace(FEED, columns=columns, primary_key=("tag", "at"))
    raw = '[{"v":1,"day":"2025-06-15","clock":"09:12"}]'
    assert reread(contract, [row(raw, {"key": "a"})], {}, now=NOW).accepted["tag"].to_pylist() == ["a"]


@pytest.mark.parametrize("changes", [{"at": "2025-06-15 09:12"}, {"day": "2025-06-15", "clock": "09:12"}])
def test_a_broken_message_is_not_needed_where_all_required_values_are_given(changes: dict[str, str]) -> None:
    result = reread(FEED, [row("broken", {"key": "a"})], changes, now=NOW)
    assert result.accepted.select(["device", "at"]).to_pylist() == [
        {"device": "a", "at": datetime(2025, 6, 15, 9, 12, tzinfo=UTC)}
    ]
    assert reread(FEED, [row("broken", {"key": "a"})], {"day": "2025-06-15"}, now=NOW).rejected.num_rows == 1


def test_a_row_of_a_table_has_its_joined_time_beside_its_text() -> None:
    raw, beside = '[{"v":1,"day":"x","clock":"y"}]', {"key": "a", "combined:at": "2025-06-15 09:12:00+00:00"}
    (found,) = reread(FEED, [row(raw, beside)], {}, now=NOW).accepted.to_pylist()
    assert (found["day"], found["at"]) == ("x", datetime(2025, 6, 15, 9, 12, tzinfo=UTC))


def test_a_constant_is_in_every_row_and_in_no_text() -> None:
    columns = (Column("device", "text", required=True, constant="attic"), *FEED.columns[1:])
    contract = dataclasses.replace(FEED, columns=columns)
    raw = '[{"v":1,"day":"2025-06-15","clock":"09:12","device":"x"}]'
    assert reread(contract, [row(raw, None)], {}, now=NOW).accepted["device"].to_pylist() == ["attic"]
    assert contract.read_names == ("site", "value", "day", "clock")
    # A row of the table that was replaced has the text that it had.
    of_table = row(raw, {"constant:device": "cellar"})
    assert reread(contract, [of_table], {}, now=NOW).accepted["device"].to_pylist() == ["cellar"]


def test_bytes_that_are_no_avro_are_one_reading_whatever_they_look_like() -> None:
    """`[{},{}]` as bytes: the record of some other schema."""
    avro = dataclasses.replace(FEED, source=KafkaTopic("tags", AvroRecords()))
    raw = rf"\x{b'[{},{}]'.hex()}"
    assert [r["source_item"] for r in with_all_readings(avro, [row(raw, None)])] == [0]
    assert [r["source_item"] for r in with_all_readings(FEED, [row(raw, None)])] == [0, 1]


AT = Column("at", "timestamp", required=True)


@pytest.mark.parametrize(
    ("columns", "envelope", "raw"),
    [
        (
            (Column("id", "text"), Column("temperature", "double", path=("temperature", "value")), AT),
            (),
            '{"id":"x","temperature":{"value":21.5},"at":"2025-06-15 09:12:01"}',
        ),
        (
            (Column("value", "double", path=("value", "value")), dataclasses.replace(AT, path=("value", "at"))),
            ("value",),
            '{"value":{"value":21.5,"at":"2025-06-15 09:12:01"}}',
        ),
        (
            (Column("value", "double", path=("value", "[]", "v")), dataclasses.replace(AT, path=("value", "[]", "at"))),
            (),
            '{"value":[{"v":21.5,"at":"2025-06-15 09:12:01"}]}',
        ),
    ],
)
def test_a_text_in_the_form_of_its_source_may_have_keys_that_are_called_like_columns(
    columns: tuple[Column, ...], envelope: tuple[str, ...], raw: str
) -> None:
    explode = (("value",),) if "[" in raw else ()
    contract = dataclasses.replace(FEED, columns=columns, primary_key=(), envelope=envelope, explode=explode)
    result = reread(contract, [row(raw, None, raw_rebuilt=True)], {}, now=NOW)
    assert result.rejected.num_rows == 0
    assert 21.5 in result.accepted.to_pylist()[0].values()
    # As earlier versions wrote it, with the names of the columns.
    names = {column.name: "2025-06-15 09:12:01" if column == columns[-1] else 21.5 for column in columns}
    old = reread(contract, [row(json.dumps(names), None, raw_rebuilt=True)], {}, now=NOW)
    assert old.rejected.num_rows == 0
    assert 21.5 in old.accepted.to_pylist()[0].values()
