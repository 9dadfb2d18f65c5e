"""Runs jobs in a process of their own, as a notebook's kernel does, so that a test can have that process killed.

`python -m tests.jobs [--feed FEED] consume merge load`, with the settings in the environment.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from etl.consume import consume
from etl.contract import Contract, load_contract
from etl.load import load
from etl.merge import merge
from etl.settings import Settings

JOBS: dict[str, Callable[[Settings, Contract], object]] = {"consume": consume, "merge": merge, "load": load}

if __name__ == "__main__":
    settings = Settings.load()
    names = sys.argv[1:]
    feed = "sensor_readings"
    if names[0] == "--feed":
        feed, names = names[1], names[2:]
    for name in names:
        JOBS[name](settings, load_contract(feed, settings))
