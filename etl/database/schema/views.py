"""Views of a feed, for people and dashboards.

Built from the contract: `v_<table>` (readings with source, cycle and load time), `v_<table>_latest` (the newest reading of
each sensor), `v_<table>_statistics` (figures per sensor and measure over all time). Of all feeds together, for dashboards:
`v_etl_windows`, `v_etl_latest`, `v_etl_silent` (sensors that have stopped) and `v_etl_values` (every value of every reading).
Written by hand, about the audit tables, all feeds together and what is special to packaged feeds: the files of sql/views/, one
folder per database product. An existing view is left as it is, unless its contract has changed; a migration that changes one
drops it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import (
    CompoundSelect,
    Connection,
    MetaData,
    Select,
    Table,
    delete,
    insert,
    inspect,
    select,
    text,
    union_all,
)
from sqlalchemy.schema import CreateView, DropView

from etl.contract.model import VIEW_COLUMNS, WINDOW_FIGURES, Contract, EvolvedContract
from etl.database import PRODUCTS, product_of
from etl.database.schema.feed_table import feed_table
from etl.database.schema.silence import has_known_sensors, silence_view
from etl.database.schema.tables.all_tables import metadata
from etl.database.schema.tables.audit_tables import etl_setting
from etl.database.schema.view_queries import (
    latest_values,
    latest_view,
    readings_view,
    statistics_view,
    values_view,
    windows_view,
)
from etl.database.schema.windows import window_tables
from etl.settings.packaged import packaged

_API_URL = "api_url"
"""The name of the setting with the address of the read API."""
COMMON_VIEWS = ("v_etl_windows", "v_etl_latest", "v_etl_silent", "v_etl_values")
_NEEDS = re.compile(r"-- needs: ([\w ()]+)\n")
_NEEDED = re.compile(r"(\w+)(?: \(([\w ]+)\))?")
_CREATE = re.compile(r"\A\s*CREATE\s+VIEW\s+\S+\s+AS\b", re.IGNORECASE)
_UNION = re.compile(r"\bUNION ALL\b")
_TEXT = re.compile(r"'([\w.]+)'")
_NAME = re.compile(r"\b[a-z_]\w*\b")


def view_names(table: str) -> tuple[str, ...]:
    """The views that are built from the contract of a feed with this table; the last one only where it has windows."""
    return f"v_{table}", f"v_{table}_latest", f"v_{table}_statistics"


def made_names(contract: Contract) -> set[str]:
    """The tables and views that are made for a feed."""
    return {contract.table, *view_names(contract.table), *(table.name for table in window_tables(contract))}


def view_columns(contract: EvolvedContract, table: Table) -> dict[str, set[str]]:
    """The columns that the views built from a contract ought to have, by view; those of `views_of`."""
    readings, latest, statistics = view_names(table.name)
    columns = set(table.columns.keys())
    columns_by_view = {readings: columns | set(VIEW_COLUMNS), latest: columns}
    if contract.windows:
        columns_by_view[statistics] = {*contract.windows.key, "measure", *WINDOW_FIGURES}
    return columns_by_view


def is_packaged(name: str) -> bool:
    """Whether a view is one of all feeds together, or written by hand in sql/views."""
    return name in COMMON_VIEWS or any(file.stem == name for product in PRODUCTS for file in view_files(product.name))


def ensure_views(connection: Connection, contract: EvolvedContract, table: Table, names: Iterable[str]) -> None:
    """Create some of the views that are built from a contract."""
    missing = set(names)
    for name, query in views_of(contract, table):
        if name in missing:
            connection.execute(CreateView(query, name))


def ensure_packaged_views(connection: Connection, *contracts: EvolvedContract) -> None:
    """Create the missing views of sql/views of which all tables, columns and views exist, with the tables of these feeds."""
    for file in missing_views(connection, *contracts):
        connection.execute(text(file.read_text("utf-8")))


def missing_views(connection: Connection, *contracts: EvolvedContract) -> list[Path]:
    """The files of the views that `ensure_packaged_views` would create."""
    there = _there(connection, *contracts)
    files = view_files(product_of(connection.dialect).name)
    return [file for file in files if file.stem not in there and is_met(needs(file), there)]


def lacks_something(connection: Connection, name: str, contract: EvolvedContract) -> bool:
    """Whether a view is one of sql/views that needs a table, column or view which is no longer there."""
    there = _there(connection, contract)
    files = [file for file in view_files(product_of(connection.dialect).name) if file.stem == name]
    return any(not is_met(needs(file), there) for file in files)


def _there(connection: Connection, *contracts: EvolvedContract) -> dict[str, set[str]]:
    """What views can be built on: the tables, with their columns, and the views that exist."""
    views = {name: set[str]() for name in inspect(connection).get_view_names()}
    return views | columns_there(*contracts)


def columns_there(*contracts: EvolvedContract) -> dict[str, set[str]]:
    """The columns of the audit tables, and of the tables of some feeds."""
    tables = [*metadata.tables.values()]
    tables += [table for contract in contracts for table in (feed_table(contract), *window_tables(contract))]
    return {table.name: {column.name for column in table.columns} for table in tables}


def is_met(needed: Mapping[str, set[str]], there: Mapping[str, set[str]]) -> bool:
    """Whether all tables and views that are needed exist, with the columns that are needed of them."""
    return all(table in there and columns <= there[table] for table, columns in needed.items())


def ensure_common_views(
    connection: Connection, contracts: Iterable[EvolvedContract], *, keep: Iterable[str] = ()
) -> None:
    """Create COMMON_VIEWS over all these feeds, whose tables must exist, and the views of sql/views that are built on them.

    They are replaced only where they show other feeds or measures, or judge by other limits: otherwise no right to create views
    is needed.

    :param keep: feeds whose part stays as it is.
    """
    feeds, kept = list(contracts), set(keep)
    inspector = inspect(connection)
    present = set(inspector.get_view_names())
    for name, query in common_views(feeds):
        wanted = str(query.compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True}))
        parts = [wanted]
        definition = inspector.get_view_definition(name) if name in present else ""
        if kept and definition:
            parts += [part for feed, part in _parts(definition) if feed in kept]
        if not definition or not _shows(definition, _joined(parts)):
            _replace(connection, name, _joined(parts), present)
    ensure_packaged_views(connection)


def update_common_views(connection: Connection, contract: EvolvedContract, definitions: Mapping[str, str]) -> None:
    """Replace the views of all feeds, with the part of one feed as its contract has it now.

    :param definitions: the present or former queries of these views, by name.
    """
    present = set(inspect(connection).get_view_names())
    new = dict(common_views([contract]))
    for name, definition in definitions.items():
        parts = [part for feed, part in _parts(definition) if feed != contract.feed]
        if name in new:
            query = new[name].compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True})
            parts.append(str(query))
        if parts:
            _replace(connection, name, _joined(parts), present)
        elif name in present:
            connection.execute(DropView(Table(name, MetaData())))


def set_api_address(connection: Connection, address: str | None) -> None:
    """Let the views lead to executed notebooks at this address of the read API; with None they name files.

    Nothing is written where that is so already.
    """
    if api_address(connection) != address:
        connection.execute(delete(etl_setting).where(etl_setting.c.name == _API_URL))
        if address:
            connection.execute(insert(etl_setting).values(name=_API_URL, value=address))


def api_address(connection: Connection) -> str | None:
    """The address to which the views lead."""
    address: str | None = connection.scalar(select(etl_setting.c.value).where(etl_setting.c.name == _API_URL))
    return address


def _parts(definition: str) -> Iterator[tuple[str, str]]:
    """The queries that are joined in a view of all feeds together, each with its feed, the first text in it."""
    query = _CREATE.sub("", definition).strip().rstrip(";")
    for part in _UNION.split(query):
        if first_text := _TEXT.search(part):
            yield first_text[1], part.strip()


def _joined(parts: Iterable[str]) -> str:
    return "\nUNION ALL\n".join(parts)


def _shows(definition: str, wanted: str) -> bool:
    """Whether a view, as its database returns its definition, shows the same as a query.

    Its texts are the names of feeds and measures, and limits; of tables and columns it must name all that the query names.
    Keywords, which databases write in their own way, are in capitals in the query.
    """
    same_texts = _texts_by_feed(definition) == _texts_by_feed(wanted)
    return same_texts and set(_NAME.findall(wanted)) <= set(_NAME.findall(definition))


def _texts_by_feed(definition: str) -> dict[str, list[str]]:
    return {feed: sorted(_TEXT.findall(part)) for feed, part in _parts(definition)}


def common_views(contracts: Iterable[EvolvedContract]) -> Iterator[tuple[str, CompoundSelect[Any]]]:
    """Names and queries of the views of all feeds together."""
    feeds = list(contracts)
    windows = [windows_view(contract) for contract in feeds if contract.windows]
    latest = [latest_values(contract) for contract in feeds if contract.windows]
    silent = [silence_view(contract) for contract in feeds if has_known_sensors(contract)]
    every = [values_view(contract) for contract in feeds if contract.windows]
    for name, queries in zip(COMMON_VIEWS, (windows, latest, silent, every), strict=True):
        if queries:
            yield name, union_all(*queries)


def _replace(connection: Connection, name: str, query: str, present: set[str]) -> None:
    """Columns and their types are always the same; so where a view is replaced rather than dropped it keeps its rights."""
    replaces = product_of(connection.dialect).replaces_views
    if name in present and not replaces:
        connection.execute(DropView(Table(name, MetaData())))
    # A colon would begin the name of a parameter.
    escaped = query.replace(":", "\\:")
    connection.execute(text(f"CREATE {'OR REPLACE ' if replaces else ''}VIEW {name} AS\n{escaped}"))


def view_files(product: str) -> list[Path]:
    """The views that are written by hand for a database product (`Product.name`); a file is named like its view."""
    return sorted(packaged("sql", "views", product).glob("*.sql"))


def needs(file: Path) -> dict[str, set[str]]:
    """The tables and views that a view is about, and what it needs of their columns, from the file's first line."""
    first_line = _NEEDS.match(file.read_text("utf-8"))
    return {table: set(columns.split()) for table, columns in _NEEDED.findall(first_line[1])} if first_line else {}


def views_of(contract: EvolvedContract, table: Table) -> Iterator[tuple[str, Select[Any]]]:
    """Names and queries of the views that are built from a contract."""
    yield f"v_{table.name}", readings_view(table)
    yield f"v_{table.name}_latest", latest_view(contract, table)
    if contract.windows:
        yield f"v_{table.name}_statistics", statistics_view(contract)
