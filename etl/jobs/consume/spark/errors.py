"""Errors of Spark's JVM as errors of ours.

Python gets them as text with the names of Java classes and, from the system, the text of `strerror`; both are stable.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

from py4j.protocol import Py4JJavaError

from etl.errors import EtlError, PermanentError
from etl.settings import Settings
from etl.storage import disk_errors
from etl.storage import kafka as broker

# All retriable: https://kafka.apache.org/43/javadoc/org/apache/kafka/common/errors/RetriableException.html
_KAFKA_AWAY = re.compile(
    r"org\.apache\.kafka\.common\.errors\."
    r"(Timeout|Disconnect|Network|BrokerNotAvailable|LeaderNotAvailable|NotLeaderOrFollower|CoordinatorNotAvailable)Exception"
    r"|TimeoutException: Cannot fetch record"
)
_CALL = "An error occurred while calling "
_PATH = re.compile(r"(?:file:)?(/[^\s:()\[\],]+)")


@contextmanager
def explaining(settings: Settings) -> Iterator[None]:
    """Kafka being away, a full or closed disk, or else whatever made Spark stop; Python errors pass as they are."""
    from pyspark.errors import PySparkException

    try:
        yield
    except (PySparkException, Py4JJavaError) as error:
        told = "\n".join(_chain(error))
        raise _of_disk(settings, told) or _of_kafka(settings, told) or _unknown(told) from error


def is_unknown(settings: Settings, error: BaseException) -> bool:
    """Whether Spark failed neither for Kafka's sake nor for a disk's."""
    told = "\n".join(_chain(error))
    return not (_of_disk(settings, told) or _of_kafka(settings, told))


def _chain(error: BaseException) -> list[str]:
    """What an error and its causes in the JVM say."""
    found: list[str] = []
    following: BaseException | None = error
    while following is not None:
        found.append(str(following))
        following = getattr(following, "_cause", None)
    return found


def _of_disk(settings: Settings, told: str) -> EtlError | None:
    for number in disk_errors.REMEDIES:
        said = re.search(rf".*{re.escape(os.strerror(number))}.*", told)
        if said:
            path = _PATH.search(said.group())
            return disk_errors.storage_error(settings, number, path.group(1) if path else None)
    return None


def _of_kafka(settings: Settings, told: str) -> EtlError | None:
    said = _KAFKA_AWAY.search(told)
    return broker.unreachable(settings, f"Spark: {said.group().rpartition('.')[2]}") if said else None


def _unknown(told: str) -> EtlError:
    # Py4J's own first line only names a call.
    lines = [line.removeprefix(": ") for line in told.strip().splitlines() if not line.startswith(_CALL)]
    return PermanentError(
        f"Spark stopped reading: {(lines or [told])[0][:400]}", remedy="Spark's log: .services/spark.log"
    )
