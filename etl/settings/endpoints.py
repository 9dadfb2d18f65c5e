"""Addresses of the embedded services: the current ones, and those of earlier starts.

`python -m etl env` exports them to a shell, which keeps them while services stop and their ports change. A setting that names
one of them means the embedded service, and not one of the user. No password is compared or kept.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

_HERE = {"localhost": "127.0.0.1", "::1": "127.0.0.1"}
_KEPT = 100


@dataclass(frozen=True)
class Known:
    """Addresses that the embedded services of a home have or had."""

    kafka: tuple[str, ...] = ()
    """`host:port`, the newest last."""
    database: tuple[str, ...] = ()
    """`user@host:port/database`, the newest last."""

    def with_endpoints(self, endpoints: Mapping[str, str]) -> Known:
        """These and those of `endpoints.json`; beyond 100 the oldest are dropped."""
        bootstrap, url = endpoints.get("kafka_bootstrap"), endpoints.get("database_url")
        kafka = _brokers(bootstrap) if bootstrap else ()
        place = database_place(url) if url else None
        return Known(_joined(self.kafka, kafka), _joined(self.database, [place] if place else ()))

    def is_kafka(self, bootstrap: str) -> bool:
        """Whether each of these bootstrap servers is the embedded broker."""
        brokers = _brokers(bootstrap)
        return bool(brokers) and set(brokers) <= set(self.kafka)

    def is_database(self, url: str) -> bool:
        """Whether a URL, with any driver, names the embedded database and its user."""
        return database_place(url) in self.database


def read(file: Path) -> Known:
    """The addresses in a file; none if the file is missing or damaged."""
    try:
        found = json.loads(file.read_text("utf-8"))
        return Known(tuple(map(str, found["kafka"])), tuple(map(str, found["database"])))
    except (OSError, ValueError, KeyError, TypeError):
        return Known()


def database_place(url: str) -> str | None:
    """User, host, port and database of a URL: `user@host:port/database`; None if it is not a URL."""
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        found = make_url(url)
    except (ArgumentError, ValueError):
        return None
    host = str(found.host or found.query.get("host") or "").lower()
    port = found.port or found.query.get("port") or ""
    user = found.username or found.query.get("user") or ""
    return f"{user}@{_HERE.get(host, host)}:{port}/{found.database or found.query.get('dbname') or user}"


def _brokers(bootstrap: str) -> tuple[str, ...]:
    places = (place.strip().lower().rpartition(":") for place in bootstrap.split(",") if place.strip())
    return tuple(f"{_HERE.get(host.strip('[]'), host)}:{port}" for host, _, port in places)


def _joined(old: Iterable[str], new: Iterable[str]) -> tuple[str, ...]:
    latest = tuple(new)
    return (*(place for place in old if place not in latest), *latest)[-_KEPT:]
