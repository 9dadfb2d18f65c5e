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
"""Of a cycle. What the first one has imported stays, and need not be looked through for garbage after each notebook."""
_clearings = itertools.count(1)


def begin(*, with_spark: bool) -> None:
    """Begin what takes long, in the background: the first notebook needs pandas and plots, the second one Spark."""
    # Py4J reports calls that a kernel's end has cut off, to a stream that is closed by then.
    logging.raiseExceptions = False
    if with_spark:
        threading.Thread(target=_start_spark, name="spark-start", daemon=True).start()


def _start_spark() -> None:
    from etl.jobs.consume.spark.session import spark_session
    from etl.settings import Settings

    try:
        spark_session(Settings.load())
    except Exception:  # noqa: BLE001
        return  # The job that needs Spark tries anew, and says what is wrong.


def clear() -> None:
    """Leave nothing of a notebook to the next one: no names, plots, environment variables, no other folder.

    Imported modules stay, and with them the Spark session. Code that was changed on disk is not seen.
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
