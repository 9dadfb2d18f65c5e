"""Notebooks are thin: purpose, parameters, imports, one call, a result. This holds for every one of them."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest

from etl.settings import PROJECT_ROOT

NOTEBOOKS = sorted((PROJECT_ROOT / "notebooks").glob("*.ipynb"))


def cells(path: Path, kind: str) -> list[dict[str, Any]]:
    return [cell for cell in json.loads(path.read_text("utf-8"))["cells"] if cell["cell_type"] == kind]


def source(cell: dict[str, Any]) -> str:
    return "".join(cell["source"])


def test_the_four_jobs_are_there() -> None:
    assert {"1_produce", "2_consume", "3_merge", "4_load"} <= {path.stem for path in NOTEBOOKS}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
class TestEachNotebook:
    def test_begins_with_its_purpose(self, path: Path) -> None:
        first = json.loads(path.read_text("utf-8"))["cells"][0]
        assert first["cell_type"] == "markdown"
        assert re.match(r"# .+\n\n.{40,}", source(first))

    def test_has_few_short_code_cells(self, path: Path) -> None:
        found = [source(cell) for cell in cells(path, "code")]
        assert len(found) <= 5
        assert all(len(text.splitlines()) <= 10 for text in found)

    def test_defines_nothing_and_catches_nothing(self, path: Path) -> None:
        nodes = [node for cell in cells(path, "code") for node in ast.walk(ast.parse(source(cell)))]
        assert not [
            n
            for n in nodes
            if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Try | ast.Lambda)
        ]

    def test_has_one_cell_of_annotated_and_explained_parameters(self, path: Path) -> None:
        tagged = [cell for cell in cells(path, "code") if "parameters" in cell["metadata"].get("tags", [])]
        assert len(tagged) == 1
        for line in source(tagged[0]).splitlines():
            assert re.fullmatch(r"\w+: (str|int|float|bool) = \S.*  # .+", line), line
        for node in ast.parse(source(tagged[0])).body:
            assert isinstance(node, ast.AnnAssign)
            assert node.value is not None
            ast.literal_eval(node.value)

    def test_is_committed_without_outputs(self, path: Path) -> None:
        for cell in cells(path, "code"):
            assert cell["outputs"] == []
            assert cell["execution_count"] is None

    def test_ends_with_something_to_look_at(self, path: Path) -> None:
        last = ast.parse(source(cells(path, "code")[-1])).body[-1]
        assert isinstance(last, ast.Expr)
