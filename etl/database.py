"""Engines, transactions, locks and bulk insert: what depends on the database product, and nothing else does."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pyarrow as pa
from psycopg import Connection as PsycopgConnection
from psycopg import sql
from pyarrow import csv
from sqlalchemy import URL, Connection, Engine, Table, create_engine, func, make_url, select, text
from sqlalchemy.exc import ArgumentError, DBAPIError

from etl.errors import AlreadyRunning, ConfigurationError, EtlError, PermanentError, ServiceUnavailable
from etl.settings import Settings

COPY_BLOCK_BYTES = 256 << 10
# SQLSTATE classes: https://www.postgresql.org/docs/18/errcodes-appendix.html
_WRONG_LOGIN = ("28", "3D")
_TRANSIENT = ("08", "40", "53", "57")


def database_url(settings: Settings) -> URL:
    """The URL to connect to, with the driver that we use.

    :raises ConfigurationError: it is no URL, or names a database that is not supported.
    """
    try:
        url = make_url(settings.database().get_secret_value())
    except (ArgumentError, ValueError):
        # The text itself is not shown: it may hold a password.
        raise ConfigurationError("ETL_DATABASE_URL is not a database URL.", remedy=_URL_REMEDY) from None
    if url.drivername in ("postgresql", "postgres"):
        url = url.set(drivername="postgresql+psycopg")
    if url.drivername != "postgresql+psycopg":
        raise ConfigurationError(f"ETL_DATABASE_URL: {url.drivername!r} is not supported.", remedy=_URL_REMEDY)
    if not url.host or not url.database:
        raise ConfigurationError("ETL_DATABASE_URL lacks the host or the database.", remedy=_URL_REMEDY)
    return url


_URL_REMEDY = "Use the form postgresql://user:password@host:5432/database (special characters percent-encoded)."


def make_engine(settings: Settings, *, application: str = "etl") -> Engine:
    """An engine whose connections give up in bounded time and speak UTC. Nothing is connected yet."""
    engine = create_engine(
        database_url(settings),
        pool_size=3,
        connect_args={
            "connect_timeout": settings.database_timeout_seconds,
            "application_name": f"notebook-{application}",
            "options": "-c timezone=UTC",
            # A server that vanished without a word is noticed within this time, not after the system's two hours.
            "tcp_user_timeout": 30_000,
            "keepalives_idle": 20,
        },
    )
    return engine


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """One transaction: committed at the end, rolled back on any error; the database's errors become ours."""
    try:
        with engine.begin() as connection:
            yield connection
    except (DBAPIError, psycopg.Error) as error:
        raise explain(error, engine.url) from error


def explain(error: DBAPIError | psycopg.Error, url: URL) -> EtlError:
    """The database's error as one of ours. Keeps its code and first line; never its detail, which may hold row data."""
    origin = error.orig if isinstance(error, DBAPIError) else error
    state = getattr(origin, "sqlstate", None) or ""
    where = f"{url.host}:{url.port or 5432}/{url.database}"
    text_of_error = str(origin).strip()
    if state.startswith(_WRONG_LOGIN) or "FATAL:" in text_of_error:
        return ConfigurationError(
            f"The database {where} refuses user {url.username!r}: {text_of_error.rpartition('FATAL:')[2].strip()}.",
            remedy="Check user, password and database name in ETL_DATABASE_URL.",
        )
    # A quoted value in the first line may be data, so the line is cut before it.
    said = (text_of_error.splitlines() or ["no message"])[0].partition(': "')[0]
    if isinstance(origin, psycopg.OperationalError) and (not state or state.startswith(_TRANSIENT)):
        return ServiceUnavailable(
            f"The database {where} does not answer: {said}.",
            remedy="Check ETL_DATABASE_URL and that the server is up (`python -m etl doctor`; embedded: `python -m etl up`).",
        )
    return PermanentError(f"The database {where} refused a statement: {said} (SQLSTATE {state or 'unknown'}).")


def lock_feed(connection: Connection, feed: str) -> None:
    """Hold the feed's lock in the database until the transaction ends.

    It guards against a loader on another machine, which the lock file cannot see.

    :raises AlreadyRunning: another session holds it.
    """
    key = zlib.crc32(f"etl:{feed}".encode())
    if not connection.scalar(select(func.pg_try_advisory_xact_lock(key))):
        raise AlreadyRunning(
            f"Another loader is loading feed {feed} into this database.", remedy="Wait until it has ended."
        )


def make_stage(connection: Connection, table: Table, columns: list[str]) -> Stage:
    """A temporary table with some columns of a table, gone when the transaction ends."""
    stage = Stage(connection, table, columns)
    stage.create()
    return stage


class Stage:
    """Rows on their way into a table: copied in bulk, then inserted where the table does not have them yet."""

    def __init__(self, connection: Connection, table: Table, columns: list[str]) -> None:
        self.connection = connection
        self.table = table
        self.columns = columns
        self.name = f"stage_{table.name}"

    def create(self) -> None:
        statement = sql.SQL("CREATE TEMPORARY TABLE {} ON COMMIT DROP AS SELECT {} FROM {} WITH NO DATA").format(
            sql.Identifier(self.name), self._names(), sql.Identifier(self.table.name)
        )
        # The first row with a key wins, so the stage must be read in the order in which it was written.
        self.connection.execute(text("SET LOCAL synchronize_seqscans = off"))
        self._driver().execute(statement)

    def copy(self, rows: pa.Table) -> None:
        """Append typed rows; the columns are those of the stage, in its order."""
        sink = pa.BufferOutputStream()
        csv.write_csv(rows, sink, csv.WriteOptions(include_header=False))
        buffer = memoryview(sink.getvalue())
        statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv)").format(sql.Identifier(self.name), self._names())
        with self._driver().cursor() as cursor, cursor.copy(statement) as copy:
            for start in range(0, len(buffer), COPY_BLOCK_BYTES):
                copy.write(buffer[start : start + COPY_BLOCK_BYTES])

    def insert_new(self, constants: dict[str, Any]) -> int:
        """Insert the staged rows whose key the table does not hold; returns how many those were.

        :param constants: columns that have one value for all rows.
        """
        statement = sql.SQL("INSERT INTO {} ({}, {}) SELECT {}, {} FROM {} ON CONFLICT DO NOTHING").format(
            sql.Identifier(self.table.name),
            self._names(),
            sql.SQL(", ").join(map(sql.Identifier, constants)),
            self._names(),
            sql.SQL(", ").join(map(sql.Literal, constants.values())),
            sql.Identifier(self.name),
        )
        with self._driver().cursor() as cursor:
            cursor.execute(statement)
            return int(cursor.rowcount)

    def _names(self) -> sql.Composed:
        return sql.SQL(", ").join(map(sql.Identifier, self.columns))

    def _driver(self) -> PsycopgConnection[Any]:
        driver = self.connection.connection.driver_connection
        if not isinstance(driver, PsycopgConnection):
            raise ConfigurationError(f"Not a psycopg connection: {type(driver).__name__}.", remedy=_URL_REMEDY)
        return driver
