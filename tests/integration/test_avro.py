"""Messages in Avro with a schema registry, from the topic to the table."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from etl.contract.reader import Contract
from etl.errors import ConfigurationError, ServiceUnavailable
from etl.jobs.consume.job import consume
from etl.jobs.load.job import load
from etl.jobs.merge.job import merge
from etl.operations.quarantine.replay import replay
from etl.operations.quarantine.rows import Selection
from etl.settings import Settings
from tests.support.feeds import topic_feed
from tests.support.registry import Registry, framed, record
from tests.support.stack import Project

PASSWORD = "c4n4ry-of-the-registry"
TIME = {"type": "long", "logicalType": "timestamp-millis"}
DECIMAL = {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}
FIRST = record("Reading", meter="string", at=TIME, power=["null", "double"])
SECOND = record("Reading", meter="string", at=TIME, power=["null", "double"], info=record("Info", price=DECIMAL))
BEGIN = 1_749_978_721_250


@pytest.fixture
def registry() -> Iterator[Registry]:
    with Registry("ada", PASSWORD).up() as running:
        yield running


@pytest.fixture
def meters(project: Project) -> Contract:
    columns: dict[str, dict[str, Any]] = {
        "meter": {"primaryKey": True, "primaryKeyPosition": 1, "logicalTypeOptions": {"maxLength": 20}},
        "at": {"logicalType": "timestamp", "primaryKey": True, "primaryKeyPosition": 2},
        "power": {"logicalType": "number", "required": True, "custom": {"missingValues": ["NaN"]}},
        "price": {},
    }
    rename = {"price": "info.price"}
    return topic_feed(project, "meters", columns, form="avro", eventTime={"column": "at"}, rename=rename)


def with_registry(project: Project, registry: Registry) -> Settings:
    more = {"schema_registry": registry.url, "schema_registry_user": "ada", "schema_registry_password": PASSWORD}
    return Settings.load(**{**project.settings.model_dump(), **more})


def sent(project: Project, contract: Contract, *messages: bytes | None) -> None:
    from kafka import KafkaProducer

    producer = KafkaProducer(bootstrap_servers=project.stack.kafka)
    for message in messages:
        producer.send(contract.source.name, message, key=b"k", partition=0)
    producer.flush()
    producer.close()


def reading(number: int, **more: Any) -> dict[str, Any]:
    moment = datetime.fromtimestamp(BEGIN / 1000 + number, UTC)
    return {"meter": f"m{number}", "at": moment, "power": float(number), **more}


def test_records_of_several_schemas_are_loaded_and_what_cannot_be_decoded_is_kept(
    project: Project, registry: Registry, meters: Contract
) -> None:
    settings = with_registry(project, registry)
    first, second = (registry.register("meters-value", schema) for schema in (FIRST, SECOND))
    plain = b'{"meter":"x","at":"2025-06-15T09:12:01Z","power":1}'
    good = [
        framed(first, FIRST, reading(1)),
        framed(second, SECOND, reading(2, info={"price": Decimal("21.50")})),
    ]
    unknown = framed(99, FIRST, reading(3))
    bad = [good[0][:-1], plain, unknown, framed(first, FIRST, reading(4) | {"power": float("nan")}), None]
    sent(project, meters, *good, *bad)
    consumed = consume(settings, meters)
    assert (consumed.counts.read, consumed.counts.rejected, consumed.backlog) == (7, 4, 0)
    merge(settings, meters)
    loaded = load(settings, meters)
    assert (loaded.counts.read, loaded.counts.processed, loaded.counts.rejected) == (7, 2, 5)
    rows = project.sql("SELECT meter, at, power, price, source_offset FROM meters ORDER BY meter")
    assert rows == [
        ("m1", reading(1)["at"], 1.0, None, 0),
        ("m2", reading(2)["at"], 2.0, "21.50", 1),
    ]
    rejected = project.sql("SELECT source_offset, reason, raw FROM etl_rejected_row ORDER BY source_offset")
    assert [(offset, reason) for offset, reason, _ in rejected] == [
        (2, "not_avro"),
        (3, "not_avro"),
        (4, "not_avro"),
        (5, "missing"),
        (6, "tombstone"),
    ]
    assert [raw for _, reason, raw in rejected if reason == "not_avro"] == [rf"\x{m.hex()}" for m in bad[:3] if m]
    assert json.loads(rejected[3][2].replace("NaN", "0"))["meter"] == "m4"

    # What is the registry's fault is put right there.
    registry.register("late", FIRST, number=99)
    replayed = replay(settings, meters, Selection(feed="meters"))
    assert (replayed.counts.read, replayed.counts.processed, replayed.counts.rejected) == (5, 1, 4)
    assert project.value("SELECT meter FROM meters WHERE source_offset = 4") == "m3"
    assert project.value("SELECT count(*) FROM etl_rejected_row WHERE status = 'QUARANTINED'") == 4
    assert not [path for path in project.home.rglob("*") if path.is_file() and PASSWORD.encode() in path.read_bytes()]


def test_while_the_registry_is_away_nothing_is_read_and_nothing_is_lost(
    project: Project, registry: Registry, meters: Contract
) -> None:
    settings = with_registry(project, registry).model_copy(update={"retry_seconds": 0.2})
    number = registry.register("meters-value", FIRST)
    sent(project, meters, *(framed(number, FIRST, reading(i)) for i in range(50)))
    with pytest.raises(ConfigurationError, match="ETL_SCHEMA_REGISTRY is not set"):
        consume(project.settings, meters)
    nobody = settings.model_copy(update={"schema_registry": "http://127.0.0.1:9"})
    with pytest.raises(ServiceUnavailable, match=r"(?s)http://127.0.0.1:9 did not answer.*Nothing is lost"):
        consume(nobody, meters)
    registry.is_broken = True
    for _ in range(3):
        # In the middle of a batch; never the fault of a message, which would be set aside.
        with pytest.raises(ServiceUnavailable, match=r"(?s)answered HTTP 500.*Nothing is lost"):
            consume(settings, meters)
    wrong = settings.model_copy(update={"schema_registry_user": "eve"})
    with pytest.raises(ConfigurationError, match="refuses user 'eve'"):
        consume(wrong, meters)
    assert {row["status"] for row in project.log()} == {"FAILED"}
    assert project.log()[-1]["error_message"].startswith("The schema registry")
    registry.is_broken = False
    sent(project, meters, framed(number, FIRST, reading(50)))
    assert consume(settings, meters).counts.read == 51
    merge(settings, meters)
    load(settings, meters)
    assert project.value("SELECT count(*) FROM meters") == 51
    assert project.value("SELECT count(*) FROM etl_rejected_row") == 0
    assert consume(settings, meters).counts.read == 0


def test_readings_are_simulated_in_avro_and_doctor_asks_the_registry(
    project: Project, registry: Registry, meters: Contract
) -> None:
    env = {
        "ETL_SCHEMA_REGISTRY": registry.url,
        "ETL_SCHEMA_REGISTRY_USER": "ada",
        "ETL_SCHEMA_REGISTRY_PASSWORD": PASSWORD,
    }
    refused = project.etl("run", "meters", "--messages", "10", expect=2)
    assert "ETL_SCHEMA_REGISTRY is not set" in refused.stdout + refused.stderr
    ready = replace(project, env={**project.env, **env})
    done = ready.etl("run", "meters", "--messages", "300", "-p", "bad_share=0.1")
    assert PASSWORD not in done.stdout + done.stderr
    counts = project.sql(
        "SELECT records_read, records_processed, records_rejected FROM etl_log WHERE job_name = 'load'"
    )
    assert [read for read, _, _ in counts] == [300]
    assert 0 < counts[0][2] < 30
    assert project.value("SELECT count(*) FROM meters") == counts[0][1]
    found = [
        finding
        for home in (ready, project)
        for finding in json.loads(home.etl("doctor", "--json", expect=None).stdout)
        if finding["check"] == "schema registry"
    ]
    assert [finding["ok"] for finding in found] == [True, False]
    assert found[0]["found"] == f"{registry.url} answers"
