"""Kill a job wherever it hurts, run once more, and count: nothing lost, nothing twice."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psutil
import pytest

from etl.contract.reader import load_contract
from etl.errors import AlreadyRunning
from etl.jobs.consume.job import consume
from etl.jobs.produce.job import produce
from etl.jobs.produce.simulate import DEFAULT_START, simulate
from etl.settings import Settings
from etl.storage import failpoints, locks
from etl.storage.files import files_below
from tests.support.forked import Forked
from tests.support.jobs import Job
from tests.support.jobs import run as run_jobs
from tests.support.stack import Project

MESSAGES = 600
ROUNDS = range(int(os.environ.get("ETL_TEST_ROUNDS", "1")))
"""How often each failpoint is tried."""

every_round = pytest.mark.parametrize("_round", ROUNDS)
CONSUME = sorted(point for point in failpoints.POINTS if point.startswith(("consume.", "publish.")))
MERGE = sorted(point for point in failpoints.POINTS if point.startswith("merge."))
LOAD = sorted(point for point in failpoints.POINTS if point.startswith("load."))


def start(project: Project, *jobs: str, failpoint: str = "") -> Job:
    return Job(project.env, *jobs, failpoint=failpoint)


def run(project: Project, *jobs: str, failpoint: str = "") -> None:
    run_jobs(project.env, *jobs, failpoint=failpoint)


def prepare(project: Project) -> None:
    """Readings with bad and doubled ones among them."""
    produce(project.settings, project.contract, messages=MESSAGES, bad_share=0.1, seed=5)


def consumed(project: Project) -> None:
    """The same, read already: two batches wait."""
    for seed in (5, 6):
        produce(project.settings, project.contract, messages=MESSAGES // 2, bad_share=0.1, seed=seed)
        consume(project.settings, project.contract)


@every_round
@pytest.mark.parametrize("point", CONSUME)
def test_killed_while_consuming(project: Project, point: str, _round: int) -> None:
    prepare(project)
    run(project, "consume", failpoint=point)
    # In another session the checkpoint may be gone as well; here Spark repeats the batch.
    consume(project.settings, project.contract)
    run(project, "merge", "load")
    project.require_exact(MESSAGES)


@every_round
@pytest.mark.parametrize("point", MERGE)
def test_killed_while_merging(project: Project, point: str, _round: int) -> None:
    consumed(project)
    run(project, "merge", failpoint=point)
    run(project, "merge", "load")
    project.require_exact(MESSAGES)


@every_round
@pytest.mark.parametrize("point", LOAD)
def test_killed_while_loading(project: Project, point: str, _round: int) -> None:
    consumed(project)
    run(project, "merge")
    run(project, "load", failpoint=point)
    run(project, "load")
    project.require_exact(MESSAGES)


@every_round
def test_killed_in_the_recovery_itself(project: Project, _round: int) -> None:
    consumed(project)
    run(project, "merge")
    run(project, "load", failpoint="load.before_commit")
    run(project, "load", failpoint="recover.closing_dead")
    run(project, "merge", "load")
    project.require_exact(MESSAGES)
    died = project.sql("SELECT error_message FROM etl_log WHERE error_type = 'Died'")
    assert len(died) == 1
    assert "ended without closing this row" in died[0][0]


@pytest.mark.parametrize("end", [signal.SIGCONT, signal.SIGKILL], ids=["Spark ends", "Spark is killed"])
def test_killed_in_the_middle_of_a_part_file(
    project: Project, monkeypatch: pytest.MonkeyPatch, end: signal.Signals
) -> None:
    """Spark's JVM outlives the job. When it goes on it removes the part, and when it is killed as well, the part stays."""
    produce(project.settings, project.contract, messages=60_000, bad_share=0.01, seed=5)
    # A batch that was missed is followed by another.
    with sending(project, 5_000) as sent:
        job = Forked(_consume_on, project.env)
        wait_until(lambda: spark_of(job), job)
        (spark,) = spark_of(job)
        wait_until(lambda: is_held_while_writing(project, spark), job)
        job.kill()
    try:
        with monkeypatch.context() as patch, pytest.raises(AlreadyRunning, match="Spark of a job"):
            patch.setattr(locks, "JOB_WAIT_SECONDS", 0)
            consume(project.settings, project.contract)
    finally:
        spark.send_signal(end)
    consume(project.settings, project.contract)
    run(project, "merge", "load")
    project.require_exact(60_000 + sum(sent))


def spark_of(job: Forked) -> list[psutil.Process]:
    return [child for child in psutil.Process(job.pid).children(recursive=True) if "java" in child.name()]


def is_held_while_writing(project: Project, spark: psutil.Process) -> bool:
    """Stop Spark while a part is half-written; where none is, Spark goes on."""
    spark.suspend()
    written = files_below(project.home / "output" / "sensor_readings")
    if any("_temporary" in path.parts and path.suffix == ".txt" and path.stat().st_size for path in written):
        return True
    spark.resume()
    return False


def _consume_on() -> None:
    settings = Settings.load()
    contract = load_contract("sensor_readings", settings)
    consume(settings, contract, until="time_box", time_box_seconds=600, batch_seconds=0.1)


def test_killed_batch_and_lost_checkpoint_together(project: Project) -> None:
    import shutil

    prepare(project)
    run(project, "consume", failpoint="publish.renamed")
    shutil.rmtree(project.home / "checkpoint")
    consume(project.settings, project.contract)
    run(project, "merge", "load")
    project.require_exact(MESSAGES)


def test_killed_at_random_moments_with_a_producer_alongside(project: Project) -> None:
    """Twenty kills take six minutes; a test run makes a few, `ETL_TEST_KILLS=20` all of them."""
    kills = int(os.environ.get("ETL_TEST_KILLS", "3"))
    moments = random.Random(kills)
    with sending(project, 200) as sent:
        for _ in range(kills):
            job = start(project, *["consume", "merge", "load"] * 3)
            # From its first moment to the middle of the second round.
            job.wait(moments.uniform(0, 14))
            job.kill()
    run(project, "consume", "merge", "load")
    project.require_exact(sum(sent))


@contextmanager
def sending(project: Project, number: int) -> Iterator[list[int]]:
    """Send so many messages again and again meanwhile."""
    stop, sent = threading.Event(), list[int]()

    def keep_sending() -> None:
        while not stop.wait(0.2):
            chunks = simulate(project.contract, number, seed=len(sent), start=DEFAULT_START, bad_share=0.1)
            project.send([message.value for chunk in chunks for message in chunk])
            sent.append(number)

    sender = threading.Thread(target=keep_sending)
    sender.start()
    try:
        yield sent
    finally:
        stop.set()
        sender.join()


def test_a_misspelt_failpoint_is_an_error(project: Project) -> None:
    job = start(project, "merge", failpoint="merge.joined")
    assert "is not a failpoint" in "".join(job.outputs())
    assert job.returncode == 1


def wait_until(condition: Callable[[], object], job: Forked) -> None:
    """Look at what a running job does until it does this; the job ending first is a failure of the test."""
    while not condition():
        assert job.returncode is None, "the job ended before"
        time.sleep(0.02)
