"""A feed of the user's own, from a topic that others already write to."""

from __future__ import annotations

import json
from pathlib import Path

from kafka import KafkaProducer
from kafka.admin import KafkaAdminClient

from etl.contract.formats.avro_records import AvroRecords
from etl.contract.reader import read_contract
from etl.contract.sources.kafka_topic import KafkaTopic
from etl.operations.feeds.topic_sample import sample_topic
from tests.support.registry import Registry, framed, record
from tests.support.stack import Project


def message(number: int) -> bytes:
    return json.dumps(
        {"deviceId": f"d{number % 3}", "v": number + 0.5, "time": f"2025-06-15T00:{number:02}:00Z"}
    ).encode()


def test_the_newest_messages_are_read_and_nothing_is_committed(project: Project) -> None:
    project.send((message(number) for number in range(50)), partition=0)
    sample = sample_topic(project.settings, project.topic, 20)
    assert [record["v"] for record in sample.records] == [number + 0.5 for number in range(30, 50)]
    assert sample.name == f"topic {project.topic}"
    assert {beside["topic"] for beside in sample.beside} == {project.topic}
    client = KafkaAdminClient(bootstrap_servers=project.stack.kafka)
    assert [group for group in client.list_groups() if "notebook" in str(group)] == []
    client.close()


def test_keys_headers_and_times_are_beside_the_messages(project: Project) -> None:
    producer = KafkaProducer(bootstrap_servers=project.stack.kafka)
    headers = [("unit", b"C"), ("unit", b"K"), ("trace", b"\xff\x00")]
    producer.send(
        project.topic, value=b'{"v": 1}', key="gerät".encode(), headers=headers, timestamp_ms=1_750_000_000_123
    )
    producer.send(project.topic, value=b'{"v": 2}', timestamp_ms=1_750_000_001_000)
    producer.close()
    first, second = sample_topic(project.settings, project.topic, 10).beside
    assert first == {
        "key": "gerät",
        "header:unit": "K",
        "header:trace": "\\xff00",
        "topic": project.topic,
        "broker_time": "2025-06-15T15:06:40.123Z",
    }
    assert second == {"topic": project.topic, "broker_time": "2025-06-15T15:06:41.000Z"}


def test_what_is_no_message_is_counted(project: Project) -> None:
    project.send([b"hello", None, b'[{"v": 1}]', b'{"v": NaN}', b"\x00\x00\x00\x00\x01abc"], partition=0)
    sample = sample_topic(project.settings, project.topic, 10)
    assert sample.records == [{"$": [{"v": 1}]}, {"v": "NaN"}]
    assert "1 message without a value (a tombstone): rejected" in sample.evidence
    assert "2 messages without a readable object: rejected" in sample.evidence


def test_avro_is_read_through_the_schema_registry(project: Project, tmp_path: Path) -> None:
    schema = record("Reading", deviceId="string", v="double", time={"type": "long", "logicalType": "timestamp-millis"})
    with Registry().up() as registry:
        number = registry.register("readings-value", schema)
        rows = [{"deviceId": f"d{n % 3}", "v": n + 0.5, "time": 1_750_000_000_000 + n * 60_000} for n in range(30)]
        project.send([framed(number, schema, row) for row in rows] + [framed(number + 1, schema, rows[0])])
        settings = project.settings.model_copy(update={"schema_registry": registry.url})
        sample = sample_topic(settings, project.topic, 100)
        project.etl("feeds", "new", "mine", "--from-topic", project.topic, ETL_SCHEMA_REGISTRY=registry.url)
    assert sample.form == AvroRecords()
    # Which partition a message without a key goes to is random, and so is the order of those of one millisecond.
    assert {"deviceId": "d0", "v": 0.5, "time": ""} in [{**row, "time": ""} for row in sample.records]
    assert "1 message without a readable object: rejected" in sample.evidence
    assert read_contract(tmp_path / "feeds" / "mine.odcs.yaml").source == KafkaTopic(project.topic, AvroRecords())


def test_a_feed_drafted_from_a_topic_reads_that_topic(project: Project, tmp_path: Path) -> None:
    project.send(message(number) for number in range(30))
    project.etl("feeds", "new", "mine", "--from-topic", project.topic, "--messages", "10")
    assert read_contract(tmp_path / "feeds" / "mine.odcs.yaml").source == KafkaTopic(project.topic)
    project.etl("run", "mine")
    assert project.value("SELECT count(*) FROM mine") == 30


def test_a_topic_that_gives_no_sample_is_named(project: Project) -> None:
    missing = f"{project.topic}-missing"
    assert f"has no topic '{missing}'" in project.etl("feeds", "new", "a", "--from-topic", missing, expect=1).stderr
    empty = project.etl("feeds", "new", "a", "--from-topic", project.topic, expect=2)
    assert f"Topic '{project.topic}' has no messages" in empty.stderr
    project.send([b"\x00\x00\x00\x00\x01abc"] * 3)
    framed = project.etl("feeds", "new", "a", "--from-topic", project.topic, expect=2)
    assert "Avro with a schema registry" in framed.stderr
    assert "ETL_SCHEMA_REGISTRY" in framed.stderr
    project.send([b"hello"] * 3)
    unread = project.etl("feeds", "new", "a", "--from-topic", project.topic, "--messages", "2", expect=2)
    assert "holds an object" in unread.stderr
