"""Random sequences of cycles, kills, resends and lost checkpoints on the real Kafka and Spark: the oracle holds at the end.

A test run does one sequence, `ETL_TEST_SEQUENCES=20` that many; each is made of its number, and so can be repeated.
"""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable

import pytest

from etl.jobs.consume.job import consume
from etl.jobs.load.job import load
from etl.jobs.merge.job import merge
from etl.jobs.produce.simulate import DEFAULT_START, simulate
from etl.storage.failpoints import POINTS
from tests.integration.test_state_machine import run_until_killed
from tests.support.stack import Project

SEQUENCES = range(int(os.environ.get("ETL_TEST_SEQUENCES", "1")))
STEPS = 10
KILLS = [point for point in sorted(POINTS) if point.startswith(("consume.", "publish."))]


class Pipeline:
    """One feed from its topic to its table, and what was sent to it."""

    def __init__(self, project: Project, chance: random.Random) -> None:
        self.project = project
        self.chance = chance
        self.sent: list[bytes | None] = []

    def produce(self) -> None:
        rows = self.chance.randrange(1, 400)
        seed = len(self.sent)
        chunks = simulate(self.project.contract, rows, seed=seed, start=DEFAULT_START, bad_share=0.1)
        self._send([message.value for chunk in chunks for message in chunk])

    def resend(self) -> None:
        """The same messages again, at other offsets: good ones are counted duplicates, bad ones are rejected again."""
        self._send(self.sent[-self.chance.randrange(1, 200) :])

    def consume(self) -> None:
        consume(self.project.settings, self.project.contract)

    def consume_killed(self) -> None:
        run_until_killed(self.project, "consume", self.chance.choice(KILLS))

    def merge(self) -> None:
        merge(self.project.settings, self.project.contract)

    def load(self) -> None:
        load(self.project.settings, self.project.contract)

    def lose_checkpoint(self) -> None:
        shutil.rmtree(self.project.home / "checkpoint", ignore_errors=True)

    def remake_topic(self) -> None:
        """Another topic of the same name; what was not read of the old one goes with it, so it is read before."""
        self.consume()
        self.project.delete_topic()
        self.project.make_topic()

    def steps(self) -> list[Callable[[], None]]:
        """Twice what a cycle does, once what goes wrong."""
        work = [self.produce, self.consume, self.merge, self.load]
        return [*work, *work, self.consume_killed, self.lose_checkpoint, self.resend, self.remake_topic]

    def _send(self, values: list[bytes | None]) -> None:
        self.project.send(values)
        self.sent += values


@pytest.mark.timeout(600)
@pytest.mark.parametrize("number", SEQUENCES)
def test_after_a_random_sequence_the_oracle_holds(project: Project, number: int) -> None:
    pipeline = Pipeline(project, random.Random(number))
    pipeline.produce()
    for _ in range(STEPS):
        step = pipeline.chance.choice(pipeline.steps())
        print(step.__name__)
        step()
    for finish in (pipeline.consume, pipeline.merge, pipeline.load):
        finish()
    project.require_exact(len(pipeline.sent))
