"""A Spark cluster instead of this machine's threads: what it needs, checked before anything is read.

Executors write part files into the folder that the driver names, and the driver counts, hashes and renames them. So `output/`
must be one folder that every machine of the cluster has under the same path, and the executors must run as the driver's user,
because part files are private. Python runs on an executor only where messages must be decoded.
"""

from __future__ import annotations

import re
import secrets
import socket
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from etl.audit.retry import retrying
from etl.errors import ServiceUnavailable, StorageError
from etl.settings import Settings
from etl.storage import files

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_LOCAL = re.compile(r"local(\[.*\])?")
_STANDALONE = "spark://"
_HOST = re.compile(r"\((\S+) executor \w+\)")
"""In Spark's message about a failed task."""
_CONNECT_SECONDS = 5.0
_SETTLED_SECONDS = 1.0
"""Executors join one by one; when none has joined for this long, those that are there are examined."""
_TASKS_PER_CORE = 4
"""Spark distributes tasks among all free cores, so a few for each core reach every executor."""
_REMEDY = (
    "Mount it on every machine of the cluster under this same path, and run the workers as the user who runs the jobs"
    " (docs/scale.md); then run again. Nothing was read."
)

_proven: set[tuple[str, ...]] = set()
"""Application, folder and executors that have proven to write into that folder."""


def is_cluster(settings: Settings) -> bool:
    """Whether executors are separate processes, perhaps on other machines."""
    return _LOCAL.fullmatch(settings.spark_master) is None


def configuration(jars: Iterable[Path]) -> dict[str, str]:
    """What the session needs beyond a local one. How executors reach the driver, and their size, is set in Spark's own
    `spark-defaults.conf`.

    :param jars: the driver serves them to its executors.
    """
    return {"spark.jars": ",".join(jar.as_uri() for jar in jars)}


def require_master(settings: Settings) -> None:
    """Try whether a standalone master accepts connections. Spark itself tries for a minute, and its error says little.

    :raises ServiceUnavailable: none of the masters in the URL does.
    """
    if settings.spark_master.startswith(_STANDALONE):
        retrying(settings, "reaching Spark's master", lambda: _reach(settings.spark_master))


def _reach(master: str) -> None:
    for address in master.removeprefix(_STANDALONE).split(","):
        host, _, port = address.rpartition(":")
        with suppress(OSError, ValueError), socket.create_connection((host, int(port)), timeout=_CONNECT_SECONDS):
            return
    raise ServiceUnavailable(
        f"No Spark master answers at {master}.", remedy="Start it, or correct ETL_SPARK_MASTER; then run again."
    )


def require_shared(settings: Settings, spark: SparkSession, folder: Path, *, again: bool = False) -> None:
    """Let every executor write a random word into a folder, and read these words here.

    :param again: also ask executors that have proven it before.
    :raises ServiceUnavailable: the cluster provides no executor within `settings.spark_executor_seconds`.
    :raises StorageError: what an executor writes there does not arrive, or cannot be read here; names the folder and the hosts.
    """
    if again:
        _proven.clear()
    executors = _executors(settings, spark)
    proof = (str(spark.sparkContext.applicationId), str(folder), *sorted(executors))
    if proof in _proven:
        return
    trial = folder / f"{files.TEMPORARY_PREFIX}shared-{secrets.token_hex(8)}"
    try:
        trial.mkdir()
        if missing := _hosts_without_words(spark, trial):
            raise StorageError(
                f"{folder} is not the same folder everywhere: what Spark's executors write there on {', '.join(missing)} does"
                " not arrive here.",
                remedy=_REMEDY,
            )
    finally:
        _remove_trial(trial)
    _proven.add(proof)


def _executors(settings: Settings, spark: SparkSession) -> frozenset[str]:
    """Host and port of every executor, after the first has joined and while no further one joins."""
    began = changed = time.monotonic()
    executors = _present_executors(spark)
    pause = threading.Event()
    while len(executors) < 2 or time.monotonic() - changed < _SETTLED_SECONDS:  # the driver counts as one
        if _is_proven(spark, executors):
            break
        if len(executors) < 2 and time.monotonic() - began > settings.spark_executor_seconds:
            raise ServiceUnavailable(
                f"Spark's cluster {settings.spark_master} provided no executor within {settings.spark_executor_seconds:g} s.",
                remedy="Its workers are unavailable, busy, or have less memory or cores than an executor needs: the master's page"
                " shows them. spark.executor.memory and spark.cores.max are in spark-defaults.conf (docs/scale.md).",
            )
        pause.wait(0.1)
        before, executors = executors, _present_executors(spark)
        changed = changed if executors == before else time.monotonic()
    return executors


def _present_executors(spark: SparkSession) -> frozenset[str]:
    context: Any = spark.sparkContext._jsc.sc()
    return frozenset(context.getExecutorMemoryStatus().keys().mkString(" ").split())


def _is_proven(spark: SparkSession, executors: frozenset[str]) -> bool:
    application, names = str(spark.sparkContext.applicationId), tuple(sorted(executors))
    return any(proof[0] == application and proof[2:] == names for proof in _proven)


def _hosts_without_words(spark: SparkSession, trial: Path) -> list[str]:
    """The hosts of executors that answer but whose word is not in the folder."""
    from py4j.protocol import Py4JJavaError
    from pyspark.errors import PySparkException
    from pyspark.sql import functions as F

    tasks = _TASKS_PER_CORE * spark.sparkContext.defaultParallelism
    calls = ("java.net.InetAddress', 'getLocalHost", "java.lang.ProcessHandle', 'current")
    names = [F.expr(f"coalesce(try_reflect('{call}'), 'unknown')") for call in calls]
    asked = spark.range(0, tasks, 1, tasks).select(F.concat_ws(" ", *names).alias("executor"))
    # One answer goes over the network, the other through the folder.
    answered = {row.executor for row in asked.collect()}
    word = secrets.token_hex(8)
    try:
        asked.select(F.concat_ws(" ", F.lit(word), "executor")).write.text(files.hadoop_path(trial / "words"))
    except (PySparkException, Py4JJavaError) as error:
        host = _HOST.search(str(error))
        raise StorageError(
            f"Spark's executor on {host.group(1) if host else 'some machine'} cannot write into {trial.parent}.",
            remedy=_REMEDY,
        ) from error
    arrived = {line.removeprefix(f"{word} ") for line in _written_lines(trial) if line.startswith(word)}
    return sorted({executor.partition(" ")[0] for executor in answered - arrived})


def _written_lines(trial: Path) -> list[str]:
    try:
        return [line for file in sorted(trial.glob("words/part-*")) for line in file.read_text("utf-8").splitlines()]
    except PermissionError as error:
        raise StorageError(
            f"{error.strerror}: what Spark's executors write into {trial.parent} cannot be read by this user.",
            remedy=_REMEDY,
        ) from None


def _remove_trial(trial: Path) -> None:
    with suppress(OSError):  # what another user's executors have written; the next job names it again
        files.remove_folder(trial)
