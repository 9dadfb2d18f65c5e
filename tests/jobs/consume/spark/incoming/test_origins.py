"""Columns from beside a message have their values whatever the message is."""

from __future__ import annotations

import dataclasses
import json
from datetime import datetime
from typing import Any

import pytest

from etl.contract.model import Column, Contract, EventTime
from etl.contract.sources.kafka_topic import KafkaTopic
from etl.jobs.consume.spark.incoming.origins import source_options
from etl.jobs.consume.spark.parse import split_messages, unsplit_messages
from etl.jobs.consume.spark.parsed_objects import UNPARSABLE
from etl.jobs.consume.spark.session import spark_session
from etl.settings import Settings
from tests.support.stack import JARS

pytestmark = pytest.mark.integration

SCHEMA = (
    "key binary, value binary, topic string, partition int, offset long, timestamp timestamp,"
    " headers array<struct<key:string,value:binary>>"
)
BESIDE = Contract(
    feed="beside",
    source=KafkaTopic("beside"),
    table="beside",
    columns=(
        Column("device", "text", required=True, origin="key"),
        Column("value", "double", required=True),
        Column("site", "text", origin="header:site"),
        Column("stream", "text", origin="topic"),
        Column("at", "timestamp", required=True, origin="broker_time"),
    ),
    primary_key=("device", "at"),
    event_time=EventTime("at"),
    sensor=("device",),
)
EXPLODED = dataclasses.replace(
    BESIDE,
    columns=tuple(
        dataclasses.replace(c, path=("values", "[]", "v")) if c.name == "value" else c for c in BESIDE.columns
    ),
    explode=(("values",),),
)
GOOD = b'{"value":1.50}'


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings.load(home=tmp_path_factory.mktemp("home"), jars=JARS)


def sent(settings: Settings, *messages: tuple[Any, Any, Any]) -> Any:
    """Keys, values and headers as Spark's Kafka source gives them."""
    rows = [
        (key, value, "a topic", 0, offset, datetime(2026, 11, 26, 20, 13, 0, 123_456), headers)
        for offset, (key, value, headers) in enumerate(messages)
    ]
    return spark_session(settings).createDataFrame(rows, SCHEMA)


def rows_of(frame: Any) -> list[dict[str, Any]]:
    return sorted((row.asDict() for row in frame.collect()), key=lambda row: int(row["source_offset"]))


def test_values_come_from_key_headers_topic_and_time(settings: Settings) -> None:
    messages = [
        (b"a", GOOD, [("site", b"old"), ("other", b"x"), ("site", "Köln".encode())]),
        (b"\xff\x00", GOOD, [("site", b"a\0b")]),
        (None, GOOD, []),
        (b"", GOOD, None),
        (rb"\x", GOOD, [("site", None)]),
    ]
    rows = rows_of(split_messages(sent(settings, *messages), BESIDE))
    assert [row["device"] for row in rows] == ["a", r"\xff00", None, "", r"\x"]
    assert [row["site"] for row in rows] == ["Köln", r"\x610062", None, None, None]
    assert {(row["stream"], row["at"], row["value"]) for row in rows} == {
        ("a topic", "2026-11-26T20:13:00.123Z", "1.50")
    }
    assert [row["raw"] is None for row in rows] == [True, True, False, True, True]
    assert [*rows[0]][: len(BESIDE.columns)] == [*BESIDE.column_names]


@pytest.mark.parametrize("contract", [BESIDE, EXPLODED])
def test_a_message_that_cannot_be_split_keeps_them(settings: Settings, contract: Contract) -> None:
    messages = [(b"a", value, [("site", b"s")]) for value in (b"broken", b"\xff", None, b"[]", b"{}")]
    frame = sent(settings, *messages)
    rows = rows_of(split_messages(frame, contract))
    assert [(row["device"], row["site"], row["at"]) for row in rows] == [("a", "s", "2026-11-26T20:13:00.123Z")] * 5
    assert [row["raw"] for row in rows] == ["broken", r"\xff", r"\null", "[]", "{}"]
    unsplit = rows_of(unsplit_messages(frame, contract))
    assert [{**row, UNPARSABLE: True} for row in rows] == unsplit


def test_every_reading_of_a_message_has_them(settings: Settings) -> None:
    message = json.dumps({"values": [{"v": 1}, {"v": 2}]}).encode()
    rows = split_messages(sent(settings, (b"a", message, None), (b"b", message, None)), EXPLODED).collect()
    assert sorted((row["device"], row["value"], row["source_item"]) for row in rows) == [
        ("a", "1", "0"),
        ("a", "2", "1"),
        ("b", "1", "0"),
        ("b", "2", "1"),
    ]
    assert {row["raw"] for row in rows} == {None}


def test_a_message_may_have_nothing_but_what_is_beside_it(settings: Settings) -> None:
    contract = dataclasses.replace(BESIDE, columns=tuple(c for c in BESIDE.columns if c.origin))
    rows = rows_of(split_messages(sent(settings, (b"a", b"{}", None), (b"a", b'{"more":1}', None)), contract))
    assert [(row["device"], row["raw"]) for row in rows] == [("a", None), ("a", '{"more":1}')]


def test_headers_are_read_only_where_they_are_needed() -> None:
    assert source_options(BESIDE) == {"includeHeaders": "true"}
    assert source_options(dataclasses.replace(BESIDE, columns=BESIDE.columns[:2])) == {}
