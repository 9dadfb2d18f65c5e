"""What can be seen of the example DAGs without Airflow; tests/airflow runs them in a real one."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator

import pytest

from etl.audit.provenance import require_cycle_name
from etl.audit.states import NOTEBOOKS
from etl.notebook.parameters import notebook_parameters
from etl.settings import PROJECT_ROOT

FILE = PROJECT_ROOT / "docs" / "examples" / "airflow" / "etl_dags.py"
TREE = ast.parse(FILE.read_text("utf-8"))


def _calls(name: str) -> Iterator[ast.Call]:
    for node in ast.walk(TREE):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
            yield node


def test_only_airflows_stable_interface_is_imported() -> None:
    modules = {node.module for node in ast.walk(TREE) if isinstance(node, ast.ImportFrom)}
    of_airflow = {module for module in modules if module and module.startswith("airflow")}
    assert of_airflow == {"airflow.sdk", "airflow.providers.papermill.operators.papermill"}
    assert not any(module and module.split(".")[0] == "etl" for module in modules), "it is not installed there"


def test_the_notebooks_exist_and_have_the_parameters() -> None:
    (operator,) = _calls("PapermillOperator")
    (common,) = [word.value for word in operator.keywords if word.arg == "parameters"]
    assert isinstance(common, ast.Dict)
    keys = {key.value for key in common.keys if isinstance(key, ast.Constant)}
    assert keys == {"feed", "cycle_id"}
    own = {
        call.args[0].value: {word.arg for word in call.keywords}
        for call in _calls("job")
        if isinstance(call.args[0], ast.Constant)
    }
    assert own == {"1_produce": {"messages"}}
    texts = {str(node.value) for node in ast.walk(TREE) if isinstance(node, ast.Constant)}
    assert {text for text in texts if re.fullmatch(r"\d_\w+", text)} == set(NOTEBOOKS.values())
    for name in NOTEBOOKS.values():
        known = set(notebook_parameters(PROJECT_ROOT / "notebooks" / f"{name}.ipynb"))
        assert keys | own.get(name, set()) <= known


@pytest.fixture
def cycle_id() -> Callable[[str], str]:
    """The file's own function, without the rest of the file, which needs Airflow."""
    (function,) = [node for node in TREE.body if isinstance(node, ast.FunctionDef) and node.name == "cycle_id"]
    space = {"re": re, "FEED": "environment_telemetry"}
    exec(compile(ast.Module([function], []), str(FILE), "exec"), space)
    made: Callable[[str], str] = space["cycle_id"]  # type: ignore[assignment]
    return made


def test_the_ids_of_airflows_runs_become_ids_of_cycles(cycle_id: Callable[[str], str]) -> None:
    runs = [
        "scheduled__2026-11-27T16:40:00+00:00",
        "scheduled__2026-11-27T16:45:00+00:00",
        "manual__2026-11-27T16:44:56.025055+00:00",
        "backfill__2026-11-27T00:00:00+00:00",
        "asset_triggered__2026-11-27T16:44:56.025055+00:00_AbCdEfGh",
        "asset_triggered__2026-11-27T16:44:56.025055+00:00_AbCdEfGi",
        "by~hand",
    ]
    cycles = [cycle_id(run) for run in runs]
    assert len(set(cycles)) == len(runs)
    assert cycles[0] == "scheduled__2026-11-27T164000-environment_telemetry"
    for cycle in cycles:
        require_cycle_name(cycle)
