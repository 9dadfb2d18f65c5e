"""Connects to Kafka. Where nobody answers, it looks at the brokers' addresses, and says what stands in the way.

Kafka's client tries again until its time is over, and then only tells that: whether the name is unknown, nobody listens, TLS
fails or the broker ends every connection, it has forgotten.
"""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from kafka.admin import KafkaAdminClient
from kafka.errors import BrokerResponseError, KafkaError

from etl.errors import EtlError, MissingRight, ServiceUnavailable
from etl.settings import Settings

_LOOK_SECONDS = 2.0
_REFUSAL = re.compile(r"\[Error \d+\] (\w+AuthorizationFailedError)")
"""How kafka-python names such an answer of a broker, also in the text of another error."""
_DEFAULT_PORT = 9092
_ADDRESS = "Check ETL_KAFKA_BOOTSTRAP and that the broker is up (`python -m etl doctor`; embedded: `python -m etl up`)."
_ADVERTISED = (
    "Check that this broker is up. If this machine cannot reach it, correct the broker's `advertised.listeners`."
)
_TLS = (
    "Check ETL_KAFKA_SECURITY_PROTOCOL, and ETL_KAFKA_CA_FILE where the broker's certificate is of your own authority."
)
_LOGIN = (
    " A broker also ends the connections of a user whom it does not know: check ETL_KAFKA_SASL_USERNAME,"
    " ETL_KAFKA_SASL_PASSWORD, ETL_KAFKA_SASL_MECHANISM and ETL_KAFKA_SECURITY_PROTOCOL."
)
_RIGHTS = (
    "Have the user allowed to describe and read the topic; and to write to it, and create it, where readings are sent."
    " docs/security.md names the rights."
)

_ANSWERED = "Correct what it names; if it names nothing of yours, the broker's log says more."


class _Obstacle(NamedTuple):
    """What stands between this machine and an address, and the remedy."""

    cause: str
    remedy: str


def hurried(settings: Settings) -> Settings:
    """For what is not worth waiting for where Kafka is down: a fifth of the time, 3 s by default.

    Of the 10 s after which Prometheus gives up on metrics, most are left.
    """
    return settings.model_copy(update={"kafka_timeout_seconds": settings.kafka_timeout_seconds / 5})


def client_config(settings: Settings) -> dict[str, Any]:
    """Keyword arguments for every kafka-python client."""
    milliseconds = int(settings.kafka_timeout_seconds * 1000)
    config: dict[str, Any] = {
        "bootstrap_servers": settings.kafka(),
        "client_id": "notebook-etl",
        "bootstrap_timeout_ms": milliseconds,
        "request_timeout_ms": milliseconds,
        "security_protocol": settings.kafka_security_protocol,
    }
    if settings.kafka_ca_file:
        config["ssl_cafile"] = str(settings.kafka_ca_file)
    if settings.kafka_security_protocol.startswith("SASL"):
        password = settings.kafka_sasl_password
        config |= {
            "sasl_mechanism": settings.kafka_sasl_mechanism,
            "sasl_plain_username": settings.kafka_sasl_username,
            "sasl_plain_password": password.get_secret_value() if password else None,
        }
    return config


@contextmanager
def admin(settings: Settings, what: str = "") -> Iterator[KafkaAdminClient]:
    """An admin client, closed at the end; Kafka's errors are translated.

    :param what: what is done, as of `failure`.
    :raises ServiceUnavailable: Kafka did not answer in time; with what stands in the way.
    :raises MissingRight: the user may not do it.
    """
    client = None
    try:
        client = KafkaAdminClient(**client_config(settings))
        yield client
    except KafkaError as error:
        raise failure(settings, error, what, _named_by_brokers(client)) from error
    finally:
        if client is not None:
            client.close()


