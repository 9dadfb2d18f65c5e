"""SQL Server: tables that change under their views."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, Dialect, Table, text

from etl.database.product import AlteredColumn, DependentView

# A view that reads another knows nothing of what that one reads.
_REFERENCES = """
SELECT OBJECT_NAME(d.referencing_id) AS name, d.referenced_entity_name AS relation, m.definition AS definition
FROM sys.sql_expression_dependencies AS d
JOIN sys.sql_modules AS m ON m.object_id = d.referencing_id
WHERE OBJECTPROPERTY(d.referencing_id, 'IsView') = 1 AND OBJECT_SCHEMA_NAME(d.referencing_id) = SCHEMA_NAME()
"""


def altering(table: Table, column: AlteredColumn, dialect: Dialect) -> list[str]:
    """The statement that makes a column what it shall be; its type is said again, with the collation of a text."""
    quoted = dialect.identifier_preparer
    kind, null = column.kind.compile(dialect), "NULL" if column.nullable else "NOT NULL"
    return [f"ALTER TABLE {quoted.format_table(table)} ALTER COLUMN {quoted.quote(column.name)} {kind} {null}"]


def views_upon(connection: Connection, names: Iterable[str]) -> list[DependentView]:
    """See `Product.views_upon`. Nothing hinders a table from changing here; views are refreshed afterwards."""
    given, found = set(names), dict[str, tuple[int, str]]()
    references = [(row.name, row.relation, row.definition) for row in connection.execute(text(_REFERENCES))]
    front, depth = given, 0
    while front:
        depth += 1
        upon = {name: definition for name, relation, definition in references if relation in front}
        found |= {name: (depth, definition) for name, definition in upon.items()}
        front = set(upon) if depth <= len(references) else set()
    for name, _, definition in references:
        if name in given and name not in found:
            found[name] = (0, definition)
    order = sorted(found, key=lambda name: (found[name][0], name))
    return [DependentView(name, found[name][1], create=_refreshing(name)) for name in order]


def _refreshing(name: str) -> str:
    quoted = name.replace("]", "]]").replace("'", "''")
    return f"EXEC sp_refreshview N'[{quoted}]'"
