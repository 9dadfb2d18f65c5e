"""T-SQL without SQL Server: the statements of `etl`, compiled for it, recorded, and carried out by DuckDB through sqlglot.

What is shown by it: that every statement is T-SQL, and that it means what the PostgreSQL one means. Not shown: that SQL
Server itself takes it, how it plans it, and its locks; for that the tests run where ETL_TEST_SQLSERVER_URL is set.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from types import SimpleNamespace
from typing import Any

import duckdb
import sqlglot
from sqlalchemy import Index, Table, UniqueConstraint, inspection, make_url
from sqlalchemy.engine.result import IteratorResult, SimpleResultMetaData
from sqlalchemy.exc import IntegrityError
from sqlalchemy.schema import CreateIndex, CreateTable, CreateView, DropView, ExecutableDDLElement
from sqlglot import exp

from etl.database.schema.ddl import layout
from etl.database.sqlserver.checks import SNAPSHOT
from etl.database.sqlserver.product import BEGIN, TAKE_LOCK, TRANSACTION_ID, offline_dialect, with_nulls

_TEMPORARY = re.compile(r"\[##?(\w+)\]")


class OdbcError(Exception):
    """An error as pyodbc raises it: SQLSTATE, and a text with SQL Server's number."""


class TSQLEngine:
    """As much of SQLAlchemy's engine as `etl` uses, on a database of DuckDB's."""

    def __init__(self) -> None:
        self.url = make_url("mssql+pyodbc://etl@nowhere/etl")
        self.dialect = offline_dialect()
        self.dialect.dbapi = SimpleNamespace(Error=OdbcError)  # type: ignore[assignment]
        # Alembic asks the dialect, not an inspector.
        self.dialect.has_table = lambda asked, name, *_, **__: _Inspector(asked).has_table(name)  # type: ignore[method-assign]
        self.database = duckdb.connect()
        self.database.execute("CREATE SCHEMA dbo")
        self.statements: list[str] = []
        self.answers: dict[str, int | str | None] = dict.fromkeys((TRANSACTION_ID, BEGIN, SNAPSHOT), 1)
        """What no database but SQL Server knows."""
        self.elements: dict[str, tuple[Any, tuple[str, ...]]] = {}
        """What SQLAlchemy compiled, with the names of the values, by the text it became."""
        self.tables: dict[str, Table] = {}
        self.views: dict[str, list[str]] = {}

    def connect(self) -> TSQLConnection:
        return TSQLConnection(self)

    def execution_options(self, **_: Any) -> TSQLEngine:
        return self

    def dispose(self) -> None:
        """Another engine of the same test goes on with the database."""

    def recorded(self) -> list[str]:
        """Each statement once, in the order in which they came."""
        return list(dict.fromkeys(layout(text) for text in self.statements))

    def forget(self) -> None:
        """Forget what was recorded."""
        self.statements.clear()


