"""What a database product must be able to do. Everything that differs between products is behind this interface."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar

from sqlalchemy import URL, Column, Connection, Dialect, Engine, Select, Table, literal_column, select
from sqlalchemy.types import TypeEngine

from etl.database.stage import Stage
from etl.database.table_limits import BrokenLimit
from etl.errors import EtlError

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Limits:
    """How long a connection waits, and what the server's list of sessions shows."""

    application: str
    connect_seconds: int
    statement_seconds: float
    """Longest time for a statement, and for a connection without an answer."""
    connections: int = 3
    """How many stay open for the next use."""
    is_read_only: bool = False
    """Whether the server refuses changes, where it can be asked to."""

    @property
    def lock_seconds(self) -> float:
        """Longest time to wait for a lock that another session holds."""
        return min(self.statement_seconds / 2, 60.0)


@dataclass(frozen=True)
class Rights:
    """What a user may do with a table."""

    read: bool
    write: bool


@dataclass(frozen=True)
class AlteredColumn:
    """A column of a table as it is to become."""

    name: str
    kind: TypeEngine[Any]
    nullable: bool
    is_other_kind: bool
    """Whether it has another type now."""
    is_required_now: bool
    """Whether it is NOT NULL now."""


@dataclass(frozen=True)
class DependentView:
    """A view that reads a table, or another view that does, and what it takes to make it again."""

    name: str
    """Without its schema."""
    definition: str
    """Its query, as the database keeps it."""
    reads: frozenset[tuple[str, str]] = frozenset()
    """Relation and column, of what it reads itself; empty where the database does not record it."""
    can_be_put_back: bool = True
    """False for one that holds rows itself."""
    drop: str = ""
    """The statement that removes it; empty where it may stay while what it reads is changed."""
    create: str = ""
    """The statement that creates it again, or refreshes it after the change."""
    grants: tuple[str, ...] = ()
    """Statements that restore its owner, rights and comment."""


