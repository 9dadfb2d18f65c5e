"""Tables that one module owns or writes, so that what holds for their rows is written in one place."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator

import pytest

from etl.settings import PROJECT_ROOT

DEFINITIONS = "etl/database/"
"""Where tables are defined, and where rights to them are checked."""
OWNER = "etl/audit/ledger.py"
"""Whoever asks the ledger `etl_file`, asks this module."""
WRITER = "etl/audit/log_rows.py"
"""Many modules read `etl_log`; this one writes it."""

CHANGES = {"insert", "update", "delete", "insert_row", "insert_rows"}
"""Functions, and methods of tables, that change rows."""
STATEMENT = re.compile(r"\b(INSERT\s+INTO|UPDATE|DELETE\s+FROM|MERGE\s+INTO)\s+etl_log\b", re.IGNORECASE)


def texts(tree: ast.AST) -> Iterator[ast.Constant]:
    """All texts except docstrings, which only explain."""
    explaining = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in explaining:
            yield node


def name_of(node: ast.AST) -> str:
    """The name that a node of code uses; empty where it uses none."""
    match node:
        case ast.alias():
            return node.name
        case ast.Name():
            return node.id
        case ast.Attribute():
            return node.attr
    return ""


def mentions(source: str, table: str = "etl_file") -> Iterator[int]:
    """The lines in which code speaks of a table: imports it, uses it, or has it in a text such as a statement."""
    tree = ast.parse(source)
    yield from (node.lineno for node in ast.walk(tree) if name_of(node) == table)  # type: ignore[attr-defined]
    yield from (text.lineno for text in texts(tree) if re.search(rf"\b{table}\b", str(text.value)))


def changes(source: str) -> Iterator[int]:
    """The lines in which code changes rows of `etl_log`, whatever name it has given to the table."""
    tree = ast.parse(source)
    aliases = {"etl_log"} | {
        node.asname for node in ast.walk(tree) if isinstance(node, ast.alias) and node.name == "etl_log" and node.asname
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and name_of(node.func) in CHANGES:
            changed = [*node.args, *([node.func.value] if isinstance(node.func, ast.Attribute) else [])]
            if any(name_of(argument) in aliases for argument in changed):
                yield node.lineno
    yield from (text.lineno for text in texts(tree) if STATEMENT.search(str(text.value)))


def elsewhere(owner: str, find: Callable[[str], Iterator[int]]) -> set[str]:
    """Places in all modules but the owner."""
    assert (PROJECT_ROOT / owner).is_file()
    return {
        f"{name}:{line}"
        for path in sorted((PROJECT_ROOT / "etl").rglob("*.py"))
        if (name := path.relative_to(PROJECT_ROOT).as_posix()) != owner and not name.startswith(DEFINITIONS)
        for line in find(path.read_text(encoding="utf-8"))
    }


def test_only_the_ledger_speaks_of_its_table() -> None:
    assert not elsewhere(OWNER, mentions), f"ask {OWNER} instead"


def test_only_one_module_writes_the_rows_of_jobs() -> None:
    assert not elsewhere(WRITER, changes), f"let {WRITER} write it"
    assert [*changes((PROJECT_ROOT / WRITER).read_text(encoding="utf-8"))]


@pytest.mark.parametrize(
    "source",
    [
        "from etl.database.schema.tables.audit_tables import etl_file",
        "from etl.database.schema.tables.audit_tables import etl_file as files",
        "audit_tables.etl_file",
        "query = 'SELECT file_name FROM etl_file WHERE rows > 0'",
    ],
)
def test_every_way_to_speak_of_a_table_is_seen(source: str) -> None:
    assert [*mentions(source)] == [1]


def test_a_docstring_may_name_a_table() -> None:
    assert not [*mentions('"""What `etl_file` holds."""')]


@pytest.mark.parametrize(
    "source",
    [
        "insert(etl_log)",
        "sqlalchemy.update(audit_tables.etl_log)",
        "etl_log.delete()",
        "insert_row(connection, etl_log, row)",
        "from schema import etl_log as rows; update(rows)",
        "text('UPDATE  etl_log SET status = 1')",
    ],
)
def test_every_way_to_write_a_table_is_seen(source: str) -> None:
    assert [*changes(source)] == [1]


@pytest.mark.parametrize("source", ["select(etl_log)", "'SELECT status FROM etl_log'", "insert(etl_source)"])
def test_reading_is_no_writing(source: str) -> None:
    assert not [*changes(source)]
