"""Views of a feed, for people and dashboards.

Built from the contract: `v_<table>` (readings with source, cycle and load time), `v_<table>_latest` (the newest reading of
each sensor), `v_<table>_statistics` (figures per sensor and measure over all time). Of all feeds together, for dashboards:
`v_etl_windows` and `v_etl_latest`. Written by hand, about the audit tables and where a packaged feed has more to show: the
files of sql/views/, one folder per database product. A view that is there is left as it is, unless its contract has changed;
a migration that changes one drops it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Connection,
    MetaData,
    Select,
    Table,
    and_,
    cast,
    column,
    func,
    inspect,
    literal_column,
    select,
    text,
    union_all,
    values,
)
from sqlalchemy.schema import CreateView, DropView

from etl.database import DOUBLE, PRODUCTS, for_each, product_of, seconds_since, text_of
from etl.model import VIEW_COLUMNS, WINDOW_FIGURES, Contract
from etl.settings import PROJECT_ROOT
from etl.tables import etl_log, etl_source, feed_table, metadata
from etl.windows import pooled_deviation, window_tables

COMMON_VIEWS = ("v_etl_windows", "v_etl_latest")
_NEEDS = re.compile(r"-- needs: ([\w ()]+)\n")
_NEEDED = re.compile(r"(\w+)(?: \(([\w ]+)\))?")
_CREATE = re.compile(r"\A\s*CREATE\s+VIEW\s+\S+\s+AS\b", re.IGNORECASE)
_UNION = re.compile(r"\bUNION ALL\b")
_TEXT = re.compile(r"'(\w+)'")
_NAME = re.compile(r"\b[a-z_]\w*\b")
# A space, so that no column of a contract is called the same.
_NEWEST, _PLACE, _LONG = "newest time", "row number", "newest values"
_SENSOR_LENGTH = 200
"""As `etl_anomaly.sensor` has it."""


def view_names(table: str) -> tuple[str, ...]:
    """The views that are built from the contract of a feed with this table; the last one only where it has windows."""
    return f"v_{table}", f"v_{table}_latest", f"v_{table}_statistics"


def made_names(contract: Contract) -> set[str]:
    """The tables and views that are made for a feed."""
    return {contract.table, *view_names(contract.table), *(table.name for table in window_tables(contract))}


def view_columns(contract: Contract, table: Table) -> dict[str, set[str]]:
    """The columns that the views built from a contract ought to have, by view; those of `views_of`."""
    readings, latest, statistics = view_names(table.name)
    columns = set(table.columns.keys())
    found = {readings: columns | set(VIEW_COLUMNS), latest: columns}
    if contract.windows:
        found[statistics] = {*contract.windows.key, "measure", *WINDOW_FIGURES}
    return found


def is_packaged(name: str) -> bool:
    """Whether a view is one of all feeds together, or written by hand in sql/views."""
    return name in COMMON_VIEWS or any(file.stem == name for product in PRODUCTS for file in view_files(product.name))


def ensure_views(connection: Connection, contract: Contract, table: Table, names: Iterable[str]) -> None:
    """Create some of the views that are built from a contract."""
    missing = set(names)
    for name, query in views_of(contract, table):
        if name in missing:
            connection.execute(CreateView(query, name))


def ensure_packaged_views(connection: Connection, contract: Contract) -> None:
    """Create the views written by hand for which everything is there, and leave those that are there as they are."""
    present = set(inspect(connection).get_view_names())
    there = columns_there(contract)
    for file in view_files(product_of(connection.dialect).name):
        if file.stem not in present and is_met(needs(file), there):
            connection.execute(text(file.read_text("utf-8")))


def lacks_something(connection: Connection, name: str, contract: Contract) -> bool:
    """Whether a view is one of sql/views that needs what this feed, whose tables it is about, no longer has."""
    there = columns_there(contract)
    files = [file for file in view_files(product_of(connection.dialect).name) if file.stem == name]
    return any(not is_met(needs(file), there) for file in files)


def columns_there(*contracts: Contract) -> dict[str, set[str]]:
    """The columns of the audit tables, and of the tables of some feeds."""
    tables = [*metadata.tables.values()]
    tables += [table for contract in contracts for table in (feed_table(contract), *window_tables(contract))]
    return {table.name: {column.name for column in table.columns} for table in tables}


def is_met(needed: Mapping[str, set[str]], there: Mapping[str, set[str]]) -> bool:
    """Whether all tables are there with the columns that are needed of them."""
    return all(table in there and columns <= there[table] for table, columns in needed.items())


def ensure_common_views(connection: Connection, contracts: Iterable[Contract], *, keep: Iterable[str] = ()) -> None:
    """Create `v_etl_windows` and `v_etl_latest`: all these feeds, whose tables must be there, as if they were one.

    They are made again where they show other feeds or measures; only who may create views need be let do that.

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


