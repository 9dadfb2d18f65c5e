"""The database of the settings: its URL, engines, transactions, the feed's lock. The same for every product."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, BinaryIO

from sqlalchemy import URL, Column, Connection, Dialect, Engine, Select, Table, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, InvalidRequestError
from sqlalchemy.types import TypeEngine

from etl.database.postgresql.product import PostgreSQL
from etl.database.product import Limits, Product
from etl.database.sqlserver.product import SQLServer
from etl.database.stage import Stage
from etl.errors import AlreadyRunning, ConfigurationError, EtlError, ServiceUnavailable
from etl.settings import Settings

if TYPE_CHECKING:
    import pyarrow as pa

PRODUCTS: tuple[Product, ...] = (PostgreSQL(), SQLServer())
_BY_DIALECT = {"postgresql": PRODUCTS[0], "mssql": PRODUCTS[1]}
_TRANSACTION = "etl_transaction"
"""Of a connection's options: which transaction has taken a lock."""
_BROKE = "broke off the connection in the middle. Nothing was committed."
_AGAIN = "Run again; if it happens again, look into the server's log."
_SECRET = ("password", "passfile", "sslpassword", "pwd", "accesstoken")
_URL_REMEDY = (
    f"Use the form {' or '.join(product.example for product in PRODUCTS)} (special characters percent-encoded)."
)


def product_of(dialect: Dialect) -> Product:
    """The product that a dialect speaks to."""
    return _BY_DIALECT[dialect.name]


def product_named(name: str) -> Product:
    """A product by its name.

    :raises ConfigurationError: there is none of this name.
    """
    match = next((product for product in PRODUCTS if product.name == name), None)
    if match is None:
        names = ", ".join(product.name for product in PRODUCTS)
        raise ConfigurationError(f"{name!r} is not a known database product.", remedy=f"Known: {names}.")
    return match


def database_url(settings: Settings) -> URL:
    """The URL to connect to, with the driver that we use.

    :raises ConfigurationError: it is no URL, or names a database that is not supported.
    """
    return read_url(settings.database().get_secret_value())


def read_url(text: str) -> URL:
    """A URL from a setting, with the driver that we use.

    :raises ConfigurationError: it is no URL, or names a database that is not supported; says ETL_DATABASE_URL.
    """
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        # The text itself is not shown: it may hold a password.
        raise ConfigurationError("ETL_DATABASE_URL is not a database URL.", remedy=_URL_REMEDY) from None
    return product_of_url(url).complete(url)


def product_of_url(url: URL) -> Product:
    """The product that a URL leads to.

    :raises ConfigurationError: it is not supported.
    """
    match = next((product for product in PRODUCTS if url.drivername in product.schemes), None)
    if match is None:
        raise ConfigurationError(f"ETL_DATABASE_URL: {url.drivername!r} is not supported.", remedy=_URL_REMEDY)
    return match


def shown_url(settings: Settings) -> str:
    """The URL for people: without a password, neither before the host nor among the options."""
    url = database_url(settings)
    secret = [name for name in url.query if name.lower() in _SECRET]
    return url.difference_update_query(secret).set(drivername=url.get_backend_name()).render_as_string()


def database_title(settings: Settings) -> str:
    """The product's name, for people."""
    return product_of_url(database_url(settings)).title


def product_in(settings: Settings) -> Product:
    """The product of the database of the settings, which need not answer; PostgreSQL where none was started yet."""
    return product_of_url(database_url(settings)) if settings.database_url else PRODUCTS[0]


def place_of(engine: Engine) -> str:
    """Host, port and database, for people."""
    url = engine.url
    return f"{url.host}:{url.port or product_of(engine.dialect).port}/{url.database}"


def client_url(settings: Settings) -> str:
    """The URL as other clients understand it, with its password."""
    url = database_url(settings)
    return product_of_url(url).client_url(url).render_as_string(hide_password=False)


def make_engine(
    settings: Settings,
    *,
    application: str = "etl",
    statement_seconds: float | None = None,
    url: URL | None = None,
    **more: Any,
) -> Engine:
    """An engine whose connections give up in bounded time and speak UTC. Nothing is connected yet.

    :param statement_seconds: longest time for a statement; None: `settings.statement_timeout_seconds`.
    :param url: instead of that of the settings; as `read_url` gives it.
    :param more: other fields of `Limits`.
    :raises ConfigurationError: this machine lacks a driver; says which, and how to install it.
    """
    url = url or database_url(settings)
    limits = Limits(
        f"notebook-{application}",
        settings.database_timeout_seconds,
        statement_seconds or settings.statement_timeout_seconds,
        **more,
    )
    return product_of_url(url).make_engine(url, limits)


def dispose(engine: Engine) -> None:
    """Close an engine's connections, and free its memory.

    SQLAlchemy keeps every dialect that has read a catalogue, with its statements, in caches of the dialect's class; in a
    process that runs jobs for weeks, a hundred of them would slow down the garbage collector.
    """
    engine.dispose()
    for kind in type(engine.dialect).__mro__:
        for attribute in vars(kind).values():
            if clear := getattr(attribute, "cache_clear", None):
                clear()


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """One transaction: committed at the end, rolled back on any error; the database's errors become ours."""
    raw_error = engine.dialect.loaded_dbapi.Error
    try:
        with engine.connect() as connection:
            begun = connection.begin()
            try:
                yield connection
                _require_same(connection)
                begun.commit()
            except InvalidRequestError as error:
                # SQLAlchemy's own, about a result or connection that is closed: mostly because the server is gone.
                is_gone = not _answers(connection)
                _roll_back(connection, error, raw_error)
                if is_gone:
                    raise ServiceUnavailable(f"The database {place_of(engine)} {_BROKE}", remedy=_AGAIN) from error
                raise
            except BaseException as error:
                _roll_back(connection, error, raw_error)
                raise
    except (DBAPIError, raw_error) as error:
        raise translate_error(error, engine) from error


