"""The SQL of tests of both products: written in PostgreSQL's dialect, translated for SQL Server, and held to what both take.

There is no SQL Server beside most test runs. So every statement is translated on PostgreSQL as well, and one that would not be
T-SQL fails there: only what is listed here may be said, in the places where SQL Server takes it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

import sqlglot
from sqlalchemy import JSON
from sqlglot import exp

from etl.database.schema.tables.all_tables import metadata

_STATEMENTS = (exp.Select, exp.Union, exp.Insert, exp.Update, exp.Delete, exp.Alter)
_CLAUSES = (
    *(
        exp.From,
        exp.Join,
        exp.Where,
        exp.Group,
        exp.Having,
        exp.Order,
        exp.Ordered,
        exp.Limit,
        exp.Distinct,
        exp.With,
        exp.CTE,
    ),
    *(
        exp.Table,
        exp.TableAlias,
        exp.Subquery,
        exp.Schema,
        exp.Values,
        exp.Tuple,
        exp.Star,
        exp.Alias,
        exp.Column,
        exp.Identifier,
    ),
    *(exp.AddConstraint, exp.Constraint, exp.CheckColumnConstraint, exp.Drop),
)
_VALUES = (
    *(exp.Literal, exp.National, exp.Null, exp.Neg, exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Paren, exp.Case, exp.If),
    *(exp.Cast, exp.DataType, exp.DataTypeParam, exp.Var, exp.DateAdd, exp.Coalesce),
    *(exp.Count, exp.Sum, exp.Min, exp.Max, exp.Avg),
)
_CONDITIONS = (
    *(exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.Between, exp.In, exp.Like, exp.Is, exp.Exists),
    *(exp.And, exp.Or, exp.Not),
)
_TAKEN = frozenset((*_STATEMENTS, *_CLAUSES, *_VALUES, *_CONDITIONS))
_ASK = (exp.Where, exp.Having, exp.And, exp.Or, exp.Not, exp.CheckColumnConstraint)
"""What has conditions, beside joins and cases."""
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:.*")
_MOMENT_OF_BOTH = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d{1,6})?[+-]\d\d:\d\d")


class NotPortableError(Exception):
    """A statement that SQL Server would not take, or would take for something else."""


@cache
def tsql_of(query: str) -> str:
    """The T-SQL of a statement in PostgreSQL's dialect, which means the same.

    NULLs come first in order there and last here: order by columns that always have a value.

    :raises NotPortableError: it would not be T-SQL of every version since 2016.
    """
    try:
        (statement,) = sqlglot.parse(query, dialect="postgres", error_level=sqlglot.ErrorLevel.RAISE)
        assert statement is not None
        _adapt(statement)
        text = statement.sql("tsql", identify=True, unsupported_level=sqlglot.ErrorLevel.RAISE)
        (translated,) = sqlglot.parse(text, dialect="tsql", error_level=sqlglot.ErrorLevel.RAISE)
        assert translated is not None
    except (sqlglot.errors.SqlglotError, ValueError) as error:
        raise NotPortableError(f"{query}\n{error}") from error
    if faults := sorted({*_faults(translated)}):
        raise NotPortableError(f"{query}\nis in T-SQL\n{text}\nwhere it fails by: {', '.join(faults)}")
    return text


@cache
def json_of(query: str) -> frozenset[str]:
    """Names of the result's columns that are JSON, which SQL Server gives as texts."""
    tables = {table.name for table in sqlglot.parse_one(query, dialect="postgres").find_all(exp.Table)}
    columns = [column for name in tables & {*metadata.tables} for column in metadata.tables[name].columns]
    return frozenset(column.name for column in columns if isinstance(column.type, JSON))


def _adapt(statement: exp.Expr) -> None:
    """Say what sqlglot leaves as it is in T-SQL's words."""
    if statement.find(exp.DPipe, exp.Returning):
        raise ValueError("|| is + there, which adds where one side is a number; and RETURNING has another place")
    for ordered in statement.find_all(exp.Ordered):
        # Otherwise it writes a CASE, which no ordinal and no DISTINCT allows.
        ordered.set("nulls_first", not ordered.args.get("desc"))
    for sum_ in list(statement.find_all(exp.Add)):
        if isinstance(interval := sum_.expression, exp.Interval):
            number, unit = exp.Literal.number(interval.this.name), exp.var(interval.text("unit").removesuffix("S"))
            sum_.replace(exp.DateAdd(this=sum_.this, expression=number, unit=unit))
    for kind in statement.find_all(exp.DataType):
        if kind.this == exp.DataType.Type.TEXT:
            kind.replace(exp.DataType.build("NVARCHAR(MAX)", dialect="tsql"))
    for literal in list(statement.find_all(exp.Literal)):
        if literal.is_string and not literal.name.isascii():
            literal.replace(exp.National(this=literal.name))


def _faults(statement: exp.Expr) -> Iterator[str]:
    """What is wrong with a statement that was read as T-SQL."""
    if not isinstance(statement, _STATEMENTS):
        yield f"{type(statement).__name__} is no statement that is known to be taken"
    for part in statement.walk():
        if type(part) not in _TAKEN:
            yield f"{type(part).__name__} is not known to be taken"
        elif reason := _misplaced(part, statement):
            yield reason


def _misplaced(part: exp.Expr, statement: exp.Expr) -> str | None:
    """Why something that may be said may not be said here."""
    if isinstance(part, _CONDITIONS):
        return _as_value(part)
    if isinstance(part, exp.Literal) and part.is_string:
        return _bad_moment(part.name)
    if isinstance(part, exp.Tuple):
        return None if isinstance(part.parent, exp.Values | exp.Schema) else "rows are not compared"
    if isinstance(part, exp.Join):
        return "a join without ON" if part.args.get("using") or part.method else None
    if isinstance(part, exp.Group):
        return "GROUP BY takes no ordinals" if any(key.is_int for key in part.expressions) else None
    if isinstance(part, exp.Distinct):
        return "DISTINCT ON" if part.args.get("on") else None
    if isinstance(part, exp.Order):
        inner = part.parent is not statement and not (part.parent and part.parent.args.get("limit"))
        return "ORDER BY in a subquery" if inner else None
    if isinstance(part, exp.Update | exp.Delete):
        more = part.args.get("from_") or part.args.get("using") or part.this.alias
        return "other tables or names in a change" if more else None
    return None


def _as_value(condition: exp.Expr) -> str | None:
    if isinstance(condition, exp.Is) and not isinstance(condition.expression, exp.Null):
        return "IS takes NULL only"
    if isinstance(condition, exp.In) and condition.args.get("unnest"):
        return "IN takes a list or a query"
    if isinstance(condition.parent, exp.Update):
        return None  # column = value
    child, parent = condition, condition.parent
    while isinstance(parent, exp.Paren):
        child, parent = parent, parent.parent
    asked = isinstance(parent, _ASK) or (isinstance(parent, exp.Join | exp.If) and child.arg_key in ("on", "this"))
    return None if asked else "a condition is no value"


def _bad_moment(text: str) -> str | None:
    bad = _MOMENT.fullmatch(text) and not _MOMENT_OF_BOTH.fullmatch(text)
    return "a time without seconds and offset, such as +00:00" if bad else None
