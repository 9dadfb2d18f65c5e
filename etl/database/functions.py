"""SQL that the products write differently: windows of time, sample deviation, a query for each row of another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import islice, product
from typing import Any, TypeVar

from sqlalchemy import BindParameter, Connection, FromClause, Join, Table, Values, insert, literal, true
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement, count
from sqlalchemy.sql.selectable import LateralFromClause

from etl.database.types import DOUBLE, MOMENT

Value = TypeVar("Value")

_BOUND_AT_ONCE = 1000


class window_start(FunctionElement[datetime]):
    """The beginning of the tumbling window in which a time lies; windows are aligned to 1970-01-01 UTC.

    Arguments: the time, and the window's length in seconds as a literal.
    """

    inherit_cache = True
    type = MOMENT


class add_seconds(FunctionElement[datetime]):
    """A time plus a number of seconds; the seconds as a literal."""

    inherit_cache = True
    type = MOMENT


class seconds_since(FunctionElement[float]):
    """How long ago a time is, in seconds."""

    inherit_cache = True
    type = DOUBLE


class sample_deviation(FunctionElement[float]):
    """The standard deviation of a sample; NULL for a single value."""

    inherit_cache = True
    type = DOUBLE


def insert_row(connection: Connection, table: Table, values: Mapping[str, Any]) -> int:
    """Insert a row; returns the key that the database generates for it, also where the table has triggers."""
    key = connection.execute(insert(table).values(**values)).inserted_primary_key
    assert key is not None
    return int(key[0])


class _ForEach(Join):
    inherit_cache = True


def for_each(rows: FromClause, query: LateralFromClause | Values) -> Join:
    """Each of some rows with each row of a lateral query that refers to it."""
    return _ForEach(rows, query, true())


def in_text(value: int) -> BindParameter[int]:
    """A whole number written into the statement itself: for more values than can be bound (SQL Server: 2,100)."""
    return literal(value, literal_execute=True)


def in_batches(values: Iterable[Value]) -> Iterator[list[Value]]:
    """Values in lists that are short enough to bind."""
    left = iter(values)
    while batch := list(islice(left, _BOUND_AT_ONCE)):
        yield batch


@compiles(window_start, "postgresql")
def _window_start(element: window_start, compiler: SQLCompiler, **kw: Any) -> str:
    time, seconds = _parts(element, compiler, kw)
    return f"date_bin(make_interval(secs => {seconds}), {time}, TIMESTAMPTZ '1970-01-01 00:00:00+00')"


@compiles(window_start, "mssql")
def _window_start_of_sql_server(element: window_start, compiler: SQLCompiler, **kw: Any) -> str:
    """DATE_BUCKET is of 2022. DATEDIFF_BIG counts in UTC; a remainder below 0, before 1970, is made positive."""
    time, seconds = _parts(element, compiler, kw)
    micros = round(float(seconds) * 1_000_000)
    if micros % 1_000_000:
        past = _remainder("MICROSECOND", time, micros)
        # DATEADD takes an int, in which microseconds are half an hour.
        return f"DATEADD(SECOND, -({past} / 1000000), DATEADD(MICROSECOND, -({past} % 1000000), {time}))"
    whole_second = f"DATEADD(NANOSECOND, -DATEPART(NANOSECOND, {time}), {time})"
    return f"DATEADD(SECOND, -{_remainder('SECOND', time, micros // 1_000_000)}, {whole_second})"


def _remainder(unit: str, time: str, length: int) -> str:
    return f"((DATEDIFF_BIG({unit}, '1970-01-01', {time}) % {length} + {length}) % {length})"


@compiles(add_seconds, "postgresql")
def _add_seconds(element: add_seconds, compiler: SQLCompiler, **kw: Any) -> str:
    time, seconds = _parts(element, compiler, kw)
    return f"({time} + make_interval(secs => {seconds}))"


@compiles(add_seconds, "mssql")
def _add_seconds_of_sql_server(element: add_seconds, compiler: SQLCompiler, **kw: Any) -> str:
    time, seconds = _parts(element, compiler, kw)
    whole, micros = divmod(round(float(seconds) * 1_000_000), 1_000_000)
    later = f"DATEADD(SECOND, {whole}, {time})"
    return f"DATEADD(MICROSECOND, {micros}, {later})" if micros else later


@compiles(seconds_since, "postgresql")
def _seconds_since(element: seconds_since, compiler: SQLCompiler, **kw: Any) -> str:
    return f"CAST(EXTRACT(epoch FROM now() - {compiler.process(element.clauses, **kw)}) AS double precision)"


@compiles(seconds_since, "mssql")
def _seconds_since_of_sql_server(element: seconds_since, compiler: SQLCompiler, **kw: Any) -> str:
    time = compiler.process(element.clauses, **kw)
    return f"DATEDIFF_BIG(MILLISECOND, {time}, SYSDATETIMEOFFSET()) / CAST(1000 AS FLOAT(53))"


@compiles(count, "mssql")
def _count_of_sql_server(element: count, compiler: SQLCompiler, **kw: Any) -> str:
    """COUNT is an int there, and fails above two billion (2^31)."""
    return f"COUNT_BIG{compiler.function_argspec(element, **kw)}"


@compiles(sample_deviation, "postgresql")
def _sample_deviation(element: sample_deviation, compiler: SQLCompiler, **kw: Any) -> str:
    return f"stddev_samp({compiler.process(element.clauses, **kw)})"


@compiles(sample_deviation, "mssql")
def _sample_deviation_of_sql_server(element: sample_deviation, compiler: SQLCompiler, **kw: Any) -> str:
    return f"STDEV({compiler.process(element.clauses, **kw)})"


@compiles(_ForEach)
def _join_lateral(element: _ForEach, compiler: SQLCompiler, **kw: Any) -> str:
    joined: str = compiler.visit_join(element, **kw)  # type: ignore[no-untyped-call]
    return joined


@compiles(_ForEach, "mssql")
def _cross_apply(element: _ForEach, compiler: SQLCompiler, **kw: Any) -> str:
    # SQLAlchemy writes LATERAL before the query; SQL Server has CROSS APPLY instead of the join.
    kw["asfrom"] = True
    if linter := kw.get("from_linter"):
        linter.edges.update(product(element.left._from_objects, element.right._from_objects))
    left = compiler.process(element.left, **kw)
    right = compiler.process(element.right, **kw)
    return f"{left}\nCROSS APPLY {right.removeprefix('LATERAL ')}"


def _parts(element: FunctionElement[Any], compiler: SQLCompiler, kw: dict[str, Any]) -> tuple[str, str]:
    time, seconds = (compiler.process(part, **kw) for part in element.clauses)
    return time, seconds
