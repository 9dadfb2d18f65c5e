"""What a contract asks of the tables that are there: what will be changed for it, and what must not be.

The one place that compares the two. `etl.database.schema.ensure` makes the changes when a load has the feed's turn; before
any job does anything, and for `feeds check`, they are only looked at. Widening is done, narrowing is refused:
docs/contracts.md has the table.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Index,
    Select,
    Table,
    UniqueConstraint,
    inspect,
    literal_column,
    or_,
    select,
)
from sqlalchemy.engine.reflection import ObjectKind
from sqlalchemy.schema import AddConstraint, DropConstraint
from sqlalchemy.types import BigInteger, Double, Integer, SmallInteger, String, TypeEngine

from etl.contract.durations import parse_duration
from etl.contract.model import TABLE_COLUMNS, WINDOW_COLUMNS, EvolvedContract
from etl.contract.problems import combine
from etl.database import AlteredColumn, product_of, type_name
from etl.database.schema.audit_tables import etl_feed
from etl.database.schema.feed_table import feed_table, require_fits
from etl.database.schema.views import is_packaged, view_columns, view_names
from etl.database.schema.windows import Definition, definitions, window_tables
from etl.errors import ContractError

_MOST_EXACT = 2**53
"""Every whole number up to it is a double."""
_RANKS: tuple[type[TypeEngine[Any]], ...] = (BigInteger, SmallInteger, Integer)


@dataclass(frozen=True)
class WindowChanges:
    """What becomes of a feed's tables of windows."""

    drop: tuple[str, ...] = ()
    """Of sizes that the contract no longer has, and those that are made again."""
    gone: tuple[str, ...] = ()
    """Those of `drop` that do not come again."""
    make: tuple[Table, ...] = ()
    add_measures: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By table."""
    forget_measures: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    is_news: bool = False
    """Whether the database is to remember something else than it does."""
    of_other_tables: Mapping[str, Any] = field(default_factory=dict)
    """What it remembers of tables that the feed had before."""

    @property
    def is_any(self) -> bool:
        return bool(self.drop or self.make or self.add_measures or self.forget_measures)


@dataclass(frozen=True)
class Changes:
    """What will be changed, and what is refused."""

    contract: EvolvedContract
    table: Table
    """The feed's table as it will be."""
    create: bool = False
    add: tuple[Column[Any], ...] = ()
    alter: tuple[AlteredColumn, ...] = ()
    key: UniqueConstraint | None = None
    """Takes the place of the one that is there."""
    replaces_key: bool = False
    """Whether there is one."""
    drop_indexes: tuple[Index, ...] = ()
    make_indexes: tuple[Index, ...] = ()
    windows: WindowChanges = field(default_factory=WindowChanges)
    make_derived: tuple[Table, ...] = ()
    """Tables of what follows from the feed's rows, other than windows, that are missing or have other columns."""
    drop_derived: tuple[Table, ...] = ()
    """Those of `make_derived` that are there with other columns."""
    outdated_views: tuple[str, ...] = ()
    """Views built from the contract that must be made again, or are wanted no more."""
    make_views: tuple[str, ...] = ()
    refused: tuple[ContractError, ...] = ()

    @property
    def is_any(self) -> bool:
        """Whether something will be changed."""
        table = self.create or self.add or self.alter or self.key is not None or self.drop_indexes or self.make_indexes
        others = self.make_derived or self.outdated_views or self.make_views
        return bool(table or self.windows.is_any or others)

    @property
    def names_with_views(self) -> list[str]:
        """Tables and views that change in a way of which the views upon them have to learn."""
        is_moving = self.windows.is_any or self.drop_derived or any(column.is_other_kind for column in self.alter)
        dropped = (table.name for table in self.drop_derived)
        tables = [self.table.name, *self.windows.drop, *dropped] if is_moving and not self.create else []
        return [*tables, *self.outdated_views]

    def require_allowed(self) -> Changes:
        """Itself.

        :raises ContractError: something is refused; with all of it.
        """
        if self.refused:
            raise combine(self.refused)
        return self

    def in_words(self) -> Iterator[str]:
        """What will be changed, a sentence each."""
        if self.create:
            yield f"table {self.table.name} will be made"
        yield from (f"column {column.name} will be added" for column in self.add)
        for column in self.alter:
            kind = f" as {column.kind.compile()}" if column.is_other_kind else ""
            yield f"column {column.name} will be altered{kind}{'; it may be empty' if column.is_required_now else ''}"
        if self.key is not None:
            yield f"the key will be {', '.join(column.name for column in self.key.columns)}"
        remade = {table.name for table in self.windows.make}
        yield from (f"windows {name} will be dropped" for name in self.windows.gone)
        yield from (f"windows {name} will be computed" for name in sorted({*remade, *self.windows.add_measures}))
        yield from (f"table {table.name} will be computed" for table in self.make_derived)


