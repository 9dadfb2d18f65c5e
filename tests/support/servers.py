"""The database servers of a test run. Each test gets its own database, and looks into it as an outsider does."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from typing import Any, Protocol

import psycopg
import tenacity
from sqlalchemy import Engine, make_url

from etl.database import make_engine, transaction
from etl.database.schema.migrations import migrate
from etl.errors import EtlError
from etl.settings import Settings
from tests.support.portable import json_of, tsql_of

SQLSERVER_URL = "ETL_TEST_SQLSERVER_URL"
_ENDLESS_KEYS = """
SELECT column_of.attrelid::regclass::text, column_of.attname
FROM pg_index AS key
JOIN pg_attribute AS column_of ON column_of.attrelid = key.indrelid AND column_of.attnum = ANY (key.indkey)
JOIN pg_class AS held ON held.oid = key.indrelid
WHERE held.relnamespace = 'public'::regnamespace AND column_of.atttypmod = -1
    AND column_of.atttypid IN ('text'::regtype, 'varchar'::regtype)
"""
TEMPLATE = "migrated"
"""The database every test's own is copied from on PostgreSQL."""


class DatabaseServer(Protocol):
    """Where tests have their databases."""

    def create(self, database: str, *, empty: bool = False) -> None:
        """Make a database, with the audit tables or without."""
        ...

    def drop(self, database: str) -> None: ...

    def url(self, database: str) -> str: ...

    def sql(self, database: str, query: str) -> list[tuple[Any, ...]]:
        """The rows of a query, which is written for PostgreSQL (tests/support/portable.py); of a change none."""
        ...


class PostgreSQLServer:
    """PostgreSQL, started by the test run.

    :param portable: queries must be such that they could be asked of SQL Server.
    """

    def __init__(self, url: str, *, portable: bool = False) -> None:
        self._url = url
        self._portable = portable

    def connect(self, database: str = "etl", **options: Any) -> psycopg.Connection[Any]:
        return psycopg.connect(self.url(database).replace("+psycopg", ""), **options)

    def url(self, database: str) -> str:
        return self._url.rpartition("/")[0] + "/" + database

    def create(self, database: str, *, empty: bool = False) -> None:
        template = "template0" if empty else TEMPLATE
        with self.connect(autocommit=True) as connection:
            _wait_for_others(connection, template)
            connection.execute(f"CREATE DATABASE {database} TEMPLATE {template}".encode())

    def drop(self, database: str) -> None:
        endless = self._endless_keys(database) if self._portable else []
        with self.connect(autocommit=True) as connection:
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [database])
            _wait_for_others(connection, database)
            connection.execute(f"DROP DATABASE {database} WITH (FORCE)".encode())
        assert endless == [], f"SQL Server takes no key with a text of any length: {endless}"

    def _endless_keys(self, database: str) -> list[tuple[Any, ...]]:
        with self.connect(database) as connection:
            return connection.execute(_ENDLESS_KEYS).fetchall()

    def sql(self, database: str, query: str) -> list[tuple[Any, ...]]:
        if self._portable:
            tsql_of(query)
        with self.connect(database) as connection:
            done = connection.execute(query.encode())
            return done.fetchall() if done.description else []


def _wait_for_others(connection: psycopg.Connection[Any], database: str) -> None:
    """Until no session uses a database: PostgreSQL itself gives up after 5 s when it is to be copied or dropped."""
    others = "SELECT FROM pg_stat_activity WHERE datname = %s AND backend_type = 'client backend'"
    while connection.execute(others, [database]).fetchone() is not None:
        pass


class SQLServerServer:
    """The SQL Server of ETL_TEST_SQLSERVER_URL, whose login may create databases (docs/sqlserver.md)."""

    def __init__(self, url: str) -> None:
        self._url = make_url(url)

    def url(self, database: str) -> str:
        return self._url.set(database=database).render_as_string(hide_password=False)

    def create(self, database: str, *, empty: bool = False) -> None:
        self._administer(f"CREATE DATABASE {database}")
        # What only resembles SQL Server may not know it, and then needs it not.
        with contextlib.suppress(EtlError):
            self._administer(f"ALTER DATABASE {database} SET READ_COMMITTED_SNAPSHOT ON")
        if not empty:
            with self._engine(database) as engine:
                migrate(engine)

    def drop(self, database: str) -> None:
        with contextlib.suppress(EtlError):
            self._administer(f"ALTER DATABASE {database} SET SINGLE_USER WITH ROLLBACK IMMEDIATE")
        self._administer(f"DROP DATABASE {database}")

    def drop_login(self, name: str) -> None:
        """Drop a login that a test made in the server; there may be none."""
        with contextlib.suppress(EtlError):
            self._administer(f"DROP LOGIN {name}")

    def sql(self, database: str, query: str) -> list[tuple[Any, ...]]:
        with self._engine(database) as engine, transaction(engine) as connection:
            done = connection.exec_driver_sql(tsql_of(query))
            if not done.returns_rows:
                return []
            are_json = [name in json_of(query) for name in [*done.keys()]]
            return [tuple(map(_value, row, are_json)) for row in done]

    def _administer(self, statement: str) -> None:
        with self._engine(self._url.database or "master") as engine:
            autocommit = engine.execution_options(isolation_level="AUTOCOMMIT")
            with transaction(autocommit) as connection:
                connection.exec_driver_sql(statement)

    @contextlib.contextmanager
    def _engine(self, database: str) -> Iterator[Engine]:
        engine = make_engine(Settings.load(database_url=self.url(database)))
        try:
            yield engine
        finally:
            engine.dispose()


def _value(found: Any, is_json: bool) -> Any:
    """A value as PostgreSQL's driver gives it."""
    return json.loads(found) if is_json and found is not None else found


def sqlserver_url() -> str:
    """Where the tests find a SQL Server; empty where there is none."""
    return os.environ.get(SQLSERVER_URL, "")


if __name__ == "__main__":
    # `python -m tests.support.servers` waits for a container that is starting.
    server = SQLServerServer(sqlserver_url())
    patiently = tenacity.retry(stop=tenacity.stop_after_delay(120), wait=tenacity.wait_fixed(1), reraise=True)
    print(patiently(server.sql)("master", "SELECT 1"))