class TSQLConnection:
    """As much of SQLAlchemy's connection as `etl` uses."""

    invalidated = False
    closed = False

    def __init__(self, engine: TSQLEngine) -> None:
        self.engine = engine
        self.dialect = engine.dialect
        self.database = engine.database.cursor()
        self.database.execute("SET TimeZone = 'UTC'; SET schema = 'dbo'")
        self.connection = _Fairy(self)
        self.options: dict[str, Any] = {}
        self.rowcount = 0

    def __enter__(self) -> TSQLConnection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.closed = True

    def execution_options(self, **options: Any) -> TSQLConnection:
        self.options |= options
        return self

    def get_execution_options(self) -> dict[str, Any]:
        return self.options

    def begin(self) -> TSQLConnection:
        self.database.begin()
        return self

    def begin_nested(self) -> AbstractContextManager[None]:
        """DuckDB has no savepoints; what goes back to one is not tested with it."""
        return nullcontext()

    def commit(self) -> None:
        self.database.commit()

    def rollback(self) -> None:
        self.database.rollback()

    @property
    def statements(self) -> list[str]:
        return self.engine.statements

    @property
    def tables(self) -> dict[str, Table]:
        return self.engine.tables

    @property
    def views(self) -> dict[str, list[str]]:
        return self.engine.views

    def execute(self, statement: Any, parameters: Sequence[dict[str, Any]] | None = None) -> Any:
        if isinstance(statement, ExecutableDDLElement):
            return self._ddl(statement)
        if parameters is not None and not isinstance(parameters, dict):
            results = [self._run(statement.values(row) if not row else statement, row) for row in parameters]
            return results[-1]
        return self._run(statement, parameters or {})

    def scalar(self, statement: Any) -> Any:
        return self.execute(statement).scalar()

    def scalars(self, statement: Any) -> Any:
        return self.execute(statement).scalars()

    def exec_driver_sql(self, statement: str, parameters: Sequence[Any] = ()) -> Any:
        if not self.statements or self.statements[-1] != statement:
            self.statements.append(statement)
        if statement in self.engine.answers:
            return _result(["n"], [(self.engine.answers[statement],)])
        return _result(*self.carry_out(statement, parameters))

    def sql(self, query: str) -> list[tuple[Any, ...]]:
        """Ask DuckDB itself."""
        return _rows(self.database.execute(query))

    def _run_ddl_visitor(self, visitor: Any, element: Any, **_: Any) -> None:
        """What `Table.create` and `Index.create` call."""
        if isinstance(element, Index):
            self._ddl(CreateIndex(element))
            return
        self._ddl(CreateTable(element))
        for index in sorted(element.indexes, key=lambda found: str(found.name)):
            self._ddl(CreateIndex(index))

    def _ddl(self, element: Any) -> Any:
        text = str(element.compile(dialect=self.dialect)).strip()
        self.statements.append(text)
        self.engine.elements.setdefault(text, (element, ()))
        if isinstance(element, CreateTable):
            self.tables[element.element.name] = element.element
        if isinstance(element, CreateView):
            self.views[element.table.name] = [column.name for column in element.table.columns]
        if isinstance(element, DropView):
            self.views.pop(element.element.name, None)
        if not isinstance(element, CreateIndex):
            self.carry_out(text, [])
        return None

    def _run(self, statement: Any, row: dict[str, Any]) -> Any:
        compiled = statement.compile(
            dialect=self.dialect, column_keys=list(row) or None, compile_kwargs={"render_postcompile": True}
        )
        processors = compiled._bind_processors
        values = compiled.construct_params(row) | getattr(compiled, "_values_of_post_compile", {})
        bound = [
            processors[name](values[name]) if name in processors else values[name]
            for name in compiled.positiontup or ()
        ]
        if not self.statements or self.statements[-1] != str(compiled):
            self.statements.append(str(compiled))
        self.engine.elements.setdefault(str(compiled), (statement, tuple(row)))
        names, rows = self.carry_out(str(compiled), bound)
        kinds = [column.type for column in compiled._result_columns]
        readers = [kind.dialect_impl(self.dialect).result_processor(self.dialect, None) for kind in kinds]
        if readers and len(readers) == len(names):
            rows = [tuple(r(v) if r else v for r, v in zip(readers, row, strict=True)) for row in rows]
        names = [column.keyname for column in compiled._result_columns] or names
        result = _result(names, rows, self.rowcount)
        if compiled.isinsert and not compiled.effective_returning:
            result.inserted_primary_key = self._scope_identity(compiled.statement.table)
        return result

    def _scope_identity(self, table: Table) -> tuple[int] | None:
        """The key that the last INSERT made: what the driver asks SCOPE_IDENTITY() for in the same batch."""
        column = table.autoincrement_column
        if column is None or column.identity is None:
            return None
        return self.sql(f"SELECT currval('{table.name}_{column.name}')")[0]

    def carry_out(self, tsql: str, parameters: Sequence[Any]) -> tuple[list[str], list[tuple[Any, ...]]]:
        """One statement; returns names and rows of its result, or of a change none, and `rowcount`."""
        try:
            sent, values = with_nulls(tsql, tuple(parameters))
            done = self.database.execute(to_duckdb(sent), list(values))
        except duckdb.ConstraintException as error:
            reason = "[23000] [Microsoft][SQL Server]The INSERT statement conflicted. (547) (SQLExecDirectW)"
            raise IntegrityError(tsql, None, OdbcError("23000", reason)) from error
        if done.description is None:
            return [], []
        names = [column[0] for column in done.description]
        rows = _rows(done)
        if names == ["Count"]:
            self.rowcount = rows[0][0] if rows else 0
            return [], []
        return names, rows


class _Fairy:
    """What is between SQLAlchemy's connection and the driver's."""

    def __init__(self, owner: TSQLConnection) -> None:
        self.owner = owner
        self.driver_connection = self

    def cursor(self) -> _Cursor:
        return _Cursor(self.owner)


