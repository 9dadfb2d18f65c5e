"""The names that statements make up, and whether a contract could use them for something else."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sqlglot import exp

from etl.contract.model import RESERVED
from etl.contract.reader import Contract
from tests.support.hostile import NAMES, ROLES

_NUMBERED = re.compile(r"_\d+$")


def colliding(statement: exp.Expr, contract: Contract) -> set[str]:
    """Names in a statement that a column or table of a contract might have as well, and that tests/support/hostile.py
    does not try.

    They must either be impossible there (reserved, or with a space), or be tried.
    """
    query = statement.expression if isinstance(statement, exp.Create) and statement.expression else statement
    # Its tables of windows, stages and temporary ones are called by its own.
    if not any(contract.table in table.name for table in query.find_all(exp.Table) if not table.db):
        return set()
    columns = {name.lower() for name in [*NAMES, *contract.column_names, *RESERVED]}
    tables = {contract.table, *(table for table, *_ in ROLES)}
    return {
        name for name in _columns(query) if _NUMBERED.sub("_1", name).lower() not in columns and " " not in name
    } | {name for name in _beside(query, contract.table) if name not in tables and " " not in name}


def _columns(query: exp.Expr) -> Iterator[str]:
    """Labels of columns."""
    for alias in query.find_all(exp.Alias):
        yield alias.alias
    for named in query.find_all(exp.TableAlias):
        yield from (column.name for column in named.columns)


def _beside(query: exp.Expr, table: str) -> Iterator[str]:
    """What other tables and subqueries are called that can be named where the feed's table is named."""
    for named in query.find_all(exp.Table):
        if named.name == table and not named.alias:
            yield from _visible(named)


def _visible(named: exp.Table) -> Iterator[str]:
    """Names of what is selected from beside a table, and around it."""
    node: exp.Expr = named
    while (around := node.parent) is not None:
        if isinstance(around, exp.Select):
            sources = [source for source in (around.args.get("from_"), *around.args.get("joins", ())) if source]
            own = next((place for place, source in enumerate(sources) if source is node), None)
            if own is not None and node.this is not named:
                # A subquery does not know its neighbours; one that is applied knows those before it.
                sources = sources[:own] if isinstance(node.this, exp.Lateral) else []
            yield from (source.this.alias for source in sources if source.this.alias)
        node = around
