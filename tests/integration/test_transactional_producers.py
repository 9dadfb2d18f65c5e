"""Topics as transactional producers leave them: aborted messages are none, and what has no end yet is waited for."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator

import pytest
from kafka import KafkaProducer

from etl.jobs.consume.job import consume
from etl.jobs.load.job import load
from etl.jobs.merge.job import merge
from etl.operations.status import status
from tests.support.cluster import wait_until
from tests.support.stack import Project


def reading(number: int, temperature: float) -> bytes:
    time = f"2025-06-15T00:{number // 60:02}:{number % 60:02}Z"
    return json.dumps({"sensor_id": 1, "temperature": temperature, "humidity": 50.0, "timestamp": time}).encode()


@pytest.fixture
def producer(project: Project) -> Iterator[KafkaProducer]:
    # The broker ends a transaction that lasts longer: no test does, on whatever machine.
    found = KafkaProducer(
        bootstrap_servers=project.stack.kafka, transactional_id=project.topic, transaction_timeout_ms=600_000
    )
    found.init_transactions()
    yield found
    found.close()


def send(
    project: Project,
    producer: KafkaProducer,
    readings: dict[int, float],
    end: Callable[[], None] | None,
    partition: int = 0,
) -> None:
    producer.begin_transaction()
    for number, temperature in readings.items():
        producer.send(
            project.topic,
            reading(number, temperature),
            key=b"\x00\xff",
            headers=[("h", b"\xff" * 100)],
            partition=partition,
        )
    producer.flush()
    if end:
        finish(project, end)


def finish(project: Project, end: Callable[[], None]) -> None:
    """End a transaction: a broker may answer before the mark that ends it is in every partition."""
    end()
    wait_until(lambda: not project.describe().open_transactions, "the transaction's mark")


def cycle(project: Project) -> tuple[int, int, dict[str, object]]:
    """Messages read, backlog and notes."""
    consumed = consume(project.settings, project.contract)
    merge(project.settings, project.contract)
    load(project.settings, project.contract)
    assert backlog(project) == 0
    return consumed.counts.read, consumed.backlog, dict(consumed.notes)


def backlog(project: Project) -> int:
    found = status(project.settings, {"sensor_readings": project.contract})
    return int(found["feeds"]["sensor_readings"]["backlog"]["messages"])


def temperatures(project: Project) -> list[float]:
    return [value for (value,) in project.sql("SELECT temperature FROM sensor_data ORDER BY temperature")]


def forget_checkpoint(project: Project) -> None:
    shutil.rmtree(project.settings.checkpoint / "sensor_readings")


def test_messages_of_an_aborted_transaction_are_none(project: Project, producer: KafkaProducer) -> None:
    send(project, producer, {0: 1, 1: 2, 2: 3}, producer.commit_transaction)
    send(project, producer, {3: 99, 4: 99, 5: 99}, producer.abort_transaction)
    send(project, producer, {3: 4, 4: 5, 5: 6}, producer.commit_transaction)
    # Three marks, which end the transactions, and three messages that were taken back.
    assert cycle(project) == (6, 0, {"offsets_without_message": 6})
    assert cycle(project) == (0, 0, {})
    assert temperatures(project) == [1, 2, 3, 4, 5, 6]
    forget_checkpoint(project)
    assert cycle(project) == (0, 0, {})

    send(project, producer, {6: 99}, producer.abort_transaction)
    send(project, producer, {6: 99}, producer.abort_transaction, partition=1)
    assert cycle(project) == (0, 0, {"offsets_without_message": 4})
    forget_checkpoint(project)
    # Offsets that hold nothing are in no manifest: they are passed once more.
    assert cycle(project) == (0, 0, {"offsets_without_message": 4})
    send(project, producer, {6: 7}, producer.commit_transaction, partition=1)
    assert cycle(project) == (1, 0, {"offsets_without_message": 1})
    assert temperatures(project) == [1, 2, 3, 4, 5, 6, 7]
    project.require_exact(7)
    notes = [row["notes"] for row in project.log() if row["job_name"] == "consume"]
    assert notes[0] == {"offsets_without_message": 6}


def test_an_open_transaction_is_waited_for(project: Project, producer: KafkaProducer) -> None:
    project.send([reading(0, 1)], partition=0)
    send(project, producer, {1: 2, 2: 3}, None)
    project.send([reading(3, 4)], partition=0)
    project.send([reading(4, 5)], partition=1)
    assert cycle(project) == (2, 0, {"open_transaction": {0: 3}})
    assert cycle(project) == (0, 0, {"open_transaction": {0: 3}})
    finish(project, producer.commit_transaction)
    assert cycle(project) == (3, 0, {"offsets_without_message": 1})
    assert temperatures(project) == [1, 2, 3, 4, 5]
    project.require_exact(5)


def test_a_position_inside_of_an_open_transaction_is_kept_until_it_ends(
    project: Project, producer: KafkaProducer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a version that read everything has left it. Spark would plan a batch that goes back, and fail for ever."""
    project.send([reading(0, 1)], partition=0)
    send(project, producer, {1: 2}, None)
    with monkeypatch.context() as before:
        read_everything(before)
        assert consume(project.settings, project.contract).counts.read == 2
    project.send([reading(2, 3)], partition=1)
    assert consume(project.settings, project.contract).notes == {"open_transaction": {0: 1}}
    finish(project, producer.commit_transaction)
    assert cycle(project) == (1, 0, {"offsets_without_message": 1})
    project.require_exact(3)


def read_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    from etl.jobs.consume.spark import session as spark
    from etl.storage import kafka as broker

    describe, options = broker.describe, spark.kafka_options

    def all_of_it(*arguments: object) -> broker.Topic:
        topic = describe(*arguments)  # type: ignore[arg-type]
        return replace(topic, end=topic.high_watermark)

    monkeypatch.setattr(broker, "describe", all_of_it)
    monkeypatch.setattr(
        "etl.jobs.consume.spark.query.kafka_options",
        lambda settings: {**options(settings), "kafka.isolation.level": "read_uncommitted"},
    )
