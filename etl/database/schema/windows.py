"""Statistics per tumbling window: count, minimum, maximum, average and standard deviation, per sensor and measure.

Every window that a change touches is computed again, in the same transaction: from the feed's table, from smaller
windows that fill it, or, where nothing else lies in it, from the rows of an archive that are in memory. So late rows correct
their window, and the result is always that of a computation from scratch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Double,
    FromClause,
    Index,
    MetaData,
    Select,
    Table,
    and_,
    case,
    cast,
    column,
    delete,
    exists,
    func,
    insert,
    literal_column,
    select,
    values,
)
from sqlalchemy.sql.base import ReadOnlyColumnCollection
from sqlalchemy.types import TypeEngine

from etl.contract.model import Contract, EvolvedContract, Windows
from etl.database import (
    DOUBLE,
    MOMENT,
    add_seconds,
    for_each,
    in_batches,
    keep_in_temporary,
    sample_deviation,
    text_of,
    window_start,
)
from etl.database.schema.feed_table import column_type
from etl.database.schema.tables.audit_tables import NAMES

_Smaller = TypeVar("_Smaller")
_MEASURES_AT_ONCE = 200
"""PostgreSQL selects at most 1,664 columns, and each measure takes five."""
Definition = dict[str, Any]
"""Of one size of windows: see `definitions`."""
_FIGURES: dict[str, TypeEngine[Any]] = {
    "count": BigInteger(),
    "min": DOUBLE,
    "max": DOUBLE,
    "avg": DOUBLE,
    "stddev": DOUBLE,
}


# A space, so that no column or table of a contract is called the same.
_END, _TOUCHED = "window end", "touched windows"


@dataclass(frozen=True)
class Touched:
    """The windows of one size that a change touches: a temporary table of key, beginning and end."""

    windows: Table
    rows: Table
    """The windows' own table, with their statistics."""
    smaller: Table | None
    """The table of smaller windows that these consist of, computed before them; None where there is none."""


def window_tables(contract: Contract) -> Iterator[Table]:
    """The tables of a feed's windows, one per size: `<table>_5m`, `<table>_1d`."""
    for name, _ in contract.windows.sizes if contract.windows else ():
        yield table_of_size(contract, contract.windows, name)  # type: ignore[arg-type]


def definitions(contract: Contract) -> dict[str, Definition]:
    """What each size of a feed's windows is computed with: `key` and `time`, columns of the feed's table, and `measures`."""
    windows = contract.windows
    if windows is None:
        return {}
    time = contract.event_time.column
    return {
        name: {"key": list(windows.key), "time": time, "measures": list(windows.measures)} for name, _ in windows.sizes
    }


def fill(
    connection: Connection, contract: EvolvedContract, readings: Table, measures: Mapping[str, Sequence[str]]
) -> None:
    """Compute windows of some sizes from all readings.

    :param measures: by name of the windows' table, which hold none of these measures; other measures are not computed.
    """
    windows = contract.windows
    is_empty = connection.execute(select(literal_column("1")).select_from(readings).limit(1)).first() is None
    if windows is None or is_empty or not any(measures.values()):
        return
    for change in touch(connection, contract, readings):
        if lacking := tuple(measures.get(change.rows.name, ())):
            _compute(connection, contract, replace(windows, measures=lacking), readings, change)


def forget_measures(connection: Connection, table: Table, measures: Sequence[str]) -> None:
    """Remove some measures from a table of windows."""
    for batch in in_batches(measures):
        connection.execute(delete(table).where(table.c.measure.in_(batch)))


def touch(connection: Connection, contract: EvolvedContract, rows: FromClause) -> list[Touched]:
    """Keep in temporary tables which windows these rows lie in; call it while the rows are still there."""
    windows = contract.windows
    if windows is None:
        return []
    time = contract.event_time.column
    touched: dict[int, Touched] = {}
    for name, seconds in smallest_first(windows):
        # Windows that consist of smaller ones are found through those: they are far fewer than the rows.
        smaller = filling(touched, seconds)
        kept = keep_touched(
            connection, contract, name, seconds, *((smaller.windows, "window_start") if smaller else (rows, time))
        )
        touched[seconds] = Touched(kept, table_of_size(contract, windows, name), smaller.rows if smaller else None)
    return list(touched.values())


