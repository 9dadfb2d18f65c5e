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


_QUICK = "-XX:TieredStopAtLevel=1"
"""The JVM's second compiler takes a third of the processor time of a short run, and saves nothing yet."""
_SWITCH_SECONDS = 0.0005
"""For how long a thread may keep the interpreter while Spark starts; a tenth of Python's default."""


def begin(*, with_spark: bool, for_few_messages: bool) -> None:
    """Start Spark in the background, which the second notebook needs."""
    # Py4J reports calls that the kernel's end has interrupted, to a stream that is already closed.
    logging.raiseExceptions = False
    if with_spark:
        options = _QUICK if for_few_messages else ""
        threading.Thread(target=_start_spark, args=[options], name="spark-start", daemon=True).start()


def _start_spark(java_options: str) -> None:
    from etl.jobs.consume.spark.session import spark_session
    from etl.settings import Settings

    # Each answer of the JVM waits until the thread that imports modules gives way.
    usual = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH_SECONDS)
    try:
        spark_session(Settings.load(), java_options=java_options)
    except Exception:  # noqa: BLE001
        return  # The job that needs Spark tries again, and reports the error.
    finally:
        sys.setswitchinterval(usual)


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
