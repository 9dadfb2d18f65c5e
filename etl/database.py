"""Engines, transactions, locks and bulk insert: what depends on the database product, and nothing else does."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, BinaryIO

import psycopg
import pyarrow as pa
from psycopg import Connection as PsycopgConnection
from psycopg import sql
from pyarrow import csv
from sqlalchemy import (
    URL,
    Connection,
    CreateTableAs,
    DateTime,
    Double,
    Engine,
    MetaData,
    Select,
    String,
    Table,
    create_engine,
    event,
    func,
    make_url,
    select,
    text,
)
from sqlalchemy import Column as SqlColumn
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.schema import DropTable
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from etl.bounded import BoundedConnection
from etl.errors import AlreadyRunning, ConfigurationError, EtlError, PermanentError, ServiceUnavailable
from etl.settings import Settings

COPY_BLOCK_BYTES = 256 << 10
_ROW = "stage_row"
# SQLSTATE classes: https://www.postgresql.org/docs/18/errcodes-appendix.html
_WRONG_LOGIN = ("28", "3D")
_FORBIDDEN = "42501"
_TRANSIENT = ("08", "40", "53", "57")
_IN_VAIN = {
    "55P03": (
        "another session holds a lock that was waited for in vain",
        "Look for an open transaction on the same table (pg_stat_activity, pg_blocking_pids); then run again.",
    ),
    "57014": (
        "a statement took too long",
        "Look at what the server is busy with (pg_stat_activity), or raise ETL_STATEMENT_TIMEOUT_SECONDS; then run again.",
    ),
    "25P03": ("the session was idle for too long", "Raise ETL_STATEMENT_TIMEOUT_SECONDS; then run again."),
}
_LOCK_SECONDS = 60.0
# A connection that fails has no SQLSTATE in libpq, only the server's text. One that is not understood counts as transient.
_REFUSED_LOGIN = re.compile(r"FATAL:.*(authentication failed|does not exist|no pg_hba\.conf entry)")


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


def shown_url(settings: Settings) -> str:
    """The URL without any password, for people: also not one that is given as an option of the query."""
    url = database_url(settings)
    secret = [name for name in url.query if name.lower() in ("password", "passfile", "sslpassword", "pwd")]
    return url.difference_update_query(secret).set(drivername=url.get_backend_name()).render_as_string()


_URL_REMEDY = "Use the form postgresql://user:password@host:5432/database (special characters percent-encoded)."


def make_engine(settings: Settings, *, application: str = "etl", statement_seconds: float | None = None) -> Engine:
    """An engine whose connections give up in bounded time and speak UTC. Nothing is connected yet.

    :param statement_seconds: how long a statement may take; `settings.statement_timeout_seconds` where it is None.
    """
    seconds = statement_seconds or settings.statement_timeout_seconds
    engine = create_engine(
        database_url(settings),
        pool_size=3,
        # A connection that lay idle while Spark was reading may be dead by now.
        pool_pre_ping=True,
        connect_args={
            "connect_timeout": settings.database_timeout_seconds,
            "application_name": f"notebook-{application}",
            "options": _session_options(seconds),
            # A server that vanished without a word is noticed within this time, not after the system's two hours.
            "tcp_user_timeout": 30_000,
            "keepalives_idle": 20,
        },
        # What is bound to a statement may be row data, and tracebacks stand in notebooks and on terminals.
        hide_parameters=True,
    )

    @event.listens_for(engine, "do_connect")
    def connect(dialect: Any, record: Any, arguments: list[Any], options: dict[str, Any]) -> BoundedConnection:
        connection = BoundedConnection.connect(*arguments, **options)
        # A little longer than the server's own limit: one that lives says itself that it gave up, and why.
        connection.patience_seconds = seconds * 1.1 + 1.0
        return connection

    return engine


def _session_options(seconds: float) -> str:
    """What the server itself ends: long statements, long waits for locks, and sessions whose client has gone silent.

    A session that lives on without its client would hold the feed's lock. While it waits for COPY data PostgreSQL heeds no
    timeout; then keepalives find out.
    """
    limits = {
        "timezone": "UTC",
        "statement_timeout": f"{seconds * 1000:.0f}",
        "lock_timeout": f"{min(seconds / 2, _LOCK_SECONDS) * 1000:.0f}",
        "idle_in_transaction_session_timeout": f"{seconds * 1000:.0f}",
        "tcp_keepalives_idle": "30",
        "tcp_keepalives_interval": "10",
        "tcp_keepalives_count": "3",
    }
    return " ".join(f"-c {name}={value}" for name, value in limits.items())


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """One transaction: committed at the end, rolled back on any error; the database's errors become ours."""
    try:
        with engine.begin() as connection, _noticing_loss(connection):
            yield connection
    except (DBAPIError, psycopg.Error) as error:
        raise explain(error, engine.url) from error