class _Cursor:
    description: tuple[str, ...] | None = None

    def __init__(self, owner: TSQLConnection) -> None:
        self.owner = owner

    def execute(self, statement: str, parameters: tuple[Any, ...]) -> None:
        """The only one that is not SQL for all: the lock. Nobody else is there."""
        assert statement == TAKE_LOCK
        self.owner.statements.append(statement)
        self.description = ("result",)

    def fetchone(self) -> tuple[int]:
        return (0,)

    def close(self) -> None:
        pass


class _Inspector:
    """What reading back shows; the tables are those that were made by this connection."""

    def __init__(self, owner: TSQLConnection) -> None:
        self.owner = owner

    def has_table(self, name: str) -> bool:
        return name in self.get_table_names()

    def get_table_names(self) -> list[str]:
        return self._names("BASE TABLE")

    def get_view_names(self) -> list[str]:
        return self._names("VIEW")

    def _names(self, kind: str) -> list[str]:
        query = "SELECT table_name FROM information_schema.tables WHERE table_type = ?"
        return [name for (name,) in self.owner.database.execute(query, [kind]).fetchall()]

    def get_multi_columns(
        self, *, filter_names: Iterable[str], **_: Any
    ) -> dict[tuple[None, str], list[dict[str, Any]]]:
        """As read back: whether a column may be empty, and its type."""
        there = {*self.get_table_names(), *self.get_view_names()}
        return {(None, name): self._columns(name) for name in filter_names if name in there}

    def _columns(self, name: str) -> list[dict[str, Any]]:
        if name in self.owner.views:
            return [{"name": column} for column in self.owner.views[name]]
        columns = self.owner.tables[name].columns
        dialect = self.owner.dialect
        return [{"name": c.name, "type": c.type.dialect_impl(dialect), "nullable": c.nullable} for c in columns]

    def get_multi_indexes(
        self, *, filter_names: Iterable[str], **_: Any
    ) -> dict[tuple[None, str], list[dict[str, Any]]]:
        return {(None, name): self._indexes(self.owner.tables[name]) for name in filter_names}

    def _indexes(self, table: Table) -> list[dict[str, Any]]:
        """Those of unique constraints among them, as SQL Server has it."""
        keys = [one for one in table.constraints if isinstance(one, UniqueConstraint)]
        found: list[Index | UniqueConstraint] = [*table.indexes, *keys]
        return [
            {"name": one.name, "column_names": one.columns.keys(), "unique": isinstance(one, UniqueConstraint)}
            for one in found
        ]


inspection._inspects(TSQLConnection)(_Inspector)


def _rows(done: Any) -> list[tuple[Any, ...]]:
    # By way of Arrow: DuckDB's own times with an offset need a package more.
    with warnings.catch_warnings(action="ignore", category=UserWarning):
        found = done.to_arrow_table()
    return list(zip(*(column.to_pylist() for column in found.columns), strict=True))


def _result(names: list[str], rows: Sequence[tuple[Any, ...]], rowcount: int = -1) -> Any:
    found: Any = IteratorResult(SimpleResultMetaData(names), iter(rows))
    found.rowcount = rowcount
    return found


@cache
def to_duckdb(tsql: str) -> str:
    """A T-SQL statement in DuckDB's dialect."""
    # Each test has its own database, so a temporary table is one like any other there.
    plain = _TEMPORARY.sub(r"[temporary_\1]", tsql)
    return ";\n".join(_translated(statement) for statement in parse(plain))


def parse(tsql: str) -> list[exp.Expr]:
    """The statements of a T-SQL text; what sqlglot does not know as T-SQL is an error."""
    found = [statement for statement in sqlglot.parse(tsql, dialect="tsql") if statement is not None]
    for statement in found:
        if isinstance(statement, exp.Command):
            raise sqlglot.ParseError(f"Not understood: {statement.sql('tsql')}")
    return found


def _translated(statement: exp.Expr) -> str:
    sequences = _column_definitions(statement)
    _openjson(statement)
    _types(statement)
    _literals(statement)
    _division(statement)
    _concatenation(statement)
    _joins(statement)
    text = sequences + statement.sql("duckdb")
    if isinstance(statement, exp.Create) and statement.kind == "TABLE" and not statement.expression:
        text = text.replace(" NULLS FIRST", "")
    return re.sub(r"RETURNING inserted\.", "RETURNING ", text)


