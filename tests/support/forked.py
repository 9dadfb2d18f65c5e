"""Processes that start at once: they are forked from one that has imported what they need and done nothing else.

That saves each of them the second that imports take. Whatever has read the environment when it was imported reads it again.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path

from etl.settings import PROJECT_ROOT
from etl.storage import failpoints

_SECONDS = 120
_IMPORTED_LATE = [
    "alembic",
    "etl.operations.doctor",
    "etl.operations.explain",
    "etl.operations.feeds.check",
    "etl.operations.plan_run",
    "etl.operations.quarantine.replay",
    "etl.operations.retention.prune",
    "etl.operations.status",
    "etl.operations.undo",
    "fsspec",
    "pandas",
    "psycopg",
    "pyarrow.csv",
    "sqlalchemy.dialects.postgresql",
    "typer",
    "yaml",
]
"""What modules import only where they use it. Not `etl.cli`, which looks at where its output goes when it is imported."""

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["tests.support.jobs", *_IMPORTED_LATE])


class Forked:
    """A process that calls a function in the project's folder.

    :param env: the whole environment of the process; what it prints goes beside its `ETL_HOME`.
    """

    def __init__(self, what: Callable[..., object], env: Mapping[str, str], *arguments: object) -> None:
        name = Path(env["ETL_HOME"]).parent / f"process-{secrets.token_hex(4)}"
        self._output, self._errors = name.with_suffix(".out"), name.with_suffix(".err")
        for file in (self._output, self._errors):
            file.touch()
        files = (self._output, self._errors)
        self._process = _processes.Process(target=_call, args=(files, dict(env), what, arguments))
        self._process.start()

    @property
    def pid(self) -> int:
        found = self._process.pid
        assert found is not None
        return found

    @property
    def returncode(self) -> int | None:
        """None while it runs."""
        return self._process.exitcode

    def kill(self) -> None:
        self._process.kill()
        self._process.join()

    def wait(self, seconds: float = _SECONDS) -> int | None:
        """Wait for the end, at most this long."""
        self._process.join(seconds)
        return self.returncode

    def outputs(self, seconds: float = _SECONDS) -> tuple[str, str]:
        """What it has printed, and its errors, until its end; it is ended if it takes longer."""
        if self.wait(seconds) is None:
            self.kill()
        return self._output.read_text("utf-8"), self._errors.read_text("utf-8")


def _call(
    files: tuple[Path, Path], env: Mapping[str, str], what: Callable[..., object], arguments: tuple[object, ...]
) -> None:
    for descriptor, file in enumerate(files, start=1):
        with file.open("ab") as sink:
            os.dup2(sink.fileno(), descriptor)
    os.environ.clear()
    os.environ.update(env)
    os.chdir(PROJECT_ROOT)
    importlib.reload(failpoints)
    what(*arguments)
