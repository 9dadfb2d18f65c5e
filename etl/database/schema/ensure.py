"""Everything that a feed has in the database: its table, its windows, its views; made, and changed as its contract changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import Connection, MetaData, Table, UniqueConstraint, inspect, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import AddConstraint, DropConstraint, DropIndex, DropTable, DropView

from etl.contract.model import Contract, EvolvedContract
from etl.database import DependentView, explain, product_of, try_lock_feed
from etl.database.schema.audit_tables import etl_feed
from etl.database.schema.changes import Changes, compare
from etl.database.schema.feed_table import with_added_columns
from etl.database.schema.views import (
    COMMON_VIEWS,
    ensure_common_views,
    ensure_packaged_views,
    ensure_views,
    lacks_something,
    update_common_views,
)
from etl.database.schema.windows import definitions, fill, forget_measures, window_tables
from etl.errors import AlreadyRunning, ConfigurationError, ContractError, EtlError, PermanentError, ServiceUnavailable


def ensure_feed(connection: Connection, contract: EvolvedContract) -> Table:
    """Create what a feed lacks, and change what its contract asks for; returns its table, with the types that it has.

    Right only under the feed's lock.

    :raises ContractError: the database cannot hold what it asks for, or what is there must not become that; nothing is changed.
    """
    return _make(connection, compare(connection, contract).require_allowed())


def ensure_feeds(connection: Connection, contracts: Iterable[Contract]) -> None:
    """Create what these feeds lack, and the views in which they are together. One that is refused does not stop the others.

    :raises EtlError: some were refused; names them. What was done for the others is lost if the transaction is rolled back.
    """
    if error := ensure_possible(connection, contracts):
        raise error


def ensure_possible(connection: Connection, contracts: Iterable[Contract]) -> EtlError | None:
    """Like `ensure_feeds`; returns what was refused, so that the others can be committed."""
    done, errors = list[EvolvedContract](), dict[str, EtlError]()
    for contract in contracts:
        try:
            done.append(_ensure_alone(connection, contract))
        except ServiceUnavailable:
            raise
        except EtlError as error:
            errors[contract.feed] = error
    ensure_common_views(connection, done, keep=errors)
    return _as_one(errors) if errors else None


def _ensure_alone(connection: Connection, declared: Contract) -> EvolvedContract:
    """Make what one feed lacks; where that fails, what was done for others stays."""
    try:
        with connection.begin_nested():
            is_free = try_lock_feed(connection, declared.feed)
            contract = with_added_columns(connection, declared)
            changes = compare(connection, contract).require_allowed()
            if changes.is_any and not is_free:
                raise AlreadyRunning(
                    f"Feed {contract.feed} is being loaded, and its table has to be changed.",
                    remedy="Wait until the load has ended; then run `python -m etl init` again.",
                )
            _make(connection, changes)
            return contract
    except DBAPIError as error:
        raise explain(error, connection.engine) from error


def _as_one(errors: Mapping[str, EtlError]) -> EtlError:
    if len(errors) == 1:
        return next(iter(errors.values()))
    causes = " ".join(f"{feed}: {error.cause}" for feed, error in errors.items())
    remedy = " ".join(f"{feed}: {error.remedy}" for feed, error in errors.items() if error.remedy)
    kind = ContractError if all(isinstance(error, ConfigurationError) for error in errors.values()) else PermanentError
    return kind(f"{len(errors)} feeds were refused, the others are done. {causes}", remedy=remedy)


def _make(connection: Connection, changes: Changes) -> Table:
    contract = changes.contract
    aside = _set_aside(connection, changes)
    _change_table(connection, changes)
    _change_windows(connection, changes)
    ensure_views(connection, contract, changes.table, changes.make_views)
    _put_back(connection, changes, aside)
    if changes.windows.is_any and not changes.create:
        _follow_windows(connection, contract, {view.name for view in aside})
    ensure_packaged_views(connection, contract)
    return changes.table


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
    # Indexes and keys that are in the way, or that others take the place of.
    held = [
        index for index in table.indexes if altered & set(index.columns.keys()) and index not in changes.make_indexes
    ]
    (key,) = (one for one in table.constraints if isinstance(one, UniqueConstraint))
    is_key_held = changes.key is None and bool(altered & set(key.columns.keys()))
    if changes.replaces_key or is_key_held:
        connection.execute(DropConstraint(key))
    for index in (*changes.drop_indexes, *held):
        connection.execute(DropIndex(index))
    for other in changes.alter:
        for statement in product.altering(table, other, connection.dialect):
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
    everything = contract.windows.measures if contract.windows else ()
    needed = {**windows.add_measures, **{table.name: everything for table in windows.make}}
    if needed and not changes.create:
        fill(connection, contract, changes.table, needed)
    if windows.is_news:
        noted = {**windows.of_other_tables, contract.table: definitions(contract)}
        connection.execute(update(etl_feed).where(etl_feed.c.feed == contract.feed).values(windows=noted))


# --- the views upon them ---------------------------------------------------------------------------------------------


def _set_aside(connection: Connection, changes: Changes) -> list[DependentView]:
    """Remove the views that depend on what will be changed, where the database wants that; returns them."""
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
    """Make the views again that were set aside, in their order, with their rights.

    :raises ContractError: somebody's view cannot be made again; names it.
    """
    for view in aside:
        if view.name in changes.outdated_views:
            statements = view.grants if view.name in changes.make_views else ()
        elif view.name in COMMON_VIEWS:
            update_common_views(connection, changes.contract, {view.name: view.definition})
            statements = view.grants
        elif lacks_something(connection, view.name, changes.contract):
            # One of sql/views, which comes again when the contract has that again.
            statements = () if view.drop else (f"DROP VIEW {view.name}",)
        else:
            statements = (view.create, *view.grants)
        try:
            for statement in statements:
                _run(connection, statement)
        except DBAPIError as error:
            raise ContractError(
                f"{changes.contract.feed}: the view {view.name} cannot be made again after what the contract changes:"
                f" {explain(error, connection.engine).cause}",
                remedy=f"Drop or change the view {view.name} first, or take the change of the contract back.",
            ) from error


def _follow_windows(connection: Connection, contract: EvolvedContract, done: set[str]) -> None:
    """Let the views of all feeds together, where they are there and did not depend on this feed, have its part."""
    inspector = inspect(connection)
    there = set(inspector.get_view_names()) & set(COMMON_VIEWS) - done
    update_common_views(connection, contract, {name: inspector.get_view_definition(name) for name in sorted(there)})


def _run(connection: Connection, statement: str) -> None:
    # A colon would begin the name of a parameter.
    connection.execute(text(statement.replace(":", r"\:")))


def _named(name: str) -> Table:
    return Table(name, MetaData())
