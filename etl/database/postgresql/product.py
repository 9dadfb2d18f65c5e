"""PostgreSQL: sessions, errors, locks, temporary tables and results in bulk, by psycopg."""

from __future__ import annotations

import re
import zlib
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

import psycopg
from psycopg.abc import Buffer
from psycopg.pq import TransactionStatus
from sqlalchemy import (
    URL,
    Column,
    Connection,
    CreateTableAs,
    Dialect,
    Engine,
    Select,
    Table,
    create_engine,
    event,
    func,
    insert,
    select,
)
from sqlalchemy import text as sql_text
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import DropTable
from sqlalchemy.types import TypeEngine

from etl.database import reserved_words
from etl.database.postgresql import ddl
from etl.database.postgresql.connection import BoundedConnection, driver_of
from etl.database.product import AlteredColumn, DependentView, Limits, Product, Rights
from etl.database.stage import Stage
from etl.database.table_limits import BrokenLimit
from etl.errors import ConfigurationError, EtlError, MissingRight, PermanentError, ServiceUnavailable

if TYPE_CHECKING:
    import pyarrow as pa

# SQLAlchemy shortens names of columns in inner queries that come within 6 of it, and then does not find them.
_LONGEST_LABEL = 63 + 6
# SQLSTATE classes: https://www.postgresql.org/docs/18/errcodes-appendix.html
_WRONG_LOGIN = ("28", "3D")
_FORBIDDEN = "42501"
_TRANSIENT = ("08", "40", "53", "57")
_TIMED_OUT = {
    "55P03": (
        "another session holds a lock, and the wait for it timed out",
        "Look for an open transaction on the same table (pg_stat_activity, pg_blocking_pids); then run again.",
    ),
    "57014": (
        "a statement took too long",
        "Look at what the server is busy with (pg_stat_activity), or raise ETL_STATEMENT_TIMEOUT_SECONDS; then run again.",
    ),
    "25P03": ("the session was idle for too long", "Raise ETL_STATEMENT_TIMEOUT_SECONDS; then run again."),
}
# A connection that fails has no SQLSTATE in libpq, only the server's text. One that is not understood counts as transient.
_REFUSED_LOGIN = re.compile(r"FATAL:.*(authentication failed|does not exist|no pg_hba\.conf entry)")


_LACKS_STATISTICS = (
    "SELECT reltuples < 0 AND pg_relation_size(oid) > :size FROM pg_class WHERE oid = to_regclass(quote_ident(:name))"
)
_LARGE_BYTES = 8 << 20
"""From this size on it pays to collect statistics of a table."""
_BLOCK_BYTES = 1 << 18
_TRANSACTION_ID = "SELECT virtualxid FROM pg_locks WHERE locktype = 'virtualxid' AND pid = pg_backend_pid()"


