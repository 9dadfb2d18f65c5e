"""Tables that one module owns: nobody else speaks of them, so that what holds for their rows is written in one place."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from etl.settings import PROJECT_ROOT

DEFINITIONS = "etl/database/"
"""Where tables are defined, and where rights to them are checked."""
OWNERS = {"etl_file": "etl/audit/ledger.py"}


def docstrings(tree: ast.AST) -> set[int]:
    """The nodes that only explain: a text that is a statement by itself."""
    return {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}


def mentions(source: str, table: str) -> Iterator[int]:
    """The lines in which code speaks of a table: imports it, uses it, or has it in a text such as a statement."""
    tree = ast.parse(source)
    explaining = docstrings(tree)
    word = re.compile(rf"\b{table}\b")
    for node in ast.walk(tree):
        if isinstance(node, ast.alias):
            said = node.name
        elif isinstance(node, ast.Name):
            said = node.id
        elif isinstance(node, ast.Attribute):
            said = node.attr
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in explaining:
            said = node.value
        else:
            continue
        if word.search(said):
            yield node.lineno


@pytest.mark.parametrize("table", OWNERS)
def test_only_its_owner_speaks_of_a_table(table: str) -> None:
    assert (PROJECT_ROOT / OWNERS[table]).is_file()
    others = {
        f"{name}:{line}"
        for path in sorted((PROJECT_ROOT / "etl").rglob("*.py"))
        if (name := path.relative_to(PROJECT_ROOT).as_posix()) != OWNERS[table] and not name.startswith(DEFINITIONS)
        for line in mentions(path.read_text(encoding="utf-8"), table)
    }
    assert not others, f"ask {OWNERS[table]} instead"


@pytest.mark.parametrize(
    "source",
    [
        "from etl.database.schema.audit_tables import etl_file",
        "from etl.database.schema.audit_tables import etl_file as files",
        "audit_tables.etl_file",
        "query = 'SELECT file_name FROM etl_file WHERE rows > 0'",
    ],
)
def test_every_way_to_speak_of_a_table_is_seen(source: str) -> None:
    assert [*mentions(source, "etl_file")] == [1]


def test_a_docstring_may_name_a_table() -> None:
    assert not [*mentions('"""What `etl_file` holds."""', "etl_file")]
