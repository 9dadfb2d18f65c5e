"""Translates errors of Spark's JVM into the project's errors.

Python gets them as text, with names of Java classes and the system's text of `strerror`; both are stable.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

from py4j.protocol import Py4JJavaError

from etl.errors import ConfigurationError, EtlError, PermanentError, ServiceUnavailable
from etl.settings import Settings
from etl.storage import disk_errors
from etl.storage import kafka as broker

# All retriable: https://kafka.apache.org/39/javadoc/org/apache/kafka/common/errors/RetriableException.html
_KAFKA_AWAY = re.compile(
    r"org\.apache\.kafka\.common\.errors\."
    r"(Timeout|Disconnect|Network|BrokerNotAvailable|LeaderNotAvailable|NotLeaderOrFollower|CoordinatorNotAvailable)Exception"
    r"|TimeoutException: Cannot fetch record"
)
_KAFKA_REFUSES = re.compile(
    r"org\.apache\.kafka\.common\.errors\.(?P<reason>\w*AuthorizationException)(?::[^\n]*topics: \[(?P<topic>[^\]\n]+)\])?"
)
_KAFKA_LOGIN = re.compile(
    r"org\.apache\.kafka\.common\.errors\.S(?:sl|asl)AuthenticationException: (?P<cause>[^\n]{1,300})"
)
_CALL = "An error occurred while calling "
_OWN_KINDS: dict[str, type[EtlError]] = {kind.__name__: kind for kind in (ServiceUnavailable, ConfigurationError)}
_OWN = re.compile(rf"^\s*etl\.errors\.(?P<kind>{'|'.join(_OWN_KINDS)}): (?P<cause>.+)\n(?P<remedy>.*)", re.MULTILINE)
"""The last lines of a traceback in Python."""
_PATH = re.compile(r"(?:file:)?(/[^\s:()\[\],]+)")


@contextmanager
def translated(settings: Settings) -> Iterator[None]:
    """Translate an error of Spark's JVM; Python errors pass unchanged.

    :raises ServiceUnavailable: Kafka or the schema registry does not answer.
    :raises ConfigurationError: the schema registry refuses the user, or Kafka does so after it has let the first client in.
    :raises MissingRight: the user may not read the topic.
    :raises StorageError: a disk is full or cannot be written.
    :raises PermanentError: Spark stopped for another reason.
    """
    from pyspark.errors import PySparkException

    try:
        yield
    except (PySparkException, Py4JJavaError) as error:
        text = "\n".join(_cause_texts(error))
        raise _known_error(settings, text) or _unknown_error(text) from error


def is_unknown(settings: Settings, error: BaseException) -> bool:
    """Whether the cause is neither Kafka, nor the schema registry, nor a disk."""
    return _known_error(settings, "\n".join(_cause_texts(error))) is None


def _known_error(settings: Settings, text: str) -> EtlError | None:
    return _own_error(text) or _disk_error(settings, text) or _kafka_error(settings, text)


def _own_error(text: str) -> EtlError | None:
    """An error of this project, raised by Python on an executor."""
    match = _OWN.search(text)
    return _OWN_KINDS[match["kind"]](match["cause"], remedy=match["remedy"]) if match else None


def _cause_texts(error: BaseException) -> list[str]:
    """The texts of an error and of its causes in the JVM."""
    texts: list[str] = []
    cause: BaseException | None = error
    while cause is not None:
        texts.append(str(cause))
        cause = getattr(cause, "_cause", None)
    return texts


def _disk_error(settings: Settings, text: str) -> EtlError | None:
    for number in disk_errors.REMEDIES:
        match = re.search(rf".*{re.escape(os.strerror(number))}.*", text)
        if match:
            path = _PATH.search(match.group())
            return disk_errors.storage_error(settings, number, path.group(1) if path else None)
    return None


def _kafka_error(settings: Settings, text: str) -> EtlError | None:
    if match := _KAFKA_REFUSES.search(text):
        what = f"read topic {match['topic']!r}" if match["topic"] else "read"
        return broker.refused(settings, what, match["reason"])
    if match := _KAFKA_LOGIN.search(text):
        return ConfigurationError(
            f"Kafka at {settings.kafka()} and Spark do not come to terms about TLS or the login: {match['cause']}",
            remedy="Set ETL_KAFKA_CA_FILE: without it Spark trusts Java's authorities alone. Check ETL_KAFKA_SASL_* too.",
        )
    match = _KAFKA_AWAY.search(text)
    return broker.unreachable(settings, f"Spark: {match.group().rpartition('.')[2]}") if match else None


def _unknown_error(text: str) -> EtlError:
    # Py4J's own first line only names a call.
    lines = [line.removeprefix(": ") for line in text.strip().splitlines() if not line.startswith(_CALL)]
    return PermanentError(
        f"Spark stopped reading: {(lines or [text])[0][:400]}", remedy="Spark's log: .services/spark.log"
    )