@contextmanager
def _noticing_loss(connection: Connection) -> Iterator[None]:
    """Tell SQLAlchemy of a connection that broke in a call made past it (COPY), so that its pool forgets it.

    The rollback would fail as well, and hide the first error behind "the connection is closed".
    """
    try:
        yield
    except psycopg.Error:
        driver = connection.connection.driver_connection
        if isinstance(driver, PsycopgConnection) and driver.closed:
            connection.invalidate()
        raise


def explain(error: DBAPIError | psycopg.Error, url: URL) -> EtlError:
    """The database's error as one of ours. Keeps its code and first line; never its detail, which may hold row data."""
    origin = error.orig if isinstance(error, DBAPIError) else error
    state = getattr(origin, "sqlstate", None) or ""
    where = f"{url.host}:{url.port or 5432}/{url.database}"
    text_of_error = str(origin).strip()
    if state.startswith(_WRONG_LOGIN) or (not state and _REFUSED_LOGIN.search(text_of_error)):
        return ConfigurationError(
            f"The database {where} refuses user {url.username!r}: {text_of_error.rpartition('FATAL:')[2].strip()}.",
            remedy="Check user, password and database name in ETL_DATABASE_URL.",
        )
    # A quoted value in the first line may be data, so the line is cut before it.
    said = (text_of_error.splitlines() or ["no message"])[0].partition(': "')[0]
    if state in _IN_VAIN:
        what, remedy = _IN_VAIN[state]
        return ServiceUnavailable(f"The database {where}: {what} ({said}).", remedy=remedy)
    if isinstance(origin, psycopg.OperationalError) and (not state or state.startswith(_TRANSIENT)):
        return ServiceUnavailable(
            f"The database {where} does not answer: {said}.",
            remedy="Check ETL_DATABASE_URL and that the server is up (`python -m etl doctor`; embedded: `python -m etl up`).",
        )
    remedy = ""
    if state == _FORBIDDEN:
        remedy = (
            f"User {url.username!r} lacks the right. Tables are made by `python -m etl init`, run as a role that may create"
            " them; docs/security.md has the rights of each role."
        )
    return PermanentError(
        f"The database {where} refused a statement: {said} (SQLSTATE {state or 'unknown'}).", remedy=remedy
    )


def lock_feed(connection: Connection, feed: str) -> None:
    """Hold the feed's lock in the database until the transaction ends.

    It guards against a loader on another machine, which the lock file cannot see.

    :raises AlreadyRunning: another session holds it.
    """
    key = zlib.crc32(f"etl:{feed}".encode())
    if not connection.scalar(select(func.pg_try_advisory_xact_lock(key))):
        raise AlreadyRunning(
            f"Another loader is loading feed {feed} into this database.",
            remedy="Wait until it has ended. One that lost its connection lets go within ETL_STATEMENT_TIMEOUT_SECONDS.",
        )


class window_start(FunctionElement[datetime]):
    """The beginning of the tumbling window in which a time lies; windows are aligned to 1970-01-01 UTC.

    Arguments: the time, and the window's length in seconds as a literal.
    """

    inherit_cache = True
    type = DateTime(timezone=True)


class add_seconds(FunctionElement[datetime]):
    """A time, so many seconds later."""

    inherit_cache = True
    type = DateTime(timezone=True)


class seconds_since(FunctionElement[float]):
    """How long ago a time is, in seconds."""

    inherit_cache = True
    type = Double()


class sample_deviation(FunctionElement[float]):
    """The standard deviation of a sample; NULL for a single value."""

    inherit_cache = True
    type = Double()