def smallest_first(windows: Windows) -> list[tuple[str, int]]:
    return sorted(windows.sizes, key=lambda size: size[1])


def filling(smaller: Mapping[int, _Smaller], seconds: int) -> _Smaller | None:
    """The entry of the largest size in `smaller` that divides these seconds; None where none does."""
    fitting = [size for size in smaller if seconds % size == 0]
    return smaller[max(fitting)] if fitting else None


def keep_touched(
    connection: Connection, contract: EvolvedContract, name: str, seconds: int, rows: FromClause, time: str
) -> Table:
    """The windows of one size that contain these rows, without rows that lack a key or a time; a temporary table."""
    key = contract.windows.key if contract.windows else ()
    length: ColumnElement[Any] = literal_column(str(seconds))
    start = window_start(rows.c[time], length).label("window_start")
    has_values = [rows.c[column].is_not(None) for column in (*key, time)]
    distinct = select(*(rows.c[column] for column in key), start).where(*has_values).distinct().subquery()
    ends = select(distinct, add_seconds(distinct.c.window_start, length).label(_END))
    return keep_in_temporary(connection, f"touched_{contract.table}_{name}", ends)


def recompute(connection: Connection, contract: EvolvedContract, table: Table, touched: list[Touched]) -> None:
    """Compute the touched windows again, the smallest first. A window without a row is removed."""
    windows = contract.windows
    for change in touched if windows else ():
        assert windows is not None
        noted = change.windows.alias(_TOUCHED)
        same = [change.rows.c[name] == noted.c[name] for name in (*windows.key, "window_start")]
        connection.execute(delete(change.rows).where(exists().where(*same)))
        _compute(connection, contract, windows, table, change)


def _compute(
    connection: Connection, contract: EvolvedContract, windows: Windows, table: Table, change: Touched
) -> None:
    """Insert the touched windows of one size, from readings or from smaller windows that are right already."""
    names = [*windows.key, "measure", "window_start", *_FIGURES]
    for first in range(0, len(windows.measures), _MEASURES_AT_ONCE):
        selected = replace(windows, measures=windows.measures[first : first + _MEASURES_AT_ONCE])
        if change.smaller is None:
            statistics = _of_readings(contract, selected, table, change)
        else:
            statistics = _pooled(selected, change.smaller, change)
        connection.execute(insert(change.rows).from_select(names, statistics))


def _pooled(windows: Windows, smaller: Table, change: Touched) -> Select[Any]:
    """Statistics of the touched windows from those of smaller ones: a day has at most 288 windows of 5 minutes per sensor.

    They are looked up sensor by sensor and measure by measure along their table's key.
    """
    touched, part = change.windows.alias(_TOUCHED), smaller.alias("part")
    measure = values(column("measure", text_of(64)), name="measured")
    measured = measure.data([(literal_column(f"'{name}'"),) for name in windows.measures]).lateral()
    lies_in = and_(
        *(part.c[key] == touched.c[key] for key in windows.key),
        part.c.measure == measured.c.measure,
        part.c.window_start >= touched.c.window_start,
        part.c.window_start < touched.c[_END],
    )
    mean = func.sum(part.c.avg * part.c.count).over() / func.sum(part.c.count).over()
    figures = select(*(part.c[name] for name in _FIGURES), mean.label("mean"))
    parts = figures.where(lies_in).correlate(touched, measured).subquery("parts").c
    pooled = select(
        cast(func.sum(parts.count), BigInteger).label("count"),
        func.min(parts["min"]).label("min"),
        func.max(parts["max"]).label("max"),
        func.max(parts.mean).label("avg"),
        pooled_deviation(parts, parts.mean).label("stddev"),
    ).lateral("pooled")
    keys = [touched.c[key] for key in windows.key]
    return (
        select(*keys, measured.c.measure, touched.c.window_start, *(pooled.c[name] for name in _FIGURES))
        .select_from(for_each(for_each(touched, measured), pooled))
        .where(pooled.c.count > 0)
    )


