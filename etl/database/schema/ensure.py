"""A feed's tables and views: created, and changed as its contract changes; `etl.jobs.load.tables` fills them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, MetaData, Table, UniqueConstraint, inspect, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import AddConstraint, DropConstraint, DropIndex, DropTable, DropView

from etl.contract.model import EvolvedContract
from etl.database import DependentView, product_of, translate_error
from etl.database.schema.changes import Changes
from etl.database.schema.views import (
    COMMON_VIEWS,
    ensure_packaged_views,
    ensure_views,
    lacks_something,
    update_common_views,
)
from etl.database.schema.windows import forget_measures, window_tables
from etl.errors import ContractError


@dataclass(frozen=True)
class Created:
    """What was created or changed in a feed's tables. What follows from its rows is not computed yet (`empty`)."""

    changes: Changes
    views: tuple[DependentView, ...]
    """Views that were removed for the change; `create_views` restores them."""

    @property
    def contract(self) -> EvolvedContract:
        return self.changes.contract

    @property
    def table(self) -> Table:
        """The feed's table, with the types that it has."""
        return self.changes.table

    @property
    def empty(self) -> frozenset[str]:
        """Names of derived tables, other than windows, that must be computed from the feed's rows; a new feed has none."""
        return frozenset() if self.changes.create else frozenset(table.name for table in self.changes.make_derived)

    @property
    def empty_windows(self) -> dict[str, tuple[str, ...]]:
        """The measures that must be computed from the feed's rows, by table of windows; a new feed has none."""
        if self.changes.create:
            return {}
        measures = self.contract.windows.measures if self.contract.windows else ()
        return {
            **self.changes.windows.add_measures,
            **{table.name: measures for table in self.changes.windows.make},
        }


def create_tables(connection: Connection, changes: Changes) -> Created:
    """Create the tables that a feed lacks, and change those that are there; returns what is empty and must be computed.

    Right only under the feed's lock, and followed by `create_views`.

    :raises ContractError: the changes are refused; nothing is changed.
    """
    changes.require_allowed()
    views = _set_aside(connection, changes)
    _change_table(connection, changes)
    _change_windows(connection, changes)
    for table in changes.drop_derived:
        connection.execute(DropTable(_named(table.name)))
    for table in changes.make_derived:
        table.create(connection)
    return Created(changes, tuple(views))


def create_views(connection: Connection, created: Created) -> None:
    """Create the views upon a feed's tables, and restore those that were removed for the change."""
    changes, contract = created.changes, created.contract
    ensure_views(connection, contract, changes.table, changes.make_views)
    _put_back(connection, changes, created.views)
    if changes.windows.is_any and not changes.create:
        _follow_windows(connection, contract, {view.name for view in created.views})
    ensure_packaged_views(connection, contract)


# --- the table and its windows ---------------------------------------------------------------------------------------


def _change_table(connection: Connection, changes: Changes) -> None:
    table, product = changes.table, product_of(connection.dialect)
    if changes.create:
        table.create(connection)
        return
    for column in changes.add:
        quoted = connection.dialect.identifier_preparer
        kind = column.type.compile(connection.dialect)
        _run(connection, f"ALTER TABLE {quoted.format_table(table)} ADD {quoted.format_column(column)} {kind} NULL")
    altered = {column.name for column in changes.alter} if product.indexes_hold_columns else set()
    # Indexes that hold an altered column are dropped, and created again afterwards.
    held = [
        index for index in table.indexes if altered & set(index.columns.keys()) and index not in changes.make_indexes
    ]
    (key,) = (constraint for constraint in table.constraints if isinstance(constraint, UniqueConstraint))
    is_key_held = changes.key is None and bool(altered & set(key.columns.keys()))
    if changes.replaces_key or is_key_held:
        connection.execute(DropConstraint(key))
    for index in (*changes.drop_indexes, *held):
        connection.execute(DropIndex(index))
    for alteration in changes.alter:
        for statement in product.altering(table, alteration, connection.dialect):
            _run(connection, statement)
    if changes.key is not None or is_key_held:
        connection.execute(AddConstraint(key))
    for index in (*changes.make_indexes, *held):
        index.create(connection)


def _change_windows(connection: Connection, changes: Changes) -> None:
    contract, windows = changes.contract, changes.windows
    for name in windows.drop:
        connection.execute(DropTable(_named(name)))
    for table in windows.make:
        table.create(connection)
    tables = {table.name: table for table in window_tables(contract)}
    for name, measures in windows.forget_measures.items():
        forget_measures(connection, tables[name], measures)


# --- the views upon them ---------------------------------------------------------------------------------------------


def _set_aside(connection: Connection, changes: Changes) -> list[DependentView]:
    """Remove the views that depend on what will be changed, where the database requires it; returns them."""
    if not changes.names_with_views:
        return []
    aside = product_of(connection.dialect).views_upon(connection, changes.names_with_views)
    for view in reversed(aside):
        if view.drop:
            _run(connection, view.drop)
    for name in changes.outdated_views:
        if not any(view.name == name and view.drop for view in aside):
            connection.execute(DropView(_named(name)))
    return aside


def _put_back(connection: Connection, changes: Changes, aside: Sequence[DependentView]) -> None:
    """Create again the views that were removed, in their order, with their rights.

    :raises ContractError: a user's view cannot be created again; names it.
    """
    for view in aside:
        if view.name in changes.outdated_views:
            statements = view.grants if view.name in changes.make_views else ()
        elif view.name in COMMON_VIEWS:
            update_common_views(connection, changes.contract, {view.name: view.definition})
            statements = view.grants
        elif lacks_something(connection, view.name, changes.contract):
            # A view of sql/views; it is created again once the contract has those columns again.
            statements = () if view.drop else (f"DROP VIEW {view.name}",)
        else:
            statements = (view.create, *view.grants)
        try:
            for statement in statements:
                _run(connection, statement)
        except DBAPIError as error:
            raise ContractError(
                f"{changes.contract.feed}: the view {view.name} cannot be made again after what the contract changes:"
                f" {translate_error(error, connection.engine).cause}",
                remedy=f"Drop or change the view {view.name} first, or take the change of the contract back.",
            ) from error


def _follow_windows(connection: Connection, contract: EvolvedContract, done: set[str]) -> None:
    """Add this feed to the views of all feeds, where they exist and did not depend on it yet."""
    inspector = inspect(connection)
    there = set(inspector.get_view_names()) & set(COMMON_VIEWS) - done
    update_common_views(connection, contract, {name: inspector.get_view_definition(name) for name in sorted(there)})


def _run(connection: Connection, statement: str) -> None:
    # A colon would begin the name of a parameter.
    connection.execute(text(statement.replace(":", r"\:")))


def _named(name: str) -> Table:
    return Table(name, MetaData())