@compiles(window_start, "postgresql")
def _window_start(element: window_start, compiler: SQLCompiler, **kw: Any) -> str:
    time, seconds = (compiler.process(part, **kw) for part in element.clauses)
    return f"date_bin(make_interval(secs => {seconds}), {time}, TIMESTAMPTZ '1970-01-01 00:00:00+00')"


@compiles(add_seconds, "postgresql")
def _add_seconds(element: add_seconds, compiler: SQLCompiler, **kw: Any) -> str:
    time, seconds = (compiler.process(part, **kw) for part in element.clauses)
    return f"({time} + make_interval(secs => {seconds}))"


@compiles(seconds_since, "postgresql")
def _seconds_since(element: seconds_since, compiler: SQLCompiler, **kw: Any) -> str:
    return f"CAST(extract(epoch FROM now() - {compiler.process(element.clauses, **kw)}) AS double precision)"


@compiles(seconds_since, "mssql")
def _seconds_since_tsql(element: seconds_since, compiler: SQLCompiler, **kw: Any) -> str:
    return f"DATEDIFF_BIG(millisecond, {compiler.process(element.clauses, **kw)}, SYSDATETIMEOFFSET()) / CAST(1000 AS float)"


@compiles(sample_deviation, "postgresql")
def _sample_deviation(element: sample_deviation, compiler: SQLCompiler, **kw: Any) -> str:
    return f"stddev_samp({compiler.process(element.clauses, **kw)})"


def keep_in_temporary(connection: Connection, name: str, query: Select[Any]) -> Table:
    """The result of a query as a temporary table of this connection, with statistics; it takes the place of its namesake."""
    create = CreateTableAs(query, name, temporary=True)
    connection.execute(DropTable(create.table, if_exists=True))
    connection.execute(create)
    connection.execute(text(f"ANALYZE {connection.dialect.identifier_preparer.format_table(create.table)}"))
    return create.table


def copy_csv(connection: Connection, query: Select[Any], sink: BinaryIO) -> int:
    """Write the result of a query as CSV with a header, as a stream; returns its rows."""
    statement = query.compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True})
    with _driver(connection).cursor() as cursor:
        with cursor.copy(f"COPY ({statement}) TO STDOUT (FORMAT csv, HEADER)".encode()) as copy:
            for block in copy:
                sink.write(block)
        return int(cursor.rowcount)


def read_table(connection: Connection, query: Select[Any], schema: pa.Schema) -> pa.Table:
    """The result of a query as an Arrow table, many times faster than row by row.

    :param schema: names and types of the columns, in the query's order.
    """
    statement = query.compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True})
    sink = pa.BufferOutputStream()
    with (
        _driver(connection).cursor() as cursor,
        cursor.copy(f"COPY ({statement}) TO STDOUT (FORMAT csv)".encode()) as copy,
    ):
        for block in copy:
            sink.write(block)
    if not sink.tell():
        return schema.empty_table()
    types = {field.name: field.type for field in schema}
    return csv.read_csv(
        pa.BufferReader(sink.getvalue()),
        csv.ReadOptions(column_names=schema.names),
        csv.ParseOptions(newlines_in_values=True),
        csv.ConvertOptions(
            column_types=types,
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            null_values=[""],
            true_values=["t"],
            false_values=["f"],
        ),
    )


def make_stage(connection: Connection, table: Table, columns: list[str]) -> Stage:
    """A temporary table with some columns of a table, gone when the transaction ends."""
    stage = Stage(connection, table, columns)
    stage.create()
    return stage


@dataclass(frozen=True)
class Refused:
    """A row that the database itself refuses: its number in the stage, and the SQLSTATE."""

    row: int
    state: str


