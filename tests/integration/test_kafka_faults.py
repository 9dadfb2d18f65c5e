"""Kafka is away, hangs, or is restarted: a clear error in bounded time, and the next run is exact."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from etl import services
from etl.audit.retry import retrying
from etl.errors import ServiceUnavailable
from etl.jobs.consume.job import consume
from etl.jobs.consume.spark.session import spark_session
from etl.jobs.load.job import load
from etl.jobs.merge.job import merge
from etl.jobs.produce.delivery import Chunks
from etl.jobs.produce.job import produce
from etl.jobs.produce.simulate import simulate
from etl.services import kafka, process
from etl.services.process import Progress
from etl.settings import Settings
from etl.storage import failpoints
from etl.storage.kafka import describe
from tests.support.cluster import wait_until
from tests.support.second_broker import NODE_ID, second_broker
from tests.support.stack import JARS, Project, quiet, with_admin

MESSAGES = 600
BOUND_SECONDS = 40.0
"""Kafka's clients try again a few times; never longer than this with a time-out of 2 s, once Spark's JVM has started."""


@dataclass
class Broker:
    """A broker of the test's own, which it may stop as it likes."""

    settings: Settings
    port: int = 0

    def start(self, progress: Progress = quiet) -> None:
        self.port = kafka.start(self.settings, [], progress).port

    def stop(self) -> None:
        kafka.stop(self.settings, quiet)

    def freeze(self) -> None:
        """Its port accepts connections still, and nobody answers."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        if service := kafka.running(self.settings):
            os.kill(service.pid, number)


@pytest.fixture(scope="module")
def own_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    settings = Settings.load(home=tmp_path_factory.mktemp("broker"), jars=JARS)
    settings.services.mkdir(mode=0o700)
    yield Broker(settings)
    services.down(settings, quiet, delete_data=True)


@pytest.fixture
def alone(project: Project, own_broker: Broker) -> Iterator[tuple[Project, Broker]]:
    """A project on that broker, with readings that wait to be read."""
    own_broker.start()
    address = f"127.0.0.1:{own_broker.port}"
    update = {"kafka_bootstrap": address, "kafka_timeout_seconds": 2.0, "retry_seconds": 1.0}
    env = {**project.env, "ETL_KAFKA_BOOTSTRAP": address, "ETL_KAFKA_TIMEOUT_SECONDS": "2"}
    there = replace(project.stack, kafka=address)
    found = replace(project, stack=there, settings=project.settings.model_copy(update=update), env=env)
    found.make_topic()
    # A broker that has just been started or thawed may need longer than the short time-out of the tests.
    produce(patient(found), found.contract, messages=MESSAGES, bad_share=0.1, seed=1)
    # On a busy machine the start of its JVM takes longer than all that is waited for Kafka.
    spark_session(found.settings)
    try:
        yield found, own_broker
    finally:
        own_broker.thaw()


def at(monkeypatch: pytest.MonkeyPatch, point: str, act: Callable[[], None]) -> None:
    """Do something to the broker, once, when the job comes to a failpoint; batches are small, so that others follow."""
    assert point in failpoints.POINTS
    once = iter([act])

    def reached(name: str) -> None:
        if name == point:
            next(once, lambda: None)()

    monkeypatch.setattr("etl.storage.failpoints.reached", reached)
    monkeypatch.setattr("etl.jobs.consume.spark.query.MESSAGES_PER_BATCH", 200)


def require_failed_in_time(project: Project, job: Callable[[], object]) -> None:
    began = time.monotonic()
    with pytest.raises(ServiceUnavailable, match=f"Kafka at {project.settings.kafka_bootstrap}"):
        job()
    assert time.monotonic() - began < BOUND_SECONDS
    last = project.log()[-1]
    assert (last["status"], last["error_type"]) == ("FAILED", "ServiceUnavailable")


def patient(project: Project) -> Settings:
    """With the time-outs that people have."""
    return project.settings.model_copy(update={"kafka_timeout_seconds": 15.0, "retry_seconds": 30.0})


def require_next_run_exact(project: Project, sent: int = MESSAGES) -> None:
    for job in (consume, merge, load):
        job(patient(project), project.contract)
    project.require_exact(sent)


def test_a_broker_that_is_down(alone: tuple[Project, Broker]) -> None:
    project, broker = alone
    broker.stop()
    require_failed_in_time(project, lambda: produce(project.settings, project.contract, messages=10))
    require_failed_in_time(project, lambda: consume(project.settings, project.contract))
    broker.start()
    require_next_run_exact(project)


def test_a_broker_that_hangs_from_the_start(alone: tuple[Project, Broker]) -> None:
    project, broker = alone
    broker.freeze()
    require_failed_in_time(project, lambda: produce(project.settings, project.contract, messages=10))
    require_failed_in_time(project, lambda: consume(project.settings, project.contract))
    broker.thaw()
    require_next_run_exact(project)


def test_a_broker_that_is_slow_is_waited_for(own_broker: Broker) -> None:
    own_broker.start()
    before = kafka.running(own_broker.settings)
    own_broker.freeze()
    own_broker.start(progress=lambda step: own_broker.thaw())
    assert kafka.running(own_broker.settings) == before


def test_a_port_that_another_broker_has_taken_meanwhile_is_given_up(
    own_broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own_broker.start()
    settings = Settings.load(home=tmp_path, jars=JARS)
    settings.services.mkdir()
    found = iter([[own_broker.port, *process.free_ports(1)], process.free_ports(2)])
    monkeypatch.setattr(process, "free_ports", lambda *_: next(found))
    try:
        assert kafka.start(settings, [], quiet).port != own_broker.port
    finally:
        services.down(settings, quiet, delete_data=True)


def test_a_broker_that_hangs_while_it_is_written_to(
    alone: tuple[Project, Broker], monkeypatch: pytest.MonkeyPatch
) -> None:
    project, broker = alone

    def freeze_when_some_have_arrived(*arguments: Any, **options: Any) -> Chunks:
        chunks = iter(simulate(*arguments, **options))
        yield next(chunks)
        wait_until(lambda: sum(describe(patient(project), project.topic).end.values()) > MESSAGES, "messages")
        broker.freeze()
        yield from chunks

    monkeypatch.setattr("etl.jobs.produce.job.simulate", freeze_when_some_have_arrived)
    require_failed_in_time(project, lambda: produce(project.settings, project.contract, messages=100_000))
    broker.thaw()
    # Its controller may have given it up meanwhile: then the topic has no leader until the two have met again.
    topic = retrying(patient(project), "look at the topic", lambda: describe(patient(project), project.topic))
    arrived = sum(topic.end.values())
    assert MESSAGES < arrived < MESSAGES + 100_000
    require_next_run_exact(project, arrived)


def test_a_broker_that_hangs_while_it_is_read(alone: tuple[Project, Broker], monkeypatch: pytest.MonkeyPatch) -> None:
    project, broker = alone
    at(monkeypatch, "consume.before_commit", broker.freeze)
    require_failed_in_time(project, lambda: consume(project.settings, project.contract))
    broker.thaw()
    require_next_run_exact(project)


def test_a_broker_that_goes_down_while_it_is_read(
    alone: tuple[Project, Broker], monkeypatch: pytest.MonkeyPatch
) -> None:
    project, broker = alone
    at(monkeypatch, "consume.before_commit", broker.stop)
    require_failed_in_time(project, lambda: consume(project.settings, project.contract))
    broker.start()
    require_next_run_exact(project)


def test_a_broker_that_is_restarted_while_it_is_read(
    alone: tuple[Project, Broker], monkeypatch: pytest.MonkeyPatch
) -> None:
    project, broker = alone

    def restart() -> None:
        broker.stop()
        broker.start()

    at(monkeypatch, "consume.before_commit", restart)
    assert consume(patient(project), project.contract).counts.read == MESSAGES
    require_next_run_exact(project)


def leader(project: Project, topic: str, partition: int) -> int:
    """The number of the broker that leads it; negative: none does."""
    found: list[dict[str, Any]] = []
    with_admin(project.stack.kafka, lambda admin: found.extend(admin.describe_topics([topic])))
    return {part["partition_index"]: int(part["leader_id"]) for part in found[0]["partitions"]}[partition]


def test_a_topic_of_which_one_broker_is_down(alone: tuple[Project, Broker], tmp_path: Path) -> None:
    project, broker = alone
    topic, settings = f"{project.topic}-of-two", patient(project)
    with second_broker(broker.settings, tmp_path / "second") as second:
        options = {"assignments": {0: [1], 1: [NODE_ID]}}
        with_admin(project.stack.kafka, lambda admin: admin.create_topics({topic: options}, wait_for_metadata=True))
        assert sorted(describe(settings, topic).end) == [0, 1]
        second.terminate()
        second.wait(60)
        # The controller notices it later.
        wait_until(lambda: leader(project, topic, partition=1) < 0, "the end of the partition's leader")
        with pytest.raises(ServiceUnavailable, match=f"no leader for partition 1 of topic '{topic}'") as error:
            describe(settings, topic)
    assert error.value.remedy is not None
    assert "Start the broker" in error.value.remedy
