"""What a warm kernel does to itself: before its first notebook, and after each one."""

from __future__ import annotations

import gc
import itertools
import logging
import os
import sys
import threading
from pathlib import Path

_started_in = Path.cwd()
_started_with = dict(os.environ)
_NOTEBOOKS = 4
"""The number of notebooks in a cycle. What the first cycle has imported stays, so the garbage collector can skip it."""
_clearings = itertools.count(1)


def begin(*, with_spark: bool) -> None:
    """Start slow things in the background: the first notebook needs pandas and plots, the second one Spark."""
    # Py4J reports calls that the kernel's end has interrupted, to a stream that is already closed.
    logging.raiseExceptions = False
    if with_spark:
        threading.Thread(target=_start_spark, name="spark-start", daemon=True).start()


def _start_spark() -> None:
    from etl.jobs.consume.spark.session import spark_session
    from etl.settings import Settings

    try:
        spark_session(Settings.load())
    except Exception:  # noqa: BLE001
        return  # The job that needs Spark tries again, and reports the error.


def clear() -> None:
    """Remove what a notebook leaves: variables, plots, environment variables, another working folder.

    Imported modules stay, and with them the Spark session. Code that was changed on disk is not loaded.
    """
    from IPython.core.getipython import get_ipython

    if plots := sys.modules.get("matplotlib.pyplot"):
        plots.close("all")
    if os.environ != _started_with:
        os.environ.clear()
        os.environ.update(_started_with)
    os.chdir(_started_in)
    if (shell := get_ipython()) is not None:
        shell.reset(new_session=True)  # type: ignore[no-untyped-call]
    gc.collect()
    if next(_clearings) <= _NOTEBOOKS:
        gc.freeze()
