"""Superset's databases: its metadata and, with a read-only role, the data; each in the embedded PostgreSQL or elsewhere.

The metadata database also records what was done to it (`Memory`), so that this record cannot outlive it or be lost before it.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy import URL, make_url

from etl.database import Product, database_url
from etl.errors import ServiceUnavailable
from etl.services.process import Progress, Service, write_private
from etl.services.superset import user_database
from etl.services.superset.keys import secret
from etl.services.superset.user_database import READER
from etl.settings import Settings

METADATA = "superset"
"""Name of the metadata database, and of the role that owns it."""
_CONNECT_SECONDS = 10


@dataclass(frozen=True)
class Connections:
    """The addresses of Superset's metadata and of the data."""

    metadata: str = field(repr=False)
    """With its password."""
    data_url: str
    """Without a password, as it is in the metadata."""
    data_password: str | None = field(repr=False)
    product: Product
    """The product that holds the data."""

    def write(self, file: Path) -> None:
        """Write them to a file for `superset_config.py`, readable by the owner only."""
        content = {"metadata": self.metadata, "data": {"url": self.data_url, "password": self.data_password}}
        text = json.dumps(content)
        if not file.exists() or file.read_text("utf-8") != text:
            write_private(file, text)


def ensure(settings: Settings, folder: Path, server: Service | None, tell: Progress) -> Connections:
    """Create missing databases and roles; existing ones are not changed.

    :param server: the embedded PostgreSQL; None: neither metadata nor data are in it.
    :raises ConfigurationError: the data are in the user's own database, and no reading user is given or may be created, or
        the given one may write; or a driver is missing; or the URL for the metadata cannot be used.
    """
    metadata = user_database.metadata(settings)
    if metadata is None:
        metadata = _embedded_metadata(folder, _url_of(server))
    data = user_database.reader(settings, folder, tell) or _embedded_data(folder, _url_of(server))
    product = user_database.product_of_data(settings)
    # Not `set`: it treats None as "unchanged".
    data_url = product.dashboard_url(data)._replace(password=None)
    return Connections(
        metadata=metadata.set(drivername="postgresql+psycopg2").render_as_string(hide_password=False),
        data_url=data_url.render_as_string(hide_password=False),
        data_password=data.password,
        product=product,
    )


@contextlib.contextmanager
def _connect(url: URL, **parts: Any) -> Iterator[psycopg.Connection[Any]]:
    plain = url.set(drivername="postgresql", **parts).render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True, connect_timeout=_CONNECT_SECONDS) as connection:
        yield connection


# --- the embedded server ---------------------------------------------------------------------------------------------


def _url_of(server: Service | None) -> URL:
    if server is None:
        raise ServiceUnavailable("The embedded PostgreSQL is not running.", remedy="Start it with `python -m etl up`.")
    return make_url(server.endpoint)


def _embedded_metadata(folder: Path, url: URL) -> URL:
    _ensure_role(url, METADATA, secret(folder / "metadata.password"))
    with _connect(url, database="postgres") as connection:
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (METADATA,)).fetchone():
            name = sql.Identifier(METADATA)
            connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(name, name))
            connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(name))
    return url.set(username=METADATA, password=secret(folder / "metadata.password"), database=METADATA)


def embedded_reader(settings: Settings, folder: Path) -> URL:
    """The data in the embedded server, as the role that can only read; the role is created where there is none.

    :param folder: of Superset's files, which has the role's password.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return _embedded_data(folder, database_url(settings))


def _embedded_data(folder: Path, url: URL) -> URL:
    password = secret(folder / "reader.password")
    _ensure_role(url, READER, password)
    with _connect(url) as connection:
        if connection.execute(_GRANTED, {"reader": READER}).fetchone() != (True,):
            for statement in _grants(url):
                connection.execute(statement)
    return url.set(username=READER, password=password)


# The read-only setting is made last: if it exists, everything else was done, except for tables of other owners.
_GRANTED = """
    SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = %(reader)s AND 'default_transaction_read_only=on' = ANY (rolconfig))
       AND NOT EXISTS (SELECT FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm')
                       AND NOT has_table_privilege(%(reader)s, oid, 'SELECT'))
"""


def _grants(url: URL) -> list[sql.Composed]:
    """The rights of the reader in docs/security.md."""
    names = {"database": url.database or "", "owner": url.username or "", "reader": READER}
    identifiers = {name: sql.Identifier(value) for name, value in names.items()}
    return [
        sql.SQL(statement).format(**identifiers)
        for statement in (
            "REVOKE ALL ON DATABASE {database} FROM PUBLIC",
            "GRANT CONNECT ON DATABASE {database} TO {reader}",
            "GRANT USAGE ON SCHEMA public TO {reader}",
            "GRANT SELECT ON ALL TABLES IN SCHEMA public TO {reader}",
            "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA public GRANT SELECT ON TABLES TO {reader}",
            # Large objects need no permission on any table, and a chart's expression can call functions.
            "REVOKE EXECUTE ON FUNCTION lo_creat(integer), lo_create(oid), lo_from_bytea(oid, bytea) FROM PUBLIC",
            "ALTER ROLE {reader} SET default_transaction_read_only = on",
        )
    ]


def _ensure_role(url: URL, name: str, password: str) -> None:
    """A role that can sign in with this password; the password is set again if it was lost on either side."""
    with _connect(url, database="postgres") as connection:
        existing = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (name,)).fetchone()
        if existing and _can_sign_in(url, name, password):
            return
        # Encrypted here, so that the password itself cannot get into a log of the server.
        encrypted = connection.pgconn.encrypt_password(password.encode(), name.encode(), b"scram-sha-256").decode()
        verb = sql.SQL("ALTER ROLE" if existing else "CREATE ROLE")
        connection.execute(
            sql.SQL("{} {} LOGIN PASSWORD {}").format(verb, sql.Identifier(name), sql.Literal(encrypted))
        )


def _can_sign_in(url: URL, name: str, password: str) -> bool:
    try:
        with _connect(url, username=name, password=password, database="postgres"):
            return True
    except psycopg.OperationalError:
        return False


# --- what was done ---------------------------------------------------------------------------------------------------


class Memory:
    """What was done to the metadata database: a few named values that are stored in it."""

    def __init__(self, connections: Connections) -> None:
        self._url = make_url(connections.metadata)

    def read(self) -> dict[str, Any]:
        with _connect(self._url) as connection:
            connection.execute("CREATE SCHEMA IF NOT EXISTS notebook_etl")
            connection.execute("CREATE TABLE IF NOT EXISTS notebook_etl.memory (name text PRIMARY KEY, value jsonb)")
            return dict(connection.execute("SELECT name, value FROM notebook_etl.memory").fetchall())

    def write(self, **values: Any) -> None:
        with _connect(self._url) as connection, connection.transaction():
            for name, value in values.items():
                connection.execute(
                    "INSERT INTO notebook_etl.memory VALUES (%s, %s) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                    (name, json.dumps(value)),
                )
