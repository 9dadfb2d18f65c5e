"""Messages are decoded before they are split, in Python on Spark's executors."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from etl.contract.formats.avro_records import AvroRecords
from etl.contract.model import Contract
from etl.contract.sources.kafka_topic import KafkaTopic
from etl.errors import ServiceUnavailable
from etl.jobs.consume.spark import errors
from etl.jobs.consume.spark.incoming.decoding import decoded
from etl.jobs.consume.spark.parse import split_messages, unsplit_messages
from etl.jobs.consume.spark.parsed_objects import UNPARSABLE
from etl.jobs.consume.spark.session import spark_session
from etl.settings import Settings
from tests.jobs.consume.spark.incoming.test_origins import BESIDE, EXPLODED, rows_of, sent
from tests.support.registry import Registry, framed, record
from tests.support.stack import JARS

pytestmark = pytest.mark.integration

SCHEMA = record("Reading", value="float", more=["null", "string"])
LIST = record("List", values={"type": "array", "items": record("Item", v="double")})


def of_avro(contract: Contract) -> Contract:
    return dataclasses.replace(contract, source=KafkaTopic(contract.source.name, AvroRecords()))


@pytest.fixture(scope="module")
def registry() -> Iterator[Registry]:
    with Registry().up() as running:
        running.register("values", SCHEMA)
        running.register("lists", LIST)
        yield running


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory, registry: Registry) -> Settings:
    return Settings.load(home=tmp_path_factory.mktemp("home"), jars=JARS, schema_registry=registry.url)


def split(settings: Settings, contract: Contract, *messages: tuple[Any, Any, Any]) -> list[dict[str, Any]]:
    frame = sent(settings, *messages)
    return rows_of(split_messages(decoded(frame, contract, settings), contract))


def test_records_are_split_like_json_and_keep_what_is_beside_them(settings: Settings) -> None:
    headers = [("site", b"s")]
    good, more = framed(1, SCHEMA, {"value": 0.1}), framed(1, SCHEMA, {"value": 2.0, "more": "m"})
    broken = [good[:-2], b'{"value":1.5}', framed(9, SCHEMA, {"value": 1.0})]
    rows = split(settings, of_avro(BESIDE), *((b"a", value, headers) for value in (good, more, *broken, None)))
    assert [(row["value"], row["device"], row["site"], row["at"]) for row in rows] == [
        (value, "a", "s", "2026-11-26T20:13:00.123Z") for value in ("0.1", "2.0", None, None, None, None)
    ]
    # A key that the contract does not name is in a message of this schema always.
    kept = [
        '{"value":0.1,"more":null}',
        '{"value":2.0,"more":"m"}',
        *(rf"\x{value.hex()}" for value in broken),
        r"\null",
    ]
    assert [row["raw"] for row in rows] == kept
    assert [row[UNPARSABLE] for row in rows] == [False, False, True, True, True, True]


def test_records_may_have_several_readings(settings: Settings) -> None:
    message = framed(2, LIST, {"values": [{"v": 1.0}, {"v": 2.5}]})
    rows = split(settings, of_avro(EXPLODED), (b"a", message, None), (b"b", message[:-1], None))
    assert sorted((row["device"], row["source_item"], row["value"]) for row in rows if row["value"]) == [
        ("a", "0", "1.0"),
        ("a", "1", "2.5"),
    ]
    assert [row["raw"] for row in rows if row["device"] == "b"] == [rf"\x{message[:-1].hex()}"]


def test_a_message_that_stops_spark_keeps_its_bytes(settings: Settings) -> None:
    message = framed(1, SCHEMA, {"value": 0.1})
    rows = rows_of(unsplit_messages(sent(settings, (b"a", message, None), (b"a", b"{}", None)), of_avro(BESIDE)))
    assert [row["raw"] for row in rows] == [rf"\x{message.hex()}", r"\x7b7d"]


def test_a_registry_that_fails_meanwhile_is_the_error_of_the_query(settings: Settings, registry: Registry) -> None:
    registry.is_broken = True
    try:
        with (
            pytest.raises(ServiceUnavailable, match=r"(?s)answered HTTP 500.*Nothing is lost"),
            errors.translated(settings),
        ):
            split(settings, of_avro(BESIDE), (b"a", framed(1, SCHEMA, {"value": 0.1}), None))
    finally:
        registry.is_broken = False


def test_messages_in_json_are_not_touched(settings: Settings) -> None:
    frame = sent(settings, (b"a", b"{}", None))
    assert decoded(frame, BESIDE, settings) is frame


def test_many_messages_are_decoded_in_order(settings: Settings) -> None:
    rows = [(framed(1, SCHEMA, {"value": float(n)}), 0, n, datetime(2025, 6, 15)) for n in range(2_000)]
    schema = "value binary, partition int, offset long, timestamp timestamp"
    contract = dataclasses.replace(of_avro(BESIDE), columns=(BESIDE.column("value"),))
    frame = decoded(spark_session(settings).createDataFrame(rows, schema), contract, settings)
    assert [row["value"] for row in rows_of(split_messages(frame, contract))] == [f"{n}.0" for n in range(2_000)]
