"""Kafka is away, hangs, or is restarted: a clear error in bounded time, and the next run is exact."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pytest

from etl import services
from etl.errors import ServiceUnavailable
from etl.jobs.consume.job import consume
from etl.jobs.load.job import load
from etl.jobs.merge.job import merge
from etl.jobs.produce.job import produce
from etl.services import kafka
from etl.settings import Settings
from etl.storage import failpoints
from etl.storage.kafka import describe
from tests.support.stack import JARS, Project, quiet

MESSAGES = 600
BOUND_SECONDS = 40.0
"""Kafka's clients try again a few times; never longer than this with a time-out of 2 s."""


@dataclass
class Broker:
    """A broker of the test's own, which it may stop as it likes."""

    settings: Settings
    port: int = 0

    def start(self) -> None:
        self.port = kafka.start(self.settings, [], quiet).port

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
    produce(found.settings, found.contract, messages=MESSAGES, bad_share=0.1, seed=1)
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
    """With the time-out that people have."""
    return project.settings.model_copy(update={"kafka_timeout_seconds": 15.0})


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


def test_a_broker_that_hangs_while_it_is_written_to(alone: tuple[Project, Broker]) -> None:
    project, broker = alone

    def freeze_when_some_have_arrived() -> None:
        while sum(describe(patient(project), project.topic).end.values()) == MESSAGES:
            time.sleep(0.01)
        broker.freeze()

    watcher = threading.Thread(target=freeze_when_some_have_arrived)
    watcher.start()
    require_failed_in_time(project, lambda: produce(project.settings, project.contract, messages=100_000))
    watcher.join()
    broker.thaw()
    arrived = sum(describe(patient(project), project.topic).end.values())
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
