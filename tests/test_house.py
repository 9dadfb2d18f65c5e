"""The shape of the code: a newcomer finds the room at once, and each room can be taken in at a glance."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import etl

HOUSE = Path(etl.__file__).parent
PACKAGES = sorted(file.parent for file in HOUSE.rglob("__init__.py"))
MODULES = sorted(HOUSE.rglob("*.py"))

MOST_ENTRIES = 15
MOST_MODULES = 12
MOST_LINES = 300
MOST_LINES_OF_A_FUNCTION = 40


def test_the_house_has_few_entries() -> None:
    entries = sorted(path.name for path in HOUSE.iterdir() if path.name != "__pycache__")
    assert len(entries) <= MOST_ENTRIES, entries


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: str(package.relative_to(HOUSE.parent)))
def test_a_package_has_few_modules(package: Path) -> None:
    modules = sorted(path.name for path in package.glob("*.py") if path.name != "__init__.py")
    assert len(modules) <= MOST_MODULES, modules


@pytest.mark.parametrize("module", MODULES, ids=lambda module: str(module.relative_to(HOUSE.parent)))
def test_modules_and_functions_are_short(module: Path) -> None:
    text = module.read_text()
    assert text.count("\n") <= MOST_LINES
    lengths = dict(_functions(ast.parse(text)))
    assert {name: lines for name, lines in lengths.items() if lines > MOST_LINES_OF_A_FUNCTION} == {}


def _functions(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Every function's name and the lines of its body, its docstring left out."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            yield node.name, body[-1].end_lineno - body[0].lineno + 1 if body else 0  # type: ignore[operator]
