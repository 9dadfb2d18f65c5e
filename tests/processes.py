"""Processes of a test's own that start at once: libraries are imported once, by a server that they are forked from.

Nothing of `etl` is: what its modules read when they are imported, they read from the environment of the process.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Mapping
from multiprocessing.context import ForkServerProcess

_LIBRARIES = [
    "alembic",
    "fsspec",
    "kafka",
    "numpy",
    "pandas",
    "psycopg",
    "pyarrow.csv",
    "pydantic_settings",
    "rich",
    "typer",
]
_LIBRARIES += [
    "open_data_contract_standard.model",
    "sqlalchemy.dialects.postgresql",
    "sqlalchemy.orm",
    "structlog",
    "yaml",
]
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(_LIBRARIES)


def start_loader(env: Mapping[str, str], feed: str) -> ForkServerProcess:
    """Load what waits for a feed."""
    return _start(_load, env, feed)


def start_command(env: Mapping[str, str], *arguments: str) -> ForkServerProcess:
    """Run the command line."""
    return _start(_command, env, *arguments)


def _start(what: object, env: Mapping[str, str], *arguments: str) -> ForkServerProcess:
    own = {name: value for name, value in env.items() if name.startswith("ETL_")}
    process = _context.Process(target=_run, args=(what, own, arguments))
    process.start()
    return process


def _run(what: object, env: Mapping[str, str], arguments: tuple[str, ...]) -> None:
    os.environ.update(env)
    assert callable(what)
    what(*arguments)


def _load(feed: str) -> None:
    from etl.contract import load_contract
    from etl.load import load
    from etl.settings import Settings

    settings = Settings.load()
    load(settings, load_contract(feed, settings))


def _command(*arguments: str) -> None:
    from etl.__main__ import main

    sys.argv = ["etl", *arguments]
    main()
