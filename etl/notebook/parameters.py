"""Parameters of notebooks, as a command line gives them."""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from etl.audit.states import NOTEBOOKS
from etl.errors import ParameterError
from etl.settings import Settings
from etl.settings.packaged import notebook_file


def divide_parameters(settings: Settings, parameters: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Assign each parameter to the jobs that have it, after a check of every name and type.

    :raises ParameterError: see `run_cycle`.
    """
    by_job = {job: notebook_parameters(notebook_file(settings.home, name)) for job, name in NOTEBOOKS.items()}
    names = {name for kinds in by_job.values() for name in kinds} - {"feed", "cycle_id"}
    for name, value in parameters.items():
        if name not in names:
            raise ParameterError(
                f"No notebook has a parameter {name!r}.", remedy=f"Parameters: {', '.join(sorted(names))}."
            )
        for job, kinds in by_job.items():
            if name in kinds and not _fits(value, kinds[name]):
                raise ParameterError(
                    f"Parameter {name!r} of {NOTEBOOKS[job]} is {value!r}; it must be {kinds[name]}.",
                    remedy=f"Give it as -p {name}=VALUE, with a value of type {kinds[name]}.",
                )
    return {job: {name: value for name, value in parameters.items() if name in kinds} for job, kinds in by_job.items()}


def notebook_parameters(path: Path) -> dict[str, str]:
    """Name → type of every parameter of a notebook.

    :raises ParameterError: the notebook is missing, is no notebook, has no cell tagged `parameters`, or that cell is not Python.
    """
    if not path.is_file():
        raise ParameterError(f"There is no notebook {path.name}.", remedy="Restore notebooks/ from the repository.")
    packaged_one = f"or take the packaged one: `python -m etl upgrade-notebooks {path.stem} --write`."
    try:
        cells = json.loads(path.read_text("utf-8"))["cells"]
        tagged = [cell for cell in cells if "parameters" in cell["metadata"].get("tags", [])]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ParameterError(
            f"{path} is not a notebook: it is no JSON object with cells.", remedy=f"Restore it, {packaged_one}"
        ) from None
    if not tagged:
        raise ParameterError(
            f"{path} has no cell tagged `parameters`, so a cycle cannot give it its parameters.",
            remedy="Tag the cell that assigns them (in JupyterLab: Property Inspector, Cell Tags, `parameters`),"
            f" {packaged_one}",
        )
    try:
        cell = ast.parse("".join(tagged[0]["source"]))
    except SyntaxError as error:
        raise ParameterError(
            f"{path}: line {error.lineno} of the cell tagged `parameters` is not Python: {error.msg}.",
            remedy=f"Correct the cell, {packaged_one}",
        ) from None
    return {
        node.target.id: ast.unparse(node.annotation)
        for node in cell.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }


def parse_value(text: str) -> Any:
    """A parameter from the command line: a Python literal if it is one, otherwise text."""
    words = {"true": True, "false": False}
    if text.lower() in words:
        return words[text.lower()]
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _fits(value: Any, kind: str) -> bool:
    if kind == "float":
        return isinstance(value, int | float) and not isinstance(value, bool)
    return type(value).__name__ == kind
