"""SQL Server: tables that change under their views."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, Dialect, Table, text

from etl.database.product import AlteredColumn, DependentView
from etl.database.sqlserver.checks import SNAPSHOT_IS_OFF, SNAPSHOT_REMEDY
from etl.database.sqlserver.reader_login import SCHEMA

_SETTINGS = (
    "ANSI_NULLS",
    "ANSI_PADDING",
    "ANSI_WARNINGS",
    "ARITHABORT",
    "CONCAT_NULL_YIELDS_NULL",
    "QUOTED_IDENTIFIER",
)
"""What must be ON where a filtered index is made, or a table changed that has one (error 1934); sqlcmd begins without the last.

https://learn.microsoft.com/sql/t-sql/statements/create-index-transact-sql#required-set-options-for-filtered-indexes
"""
_WITHOUT_SNAPSHOT = "SELECT 1 FROM sys.databases WHERE name = DB_NAME() AND is_read_committed_snapshot_on = 0"
SCRIPT_START = (
    "\n".join(f"SET {name} ON;" for name in _SETTINGS) + "\nSET NUMERIC_ROUNDABORT OFF;",
    # RAISERROR alone would end only its batch.
    f"IF SCHEMA_NAME() <> '{SCHEMA}'\n"
    "BEGIN\n"
    f"    RAISERROR('Nothing is made: the default schema of this user must be {SCHEMA}.', 16, 1);\n"
    "    SET NOEXEC ON;\n"
    "END",
    f"IF EXISTS ({_WITHOUT_SNAPSHOT})\n    PRINT '{SNAPSHOT_IS_OFF} {SNAPSHOT_REMEDY}'",
)
SCRIPT_END = ("SET NOEXEC OFF",)

# For a view that reads another view, the catalogue does not have what that one reads.
_REFERENCES = """
SELECT OBJECT_NAME(d.referencing_id) AS name, d.referenced_entity_name AS relation, m.definition AS definition
FROM sys.sql_expression_dependencies AS d
JOIN sys.sql_modules AS m ON m.object_id = d.referencing_id
WHERE OBJECTPROPERTY(d.referencing_id, 'IsView') = 1 AND OBJECT_SCHEMA_NAME(d.referencing_id) = SCHEMA_NAME()
"""


def altering(table: Table, column: AlteredColumn, dialect: Dialect) -> list[str]:
    """The statement that alters a column; it repeats the type, and the collation of a text."""
    quoted = dialect.identifier_preparer
    kind, null = column.kind.compile(dialect), "NULL" if column.nullable else "NOT NULL"
    return [f"ALTER TABLE {quoted.format_table(table)} ALTER COLUMN {quoted.quote(column.name)} {kind} {null}"]


def sharing(table: str) -> str:
    """The statement that keeps a change of thousands of rows from locking a whole table."""
    # Babelfish does not escalate locks to a table, and would refuse a batch that contains this even where it is not reached.
    # SQL Server does not know the property, so it is NULL there.
    return f"IF SERVERPROPERTY('Babelfish') IS NULL\n    EXEC('ALTER TABLE {table} SET (LOCK_ESCALATION = DISABLE)')"


def views_upon(connection: Connection, names: Iterable[str]) -> list[DependentView]:
    """See `Product.views_upon`. Views do not prevent a table from changing here; they are refreshed afterwards."""
    roots, dependents = set(names), dict[str, tuple[int, str]]()
    references = [(row.name, row.relation, row.definition) for row in connection.execute(text(_REFERENCES))]
    front, depth = roots, 0
    while front:
        depth += 1
        upon = {name: definition for name, relation, definition in references if relation in front}
        dependents |= {name: (depth, definition) for name, definition in upon.items()}
        front = set(upon) if depth <= len(references) else set()
    for name, _, definition in references:
        if name in roots and name not in dependents:
            dependents[name] = (0, definition)
    order = sorted(dependents, key=lambda name: (dependents[name][0], name))
    return [DependentView(name, dependents[name][1], create=_refreshing(name)) for name in order]


def _refreshing(name: str) -> str:
    quoted = name.replace("]", "]]").replace("'", "''")
    return f"EXEC sp_refreshview N'[{quoted}]'"
