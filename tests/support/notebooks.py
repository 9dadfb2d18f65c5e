"""Executes the notebooks that people read, and returns what they show."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from etl.settings import PROJECT_ROOT
from tests.support.stack import Project


def outputs_of_notebook(project: Project, name: str, target: Path, **parameters: str) -> list[dict[str, Any]]:
    """Execute a notebook by papermill's command line; returns the data of each output, by MIME type."""
    given = [word for key, value in parameters.items() for word in ("-p", key, value)]
    done = subprocess.run(
        [sys.executable, "-m", "papermill", "--no-progress-bar", f"{name}.ipynb", str(target), *given],
        cwd=PROJECT_ROOT / "notebooks",
        env=project.env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    cells = json.loads(target.read_text("utf-8"))["cells"]
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    return [output["data"] for output in outputs if "data" in output]


def run_notebook(project: Project, name: str, target: Path, **parameters: str) -> list[str]:
    """The same; returns what the cells show, as text."""
    return ["".join(data.get("text/plain", "")) for data in outputs_of_notebook(project, name, target, **parameters)]