class Stage:
    """Rows on their way into a table: copied in bulk, then inserted where the table does not have them yet.

    The stage holds text as text and everything else as the table does, but none of the table's constraints, so that only
    the insert can be refused.
    """

    def __init__(self, connection: Connection, table: Table, columns: list[str]) -> None:
        self.connection = connection
        self.table = table
        self.columns = columns
        self.name = f"stage_{table.name}"
        self.rows = 0

    def create(self) -> None:
        definitions = [
            sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(self._type(name))) for name in self.columns
        ]
        # Rows are numbered as they come: the first row with a key wins, and a refused one can be named.
        statement = sql.SQL("CREATE TEMPORARY TABLE {} ({} bigint, {}) ON COMMIT DROP").format(
            sql.Identifier(self.name), sql.Identifier(_ROW), sql.SQL(", ").join(definitions)
        )
        self.connection.execute(text("SET LOCAL synchronize_seqscans = off"))
        self._driver().execute(statement)

    @property
    def rows_table(self) -> Table:
        """The staged rows, for queries."""
        return Table(self.name, MetaData(), *(SqlColumn(name, self.table.c[name].type) for name in self.columns))

    def copy(self, rows: pa.Table) -> None:
        """Append typed rows; the columns are those of the stage, in its order."""
        numbers = pa.array(range(self.rows, self.rows + rows.num_rows), pa.int64())
        sink = pa.BufferOutputStream()
        csv.write_csv(rows.add_column(0, _ROW, numbers), sink, csv.WriteOptions(include_header=False))
        buffer = memoryview(sink.getvalue())
        statement = sql.SQL("COPY {} ({}, {}) FROM STDIN (FORMAT csv)").format(
            sql.Identifier(self.name), sql.Identifier(_ROW), self._names()
        )
        with self._driver().cursor() as cursor, cursor.copy(statement) as copy:
            for start in range(0, len(buffer), COPY_BLOCK_BYTES):
                copy.write(buffer[start : start + COPY_BLOCK_BYTES])
        self.rows += rows.num_rows

    def insert_new(self, constants: dict[str, Any]) -> tuple[int, list[Refused]]:
        """Insert the staged rows whose key the table does not hold.

        Where the database refuses rows (a check of its own, a shorter column), these are found by halving and left out.

        :param constants: columns that have one value for all rows.
        :returns: how many rows were inserted, and which were refused.
        """
        return self._insert(constants, 0, self.rows)

    def read(self, row: int) -> dict[str, Any]:
        """One staged row."""
        statement = sql.SQL("SELECT {} FROM {} WHERE {} = %s").format(
            self._names(), sql.Identifier(self.name), sql.Identifier(_ROW)
        )
        found = self._driver().execute(statement, (row,)).fetchone()
        return dict(zip(self.columns, found or (), strict=True))

    def _insert(self, constants: dict[str, Any], first: int, end: int) -> tuple[int, list[Refused]]:
        """Insert rows `first` to `end`; when they are refused together, each half by itself."""
        if first >= end:
            return 0, []
        try:
            with self._driver().transaction(), self._driver().cursor() as cursor:
                cursor.execute(self._insertion(constants, first, end))
                return int(cursor.rowcount), []
        except (psycopg.DataError, psycopg.IntegrityError) as error:
            if end - first == 1:
                return 0, [Refused(first, error.sqlstate or "")]
        middle = (first + end) // 2
        left, right = self._insert(constants, first, middle), self._insert(constants, middle, end)
        return left[0] + right[0], left[1] + right[1]

    def _insertion(self, constants: dict[str, Any], first: int, end: int) -> sql.Composed:
        everything = first == 0 and end == self.rows
        some = sql.SQL(" WHERE {0} >= {1} AND {0} < {2}").format(
            sql.Identifier(_ROW), sql.Literal(first), sql.Literal(end)
        )
        return sql.SQL("INSERT INTO {} ({}, {}) SELECT {}, {} FROM {}{} ON CONFLICT DO NOTHING").format(
            sql.Identifier(self.table.name),
            self._names(),
            sql.SQL(", ").join(map(sql.Identifier, constants)),
            self._names(),
            sql.SQL(", ").join(map(sql.Literal, constants.values())),
            sql.Identifier(self.name),
            sql.SQL("") if everything else some,
        )

    def _type(self, column: str) -> str:
        kind = self.table.c[column].type
        return "text" if isinstance(kind, String) else kind.compile(self.connection.dialect)

    def _names(self) -> sql.Composed:
        return sql.SQL(", ").join(map(sql.Identifier, self.columns))

    def _driver(self) -> PsycopgConnection[Any]:
        return _driver(self.connection)


def _driver(connection: Connection) -> PsycopgConnection[Any]:
    driver = connection.connection.driver_connection
    if not isinstance(driver, PsycopgConnection):
        raise ConfigurationError(f"Not a psycopg connection: {type(driver).__name__}.", remedy=_URL_REMEDY)
    return driver