def update_common_views(connection: Connection, contract: Contract, definitions: Mapping[str, str]) -> None:
    """Make the views of all feeds together again, with the part of one feed as its contract has it now.

    :param definitions: the queries of those that are, or were, there.
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


def _parts(definition: str) -> Iterator[tuple[str, str]]:
    """The queries that are joined in a view of all feeds together, each with its feed, the first text in it."""
    query = _CREATE.sub("", definition).strip().rstrip(";")
    for part in _UNION.split(query):
        if found := _TEXT.search(part):
            yield found[1], part.strip()


def _joined(parts: Iterable[str]) -> str:
    return "\nUNION ALL\n".join(parts)


def _shows(definition: str, wanted: str) -> bool:
    """Whether a view, in the words in which its database keeps it, shows what a query does.

    Its texts are the names of feeds and measures; of tables and columns it must name all that the query names.
    Keywords, which databases write in their own way, are in capitals in the query.
    """
    same_texts = set(_TEXT.findall(definition)) == set(_TEXT.findall(wanted))
    return same_texts and set(_NAME.findall(wanted)) <= set(_NAME.findall(definition))


def common_views(contracts: Iterable[Contract]) -> Iterator[tuple[str, CompoundSelect[Any]]]:
    """Names and queries of the views of all feeds together."""
    feeds = list(contracts)
    windows = [_windows(contract) for contract in feeds if contract.windows]
    latest = [_latest_values(contract) for contract in feeds if contract.windows]
    for name, queries in zip(COMMON_VIEWS, (windows, latest), strict=True):
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
    return sorted((PROJECT_ROOT / "sql" / "views" / product).glob("*.sql"))


def needs(file: Path) -> dict[str, set[str]]:
    """The tables that a view is about, and what it needs of their columns, from the file's first line."""
    found = _NEEDS.match(file.read_text("utf-8"))
    return {table: set(columns.split()) for table, columns in _NEEDED.findall(found[1])} if found else {}


def views_of(contract: Contract, table: Table) -> Iterator[tuple[str, Select[Any]]]:
    """Names and queries of the views that are built from a contract."""
    yield f"v_{table.name}", _readings(table)
    yield f"v_{table.name}_latest", _latest(contract, table)
    if contract.windows:
        yield f"v_{table.name}_statistics", _statistics(contract)


def _readings(table: Table) -> Select[Any]:
    """The feed's rows with the names of their source and cycle."""
    return (
        select(
            *table.columns,
            etl_source.c.name.label("source_name"),
            etl_log.c.cycle_id,
            etl_log.c.end_time.label("loaded_at"),
        )
        .join(etl_source, etl_source.c.source_id == table.c.source_id)
        .join(etl_log, etl_log.c.log_id == table.c.log_id, isouter=True)
    )


