"""What a database product must be able to do for us. Everything that differs between products stands behind this."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar

from sqlalchemy import URL, Connection, Dialect, Engine, Select, Table
from sqlalchemy.types import TypeEngine

from etl.errors import EtlError

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Limits:
    """How long a connection waits, and what the server's list of sessions shows."""

    application: str
    connect_seconds: int
    statement_seconds: float
    """For a statement, and for a server that says nothing."""

    @property
    def lock_seconds(self) -> float:
        """For a lock that another session holds."""
        return min(self.statement_seconds / 2, 60.0)


@dataclass(frozen=True)
class Refused:
    """A row that the database itself refuses: its number in the stage, and the SQLSTATE."""

    row: int
    state: str


@dataclass(frozen=True)
class Rights:
    """What a user may do with a table."""

    read: bool
    write: bool


@dataclass(frozen=True)
class AlteredColumn:
    """A column of a table as it shall be."""

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
    """Relation and column, of what it reads itself; empty where the database does not tell."""
    can_be_put_back: bool = True
    """False for one with rows of its own."""
    drop: str = ""
    """The statement that removes it; empty where it may stay while what it reads is changed."""
    create: str = ""
    """The statement that makes it again, or lets it find out what has changed."""
    grants: tuple[str, ...] = ()
    """Its owner, rights and comment, for whoever makes it again."""


class RowsRefused(Exception):
    """The database refuses at least one of some rows; the transaction goes on without any of them."""

    def __init__(self, state: str) -> None:
        super().__init__(state)
        self.state = state


STAGE_ROW = "stage_row"
"""The column that numbers the rows of a stage; the name is reserved."""