def pooled_deviation(window: ReadOnlyColumnCollection[str, Any], mean: ColumnElement[Any]) -> ColumnElement[Any]:
    """The sample deviation of all readings in some windows, from that within the windows and that between them; NULL for a
    single reading. Chan, Golub and LeVeque, "Updating Formulae and a Pairwise Algorithm for Computing Sample Variances" (1979).

    :param mean: of all these readings.
    """
    number: ColumnElement[Any] = func.sum(window.count)
    within = (window.count - 1) * func.coalesce(window.stddev, 0.0) * func.coalesce(window.stddev, 0.0)
    between = window.count * (window.avg - mean) * (window.avg - mean)
    return case((number > 1, func.sqrt(func.sum(within + between) / (number - 1))))


def _of_readings(contract: EvolvedContract, windows: Windows, table: Table, change: Touched) -> Select[Any]:
    """Statistics of the touched windows from the feed's table, a row per measure that has a value in them."""
    time, touched = table.c[contract.event_time.column], change.windows.alias(_TOUCHED)
    lies_in = and_(
        *(table.c[key] == touched.c[key] for key in windows.key),
        time >= touched.c.window_start,
        time < touched.c[_END],
    )
    keys = [touched.c[key] for key in (*windows.key, "window_start")]
    figures = [figure for number, name in enumerate(windows.measures) for figure in _figures(table.c[name], number)]
    # Window by window along the index on sensor and time: the planner has no statistics yet of rows that this transaction
    # inserted, and would sometimes join millions with millions.
    inside = select(*figures).where(lies_in).correlate(touched).lateral("inside")
    long = (
        values(column("measure", text_of(64)), *(column(name, kind) for name, kind in _FIGURES.items()), name="long")
        .data(
            [
                (literal_column(f"'{name}'"), *(inside.c[f"{figure}_{number}"] for figure in _FIGURES))
                for number, name in enumerate(windows.measures)
            ]
        )
        .lateral()
    )
    return (
        select(*keys[:-1], long.c.measure, keys[-1], *(long.c[figure] for figure in _FIGURES))
        .select_from(for_each(for_each(touched, inside), long))
        .where(long.c.count > 0)
    )


def _figures(value: ColumnElement[Any], number: int) -> list[ColumnElement[Any]]:
    counted: ColumnElement[Any] = func.count(value)
    # The average of whole numbers would be cut to a whole number on SQL Server.
    real = value if isinstance(value.type, Double) else cast(value, DOUBLE)
    computed = (counted, func.min(value), func.max(value), func.avg(real), sample_deviation(real))
    return [figure.label(f"{name}_{number}") for name, figure in zip(_FIGURES, computed, strict=True)]


def table_of_size(contract: Contract, windows: Windows, name: str) -> Table:
    keys = [Column(key, column_type(contract.column(key)), primary_key=True) for key in windows.key]
    return Table(
        f"{contract.table}_{name}",
        MetaData(naming_convention=NAMES),
        *keys,
        Column("measure", text_of(64), primary_key=True),
        Column("window_start", MOMENT, primary_key=True, comment="UTC; windows are aligned to 1970"),
        Column("count", BigInteger, nullable=False),
        Column("min", DOUBLE, nullable=False),
        Column("max", DOUBLE, nullable=False),
        Column("avg", DOUBLE, nullable=False),
        Column("stddev", DOUBLE, comment="of the sample; NULL for a single value"),
        Index(f"ix_{contract.table}_{name}_start", "window_start"),
        comment=f"Statistics of {contract.table} per {name} window",
    )