def _require_same(connection: Connection) -> None:
    """Refuse to commit only a part: a server may end a transaction unnoticed by its client, and begin another one.

    :raises ServiceUnavailable: the transaction is not the one that took the feed's lock.
    """
    noted = connection.get_execution_options().get(_TRANSACTION)
    if noted is not None and product_of(connection.dialect).transaction_id(connection) != noted:
        where = place_of(connection.engine)
        raise ServiceUnavailable(
            f"The database {where} ended the transaction by itself. Nothing of it was committed.", remedy=_AGAIN
        )


def _answers(connection: Connection) -> bool:
    """Whether the connection is there, and the server at its other end."""
    if connection.invalidated or connection.closed:
        return False
    try:
        return bool(connection.dialect.do_ping(connection.connection.dbapi_connection))  # type: ignore[arg-type]
    except Exception:  # noqa: BLE001 - each driver has its own exceptions
        return False


def _roll_back(connection: Connection, error: BaseException, raw_error: type[Exception]) -> None:
    """Roll back after an error, also where the connection or its transaction is gone already. It does not raise: the error
    to report is the first one.

    SQLAlchemy does not notice a failure of a bulk call that is made directly to the driver; its pool must drop such a
    connection.
    """
    if connection.invalidated or connection.closed:
        return
    driver: Any = connection.connection.driver_connection
    if isinstance(error, raw_error) and connection.dialect.is_disconnect(error, driver, None):  # type: ignore[arg-type]
        connection.invalidate()
        return
    try:
        connection.rollback()
    except (DBAPIError, raw_error):
        connection.invalidate()


def translate_error(error: BaseException, engine: Engine) -> EtlError:
    """Translate a database's error into an `EtlError` with its code and first line; never its detail, which may hold row data."""
    return product_of(engine.dialect).translate_error(error, engine.url)


def try_lock_feed(connection: Connection, feed: str) -> bool:
    """Take the feed's lock in the database until the transaction ends; False where another session holds it.

    A transaction that has taken a lock is committed as a whole, or not at all.
    """
    resource = f"etl:{feed}"
    if not product_of(connection.dialect).try_lock(connection, resource):
        return False
    if _TRANSACTION not in connection.get_execution_options():
        connection.execution_options(**{_TRANSACTION: product_of(connection.dialect).transaction_id(connection)})
    return True


def lock_feed(connection: Connection, feed: str) -> None:
    """Hold the feed's lock in the database until the transaction ends.

    It guards against a loader on another machine, which the lock file cannot see.

    :raises AlreadyRunning: another session holds it.
    """
    if not try_lock_feed(connection, feed):
        raise AlreadyRunning(
            f"Another loader is loading feed {feed} into this database.",
            remedy="Wait until it has ended. A loader without connection loses the lock within ETL_STATEMENT_TIMEOUT_SECONDS.",
        )


def keep_in_temporary(connection: Connection, name: str, query: Select[Any]) -> Table:
    """The result of a query as a temporary table of this connection, with statistics; it replaces one of the same name."""
    return product_of(connection.dialect).keep(connection, name, query)


def read_table(connection: Connection, query: Select[Any], schema: pa.Schema) -> pa.Table:
    """The result of a query as an Arrow table, as fast as the driver can: numbers, moments and booleans, no text.

    Only doubles may be NULL; NaN becomes NULL. The result must be smaller than 1 GB.

    :param schema: names and types of the columns, in the query's order: int64, double, timestamp or bool.
    """
    return product_of(connection.dialect).read(connection, query, schema)


def copy_csv(connection: Connection, query: Select[Any], sink: BinaryIO) -> int:
    """Write the result of a query as CSV with a header, as a stream; returns its rows."""
    return product_of(connection.dialect).write_csv(connection, query, sink)


def stream_csv(connection: Connection, query: Select[Any]) -> Generator[bytes, None, int]:
    """The result of a query as CSV with a header, in blocks; close it where it is not read to its end."""
    return product_of(connection.dialect).stream_csv(connection, query)


def insert_rows(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert some rows, all with the same columns, in bulk; there may be none."""
    if rows:
        product_of(connection.dialect).insert_rows(connection, table, rows)


def holds_later(connection: Connection, column: Column[Any], moment: datetime | None) -> bool:
    """Whether a table has a row with a later time in one of its columns; without a moment: any row."""
    return product_of(connection.dialect).holds_later(connection, column, moment)


def make_stage(connection: Connection, table: Table, columns: list[str]) -> Stage:
    """A temporary table with some columns of a table, gone when the transaction ends."""
    return product_of(connection.dialect).make_stage(connection, table, columns)


def type_name(kind: TypeEngine[Any], dialect: Dialect) -> str:
    """A column's type as text; equal for a type that was declared and the one that was read back from the database."""
    return product_of(dialect).type_name(kind, dialect)