class Stage(ABC):
    """Rows on their way into a table: copied in bulk, then inserted where the table does not have them yet.

    The table is not asked for anything but its unique key, which has the last word.

    The stage holds text as text and everything else as the table does, but none of the table's constraints, so that only
    the insert can be refused. It is gone when the transaction has ended.
    """

    staged: Table
    """The stage itself, for queries; rows have their number in STAGE_ROW."""
    table: Table
    columns: list[str]
    rows: int
    """How many are staged."""
    inserted = 0
    """How many went straight into the table."""

    @abstractmethod
    def copy(self, rows: pa.Table) -> None:
        """Append typed rows; the columns are those of the stage, in its order."""

    def copy_unseen(self, rows: pa.Table, constants: dict[str, Any]) -> None:
        """Append rows of whose keys the table most likely holds none: they may go straight into the table.

        What comes out is the same as with `copy`.

        :param constants: those that `insert_new` will be given.
        """
        self.copy(rows)

    @abstractmethod
    def read(self, row: int) -> dict[str, Any]:
        """One staged row."""

    @abstractmethod
    def insert_some(self, constants: dict[str, Any], first: int, end: int) -> int:
        """Insert what is new of the rows from `first` up to, not including, `end`; all of them or none.

        :raises RowsRefused: the database refuses one of them.
        """

    def insert_new(self, constants: dict[str, Any], *, first: int = 0) -> tuple[int, list[Refused]]:
        """Insert the staged rows whose key the table does not hold; of rows with the same key, the first.

        Where the database refuses rows (a check of its own, a shorter column), these are found by halving and left out.

        :param constants: columns that have one value for all rows.
        :param first: only the rows from this number on; what went straight into the table is counted with the first ones.
        :returns: how many rows were inserted, and which were refused.
        """
        inserted, refused = self._insert(constants, first, self.rows)
        return inserted + (0 if first else self.inserted), refused

    def _insert(self, constants: dict[str, Any], first: int, end: int) -> tuple[int, list[Refused]]:
        if first >= end:
            return 0, []
        try:
            return self.insert_some(constants, first, end), []
        except RowsRefused as error:
            if end - first == 1:
                return 0, [Refused(first, error.state)]
        middle = (first + end) // 2
        left, right = self._insert(constants, first, middle), self._insert(constants, middle, end)
        return left[0] + right[0], left[1] + right[1]


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
    """What may stand before `://`."""
    replaces_views: ClassVar[bool]
    """Whether CREATE OR REPLACE VIEW is to be had."""
    batch_end: ClassVar[str]
    """What ends a statement in a script."""
    script_start: ClassVar[tuple[str, ...]] = ()
    """Statements with which a script begins, whatever client runs it."""
    script_end: ClassVar[tuple[str, ...]] = ()
    """Those with which it ends."""
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
        """The URL as Superset connects to it: with SQLAlchemy 1.4, and drivers of its own environment.

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
    def explain(self, error: BaseException, url: URL) -> EtlError:
        """The driver's error as one of ours. Keeps its code and first line; never its detail, which may hold row data."""

    @abstractmethod
    def try_lock(self, connection: Connection, resource: str) -> bool:
        """Take a lock, held until the transaction ends; False where another session has it."""

    @abstractmethod
    def transaction_id(self, connection: Connection) -> object:
        """What tells the connection's transaction from every other one, also from one that the driver begins by itself after
        the server has ended the first; None where an error has left nothing of it to commit.
        """

    @abstractmethod
    def insert_rows(self, connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert some rows, all with the same columns; at least one."""

    @abstractmethod
    def keep(self, connection: Connection, name: str, query: Select[Any]) -> Table:
        """The result of a query as a temporary table of this connection; it takes the place of its namesake."""

    @abstractmethod
    def read(self, connection: Connection, query: Select[Any], schema: pa.Schema) -> pa.Table:
        """The result of a query as an Arrow table: whole numbers, doubles, moments and booleans; only doubles may be NULL.

        What is no number among doubles is NULL, too. The result is held in memory, and one of 1 GB is too large for some.
        """

    @abstractmethod
    def write_csv(self, connection: Connection, query: Select[Any], sink: BinaryIO) -> int:
        """Write the result of a query as CSV with a header; returns its rows."""

    @abstractmethod
    def make_stage(self, connection: Connection, table: Table, columns: list[str]) -> Stage:
        """A temporary table with some columns of a table."""

    @abstractmethod
    def type_name(self, kind: TypeEngine[Any], dialect: Dialect) -> str:
        """A column's type as text; equal for a type that was declared and the one that was read back from the database."""

    @abstractmethod
    def altering(self, table: Table, column: AlteredColumn, dialect: Dialect) -> list[str]:
        """The statements that make a column what it shall be: of a wider type, or nullable."""

    @abstractmethod
    def views_upon(self, connection: Connection, names: Iterable[str]) -> list[DependentView]:
        """The views that depend on some of these tables or views, and those views themselves; each after those it reads."""

    @abstractmethod
    def broken_limits(self, table: Table) -> list[str]:
        """Which limits of the product a table would break, each as a sentence."""

    @abstractmethod
    def rights_on(self, connection: Connection, table: str) -> Rights | None:
        """What the connection's user may do with a table of ours; None where it finds none of this name."""

    def make_reader(self, connection: Connection, name: str, password: str) -> bool:
        """Make a user that may only read our tables and views.

        False, and nothing is changed, where this connection's user may not do so, or where there is one of this name.
        """
        return False

    def sharing(self, table: str) -> list[str]:
        """The statements that let sessions change rows of their own in a table at the same time, however many."""
        return []

    def require_fit(self, connection: Connection) -> None:  # noqa: B027 - most take every session
        """Refuse a session in which our tables would not be found, or be made in a wrong place.

        :raises ConfigurationError: says what to change.
        """

    def warnings(self, connection: Connection) -> list[tuple[str, str]]:
        """What makes sessions wait for each other although everything works: what was found, and the remedy."""
        return []

    @abstractmethod
    def findings(self, connection: Connection) -> list[tuple[str, str]]:
        """What a machine or database lacks although it answers: what was found, and the remedy."""