class PostgreSQL(Product):
    """PostgreSQL by psycopg."""

    name = "postgresql"
    title = "PostgreSQL"
    port = 5432
    example = "postgresql://user:password@host:5432/database"
    schemes = ("postgresql", "postgres", "postgresql+psycopg")
    replaces_views = True
    most_columns = ddl.COLUMNS
    batch_end = ";"
    indexes_hold_columns = False
    schema = "public"
    reader_sql = (
        "CREATE ROLE etl_reader LOGIN PASSWORD '…'; GRANT USAGE ON SCHEMA public TO etl_reader;"
        " GRANT SELECT ON ALL TABLES IN SCHEMA public TO etl_reader;"
    )
    dashboard_arguments: ClassVar[dict[str, Any]] = {
        "application_name": "notebook-superset",
        "connect_timeout": 10,
        # As for SSDs: with the server's default a day of one sensor is looked for among the readings of all sensors.
        "options": "-c timezone=UTC -c default_transaction_read_only=on -c statement_timeout=60000 -c random_page_cost=1.1",
    }

    def complete(self, url: URL) -> URL:
        if not url.host or not url.database:
            raise ConfigurationError(
                "ETL_DATABASE_URL lacks the host or the database.",
                remedy=f"Use the form {self.example} (special characters percent-encoded).",
            )
        return url.set(drivername="postgresql+psycopg")

    def client_url(self, url: URL) -> URL:
        """The plain scheme, which psql and others understand as well."""
        return url.set(drivername="postgresql")

    def dashboard_url(self, url: URL) -> URL:
        return url.set(drivername="postgresql+psycopg2")

    def as_user(self, url: URL, name: str, password: str) -> URL:
        return url.set(username=name, password=password)

    def make_engine(self, url: URL, limits: Limits) -> Engine:
        engine = create_engine(
            url,
            pool_size=limits.connections,
            max_identifier_length=_LONGEST_LABEL,
            # A connection that lay idle while Spark was reading may be dead by now.
            pool_pre_ping=True,
            connect_args={
                "connect_timeout": limits.connect_seconds,
                "application_name": limits.application,
                "options": _session_options(limits),
                # A server that vanished silently is noticed within this time, not after the system's two hours.
                "tcp_user_timeout": 30_000,
                "keepalives_idle": 20,
            },
            # What is bound to a statement may be row data, and tracebacks are shown in notebooks and terminals.
            hide_parameters=True,
        )
        reserved_words.quote(engine.dialect, reserved_words.POSTGRESQL)

        @event.listens_for(engine, "do_connect")
        def connect(dialect: Any, record: Any, arguments: list[Any], options: dict[str, Any]) -> BoundedConnection:
            connection = BoundedConnection.connect(*arguments, **options)
            # A little longer than the server's own limit: a live server reports the time-out itself, and its reason.
            connection.patience_seconds = limits.statement_seconds * 1.1 + 1.0
            return connection

        return engine

    def offline(self) -> Dialect:
        dialect = postgresql.dialect(max_identifier_length=_LONGEST_LABEL)  # type: ignore[no-untyped-call]
        reserved_words.quote(dialect, reserved_words.POSTGRESQL)
        return dialect

    def translate_error(self, error: BaseException, url: URL) -> EtlError:
        origin = error.orig if isinstance(error, DBAPIError) else error
        state = getattr(origin, "sqlstate", None) or ""
        where = f"{url.host}:{url.port or self.port}/{url.database}"
        text_of_error = str(origin).strip()
        if state.startswith(_WRONG_LOGIN) or (not state and _REFUSED_LOGIN.search(text_of_error)):
            return ConfigurationError(
                f"The database {where} refuses user {url.username!r}: {text_of_error.rpartition('FATAL:')[2].strip()}.",
                remedy="Check user, password and database name in ETL_DATABASE_URL.",
            )
        # A quoted value in the first line may be data, so the line is cut before it.
        first_line = (text_of_error.splitlines() or ["no message"])[0].partition(': "')[0]
        if state in _TIMED_OUT:
            problem, remedy = _TIMED_OUT[state]
            return ServiceUnavailable(f"The database {where}: {problem} ({first_line}).", remedy=remedy)
        if isinstance(origin, psycopg.OperationalError) and (not state or state.startswith(_TRANSIENT)):
            return ServiceUnavailable(
                f"The database {where} does not answer: {first_line}.",
                remedy="Check ETL_DATABASE_URL and that the server is up (`python -m etl doctor`; embedded: `python -m etl up`).",
            )
        refused = f"The database {where} refused a statement: {first_line} (SQLSTATE {state or 'unknown'})."
        if state == _FORBIDDEN:
            return MissingRight(
                refused,
                remedy=f"User {url.username!r} lacks the right. Tables are made by `python -m etl init`, run as a role that may"
                " create them; docs/security.md has the rights of each role.",
            )
        return PermanentError(refused)

    def try_lock(self, connection: Connection, resource: str) -> bool:
        return bool(connection.scalar(select(func.pg_try_advisory_xact_lock(zlib.crc32(resource.encode())))))

    def transaction_id(self, connection: Connection) -> object:
        # After an error the server answers COMMIT with ROLLBACK, which the driver does not report as an error.
        if driver_of(connection).info.transaction_status == TransactionStatus.INERROR:
            return None
        return connection.exec_driver_sql(_TRANSACTION_ID).scalar()

    def insert_rows(self, connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
        connection.execute(insert(table), list(rows))

    def keep(self, connection: Connection, name: str, query: Select[Any]) -> Table:
        """With statistics: without them the planner assumes that a new table is large."""
        create = CreateTableAs(query, name, temporary=True)
        connection.execute(DropTable(create.table, if_exists=True))
        connection.execute(create)
        connection.execute(sql_text(f"ANALYZE {connection.dialect.identifier_preparer.format_table(create.table)}"))
        return create.table

    def read(self, connection: Connection, query: Select[Any], schema: pa.Schema) -> pa.Table:
        from etl.database.postgresql.read_columns import read_columns

        return read_columns(connection, query, schema)

    def stream_csv(self, connection: Connection, query: Select[Any]) -> Generator[bytes, None, int]:
        """By COPY, which the driver gives row by row."""
        compiled = query.compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True})
        # SQLAlchemy doubles each percent sign; psycopg undoes that only in statements with parameters.
        statement = str(compiled).replace("%%", "%")
        with driver_of(connection).cursor() as cursor:
            with cursor.copy(f"COPY ({statement}) TO STDOUT (FORMAT csv, HEADER)".encode()) as copy:
                yield from _in_blocks(copy)
            return int(cursor.rowcount)

    def holds_later(self, connection: Connection, column: Column[Any], moment: datetime | None) -> bool:
        """With statistics the planner asks sensor by sensor, along their index. A new table has none until autovacuum comes
        by; then it would be read as a whole.
        """
        name = column.table.name
        if moment is not None and connection.scalar(sql_text(_LACKS_STATISTICS), {"name": name, "size": _LARGE_BYTES}):
            quoted = connection.dialect.identifier_preparer.quote(name)
            # Only the owner may do that: for others it is skipped, with a warning.
            connection.execute(sql_text(f"ANALYZE (SKIP_LOCKED) {quoted}"))
        return super().holds_later(connection, column, moment)

    def make_stage(self, connection: Connection, table: Table, columns: list[str]) -> Stage:
        from etl.database.postgresql.stage import CopyStage

        return CopyStage(connection, table, columns)

    def type_name(self, kind: TypeEngine[Any], dialect: Dialect) -> str:
        return kind.compile(dialect)

    def altering(self, table: Table, column: AlteredColumn, dialect: Dialect) -> list[str]:
        return ddl.altering(table, column, dialect)

    def views_upon(self, connection: Connection, names: Iterable[str]) -> list[DependentView]:
        return ddl.views_upon(connection, names)

    def broken_limits(self, table: Table) -> list[BrokenLimit]:
        return ddl.broken_limits(table)

    def rights_on(self, connection: Connection, table: str) -> Rights | None:
        relation = func.to_regclass(table)
        read = func.has_table_privilege(relation, "SELECT")
        write = func.has_table_privilege(relation, "INSERT, UPDATE, DELETE, TRUNCATE")
        may_read, may_write = connection.execute(select(read, write)).one()
        return None if may_read is None else Rights(read=may_read, write=may_write)

    def findings(self, connection: Connection) -> list[tuple[str, str]]:
        return []


def _in_blocks(rows: Iterable[Buffer]) -> Iterator[bytes]:
    # Copied at once: a list of rows would be thousands of objects, which the garbage collector looks through again and again.
    block = bytearray()
    for row in rows:
        block += row
        if len(block) >= _BLOCK_BYTES:
            yield bytes(block)
            block.clear()
    if block:
        yield bytes(block)


def _session_options(limits: Limits) -> str:
    """What the server itself ends: long statements, long waits for locks, and sessions whose client has gone silent.

    A session that survives its client would hold the feed's lock. While it waits for COPY data PostgreSQL ignores its
    timeouts; then keepalives detect it.
    """
    milliseconds = f"{limits.statement_seconds * 1000:.0f}"
    options = {
        "timezone": "UTC",
        "statement_timeout": milliseconds,
        "lock_timeout": f"{limits.lock_seconds * 1000:.0f}",
        "idle_in_transaction_session_timeout": milliseconds,
        "tcp_keepalives_idle": "30",
        "tcp_keepalives_interval": "10",
        "tcp_keepalives_count": "3",
    }
    if limits.is_read_only:
        options["default_transaction_read_only"] = "on"
    return " ".join(f"-c {name}={value}" for name, value in options.items())
