"""Jobs and commands in separate processes, as kernels and shells run them, so that a test can have such a process killed.

`python -m tests.support.jobs consume merge load` runs jobs of the default feed with the settings in the environment.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Mapping

from etl.contract.reader import Contract, load_contract
from etl.jobs.consume.job import consume
from etl.jobs.load.job import load
from etl.jobs.merge.job import merge
from etl.settings import Settings
from tests.support.forked import Forked

JOBS: dict[str, Callable[[Settings, Contract], object]] = {"consume": consume, "merge": merge, "load": load}
FEED = "sensor_readings"


class Job(Forked):
    """A process that runs some jobs one after the other.

    :param failpoint: where it kills itself.
    """

    def __init__(self, env: Mapping[str, str], *names: str, feed: str = FEED, failpoint: str = "") -> None:
        super().__init__(_run_jobs, {**env, "ETL_FAILPOINT": failpoint}, names, feed)


class Command(Forked):
    """A process that runs the command line."""

    def __init__(self, env: Mapping[str, str], *arguments: str) -> None:
        super().__init__(_run_command, env, arguments)


def run(env: Mapping[str, str], *names: str, feed: str = FEED, failpoint: str = "") -> None:
    """Run jobs to their end, or until the failpoint kills them."""
    job = Job(env, *names, feed=feed, failpoint=failpoint)
    outputs = job.outputs()
    assert job.returncode == (-signal.SIGKILL if failpoint else 0), outputs


def _run_jobs(names: tuple[str, ...], feed: str) -> None:
    settings = Settings.load()
    for name in names:
        JOBS[name](settings, load_contract(feed, settings))


def _run_command(arguments: tuple[str, ...]) -> None:
    # Not imported before: it looks at where its output goes.
    from etl.cli.app import main

    sys.argv = ["etl", *arguments]
    main()


if __name__ == "__main__":
    _run_jobs(tuple(sys.argv[1:]), FEED)
