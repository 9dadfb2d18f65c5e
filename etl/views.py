"""Views of a feed, for people and dashboards.

Built from the contract: `v_<table>` (readings with source, cycle and load time), `v_<table>_latest` (the newest reading of
each sensor), `v_<table>_statistics` (figures per sensor and measure over all time). Written by hand, where a packaged feed has
more to show: the files of sql/views/, one folder per database product. A view that is there is left as it is; a migration that
changes one drops it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Connection, Inspector, Select, Table, and_, case, func, select, text
from sqlalchemy.schema import CreateView, DropView

from etl.model import Contract
from etl.settings import PROJECT_ROOT
from etl.tables import etl_log, etl_source
from etl.windows import window_tables

_NEEDS = re.compile(r"-- needs: (\w+)\n")


def ensure_views(connection: Connection, contract: Contract, table: Table, inspector: Inspector) -> None:
    """Create a feed's views, and those again whose columns are no longer the right ones."""
    present = set(inspector.get_view_names())
    for name, query in _of_contract(contract, table):
        columns = {column.name for column in query.selected_columns}
        if name in present and {column["name"] for column in inspector.get_columns(name)} == columns:
            continue
        view = CreateView(query, name)
        if name in present:
            connection.execute(DropView(view.table))
        connection.execute(view)
    for file in view_files(connection.dialect.name):
        if file.stem not in present and needs(file) == contract.table:
            connection.execute(text(file.read_text("utf-8")))


def view_files(product: str) -> list[Path]:
    """The views that are written by hand; a file is named like its view."""
    return sorted((PROJECT_ROOT / "sql" / "views" / product).glob("*.sql"))


def needs(file: Path) -> str:
    """The table that a view is about, from the file's first line."""
    found = _NEEDS.match(file.read_text("utf-8"))
    return found[1] if found else ""


def _of_contract(contract: Contract, table: Table) -> Iterator[tuple[str, Select[Any]]]:
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


def _latest(contract: Contract, table: Table) -> Select[Any]:
    """The newest reading of each sensor, found by the index on sensor and time."""
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
    moments = select(*(sensors.c[name] for name in keys), newest.label("newest")).subquery("moments")
    place = [table.c[name].desc() for name in ("source_id", "source_partition", "source_offset", "source_item")]
    number = func.row_number().over(partition_by=[table.c[name] for name in keys], order_by=place).label("number")
    same = and_(*(table.c[name] == moments.c[name] for name in keys), table.c[time] == moments.c.newest)
    ranked = select(*table.columns, number).join(moments, same).subquery("ranked")
    return select(*(ranked.c[column.name] for column in table.columns)).where(ranked.c.number == 1)


def _statistics(contract: Contract) -> Select[Any]:
    """Count, minimum, maximum, average and sample deviation per sensor and measure, pooled from the largest windows."""
    table = list(window_tables(contract))[-1]
    window = table.c
    keys = [window[name] for name in (contract.windows.key if contract.windows else ())]
    by = [*keys, window.measure]
    total: ColumnElement[Any] = func.sum(window.count)
    mean = select(*by, (func.sum(window.avg * window.count) / total).label("avg")).group_by(*by).subquery("mean")
    same = and_(*(column == mean.c[column.name] for column in by))
    # Within the windows, and between them: Chan, Golub and LeVeque, "Updating Formulae and a Pairwise Algorithm" (1979).
    within = (window.count - 1) * func.coalesce(window.stddev, 0.0) * func.coalesce(window.stddev, 0.0)
    between = window.count * (window.avg - mean.c.avg) * (window.avg - mean.c.avg)
    return (
        select(
            *by,
            total.label("count"),
            func.min(window["min"]).label("min"),
            func.max(window["max"]).label("max"),
            mean.c.avg,
            case((total > 1, func.sqrt(func.sum(within + between) / (total - 1)))).label("stddev"),
        )
        .select_from(table.join(mean, same))
        .group_by(*by, mean.c.avg)
    )