def require_possible(connection: Connection, contract: EvolvedContract) -> bool:
    """Refuse a contract that the tables which are there cannot follow; for jobs, before they do anything.

    Returns whether the database lacks something that the contract asks for.

    :raises ContractError: naming column and remedy; with all that is refused.
    """
    return compare(connection, contract).require_allowed().is_any


def compare(connection: Connection, contract: EvolvedContract, derived: Iterable[Table] = ()) -> Changes:
    """What a contract asks of the database. Nothing is changed.

    :param derived: the tables of what follows from the feed's rows; its windows, which can change in place, may be among them.
    :raises ContractError: the database product cannot hold what it asks for.
    """
    return _Comparison(connection, contract, derived).changes()


class _Comparison:
    """Looks at the catalogue once, and at rows only where something is to change."""

    def __init__(self, connection: Connection, contract: EvolvedContract, derived: Iterable[Table]) -> None:
        self.connection = connection
        self.contract = contract
        self.product = product_of(connection.dialect)
        self.table = feed_table(contract)
        self.where = f"{contract.file.name or contract.feed}: "
        self.refused: list[ContractError] = []
        self._has_rows: bool | None = None
        inspector = inspect(connection)
        self.tables = set(inspector.get_table_names())
        windows = {table.name for table in window_tables(contract)}
        self.derived = tuple(table for table in derived if table.name not in windows)
        derived_names = (table.name for table in self.derived if table.name in self.tables)
        names = [contract.table, *view_names(contract.table), *self._window_names(), *derived_names]
        found = inspector.get_multi_columns(filter_names=names, kind=ObjectKind.ANY)
        self.columns = {name: {column["name"]: column for column in columns} for (_, name), columns in found.items()}
        found_indexes = inspector.get_multi_indexes(filter_names=[contract.table]) if self.is_there else {}
        self.indexes: dict[str, list[str]] = {}
        self.unique: dict[str, list[str]] = {}
        for index in (one for several in found_indexes.values() for one in several):
            names = [name or "" for name in index["column_names"]]
            self.indexes[index["name"] or ""] = names
            if index["unique"] and not index.get("dialect_options", {}).get("postgresql_where"):
                self.unique[index["name"] or ""] = names

    @property
    def is_there(self) -> bool:
        return self.contract.table in self.tables

    def _window_names(self) -> list[str]:
        """Tables that are called like windows of the feed's."""
        start = f"{self.contract.table}_"
        names = [name for name in self.tables if name.startswith(start)]
        return [name for name in names if parse_duration(name.removeprefix(start)) is not None]

    def changes(self) -> Changes:
        if not self.is_there:
            self._require_fits([self.table, *window_tables(self.contract), *self.derived])
            windows, views, derived = self._windows(()), self._views(is_other=True), self._derived()
            refused = tuple(self.refused)
            return Changes(self.contract, self.table, create=True, windows=windows, refused=refused, **views, **derived)
        self._require_own()
        alter = tuple(self._altered())
        add = () if self.refused else tuple(self._added())
        key = self._other_key()
        drop, make = self._other_indexes()
        windows = self._windows(tuple(column.name for column in add))
        self._require_fits([self.table, *self._wanted_windows(), *self.derived])
        views = self._views(is_other=bool(drop or make or windows.is_any or any(one.is_other_kind for one in alter)))
        changes = Changes(
            self.contract,
            self.table,
            add=add,
            alter=alter,
            key=key,
            replaces_key=key is not None and str(key.name) in self.unique,
            drop_indexes=drop,
            make_indexes=make,
            windows=windows,
            **views,
            **self._derived(),
        )
        changes = self._without_views_that_must_stay(changes)
        return replace(changes, refused=tuple(self.refused))

    # --- columns ------------------------------------------------------------------------------------------------------

    def _refuse(self, cause: str, remedy: str) -> None:
        self.refused.append(ContractError(self.where + cause, remedy=remedy))

    def _require_fits(self, tables: Iterable[Table]) -> None:
        try:
            require_fits(self.product, self.contract, tables)
        except ContractError as error:
            self.refused += error.problems

    def _require_own(self) -> None:
        if missing := [name for name in TABLE_COLUMNS if name not in self.columns[self.table.name]]:
            self._refuse(
                f"the database has a table {self.table.name} that is no feed's: it lacks {missing[0]}.",
                "Give the feed a table of its own: schema[0].physicalName.",
            )

    def _added(self) -> Iterator[Column[Any]]:
        """Columns that the table lacks."""
        there = self.columns[self.table.name]
        folded = {name.lower(): name for name in there}
        for column in self.table.columns:
            if column.name in there:
                continue
            if other := folded.get(column.name.lower()):
                self._refuse(
                    f"column {column.name!r} differs in case only from column {other!r} of table {self.table.name}.",
                    f"Keep {other}, and say under customProperties `rename` where its values are: `{other}: {column.name}`.",
                )
                continue
            yield column

    def _altered(self) -> Iterator[AlteredColumn]:
        """Columns that become wider, or may be empty from now on.

        Where the table's column is wider than the contract asks for it stays so; `self.table` then has the table's type.
        """
        for name, there in self.columns[self.table.name].items():
            is_required = not there.get("nullable", True)
            column = self.table.columns.get(name)
            if column is None:
                # Whatever fills a column that no contract names, it is not us.
                fills_itself = there.get("default") is not None or there.get("identity") or there.get("computed")
                if is_required and not fills_itself:
                    yield AlteredColumn(name, there["type"], True, False, True)
                continue
            is_other = self._is_wider(column, there["type"])
            if not is_other and isinstance(column.type, String) and isinstance(there["type"], String):
                column.type = there["type"]
            nullable = bool(column.nullable) or not is_required
            if is_other or (is_required and nullable):
                yield AlteredColumn(name, column.type, nullable, is_other, is_required)

    def _is_wider(self, column: Column[Any], there: TypeEngine[Any]) -> bool:
        """Whether a column becomes wider. What is neither wider nor the same, nor a shorter text, is refused."""
        wanted, found = (type_name(kind, self.connection.dialect) for kind in (column.type, there))
        if wanted == found:
            return False
        if isinstance(column.type, String) and isinstance(there, String):
            # A smaller maxLength is a rule for new rows.
            return there.length is not None and (column.type.length is None or column.type.length > there.length)
        if isinstance(column.type, Integer) and isinstance(there, Integer):
            if _bits(column.type) > _bits(there):
                return True
        elif isinstance(column.type, Double) and isinstance(there, Integer):
            if _bits(there) < 64 or not self._has_inexact(column.name):
                return True
            self._refuse(
                f"column {column.name!r} of table {self.table.name!r} is {found} and holds numbers above 2^53, which"
                f" {wanted} cannot hold exactly.",
                "Leave it an integer, or give the numbers a column of their own: another name, and `rename`.",
            )
            return False
        self._refuse(
            f"column {column.name!r} of table {self.table.name!r} is {found}; the contract says {wanted}.",
            "Only what makes a column wider is done: i16 to i32 to i64 to number, or a larger maxLength. Take the change back,"
            " or give the values a column of their own: another name, and `rename`.",
        )
        return False

    def _has_inexact(self, name: str) -> bool:
        number: Column[Any] = Column(name, BigInteger)
        found = Table(self.table.name, type(self.table.metadata)(), number)
        outside = or_(found.c[name] > _MOST_EXACT, found.c[name] < -_MOST_EXACT)
        return self._finds(select(literal_column("1")).select_from(found).where(outside).limit(1))

    def _finds(self, query: Select[Any]) -> bool:
        return self.connection.execute(query).first() is not None

    # --- key and indexes ----------------------------------------------------------------------------------------------

    @property
    def has_rows(self) -> bool:
        if self._has_rows is None:
            any_row: Select[Any] = select(literal_column("1")).select_from(self.table).limit(1)
            self._has_rows = self.is_there and self._finds(any_row)
        return self._has_rows

    def _other_key(self) -> UniqueConstraint | None:
        """The constraint that takes the place of the table's."""
        (key,) = (one for one in self.table.constraints if isinstance(one, UniqueConstraint))
        wanted = [column.name for column in key.columns]
        there = self.unique.get(str(key.name))
        others = [columns for name, columns in self.unique.items() if name != key.name]
        if set(there or ()) == set(wanted) or (there is None and set(wanted) in map(set, others)):
            return None
        if not self.has_rows:
            return key
        sql = [str(AddConstraint(key).compile(dialect=self.connection.dialect))]
        if there is not None:
            sql.insert(0, str(DropConstraint(key).compile(dialect=self.connection.dialect)))
        self._refuse(
            f"the key of table {self.table.name!r}, which has rows, is {_listed(there)}; the contract says {_listed(wanted)}.",
            "Take the change back, give the feed a new table (schema[0].physicalName), or change the key by hand: "
            + " ".join(f"{' '.join(statement.split())};" for statement in sql),
        )
        return None

    def _other_indexes(self) -> tuple[tuple[Index, ...], tuple[Index, ...]]:
        """The indexes that go, and those that come: they follow sensor and event time."""
        wanted = {str(index.name): index for index in self.table.indexes}
        ours = {f"ix_{self.table.name}_{what}" for what in ("sensor", "time", "log_id")}
        drop, make = [], []
        for name in sorted(ours | set(wanted)):
            columns = [column.name for column in wanted[name].columns] if name in wanted else None
            if name in self.indexes and self.indexes[name] != columns:
                drop.append(wanted.get(name, _named(name, self.table)))
            if name in wanted and self.indexes.get(name) != columns:
                make.append(wanted[name])
        return tuple(drop), tuple(make)

    # --- windows and views --------------------------------------------------------------------------------------------

    def _wanted_windows(self) -> list[Table]:
        """The tables of windows, with keys of the types that the feed's table has."""
        tables = list(window_tables(self.contract))
        for table in tables:
            for name in self.contract.windows.key if self.contract.windows else ():
                table.c[name].type = self.table.c[name].type
        return tables

    def _windows(self, added: tuple[str, ...]) -> WindowChanges:
        wanted = {table.name: table for table in self._wanted_windows()}
        start = f"{self.contract.table}_"
        query = select(etl_feed.c.windows).where(etl_feed.c.feed == self.contract.feed)
        row = self.connection.execute(query).first()
        noted: Mapping[str, Any] = (row.windows if row else None) or {}
        known: Mapping[str, Definition] = noted.get(self.contract.table) or {}
        others = {table: sizes for table, sizes in noted.items() if table != self.contract.table}
        new = definitions(self.contract)
        drop, gone, make = list[str](), list[str](), list[Table]()
        add, forget = dict[str, tuple[str, ...]](), dict[str, tuple[str, ...]]()
        for name in sorted(self._window_names()):
            if name not in wanted and set(self.columns.get(name, ())) >= WINDOW_COLUMNS:
                gone.append(name)
        for name, table in wanted.items():
            size = name.removeprefix(start)
            old, now = known.get(size), new[size]
            if name not in self.tables:
                make.append(table)
            elif (
                not self.is_there
                or not self._has_same_key(table)
                or (old and (old["key"], old["time"]) != (now["key"], now["time"]))
            ):
                drop.append(name)
                make.append(table)
            elif old:
                if more := tuple(one for one in now["measures"] if one not in old["measures"]):
                    # A column that was not there has no values yet.
                    add[name] = tuple(one for one in more if one not in added)
                if less := tuple(one for one in old["measures"] if one not in now["measures"]):
                    forget[name] = less
        is_news = row is not None and known != new
        return WindowChanges((*gone, *drop), tuple(gone), tuple(make), add, forget, is_news, others)

    def _derived(self) -> dict[str, Any]:
        make = tuple(table for table in self.derived if table.name not in self.tables or not self._is_as_wanted(table))
        return {"make_derived": make, "drop_derived": tuple(table for table in make if table.name in self.tables)}

    def _is_as_wanted(self, table: Table) -> bool:
        there = {
            name: type_name(found["type"], self.connection.dialect) for name, found in self.columns[table.name].items()
        }
        return there == {column.name: type_name(column.type, self.connection.dialect) for column in table.columns}

    def _has_same_key(self, table: Table) -> bool:
        there = {name: found["type"] for name, found in self.columns[table.name].items() if name not in WINDOW_COLUMNS}
        key = {column.name: column.type for column in table.primary_key.columns if column.name not in WINDOW_COLUMNS}
        dialect = self.connection.dialect
        return there.keys() == key.keys() and all(
            type_name(key[name], dialect) == type_name(kind, dialect) for name, kind in there.items()
        )

    def _views(self, *, is_other: bool) -> dict[str, Any]:
        """Which of the views built from the contract are no longer the right ones, and which have to be made.

        :param is_other: whether what they are made from changes without its names.
        """
        wanted = view_columns(self.contract, self.table)
        present = {name: set(self.columns[name]) for name in view_names(self.contract.table) if name in self.columns}
        outdated = [name for name, columns in present.items() if is_other or columns != wanted.get(name)]
        make = [name for name in wanted if name in outdated or name not in present]
        return {"outdated_views": tuple(outdated), "make_views": tuple(make)}

    def _without_views_that_must_stay(self, changes: Changes) -> Changes:
        """Refuse what would take something away from views that others have made, or that hold rows.

        Where views would only get more columns, and cannot, they stay as they are: a column that a feed takes up by itself must
        not stop it.
        """
        if not changes.names_with_views:
            return changes
        wanted = view_columns(self.contract, self.table) | {
            table.name: {column.name for column in table.columns}
            for table in (*changes.windows.make, *changes.make_derived)
        }
        lost = {
            (name, column)
            for name in (
                *changes.outdated_views,
                *changes.windows.drop,
                *(table.name for table in changes.drop_derived),
            )
            for column in set(self.columns[name]) - wanted.get(name, set())
        }
        others = [
            view
            for view in self.product.views_upon(self.connection, changes.names_with_views)
            if view.name not in view_names(self.table.name) and not is_packaged(view.name)
        ]
        grow = (set(self.columns[name]) < wanted.get(name, set()) for name in changes.outdated_views)
        only_grow = changes.names_with_views == [*changes.outdated_views] and all(grow)
        if only_grow and not all(view.can_be_put_back for view in others):
            return replace(changes, outdated_views=(), make_views=())
        for view in others:
            if missed := sorted(view.reads & lost):
                self._refuse(
                    f"view {view.name} reads {missed[0][1]!r} of {missed[0][0]}, which the contract no longer has.",
                    f"Drop or change the view {view.name} first, or take the change back.",
                )
            elif not view.can_be_put_back:
                self._refuse(
                    f"the materialized view {view.name} depends on what has to be changed.",
                    f"Drop {view.name}, run `python -m etl init`, and make it again.",
                )
        return changes


def _bits(kind: TypeEngine[Any]) -> int:
    return 64 if isinstance(kind, BigInteger) else 16 if isinstance(kind, SmallInteger) else 32


def _listed(names: list[str] | None) -> str:
    return f"({', '.join(names)})" if names else "none"


def _named(name: str, table: Table) -> Index:
    """An index of which only the name counts, for dropping it."""
    copy = Table(table.name, type(table.metadata)(), Column("any"))
    return Index(name, copy.c["any"])
