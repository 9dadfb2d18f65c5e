"""Windows, and the other tables of what follows from a feed's rows: created, dropped, or changed in place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Table, select
from sqlalchemy.types import TypeEngine

from etl.contract.model import WINDOW_COLUMNS
from etl.database.schema.changes import WindowChanges
from etl.database.schema.comparison.catalogue import Catalogue
from etl.database.schema.tables.audit_tables import etl_feed
from etl.database.schema.windows import Definition, definitions, window_tables


def wanted_windows(catalogue: Catalogue) -> list[Table]:
    """The tables of windows, with keys of the types that the feed's table has."""
    tables = list(window_tables(catalogue.contract))
    for table in tables:
        for name in catalogue.contract.windows.key if catalogue.contract.windows else ():
            table.c[name].type = catalogue.table.c[name].type
    return tables


def window_changes(catalogue: Catalogue, added: tuple[str, ...]) -> WindowChanges:
    """Which tables of windows are dropped or created, and which measures are added to others or removed.

    :param added: columns that the feed's table lacks; they have no values yet.
    """
    wanted = {table.name: table for table in wanted_windows(catalogue)}
    start = f"{catalogue.contract.table}_"
    query = select(etl_feed.c.windows).where(etl_feed.c.feed == catalogue.contract.feed)
    row = catalogue.connection.execute(query).first()
    recorded: Mapping[str, Any] = (row.windows if row else None) or {}
    old_definitions: Mapping[str, Definition] = recorded.get(catalogue.contract.table) or {}
    of_other_tables = {table: sizes for table, sizes in recorded.items() if table != catalogue.contract.table}
    new_definitions = definitions(catalogue.contract)
    drop, gone, make = list[str](), list[str](), list[Table]()
    add, forget = dict[str, tuple[str, ...]](), dict[str, tuple[str, ...]]()
    for name in sorted(catalogue.window_names()):
        if name not in wanted and set(catalogue.columns.get(name, ())) >= WINDOW_COLUMNS:
            gone.append(name)
    for name, table in wanted.items():
        size = name.removeprefix(start)
        old, now = old_definitions.get(size), new_definitions[size]
        if name not in catalogue.tables:
            make.append(table)
        elif (
            not catalogue.is_there
            or not _has_same_key(catalogue, table)
            or (old and (old["key"], old["time"]) != (now["key"], now["time"]))
        ):
            drop.append(name)
            make.append(table)
        elif old:
            if more := tuple(measure for measure in now["measures"] if measure not in old["measures"]):
                # A column that was not there has no values yet.
                add[name] = tuple(measure for measure in more if measure not in added)
            if less := tuple(measure for measure in old["measures"] if measure not in now["measures"]):
                forget[name] = less
    is_news = row is not None and old_definitions != new_definitions
    return WindowChanges((*gone, *drop), tuple(gone), tuple(make), add, forget, is_news, of_other_tables)


def derived_changes(catalogue: Catalogue) -> dict[str, Any]:
    """The tables that are missing, and those that are dropped first because their rows or types are outdated.

    A table with other columns may be somebody else's, so it is refused, never dropped.
    """
    make = [table for table in catalogue.derived if not _is_as_wanted(catalogue, table)]
    drop = [table for table in make if table.name in catalogue.tables]
    return {"make_derived": tuple(make), "drop_derived": tuple(drop)}


def _is_as_wanted(catalogue: Catalogue, table: Table) -> bool:
    for column in table.primary_key.columns:
        if column.name in catalogue.table.c:
            column.type = catalogue.table.c[column.name].type
    if table.name not in catalogue.tables:
        return False
    reflected = catalogue.columns[table.name]
    if reflected.keys() != {column.name for column in table.columns}:
        catalogue.refuse(
            f"the table {table.name} has the columns {', '.join(sorted(reflected))}; what follows from the feed's rows"
            f" needs {', '.join(column.name for column in table.columns)} in a table of this name.",
            "Rename it. If it is from another version of this project, drop it: its rows are computed again.",
        )
        return True
    types = {name: catalogue.type_name(column["type"]) for name, column in reflected.items()}
    # Where the feed's table is new, what follows from the rows of an earlier one is outdated.
    return catalogue.is_there and types == {column.name: catalogue.type_name(column.type) for column in table.columns}


def _has_same_key(catalogue: Catalogue, table: Table) -> bool:
    reflected = {name: column["type"] for name, column in catalogue.columns[table.name].items()}
    key = {column.name: column.type for column in table.primary_key.columns}
    return _types_of_key(catalogue, reflected) == _types_of_key(catalogue, key)


def _types_of_key(catalogue: Catalogue, types: Mapping[str, TypeEngine[Any]]) -> dict[str, str]:
    return {name: catalogue.type_name(kind) for name, kind in types.items() if name not in WINDOW_COLUMNS}
