"""The notebooks as somebody runs them by hand: one after the other, with default parameters but for the number of readings."""

from __future__ import annotations

from pathlib import Path

import papermill
import pytest

from etl.audit.states import NOTEBOOKS
from etl.jobs.merge.job import merge
from etl.notebook.execute import NOTEBOOK_FOLDER, kernel_config
from tests.support.stack import Project


def test_four_notebooks_run_by_hand_are_one_cycle(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in project.env.items():
        monkeypatch.setenv(name, value)
    for name in ("1_produce", *NOTEBOOKS.values()):
        # The first one gets no parameter: into services that are somebody's own nothing is simulated then.
        asked = {"messages": 10_000} if name == "1_produce" and project.log() else {}
        executed = papermill.execute_notebook(
            NOTEBOOK_FOLDER / f"{name}.ipynb",
            tmp_path / f"{name}.ipynb",
            asked,
            progress_bar=False,
            config=kernel_config(),
        )
        shown = [output.get("data", {}) for output in executed.cells[-1].outputs]
        assert any("image/png" in data or "text/html" in data for data in shown), name
        noise = [
            o for cell in executed.cells if cell.cell_type == "code" for o in cell.outputs if o.get("name") == "stderr"
        ]
        assert noise == []
    unasked, *rows = project.log()
    assert (unasked["job_name"], unasked["records_read"]) == ("produce", 0)
    assert [row["job_name"] for row in rows] == list(NOTEBOOKS)
    assert len({row["cycle_id"] for row in (unasked, *rows)}) == 1
    assert rows[0]["cycle_id"].endswith("-hand")
    project.require_exact(10_000)
    # The next job by hand begins a new cycle, because this one has been loaded.
    merge(project.settings, project.contract)
    assert project.log()[-1]["cycle_id"] != rows[0]["cycle_id"]


def test_a_file_is_sent_by_the_former_name_of_the_parameter_too(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in project.env.items():
        monkeypatch.setenv(name, value)
    file = tmp_path / "readings.jsonl"
    file.write_text("{}\n{}\n")
    for name in ("source_file", "replay"):
        parameters = {name: str(file)}
        executed = str(tmp_path / f"{name}.ipynb")
        notebook = NOTEBOOK_FOLDER / "1_produce.ipynb"
        papermill.execute_notebook(notebook, executed, parameters, progress_bar=False, config=kernel_config())
    assert [(row["records_read"], row["parameters"]["source_file"]) for row in project.log()] == [(2, str(file))] * 2
