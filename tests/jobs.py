"""Jobs in processes of their own, as notebooks' kernels run them, so that a test can have such a process killed.

The processes are forked from one that has imported the jobs and done nothing else, which saves each of them a second.
`python -m tests.jobs [--feed FEED] consume merge load` does the same with the settings in the environment.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import secrets
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from etl import failpoints
from etl.consume import consume
from etl.contract import Contract, load_contract
from etl.load import load
from etl.merge import merge
from etl.settings import PROJECT_ROOT, Settings

JOBS: dict[str, Callable[[Settings, Contract], object]] = {"consume": consume, "merge": merge, "load": load}
FEED = "sensor_readings"
_SECONDS = 120

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["tests.jobs"])


class Job:
    """A process that runs some jobs one after the other.

    :param env: the whole environment of the process.
    :param failpoint: where it kills itself.
    """

    def __init__(self, env: Mapping[str, str], *names: str, feed: str = FEED, failpoint: str = "") -> None:
        self._log = Path(env["ETL_HOME"]).parent / f"job-{secrets.token_hex(4)}.log"
        self._log.touch()
        environment = {**env, "ETL_FAILPOINT": failpoint}
        self._process = _processes.Process(target=_run, args=(environment, names, feed, self._log))
        self._process.start()

    @property
    def returncode(self) -> int | None:
        """None while it runs."""
        return self._process.exitcode

    def kill(self) -> None:
        self._process.kill()
        self._process.join()

    def wait(self, seconds: float) -> int | None:
        """Wait for the end, so long at most."""
        self._process.join(seconds)
        return self.returncode

    def output(self, seconds: float = _SECONDS) -> str:
        """What it has printed until its end, which is waited for."""
        if self.wait(seconds) is None:
            self.kill()
        return self._log.read_text("utf-8")


def run(env: Mapping[str, str], *names: str, feed: str = FEED, failpoint: str = "") -> None:
    """Run jobs to their end, or until the failpoint kills them."""
    job = Job(env, *names, feed=feed, failpoint=failpoint)
    output = job.output()
    assert job.returncode == (-signal.SIGKILL if failpoint else 0), output


def _run(env: Mapping[str, str], names: tuple[str, ...], feed: str, log: Path) -> None:
    with log.open("ab") as sink:
        os.dup2(sink.fileno(), 1)
        os.dup2(sink.fileno(), 2)
    os.environ.clear()
    os.environ.update(env)
    os.chdir(PROJECT_ROOT)
    importlib.reload(failpoints)  # it looks at the environment once, when it is imported
    _run_jobs(names, feed)


def _run_jobs(names: tuple[str, ...], feed: str) -> None:
    settings = Settings.load()
    for name in names:
        JOBS[name](settings, load_contract(feed, settings))


if __name__ == "__main__":
    given = tuple(sys.argv[1:])
    _run_jobs(given[2:], given[1]) if given[0] == "--feed" else _run_jobs(given, FEED)
