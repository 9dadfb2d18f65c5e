"""The files of docs/examples/ are what they claim to be."""

from __future__ import annotations

import ast
import configparser
import contextlib
import re
import runpy
import shutil
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import papermill
import pytest

from etl.audit.states import NOTEBOOKS
from etl.notebook.parameters import notebook_parameters
from etl.operations.schedules.times import parse
from etl.settings import PROJECT_ROOT

EXAMPLES = PROJECT_ROOT / "docs" / "examples"
UNITS = sorted(path for path in EXAMPLES.iterdir() if path.suffix in {".service", ".timer"})


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_units_parse_and_run_commands_that_exist(unit: Path) -> None:
    parser = configparser.ConfigParser(strict=True, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(unit.read_text("utf-8"))
    assert set(parser.sections()) <= {"Unit", "Service", "Timer", "Install"}
    if unit.suffix == ".service":
        require_command(parser["Service"]["ExecStart"])


def test_the_schedule_alone_gets_sigterm() -> None:
    assert "\nKillMode=mixed\n" in (EXAMPLES / "etl-schedule.service").read_text("utf-8")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze")
def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    for unit in UNITS:
        text = unit.read_text("utf-8").replace("/opt/notebook-etl/.venv", str(tmp_path))
        (tmp_path / unit.name).write_text(text, "utf-8")
    command = ["systemd-analyze", "verify", "--man=no", *(str(tmp_path / unit.name) for unit in UNITS)]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


def test_the_crontab_has_five_fields_and_a_command_that_exists() -> None:
    lines = [line for line in (EXAMPLES / "crontab").read_text("utf-8").splitlines() if line and line[0] != "#"]
    (entry,) = [line for line in lines if not re.match(r"\w+=", line)]
    *fields, command = entry.split(maxsplit=5)
    parse(" ".join(fields))
    assert "%" not in command, "cron takes it for the end of the line"
    require_command(command.partition("&&")[2])


def test_the_dag_names_notebooks_and_their_parameters() -> None:
    tree = ast.parse((EXAMPLES / "airflow_dag.py").read_text("utf-8"))
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    assert set(NOTEBOOKS.values()) - {"1_produce"} <= texts
    (operator,) = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "PapermillOperator"
    ]
    given = {keyword.arg: keyword.value for keyword in operator.keywords}
    assert set(given) >= {"input_nb", "output_nb", "parameters", "kernel_name"}
    assert isinstance(given["parameters"], ast.Dict)
    assert [key.value for key in given["parameters"].keys if isinstance(key, ast.Constant)] == ["feed", "cycle_id"]


def require_command(command: str) -> None:
    """`… python -m etl run …` with options that `run` has."""
    found = re.search(r"\.venv/bin/python -m etl run (.+?)(?: >>|$)", command)
    assert found
    checked = subprocess.run(
        [sys.executable, "-m", "etl", "run", *found[1].split(), "--help"], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr
    shown = re.sub(r"\x1b\[[0-9;]*m", "", checked.stdout)
    assert all(option in shown for option in re.findall(r"--[\w-]+", found[1]))


class Task:
    """A stand-in for an operator of Airflow, which cannot be installed beside the project: keeps its arguments and order."""

    def __init__(self, **arguments: Any) -> None:
        self.arguments = arguments
        self.before: Task | None = None

    def __rshift__(self, other: Task) -> Task:
        other.before = self
        return other


class Dag(contextlib.nullcontext["Dag"]):
    def __init__(self, **arguments: Any) -> None:
        super().__init__(self)
        self.arguments = arguments


@pytest.fixture
def dag(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The DAG's file, executed."""
    made: dict[str, dict[str, Any]] = {
        "airflow": {"DAG": Dag},
        "airflow.decorators": {"task": lambda function: lambda *given: Task(function=function, given=given)},
        "airflow.providers.papermill.operators.papermill": {"PapermillOperator": Task},
    }
    for name, members in made.items():
        module = types.ModuleType(name)
        vars(module).update(members)
        monkeypatch.setitem(sys.modules, name, module)
    return runpy.run_path(str(EXAMPLES / "airflow_dag.py"))


def test_the_dag_runs_one_cycle_at_a_time_and_its_notebooks_in_order(dag: dict[str, Any], tmp_path: Path) -> None:
    assert dag["dag"].arguments["max_active_runs"] == 1
    parse(dag["dag"].arguments["schedule"])
    tasks: list[Task] = []
    found: Task | None = dag["previous"]
    while found is not None:
        tasks.insert(0, found)
        found = found.before
    folder, *notebooks = tasks
    assert folder.arguments["function"].__name__ == "make_folder"
    assert [task.arguments["task_id"] for task in notebooks] == ["2_consume", "3_merge", "4_load"]
    for task in notebooks:
        given = task.arguments
        source = PROJECT_ROOT / "notebooks" / Path(given["input_nb"]).name
        assert set(given["parameters"]) <= set(notebook_parameters(source))
        prepared = papermill.execute_notebook(
            source, tmp_path / source.name, given["parameters"], prepare_only=True, kernel_name="python3"
        )
        assert prepared.metadata.papermill.parameters == given["parameters"]
        assert f"/output/runs/{given['parameters']['cycle_id']}/{source.name}" in given["output_nb"]
