"""Everything that `init` makes, as a script for a database administrator: tables, indexes, comments, views.

Made from the same definitions, without a database. A database on which it was run is up to date for `init`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial

from sqlalchemy import ClauseElement, Column, Dialect, MetaData, String, Table, insert
from sqlalchemy.schema import CreateIndex, CreateTable, CreateView, SetColumnComment, SetTableComment

from etl.contract.model import EvolvedContract
from etl.contract.reader import Contract
from etl.database import Product
from etl.database.schema.feed_table import feed_table, require_fits
from etl.database.schema.migrations import newest_migration
from etl.database.schema.tables.all_tables import metadata
from etl.database.schema.tables.audit_tables import SHARED
from etl.database.schema.views import columns_there, common_views, is_met, needs, view_files, views_of

_CLAUSES = re.compile(r"(?<!OUTER)(?<!CROSS) (?=(?:LEFT OUTER |CROSS )?JOIN |GROUP BY )")
# A text or a name in quotes or brackets is one word, or a piece of one.
_WORDS = re.compile(r"""(?:[^\s'"\[]|'(?:[^']|'')*'|"[^"]*"|\[[^\]]*\])+""")
_TEXTS = re.compile(r"'(?:[^']|'')*'")
_WIDTH = 120


def script(
    product: Product, contracts: Iterable[Contract], derived: Callable[[EvolvedContract], Iterable[Table]]
) -> str:
    """The script for a database product, with the tables and views of some feeds.

    :param derived: the tables of a feed that hold what follows from its rows.
    :raises ContractError: the product cannot hold what a contract asks for.
    """
    dialect = product.offline()
    tables = metadata.sorted_tables
    audit: list[ClauseElement] = [statement for table in tables for statement in _table_statements(table)]
    shared = [statement for table in tables if table.name in SHARED for statement in product.sharing(table.name)]
    version = _version_table()
    statements: list[ClauseElement] = [
        *_table_statements(version),
        insert(version).values(version_num=newest_migration()),
    ]
    feeds = [EvolvedContract.of(contract) for contract in contracts]
    for contract in feeds:
        table = feed_table(contract)
        tables = [table, *derived(contract)]
        require_fits(product, contract, tables)
        statements += [statement for made in tables for statement in _table_statements(made)]
        statements += [CreateView(query, name) for name, query in views_of(contract, table)]
    common = dict(common_views(feeds))
    statements += [CreateView(query, name) for name, query in common.items()]
    written = partial(_written, dialect)
    texts = [*product.script_start, *map(written, audit), *shared, *map(written, statements)]
    there = columns_there(*feeds) | {name: set[str]() for name in common}
    texts += [
        file.read_text("utf-8").strip().rstrip(";") for file in view_files(product.name) if is_met(needs(file), there)
    ]
    texts += product.script_end
    return "".join(f"{text}{product.batch_end}\n\n" for text in texts).rstrip("\n") + "\n"


def _written(dialect: Dialect, statement: ClauseElement) -> str:
    return layout(str(statement.compile(dialect=dialect, compile_kwargs={"literal_binds": True})))


def layout(statement: str) -> str:
    """A statement as people read it: each clause on a separate line, inner queries indented, no line too long."""
    lines: list[str] = []
    depth = 0
    for clause in (part for line in statement.strip().splitlines() for part in _clauses(line)):
        if clause.startswith("--"):
            lines.append(clause)
            continue
        indent = 4 * depth
        line = ""
        for word in _WORDS.findall(clause):
            if line and indent + len(line) + len(word) >= _WIDTH:
                lines.append(" " * indent + line)
                indent, line = 4 * depth + 4, ""
            # A closing parenthesis is below the line that opened it.
            indent = max(0, indent - 4) if not line and word.startswith(")") else indent
            line = f"{line} {word}" if line else word
            plain = _TEXTS.sub("", word)
            depth += plain.count("(") - plain.count(")")
        lines += [" " * indent + line] if line else []
    return "\n".join(lines)


def _clauses(line: str) -> list[str]:
    """A line's clauses; of a comment, itself."""
    return [line.strip()] if line.strip().startswith("--") else _CLAUSES.split(line)


def _table_statements(table: Table) -> Iterator[ClauseElement]:
    """A table with its indexes and comments, always in the same order."""
    yield CreateTable(table)
    for index in sorted(table.indexes, key=lambda index: str(index.name)):
        yield CreateIndex(index)
    if table.comment:
        yield SetTableComment(table)
    yield from (SetColumnComment(column) for column in table.columns if column.comment)


def _version_table() -> Table:
    """Where Alembic keeps which migrations were run."""
    number = Column("version_num", String(32), primary_key=True)
    return Table("alembic_version", MetaData(naming_convention={"pk": "%(table_name)s_pkc"}), number)
