"""Kill a job wherever it hurts, run once more, and count: nothing lost, nothing twice."""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable

import pytest

from etl.jobs.consume.job import consume
from etl.jobs.produce.job import produce
from etl.jobs.produce.simulate import DEFAULT_START, simulate
from etl.storage import failpoints
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


def test_killed_in_the_middle_of_a_part_file(project: Project) -> None:
    produce(project.settings, project.contract, messages=60_000, bad_share=0.01, seed=5)
    job = start(project, "consume")
    writing = (project.home / "output" / "sensor_readings").glob
    wait_until(lambda: any(path.stat().st_size for path in writing(".tmp-*/_temporary/**/part-*.txt")), job)
    job.kill()
    consume(project.settings, project.contract)
    run(project, "merge", "load")
    project.require_exact(60_000)


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
    stop = threading.Event()
    sent = 0

    def keep_sending() -> None:
        nonlocal sent
        while not stop.wait(0.2):
            chunks = simulate(project.contract, 200, seed=sent, start=DEFAULT_START, bad_share=0.1)
            project.send([message.value for chunk in chunks for message in chunk])
            sent += 200

    sender = threading.Thread(target=keep_sending)
    sender.start()
    try:
        for _ in range(kills):
            job = start(project, *["consume", "merge", "load"] * 3)
            # From its first moment to the middle of the second round.
            job.wait(moments.uniform(0, 14))
            job.kill()
    finally:
        stop.set()
        sender.join()
    run(project, "consume", "merge", "load")
    project.require_exact(sent)


def test_a_misspelt_failpoint_is_an_error(project: Project) -> None:
    job = start(project, "merge", failpoint="merge.joined")
    assert "is not a failpoint" in "".join(job.outputs())
    assert job.returncode == 1


def wait_until(condition: Callable[[], bool], job: Job) -> None:
    """Look at what a running job does until it does this; the job ending first is a failure of the test."""
    while not condition():
        assert job.returncode is None, "the job ended before"
        time.sleep(0.001)