def _latest(contract: Contract, table: Table, names: Iterable[str] = ()) -> Select[Any]:
    """The newest reading of each sensor, found by the index on sensor and time.

    :param names: only these columns.
    """
    shown = [table.c[name] for name in names] or [*table.columns]
    time = contract.event_time.column
    keys = contract.sensor
    same_key = contract.windows is not None and contract.windows.key == keys
    # The sensors themselves from the days' windows, which are few, instead of from all readings.
    known = list(window_tables(contract))[-1] if same_key else table
    sensors = select(*(known.c[name] for name in keys)).distinct().subquery("sensors")
    other = table.alias("other")
    newest = (
        select(func.max(other.c[time]))
        .where(*(other.c[name] == sensors.c[name] for name in keys))
        .correlate(sensors)
        .scalar_subquery()
    )
    moments = select(*(sensors.c[name] for name in keys), newest.label(_NEWEST)).subquery("newest moments")
    place = [table.c[name].desc() for name in ("source_id", "source_partition", "source_offset", "source_item")]
    number = func.row_number().over(partition_by=[table.c[name] for name in keys], order_by=place).label(_PLACE)
    same = and_(*(table.c[name] == moments.c[name] for name in keys), table.c[time] == moments.c[_NEWEST])
    ranked = select(*shown, number).join(moments, same).subquery("ranked")
    return select(*(ranked.c[column.name] for column in shown)).where(ranked.c[_PLACE] == 1)


def _statistics(contract: Contract) -> Select[Any]:
    """Count, minimum, maximum, average and sample deviation per sensor and measure, pooled from the largest windows."""
    table = list(window_tables(contract))[-1]
    window = table.c
    keys = [window[name] for name in (contract.windows.key if contract.windows else ())]
    by = [*keys, window.measure]
    total: ColumnElement[Any] = func.sum(window.count)
    mean = select(*by, (func.sum(window.avg * window.count) / total).label("avg")).group_by(*by).subquery("mean")
    same = and_(*(column == mean.c[column.name] for column in by))
    return (
        select(
            *by,
            total.label("count"),
            func.min(window["min"]).label("min"),
            func.max(window["max"]).label("max"),
            mean.c.avg,
            pooled_deviation(window, mean.c.avg).label("stddev"),
        )
        .select_from(table.join(mean, same))
        .group_by(*by, mean.c.avg)
    )


def _windows(contract: Contract) -> Select[Any]:
    """The smallest windows of a feed."""
    window = next(window_tables(contract)).c
    return select(
        _text(contract.feed, 64).label("feed"),
        _sensor(window[name] for name in (contract.windows.key if contract.windows else ())).label("sensor"),
        window.measure,
        window.window_start,
        window.count.label("readings"),
        # Means of windows must be weighted: sum(total) / sum(readings).
        (window.avg * window.count).label("total"),
        window["min"].label("lowest"),
        window["max"].label("highest"),
        window.stddev.label("deviation"),
    )


def _latest_values(contract: Contract) -> Select[Any]:
    """The newest value of each sensor and measure. The newest readings are looked for once, whatever they measure."""
    measures, at = contract.windows.measures if contract.windows else (), contract.event_time.column
    names = dict.fromkeys([*contract.sensor, at, *measures])
    newest = _latest(contract, feed_table(contract), names).subquery("newest")
    time = newest.c[at]
    long = values(column("measure", text_of(64)), column("value", DOUBLE), name=_LONG)
    long = long.data([(_text(name, 64), cast(newest.c[name], DOUBLE)) for name in measures]).lateral()
    return (
        select(
            _text(contract.feed, 64).label("feed"),
            _sensor(newest.c[name] for name in contract.sensor).label("sensor"),
            long.c.measure,
            long.c.value,
            time.label("event_time"),
            seconds_since(time).label("age_seconds"),
        )
        .select_from(for_each(newest, long))
        .where(long.c.value.is_not(None))
    )


def _sensor(keys: Iterable[ColumnElement[Any]]) -> ColumnElement[str]:
    """What names a sensor, in one text, as in `etl_anomaly`."""
    first, *others = (cast(key, text_of(_SENSOR_LENGTH)) for key in keys)
    whole: ColumnElement[str] = first
    for key in others:
        whole = whole + literal_column("'/'") + key
    return cast(whole, text_of(_SENSOR_LENGTH))


def _text(value: str, length: int) -> ColumnElement[str]:
    """A feed's or a column's own name; contracts allow letters, digits and _ in it."""
    return cast(literal_column(f"'{value}'"), text_of(length))
