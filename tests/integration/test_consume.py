"""Where reading begins, goes on and ends, on real Kafka and Spark."""

from __future__ import annotations

import shutil
import threading
from typing import TYPE_CHECKING

import pytest

from etl.errors import (
    ConfigurationError,
    RetentionGap,
    TopicMissing,
)
from etl.jobs.consume.job import consume
from etl.jobs.consume.spark import batch_writer, query
from etl.jobs.consume.spark.session import spark_session
from etl.jobs.load.job import load
from etl.jobs.merge.job import merge
from etl.jobs.produce.job import produce
from tests.support.cluster import wait_until
from tests.support.messages import cycle, reading, with_label, write_labels
from tests.support.stack import Project, with_admin

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def test_a_topic_that_was_recreated_is_read_from_its_beginning(project: Project) -> None:
    project.send([reading(i) for i in range(5)])
    cycle(project)
    project.delete_topic()
    project.make_topic()
    project.send([reading(i) for i in range(100, 103)])
    cycle(project)
    project.require_exact(8)
    assert project.value("SELECT count(*) FROM etl_source") == 2


def test_the_same_bytes_from_a_recreated_topic_are_counted_all_the_same(project: Project) -> None:
    for topic in ("one", "two"):
        write_labels(project, with_label(project.contract), topic, ["a", "b"], start=0)
    merge(project.settings, with_label(project.contract))
    loaded = load(project.settings, with_label(project.contract))
    assert len({archive.sha256 for archive in loaded.archives}) == 1
    assert (loaded.counts.read, loaded.counts.processed, loaded.counts.duplicate) == (4, 2, 2)


def test_a_missing_topic_is_named_and_not_created(project: Project) -> None:
    project.delete_topic()
    with pytest.raises(TopicMissing, match=f"no topic '{project.topic}'"):
        consume(project.settings, project.contract)
    with pytest.raises(TopicMissing):
        produce(project.settings, project.contract, messages=1)
    topics: list[str] = []
    with_admin(project.stack.kafka, lambda admin: topics.extend(admin.list_topics()))
    assert project.topic not in topics
    produce(project.settings, project.contract, messages=1, create_topic=True)


def test_messages_that_kafka_deleted_before_they_were_read_are_a_named_gap(project: Project) -> None:
    from kafka import TopicPartition

    project.send([reading(i) for i in range(3)], partition=0)
    cycle(project)
    project.send([reading(i) for i in range(3, 8)], partition=0)
    with_admin(project.stack.kafka, lambda admin: admin.delete_records({TopicPartition(project.topic, 0): 6}))
    with pytest.raises(RetentionGap, match=r"partition 0: offsets 3 to 5 \(3 messages\)"):
        consume(project.settings, project.contract)
    assert project.log()[-1]["status"] == "FAILED"
    # Accepted by name: reading goes on, and the log says who accepted what.
    assert consume(project.settings, project.contract, accept_gap="Ada").counts.read == 2
    assert project.log()[-1]["notes"] == {"accepted_by": "Ada", "lost_offsets": {"0": [3, 5]}}
    merge(project.settings, project.contract)
    load(project.settings, project.contract)
    project.require_exact(5)


@pytest.mark.parametrize("lost", ["checkpoint", "checkpoint and batches merged", "checkpoint and backup"])
def test_without_a_checkpoint_reading_goes_on_where_manifests_and_ledger_end(project: Project, lost: str) -> None:
    project.send([reading(i) for i in range(5)])
    consume(project.settings, project.contract)
    if lost != "checkpoint":
        merge(project.settings, project.contract)
    if "backup" in lost:
        load(project.settings, project.contract)
        shutil.rmtree(project.home / "backup")
    shutil.rmtree(project.home / "checkpoint")
    project.send([reading(i) for i in range(5, 7)])
    assert consume(project.settings, project.contract).counts.read == 2
    merge(project.settings, project.contract)
    load(project.settings, project.contract)
    project.require_exact(7)


def test_a_time_box_reads_what_comes_while_it_lasts(project: Project) -> None:
    project.send([reading(0)])
    consumed = consume(project.settings, project.contract, until="time_box", time_box_seconds=4, batch_seconds=1)
    assert consumed.counts.read == 1
    assert consumed.backlog == 0


def test_a_time_box_that_is_too_short_gets_on_and_loses_nothing(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(query, "MESSAGES_PER_BATCH", 500)
    produce(project.settings, project.contract, messages=4_000, seed=1)
    first = consume(project.settings, project.contract, time_box_seconds=0.1)
    assert 0 < first.counts.read < 4_000
    assert first.backlog == 4_000 - first.counts.read
    assert consume(project.settings, project.contract).counts.read == first.backlog
    merge(project.settings, project.contract)
    load(project.settings, project.contract)
    project.require_exact(4_000)


class Clock:
    """Time that passes only on request."""

    def __init__(self) -> None:
        self.now = self.told = 0.0
        self.asked = threading.Condition()

    def monotonic(self) -> float:
        with self.asked:
            self.told = self.now
            self.asked.notify_all()
            return self.told

    def pass_by(self, seconds: float) -> None:
        """Let time pass, and return when somebody has noticed it."""
        with self.asked:
            self.now += seconds
            assert self.asked.wait_for(lambda: self.told == self.now, timeout=30)


@pytest.mark.parametrize(("second_takes", "ends"), [(1000, True), (1300, False)])
def test_the_batch_under_way_at_the_end_of_a_time_box_may_end_within_a_bound(
    project: Project, monkeypatch: pytest.MonkeyPatch, second_takes: float, ends: bool
) -> None:
    clock = Clock()

    class Writer(batch_writer.BatchWriter):
        def _write(self, rows: DataFrame, batch_id: int) -> None:
            if batch_id < 2:
                clock.pass_by((600, second_takes)[batch_id])
            if batch_id == 1 and not ends:
                query = spark_session(project.settings).streams.get(self.query_id)
                wait_until(lambda: query is None or not query.isActive, "the end of the query")
            super()._write(rows, batch_id)

    monkeypatch.setattr(query, "MESSAGES_PER_BATCH", 500)
    monkeypatch.setattr(query, "time", clock)
    monkeypatch.setattr(batch_writer, "time", clock)
    monkeypatch.setattr("etl.jobs.consume.topic.BatchWriter", Writer)
    produce(project.settings, project.contract, messages=4_000, seed=1)
    # The second batch goes on beyond the end at 700, and may do so up to 700 + 2 x 600.
    first = consume(project.settings, project.contract, time_box_seconds=700)
    assert len(first.batches) < 8
    assert len(first.batches) >= 1 + ends
    assert first.backlog == 4_000 - first.counts.read
    monkeypatch.setattr("etl.jobs.consume.topic.BatchWriter", Writer.__base__)
    assert consume(project.settings, project.contract, time_box_seconds=10_000).counts.read == first.backlog
    merge(project.settings, project.contract)
    load(project.settings, project.contract)
    project.require_exact(4_000)


def test_an_unknown_end_is_refused(project: Project) -> None:
    with pytest.raises(ConfigurationError, match="until is 'tomorrow'"):
        consume(project.settings, project.contract, until="tomorrow")