class Product(ABC):
    """A database product."""

    name: ClassVar[str]
    """Of the folders with its SQL under sql/."""
    title: ClassVar[str]
    """For people."""
    port: ClassVar[int]
    example: ClassVar[str]
    """The form of its URL."""
    schemes: ClassVar[tuple[str, ...]]
    """What may precede `://`."""
    replaces_views: ClassVar[bool]
    """Whether it has CREATE OR REPLACE VIEW."""
    batch_end: ClassVar[str]
    """What ends a statement in a script."""
    script_start: ClassVar[tuple[str, ...]] = ()
    """Statements with which a script begins, whatever client runs it."""
    script_end: ClassVar[tuple[str, ...]] = ()
    """Those with which it ends."""
    most_columns: ClassVar[int]
    """Of a table or a view."""
    indexes_hold_columns: ClassVar[bool]
    """Whether a column cannot be altered while an index or a key has it."""
    schema: ClassVar[str]
    """Where our tables and views are."""
    reader_sql: ClassVar[str]
    """How an administrator makes a user `etl_reader` that may only read, in short; docs/security.md has it in full."""
    dashboard_arguments: ClassVar[dict[str, Any]]
    """What Superset gives its driver on connecting, beside the URL."""

    @abstractmethod
    def complete(self, url: URL) -> URL:
        """A URL with the driver that we use.

        :raises ConfigurationError: something is missing in it.
        """

    @abstractmethod
    def client_url(self, url: URL) -> URL:
        """The URL as other clients understand it."""

    @abstractmethod
    def dashboard_url(self, url: URL) -> URL:
        """The URL as Superset connects to it: with SQLAlchemy 1.4 and the drivers of its environment.

        :raises ConfigurationError: this machine lacks a driver; says which, and how to install it.
        """

    @abstractmethod
    def as_user(self, url: URL, name: str, password: str) -> URL:
        """The same database as another user, who signs in with a password."""

    @abstractmethod
    def make_engine(self, url: URL, limits: Limits) -> Engine:
        """An engine whose connections give up in bounded time. Nothing is connected yet.

        :raises ConfigurationError: this machine lacks a driver; says which, and how to install it.
        """

    @abstractmethod
    def offline(self) -> Dialect:
        """The dialect, for SQL that is written down rather than run."""

    @abstractmethod
    def translate_error(self, error: BaseException, url: URL) -> EtlError:
        """Translate a driver's error; keeps its code and first line, never its detail, which may hold row data."""

    @abstractmethod
    def try_lock(self, connection: Connection, resource: str) -> bool:
        """Take a lock, held until the transaction ends; False where another session has it."""

    @abstractmethod
    def transaction_id(self, connection: Connection) -> object:
        """What identifies the connection's transaction; one that the driver begins by itself, after the server has ended the
        first, has another. None after an error that leaves nothing to commit.
        """

    @abstractmethod
    def insert_rows(self, connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert some rows, all with the same columns; at least one."""

    @abstractmethod
    def keep(self, connection: Connection, name: str, query: Select[Any]) -> Table:
        """The result of a query as a temporary table of this connection; it replaces one of the same name."""

    @abstractmethod
    def read(self, connection: Connection, query: Select[Any], schema: pa.Schema) -> pa.Table:
        """The result of a query as an Arrow table: whole numbers, doubles, moments and booleans; only doubles may be NULL.

        NaN becomes NULL. The result is held in memory; some products cannot return 1 GB.
        """

    @abstractmethod
    def stream_csv(self, connection: Connection, query: Select[Any]) -> Generator[bytes, None, int]:
        """The result of a query as CSV with a header, in blocks of some hundred kilobytes; returns its rows.

        Close it where it is not read to its end: until then the connection can do nothing else.
        """

    def write_csv(self, connection: Connection, query: Select[Any], sink: BinaryIO) -> int:
        """Write the result of a query as CSV with a header; returns its rows."""
        rows = 0

        def blocks() -> Iterator[bytes]:
            nonlocal rows
            rows = yield from self.stream_csv(connection, query)

        sink.writelines(blocks())
        return rows

    def holds_later(self, connection: Connection, column: Column[Any], moment: datetime | None) -> bool:
        """Whether a table has a row with a later time in one of its columns; without a moment: any row."""
        rows: Select[Any] = select(literal_column("1")).select_from(column.table)
        later = rows if moment is None else rows.where(column > moment)
        return connection.execute(later.limit(1)).first() is not None

    @abstractmethod
    def make_stage(self, connection: Connection, table: Table, columns: list[str]) -> Stage:
        """A temporary table with some columns of a table."""

    @abstractmethod
    def type_name(self, kind: TypeEngine[Any], dialect: Dialect) -> str:
        """A column's type as text; equal for a type that was declared and the one that was read back from the database."""

    @abstractmethod
    def altering(self, table: Table, column: AlteredColumn, dialect: Dialect) -> list[str]:
        """The statements that alter a column: to a wider type, or to nullable."""

    @abstractmethod
    def views_upon(self, connection: Connection, names: Iterable[str]) -> list[DependentView]:
        """The views that depend on some of these tables or views, and those views themselves; each after those it reads."""

    @abstractmethod
    def broken_limits(self, table: Table) -> list[BrokenLimit]:
        """Which limits of the product a table would break."""

    @abstractmethod
    def rights_on(self, connection: Connection, table: str) -> Rights | None:
        """What the connection's user may do with one of our tables; None where it finds none of this name."""

    def make_reader(self, connection: Connection, name: str, password: str) -> bool:
        """Make a user that may only read our tables and views.

        False, and nothing is changed, where this connection's user may not do so, or where there is one of this name.
        """
        return False

    def sharing(self, table: str) -> list[str]:
        """The statements that let sessions change different rows of a table at the same time, however many."""
        return []

    def require_fit(self, connection: Connection) -> None:  # noqa: B027 - most take every session
        """Refuse a session in which our tables would not be found, or be made in a wrong place.

        :raises ConfigurationError: says what to change.
        """

    def warnings(self, connection: Connection) -> list[tuple[str, str]]:
        """Settings because of which sessions wait for each other: what was found, and the remedy."""
        return []

    @abstractmethod
    def findings(self, connection: Connection) -> list[tuple[str, str]]:
        """What a database that answers lacks: what was found, and the remedy."""