def failure(settings: Settings, error: KafkaError, what: str = "", brokers: Sequence[str] = ()) -> EtlError:
    """The error to raise for one of kafka-python's: something is not allowed, the broker has another error, or it did not answer.

    :param what: what was to be done, such as `create topic 'x'`.
    :param brokers: as of `unreachable`.
    """
    what = what or "do this"
    if (reason := refusal(error)) is not None:
        return refused(settings, what, reason)
    if isinstance(error, BrokerResponseError):
        # Without the text of the instance, which can be the whole request.
        return ServiceUnavailable(
            f"Kafka at {settings.kafka()} has an error where it is to {what}: {type(error).__name__}. {error.description}",
            remedy=_ANSWERED,
        )
    return unreachable(settings, error, brokers)


def unreachable(settings: Settings, error: Exception | str, brokers: Sequence[str] = ()) -> ServiceUnavailable:
    """The error to raise when Kafka did not answer, with what is found at its addresses now.

    :param brokers: the addresses that the brokers themselves have given, where one has answered at all.
    """
    login = _LOGIN if settings.kafka_security_protocol.startswith("SASL") else ""
    found = _first_obstacle(settings, brokers) or _Obstacle(str(error), _ADDRESS + login)
    return ServiceUnavailable(
        f"Kafka at {settings.kafka()} did not answer within {settings.kafka_timeout_seconds:g} s ({found.cause}).",
        remedy=found.remedy,
    )


def refusal(error: KafkaError) -> str | None:
    """The name of a broker's answer that something is not allowed; None: the error is another one.

    A producer that may write to no topic at all gives it only in the text of an error.
    """
    found = _REFUSAL.search(str(error))
    return found[1] if found else None


def refused(settings: Settings, what: str, reason: str) -> MissingRight:
    """The error to raise when Kafka does not allow something; `what` follows `to`, and `reason` is Kafka's name for it."""
    user = repr(settings.kafka_sasl_username) if settings.kafka_sasl_username else "without a name"
    return MissingRight(f"Kafka at {settings.kafka()} does not allow user {user} to {what} ({reason}).", remedy=_RIGHTS)


def _named_by_brokers(client: KafkaAdminClient | None) -> list[str]:
    """The addresses by which the brokers want to be called; none if none of them has answered."""
    # kafka-python has no public name for it: `describe_cluster` would ask a broker, which is what has just failed.
    known = client._manager.cluster.brokers() if client is not None else ()
    return sorted(f"{broker.host}:{broker.port}" for broker in known)


def _first_obstacle(settings: Settings, brokers: Sequence[str]) -> _Obstacle | None:
    """Of the addresses that are set, one that can be reached is enough; of those that brokers have given, each is needed."""
    given = [address.strip() for address in settings.kafka().split(",")]
    found = {address: _obstacle(settings, address) for address in brokers or given}
    if not brokers and None in found.values():
        return None
    for address, obstacle in found.items():
        if obstacle is not None and address not in given and obstacle.remedy == _ADDRESS:
            return _Obstacle(f"its broker wants to be called {address}, and {obstacle.cause}", _ADVERTISED)
        if obstacle is not None:
            return obstacle
    return None


def _obstacle(settings: Settings, address: str) -> _Obstacle | None:
    """What stands in the way to an address; None: it takes connections."""
    name, _, port = address.rpartition(":") if ":" in address else (address, "", str(_DEFAULT_PORT))
    host = name.strip("[]")
    try:
        with socket.create_connection((host, int(port)), timeout=_LOOK_SECONDS) as connection:
            if "SSL" in settings.kafka_security_protocol:
                context = ssl.create_default_context(cafile=settings.kafka_ca_file)
                context.wrap_socket(connection, server_hostname=host).close()
    except socket.gaierror:
        return _Obstacle(f"this machine knows no host {host!r}", _ADDRESS)
    except ConnectionRefusedError:
        return _Obstacle(f"nobody listens on {address}", _ADDRESS)
    except ssl.SSLError as error:
        reason = getattr(error, "verify_message", None) or error.reason
        return _Obstacle(f"no TLS with {address}: {reason}", _TLS)
    except (OSError, ValueError) as error:
        return _Obstacle(f"no connection to {address}: {error}", _ADDRESS)
    return None
