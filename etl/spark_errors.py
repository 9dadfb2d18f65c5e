"""Errors of Spark's JVM as errors of ours.

Python gets them as text with the names of Java classes and, from the system, the text of `strerror`; both are stable.
"""

from __future__ import annotations

import os
import re

from py4j.protocol import Py4JJavaError

from etl import broker, storage
from etl.errors import EtlError, PermanentError
from etl.settings import Settings

# All retriable: https://kafka.apache.org/43/javadoc/org/apache/kafka/common/errors/RetriableException.html
_KAFKA_AWAY = re.compile(
    r"org\.apache\.kafka\.common\.errors\."
    r"(Timeout|Disconnect|Network|BrokerNotAvailable|LeaderNotAvailable|NotLeaderOrFollower|CoordinatorNotAvailable)Exception"
    r"|TimeoutException: Cannot fetch record"
)
_PATH = re.compile(r"(?:file:)?(/[^\s:()\[\],]+)")


def explain(settings: Settings, error: BaseException) -> BaseException:
    """Kafka being away, a full or closed disk, or else whatever made Spark stop; a Python error passes as it is."""
    from pyspark.errors import PySparkException

    if not isinstance(error, PySparkException | Py4JJavaError):
        return error
    told = "\n".join(_chain(error))
    return _of_disk(settings, told) or _of_kafka(settings, told) or _unknown(told)


def _chain(error: BaseException) -> list[str]:
    """What an error and its causes in the JVM say."""
    found: list[str] = []
    following: BaseException | None = error
    while following is not None:
        found.append(str(following))
        following = getattr(following, "_cause", None)
    return found


def _of_disk(settings: Settings, told: str) -> EtlError | None:
    for number in storage.REMEDIES:
        said = re.search(rf".*{re.escape(os.strerror(number))}.*", told)
        if said:
            path = _PATH.search(said.group())
            return storage.storage_error(settings, number, path.group(1) if path else None)
    return None


def _of_kafka(settings: Settings, told: str) -> EtlError | None:
    said = _KAFKA_AWAY.search(told)
    return broker.unreachable(settings, f"Spark: {said.group().rpartition('.')[2]}") if said else None


def _unknown(told: str) -> EtlError:
    return PermanentError(
        f"Spark stopped reading: {told.strip().splitlines()[0][:400]}", remedy="Spark's log: .services/spark.log"
    )
