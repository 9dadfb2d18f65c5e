"""PostgreSQL: tables that change under their views, and limits of a table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from psycopg import sql
from sqlalchemy import Boolean, Column, Connection, Dialect, Double, Integer, Table, text
from sqlalchemy.types import BigInteger, DateTime, SmallInteger, TypeEngine

from etl.database.postgresql.connection import driver_of
from etl.database.product import AlteredColumn, DependentView
from etl.database.table_limits import NARROWER_ROWS, SHORTER_NAMES, BrokenLimit, too_many_columns

COLUMNS = 1600
"""https://www.postgresql.org/docs/18/limits.html"""
ROW_BYTES = 8160
"""Of a row, which must fit on a page of 8 KiB; only long texts may move out of it."""
NAME_BYTES = 63
_ROW_HEADER_BYTES, _SHORT_TEXT_BYTES = 24, 2
_FIXED: tuple[tuple[type[TypeEngine[Any]], int], ...] = (
    (SmallInteger, 2),
    (BigInteger, 8),
    (Integer, 4),
    (Double, 8),
    (Boolean, 1),
    (DateTime, 8),
)
# A view's rule depends on what it reads; of a column, by its number.
_VIEWS_UPON = """
WITH RECURSIVE reading AS (
    SELECT DISTINCT r.ev_class AS view, d.refobjid AS relation
    FROM pg_depend AS d
    JOIN pg_rewrite AS r ON r.oid = d.objid
    WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass AND r.ev_class <> d.refobjid
),
upon AS (
    SELECT c.oid AS relation, 0 AS depth
    FROM pg_class AS c
    WHERE c.oid = ANY(ARRAY(SELECT to_regclass(quote_ident(given))::oid FROM unnest(CAST(:names AS text[])) AS given))
    UNION
    SELECT reading.view, upon.depth + 1 FROM upon JOIN reading ON reading.relation = upon.relation
)
SELECT
    n.nspname AS schema,
    c.relname AS name,
    c.relkind = 'v' AS is_plain,
    pg_get_viewdef(c.oid) AS definition,
    c.reloptions AS options,
    pg_get_userbyid(c.relowner) AS owner,
    pg_get_userbyid(c.relowner) = current_user AS is_own,
    obj_description(c.oid, 'pg_class') AS comment,
    ARRAY(
        SELECT ARRAY[CASE a.grantee WHEN 0 THEN NULL ELSE pg_get_userbyid(a.grantee) END, a.privilege_type,
            a.is_grantable::text]
        FROM aclexplode(c.relacl) AS a
        WHERE a.grantee <> c.relowner
    ) AS rights,
    ARRAY(
        SELECT DISTINCT ARRAY[f.relname::text, t.attname::text]
        FROM pg_rewrite AS r
        JOIN pg_depend AS d ON d.objid = r.oid AND d.classid = 'pg_rewrite'::regclass AND d.refobjid <> c.oid
        JOIN pg_class AS f ON f.oid = d.refobjid AND d.refclassid = 'pg_class'::regclass
        JOIN pg_attribute AS t ON t.attrelid = f.oid AND t.attnum = d.refobjsubid
        WHERE r.ev_class = c.oid
    ) AS reads
FROM (SELECT relation, max(depth) AS depth FROM upon GROUP BY relation) AS found
JOIN pg_class AS c ON c.oid = found.relation AND c.relkind IN ('v', 'm')
JOIN pg_namespace AS n ON n.oid = c.relnamespace
ORDER BY found.depth, c.relname
"""


def altering(table: Table, column: AlteredColumn, dialect: Dialect) -> list[str]:
    """The statements that alter a column."""
    quoted = dialect.identifier_preparer
    start = f"ALTER TABLE {quoted.format_table(table)} ALTER COLUMN {quoted.quote(column.name)}"
    statements = [f"{start} TYPE {column.kind.compile(dialect)}"] if column.is_other_kind else []
    return [*statements, f"{start} DROP NOT NULL"] if column.nullable and column.is_required_now else statements


def views_upon(connection: Connection, names: Iterable[str]) -> list[DependentView]:
    """See `Product.views_upon`. Each is read with all that it takes to make it again: options, owner, rights, comment."""
    return [_dependent(connection, row) for row in connection.execute(text(_VIEWS_UPON), {"names": list(names)})]


def _dependent(connection: Connection, row: Any) -> DependentView:
    name = sql.Identifier(row.schema, row.name)
    options = sql.SQL(" WITH ({})").format(sql.SQL(", ".join(row.options))) if row.options else sql.SQL("")
    definition = row.definition.strip().rstrip(";")
    create = sql.SQL("CREATE VIEW {}{} AS {}").format(name, options, sql.SQL(definition))
    driver = driver_of(connection)
    return DependentView(
        row.name,
        definition,
        frozenset((relation, column) for relation, column in row.reads),
        row.is_plain,
        sql.SQL("DROP VIEW {}").format(name).as_string(driver),
        create.as_string(driver),
        tuple(statement.as_string(driver) for statement in _grants(row, name)),
    )


def _grants(row: Any, name: sql.Identifier) -> Iterator[sql.Composed]:
    if row.comment:
        yield sql.SQL("COMMENT ON VIEW {} IS {}").format(name, sql.Literal(row.comment))
    for grantee, right, may_grant in row.rights:
        who = sql.Identifier(grantee) if grantee else sql.SQL("PUBLIC")
        more = sql.SQL(" WITH GRANT OPTION") if may_grant == "true" else sql.SQL("")
        yield sql.SQL("GRANT {} ON {} TO {}{}").format(sql.SQL(right), name, who, more)
    if not row.is_own:
        yield sql.SQL("ALTER VIEW {} OWNER TO {}").format(name, sql.Identifier(row.owner))


def broken_limits(table: Table) -> list[BrokenLimit]:
    """Which limits a table would break."""
    broken = []
    if len(table.columns) > COLUMNS:
        broken.append(too_many_columns(len(table.columns), COLUMNS))
    elif (needed := _row_bytes(table)) > ROW_BYTES:
        sentence = f"a row with all its values takes at least {needed:,} bytes; {ROW_BYTES:,} are possible."
        broken.append(BrokenLimit(sentence, NARROWER_ROWS))
    names = [table.name, *(str(index.name) for index in table.indexes), *(column.name for column in table.columns)]
    too_long = (f"the name {name!r} is too long; {NAME_BYTES} bytes are possible." for name in names if _is_long(name))
    return broken + [BrokenLimit(sentence, SHORTER_NAMES) for sentence in too_long]


def _is_long(name: str) -> bool:
    return len(name.encode()) > NAME_BYTES


def _row_bytes(table: Table) -> int:
    """What a row takes at least where all columns have values, and texts are short."""
    return _ROW_HEADER_BYTES + len(table.columns) // 8 + sum(map(_bytes, table.columns))


def _bytes(column: Column[Any]) -> int:
    return next((size for kind, size in _FIXED if isinstance(column.type, kind)), _SHORT_TEXT_BYTES)
