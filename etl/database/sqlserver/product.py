"""SQL Server and Azure SQL, from 2016 on: sessions, locks, temporary tables and results in bulk."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from sqlalchemy import URL, Connection, Dialect, Engine, MetaData, Select, Table, create_engine, event
from sqlalchemy import Column as SqlColumn
from sqlalchemy.dialects.mssql import pyodbc as mssql_pyodbc
from sqlalchemy.engine import Row
from sqlalchemy.schema import DropTable
from sqlalchemy.types import TypeEngine

from etl.database import reserved_words
from etl.database.product import AlteredColumn, DependentView, Limits, Product, Rights
from etl.database.sqlserver import checks, ddl, driver, errors, json_rows, reader_login
from etl.database.sqlserver.limits import COLUMNS, broken_limits
from etl.database.stage import Stage
from etl.database.table_limits import BrokenLimit
from etl.errors import EtlError, PermanentError

if TYPE_CHECKING:
    import pyarrow as pa

_ROWS_AT_ONCE = 20_000
# https://learn.microsoft.com/sql/relational-databases/system-stored-procedures/sp-getapplock-transact-sql
_LOCK_REFUSED, _NO_RESULT = -1, -999
# Texts and names in quotes, which may have a question mark in them; then the place of a parameter.
_QUOTED_OR_PLACE = re.compile(r"'(?:[^']|'')*'|\[(?:[^\]]|\]\])*\]|\"(?:[^\"]|\"\")*\"|(\?)")


class SQLServer(Product):
    """SQL Server by pyodbc or mssql-python."""

    name = "sqlserver"
    title = "SQL Server"
    port = 1433
    example = "mssql+pyodbc://user:password@host:1433/database"
    schemes = ("mssql", driver.PYODBC, driver.MSSQL_PYTHON)
    replaces_views = False
    most_columns = COLUMNS
    batch_end = "\nGO"
    script_start = ddl.SCRIPT_START
    script_end = ddl.SCRIPT_END
    indexes_hold_columns = True
    schema = reader_login.SCHEMA
    reader_sql = reader_login.READER_SQL
    # A statement's time limit is no argument of pyodbc's; superset_config.py sets it.
    dashboard_arguments: ClassVar[dict[str, Any]] = {"timeout": 10}

    def complete(self, url: URL) -> URL:
        return driver.complete(url)

    def client_url(self, url: URL) -> URL:
        return url

    def dashboard_url(self, url: URL) -> URL:
        return driver.dashboard_url(url)

    def as_user(self, url: URL, name: str, password: str) -> URL:
        return driver.without_authentication(url).set(username=name, password=password)

    def make_engine(self, url: URL, limits: Limits) -> Engine:
        module = driver.client(url)
        driver_name = None
        if url.drivername == driver.PYODBC:
            driver_name = driver.odbc_driver(url, module.drivers())
            # `connect` below makes the connections; SQLAlchemy only requires that a driver is named.
            url = url.update_query_dict({"driver": driver_name})
        engine = create_engine(url, pool_size=limits.connections, pool_pre_ping=True, hide_parameters=True)
        prepare_dialect(engine.dialect)

        @event.listens_for(engine, "do_connect")
        def connect(dialect: Any, record: Any, arguments: list[Any], options: dict[str, Any]) -> Any:
            return driver.connect(url, driver_name, limits)

        @event.listens_for(engine, "connect")
        def prepare(connection: Any, record: Any) -> None:
            cursor = connection.cursor()
            # A statement that fails is undone alone, as `Stage` requires, also where a trigger fails.
            cursor.execute(f"SET XACT_ABORT OFF; SET LOCK_TIMEOUT {limits.lock_seconds * 1000:.0f};")
            cursor.close()
            connection.commit()

        @event.listens_for(engine, "before_cursor_execute", retval=True)
        def write_nulls(_: Any, __: Any, statement: str, values: Any, ___: Any, many: bool) -> tuple[str, Any]:
            return (statement, values) if many else with_nulls(statement, values)

        @event.listens_for(engine, "handle_error")
        def close_after_timeout(context: Any) -> None:
            # The server may go on with the statement and keep its locks; it ends them with the connection.
            if errors.read_error(context.original_exception).state.startswith("HYT"):
                context.is_disconnect = True

        return engine

    def offline(self) -> Dialect:
        return offline_dialect()

    def translate_error(self, error: BaseException, url: URL) -> EtlError:
        return errors.translate_error(error, url)

    def try_lock(self, connection: Connection, resource: str) -> bool:
        # ODBC begins a transaction with the first statement that reads a table; without one the lock has no owner.
        connection.exec_driver_sql(BEGIN).close()
        cursor = connection.connection.cursor()
        try:
            cursor.execute(TAKE_LOCK, (resource,))
            while cursor.description is None and cursor.nextset():
                pass
            row = cursor.fetchone()
            result = int(row[0]) if row else _NO_RESULT
            if result < _LOCK_REFUSED:
                raise PermanentError(f"sp_getapplock gave no lock and no reason (result {result}).")
            return result != _LOCK_REFUSED
        finally:
            cursor.close()

    def transaction_id(self, connection: Connection) -> object:
        # @@TRANCOUNT would not do: when the server has ended a transaction, the driver begins another before it asks.
        return connection.exec_driver_sql(TRANSACTION_ID).scalar()

    def keep(self, connection: Connection, name: str, query: Select[Any]) -> Table:
        """Made by a plain batch: a temporary table that a statement with parameters makes is gone when that has ended."""
        kept = Table(
            f"#{name}", MetaData(), *(SqlColumn(column.name, column.type) for column in query.selected_columns)
        )
        connection.execute(DropTable(kept, if_exists=True))
        connection.exec_driver_sql(keeping(query, kept, connection.dialect))
        return kept

    def read(self, connection: Connection, query: Select[Any], schema: pa.Schema) -> pa.Table:
        import pyarrow as pa

        parts = [_as_arrow(rows, schema) for rows in _partitions(connection, query)]
        return pa.concat_tables(parts) if parts else schema.empty_table()

    def stream_csv(self, connection: Connection, query: Select[Any]) -> Generator[bytes, None, int]:
        names = [column.name for column in query.selected_columns]
        yield (",".join(map(_field, names)) + "\n").encode()
        written = 0
        for rows in _partitions(connection, query):
            yield "".join(",".join(map(_field, row)) + "\n" for row in rows).encode()
            written += len(rows)
        return written

    def make_stage(self, connection: Connection, table: Table, columns: list[str]) -> Stage:
        # Imported here, so that it costs no time with PostgreSQL.
        from etl.database.sqlserver.stage import BatchStage

        return BatchStage(connection, table, columns)

    def insert_rows(self, connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
        json_rows.insert_rows(connection, table, rows)

    def type_name(self, kind: TypeEngine[Any], dialect: Dialect) -> str:
        """Without collation and precision of time, which reading back does not tell."""
        name = kind.compile(dialect).partition(" COLLATE ")[0]
        return "DATETIMEOFFSET" if name.startswith("DATETIMEOFFSET") else name

    def altering(self, table: Table, column: AlteredColumn, dialect: Dialect) -> list[str]:
        return ddl.altering(table, column, dialect)

    def views_upon(self, connection: Connection, names: Iterable[str]) -> list[DependentView]:
        return ddl.views_upon(connection, names)

    def broken_limits(self, table: Table) -> list[BrokenLimit]:
        return broken_limits(table)

    def rights_on(self, connection: Connection, table: str) -> Rights | None:
        return reader_login.rights_on(connection, table)

    def make_reader(self, connection: Connection, name: str, password: str) -> bool:
        return reader_login.make(connection, name, password)

    def sharing(self, table: str) -> list[str]:
        return [ddl.sharing(table)]

    def require_fit(self, connection: Connection) -> None:
        checks.require_schema(connection.dialect.default_schema_name)

    def warnings(self, connection: Connection) -> list[tuple[str, str]]:
        return checks.warnings(connection)

    def findings(self, connection: Connection) -> list[tuple[str, str]]:
        return checks.findings(connection)


BEGIN = "SELECT TOP (1) 1 FROM sys.objects"
TAKE_LOCK = (
    "DECLARE @result int;\n"
    "EXEC @result = sp_getapplock @Resource = ?, @LockMode = 'Exclusive', @LockOwner = 'Transaction', @LockTimeout = 0;\n"
    "SELECT @result;"
)


TRANSACTION_ID = "SELECT CURRENT_TRANSACTION_ID()"


def offline_dialect() -> Dialect:
    """The dialect as it is when connected to a server of 2016 or later."""
    dialect = mssql_pyodbc.MSDialect_pyodbc(paramstyle="qmark", deprecate_large_types=True)  # type: ignore[no-untyped-call]
    dialect.server_version_info = (checks.OLDEST_VERSION,)  # type: ignore[assignment]
    dialect.default_schema_name = "dbo"
    dialect._supports_offset_fetch = True
    dialect._supports_nvarchar_max = True
    prepare_dialect(dialect)
    return dialect


def with_nulls(statement: str, values: Any) -> tuple[str, Any]:
    """A statement with NULL in the place of parameters that are None, and the other parameters.

    pyodbc asks the server for the type of a parameter that is None, and ignores an error of that call; some errors end the
    transaction, and later statements would be committed without the earlier ones.
    """
    if not isinstance(values, list | tuple) or None not in values:
        return statement, values
    remaining = iter(values)

    def rendered(match: re.Match[str]) -> str:
        return "NULL" if match[1] and next(remaining) is None else match[0]

    return _QUOTED_OR_PLACE.sub(rendered, statement), tuple(value for value in values if value is not None)


def prepare_dialect(dialect: Dialect) -> None:
    """Make a dialect write inserts that every table accepts: OUTPUT without INTO fails (error 334) if it has a trigger."""
    reserved_words.quote(dialect, reserved_words.SQL_SERVER)
    dialect.insert_returning = False


def keeping(query: Select[Any], kept: Table, dialect: Dialect) -> str:
    """The statement that makes a temporary table from a query."""
    inner = query.compile(dialect=dialect, compile_kwargs={"literal_binds": True})
    return f"SELECT *\nINTO {dialect.identifier_preparer.format_table(kept)}\nFROM (\n{inner}\n) AS found"


def _partitions(connection: Connection, query: Select[Any]) -> Iterator[list[Row[Any]]]:
    for rows in connection.execute(query).partitions(_ROWS_AT_ONCE):
        yield list(rows)


def _as_arrow(rows: list[Row[Any]], schema: pa.Schema) -> pa.Table:
    import pyarrow as pa

    columns = zip(*rows, strict=True)
    arrays = []
    for values, field in zip(columns, schema, strict=True):
        # CASE … THEN 1 ELSE 0 is a number here.
        plain = (
            [None if value is None else bool(value) for value in values] if pa.types.is_boolean(field.type) else values
        )
        arrays.append(pa.array(plain, field.type))
    return pa.Table.from_arrays(arrays, schema=schema)


def _field(value: Any) -> str:
    """A value in a CSV file: NULL is nothing, the empty text a pair of quotes."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "t" if value else "f"
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    text = str(value)
    if isinstance(value, str) and (not text or any(mark in text for mark in ',"\r\n')):
        return '"' + text.replace('"', '""') + '"'
    return text