def _column_definitions(statement: exp.Expr) -> str:
    """Remove collations, and let sequences number what IDENTITY numbers; returns the statements that create them."""
    sequences = ""
    for column in list(statement.find_all(exp.ColumnDef)):
        for constraint in list(column.constraints):
            if isinstance(constraint.kind, exp.CollateColumnConstraint):
                constraint.pop()
            elif isinstance(
                constraint.kind, exp.GeneratedAsIdentityColumnConstraint | exp.AutoIncrementColumnConstraint
            ):
                constraint.pop()
                name = f"{statement.find(exp.Table).name}_{column.name}"  # type: ignore[union-attr]
                sequences = f"CREATE SEQUENCE {name};\n"
                default = sqlglot.parse_one(f"CREATE TABLE t (c BIGINT DEFAULT nextval('{name}'))", dialect="duckdb")
                column.append("constraints", next(default.find_all(exp.ColumnConstraint)).copy())
    while collated := statement.find(exp.Collate):
        collated.replace(collated.this.copy())
    return sequences


def _openjson(statement: exp.Expr) -> None:
    for sent in list(statement.find_all(exp.OpenJSON)):
        parts = ", ".join(
            f"CAST(value ->> {part.args['path'].sql()} AS {part.args['kind'].sql('duckdb')}) AS {part.this.sql('duckdb')}"
            for part in sent.expressions
        )
        rows = f"SELECT {parts} FROM json_each(CAST(? AS JSON))"
        sent.replace(exp.Subquery(this=sqlglot.parse_one(rows, dialect="duckdb")))


def _types(statement: exp.Expr) -> None:
    for kind in statement.find_all(exp.DataType):
        if kind.this in (exp.DataType.Type.FLOAT, exp.DataType.Type.DOUBLE):
            kind.replace(exp.DataType.build("DOUBLE", dialect="duckdb"))
        elif kind.this in exp.DataType.TEXT_TYPES:
            kind.replace(exp.DataType.build("TEXT", dialect="duckdb"))
        elif kind.this == exp.DataType.Type.BIT:
            kind.replace(exp.DataType.build("BOOLEAN", dialect="duckdb"))


def _literals(statement: exp.Expr) -> None:
    for national in list(statement.find_all(exp.National)):
        national.replace(exp.Literal.string(national.name))
    for now in list(statement.find_all(exp.CurrentTimestampLTZ)):
        now.replace(exp.CurrentTimestamp())
    for sum_ in list(statement.find_all(exp.DateAdd)):
        # A number is a count of days there.
        if sum_.this.is_int:
            days = sqlglot.parse_one(f"TIMESTAMP '1900-01-01' + INTERVAL {sum_.this.name} DAY", dialect="duckdb")
            sum_.set("this", exp.paren(days))


def _division(statement: exp.Expr) -> None:
    """T-SQL divides whole numbers as such."""
    for division in list(statement.find_all(exp.Div)):
        if division.expression.is_int:
            division.replace(exp.IntDiv(this=division.this.copy(), expression=division.expression.copy()))


def _concatenation(statement: exp.Expr) -> None:
    """T-SQL joins texts by `+`."""
    # Innermost first, so that what is known as text makes what surrounds it text as well; and once more outside in.
    for _ in range(2):
        for plus in reversed(list(statement.find_all(exp.Add))):
            if _is_text(plus) or isinstance(plus.parent, exp.DPipe):
                plus.replace(exp.DPipe(this=plus.this.copy(), expression=plus.expression.copy()))


def _joins(statement: exp.Expr) -> None:
    for join in statement.find_all(exp.Join):
        if isinstance(join.this, exp.Lateral):
            # CROSS APPLY is an inner join, OUTER APPLY a left one.
            join.set("side", None if join.this.args.get("cross_apply") else "LEFT")
            join.this.set("cross_apply", None)
            join.set("on", exp.true())


def _is_text(part: exp.Expr) -> bool:
    if isinstance(part, exp.Add | exp.DPipe):
        return _is_text(part.this) or _is_text(part.expression)
    if isinstance(part, exp.Case):
        return any(_is_text(branch.args["true"]) for branch in part.args["ifs"])
    if isinstance(part, exp.Cast):
        return part.to.this in exp.DataType.TEXT_TYPES
    return bool(part.args.get("is_string"))
