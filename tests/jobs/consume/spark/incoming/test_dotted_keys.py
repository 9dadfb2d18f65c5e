"""Keys that have dots themselves, which a contract names as a list."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest

from etl.contract.model import Column, Contract, EventTime
from etl.contract.sources.kafka_topic import KafkaTopic
from etl.jobs.consume.spark.parse import split_messages
from etl.jobs.consume.spark.session import spark_session
from etl.settings import Settings
from tests.support.stack import JARS

pytestmark = pytest.mark.integration

SCHEMA = "key binary, value binary, topic string, partition int, offset long, timestamp timestamp"
FLAT = (Column("device", "text", path=("dev.id",)), Column("v", "double", path=("a.b",)), Column("at", "timestamp"))
NESTED = (
    Column("device", "text", path=("data.x", "dev.id")),
    Column("v", "double", path=("data.x", "`a.b`")),
    Column("at", "timestamp"),
)
IN_ARRAY = (
    Column("device", "text", path=("list", "[]", "dev.id")),
    Column("v", "double", path=("list", "[]", "a.b")),
    Column("at", "timestamp"),
)
AT = "2025-06-15T09:12:01Z"


@pytest.mark.parametrize(
    ("columns", "explode", "message"),
    [
        (FLAT, (), {"dev.id": "x", "a.b": 1.5, "at": AT}),
        (FLAT, (), {"a.b": 1.5, "other": {"a": {"b": 2}}, "dev.id": "x", "at": AT}),
        (NESTED, (), {"data.x": {"dev.id": "x", "`a.b`": 1.5}, "at": AT}),
        (IN_ARRAY, (("list",),), {"list": [{"dev.id": "x", "a.b": 1.5}], "at": AT}),
    ],
)
def test_a_key_with_a_dot_has_its_value(
    tmp_path: Any, columns: tuple[Column, ...], explode: tuple[tuple[str, ...], ...], message: dict[str, Any]
) -> None:
    contract = Contract("dots", KafkaTopic("dots"), "dots", columns, (), EventTime("at"), ("device",), explode=explode)
    spark = spark_session(Settings.load(home=tmp_path, jars=JARS))
    value = json.dumps(message).encode()
    frame = spark.createDataFrame([(None, value, "dots", 0, 0, datetime(2026, 1, 1))], SCHEMA)
    (row,) = split_messages(frame, contract).collect()
    assert (row["device"], row["v"], row["at"]) == ("x", "1.5", AT)
