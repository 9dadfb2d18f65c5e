"""A schedule in a separate process, a producer that sends at the same time, and what became of each message."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from typing import IO

from sqlalchemy import text

from etl.contract.reader import Contract
from etl.database import make_engine, transaction
from etl.jobs.produce.simulate import DEFAULT_START, Message, simulate
from etl.jobs.produce.topic import send
from etl.settings import PROJECT_ROOT, Settings

_TICK_SECONDS = 0.2
_ENDLESS = 10**12
_END_SECONDS = 120


@dataclass
class Sent:
    """How many messages Kafka has acknowledged; known at the end."""

    number: int = 0


@contextmanager
def sending(settings: Settings, contract: Contract, rate: int, *, bad_share: float = 0.0) -> Iterator[Sent]:
    """Send `rate` messages per second in the background, in five portions per second.

    :param bad_share: see `etl.jobs.produce.simulate.simulate`.
    :raises RuntimeError: at the end, if Kafka refused some.
    """
    ended, sent = threading.Event(), Sent()
    chunks = _paced(contract, rate, bad_share, ended)
    with ThreadPoolExecutor(1, "producer") as pool:
        sender = pool.submit(send, settings, contract.source.name, chunks)
        try:
            yield sent
        finally:
            ended.set()
        counts, failures = sender.result()
    if failures:
        raise RuntimeError(f"{counts.rejected:,} of {counts.read:,} messages were not sent: {failures[0]}")
    sent.number = counts.processed


def _paced(contract: Contract, rate: int, bad_share: float, ended: threading.Event) -> Iterator[list[Message]]:
    endless = simulate(contract, _ENDLESS, seed=1, start=DEFAULT_START, bad_share=bad_share)
    messages = chain.from_iterable(endless)
    began, number = time.monotonic(), 0
    while not ended.wait(_TICK_SECONDS):
        due = int((time.monotonic() - began) * rate)
        yield list(islice(messages, due - number))
        number = due


@dataclass(frozen=True)
class Scheduled:
    """A schedule that runs."""

    process: subprocess.Popen[bytes]
    _output: IO[str]

    @property
    def pid(self) -> int:
        return self.process.pid

    def printed(self) -> str:
        self._output.seek(0)
        return self._output.read()

    def require_alive(self) -> None:
        """:raises RuntimeError: it has ended; with the end of its output."""
        if self.process.poll() is not None:
            raise RuntimeError(f"The schedule ended with {self.process.returncode}: {self.printed()[-1500:]}")


@contextmanager
def scheduled(
    contract: Contract, env: Mapping[str, str], *options: str, program: Sequence[str] = ("etl",)
) -> Iterator[Scheduled]:
    """`python -m etl run FEED --messages 0 …`; asked to stop at the end, if it still runs.

    :param program: the module with the command line, and what it gets before that.
    """
    command = [sys.executable, "-m", *program, "run", contract.feed, "--messages", "0", *options]
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(command, env=dict(env), cwd=PROJECT_ROOT, stdout=output, stderr=subprocess.STDOUT)
        try:
            yield Scheduled(process, output)
        finally:
            process.terminate()  # without effect if it has ended
            try:
                process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@dataclass(frozen=True)
class Account:
    """What became of the messages, and the number of jobs that failed or whose counts do not add up."""

    loaded: int
    rejected: int
    duplicate: int
    not_successful: int
    unbalanced: int

    def is_exact(self, sent: int) -> bool:
        """Whether each of this number of messages is counted once, and every job's balance agrees."""
        accounted = self.loaded + self.rejected + self.duplicate
        return accounted == sent and not self.not_successful and not self.unbalanced

    def require_loaded(self, sent: int) -> None:
        """Check that exactly this number of good messages was sent, and that each was loaded.

        :raises RuntimeError: with the numbers.
        """
        if self.loaded != sent or not self.is_exact(sent):
            raise RuntimeError(f"{sent:,} messages were sent; found were {vars(self)}.")


_ACCOUNT = """
    SELECT (SELECT count(*) FROM "{table}") AS loaded,
           (SELECT count(*) FROM etl_rejected_row) AS rejected,
           (SELECT coalesce(sum(records_duplicate), 0) FROM etl_log WHERE job_name = 'load') AS duplicate,
           (SELECT count(*) FROM etl_log WHERE status <> 'SUCCESS') AS not_successful,
           (SELECT count(*) FROM etl_log WHERE status = 'SUCCESS'
             AND records_read <> records_processed + records_rejected + records_duplicate) AS unbalanced
"""


def account(settings: Settings, contract: Contract) -> Account:
    """Count in the database, whatever the jobs reported."""
    engine = make_engine(settings)
    try:
        with transaction(engine) as connection:
            row = connection.execute(text(_ACCOUNT.format(table=contract.table))).one()
            return Account(*map(int, row))
    finally:
        engine.dispose()
