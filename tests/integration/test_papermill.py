"""The four notebooks by papermill's own command line, just as docs/scheduling.md describes it."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

from etl.audit.states import NOTEBOOKS
from etl.settings import PROJECT_ROOT
from tests.support.stack import Project


def documented() -> str:
    text = (PROJECT_ROOT / "docs" / "scheduling.md").read_text("utf-8")
    (block,) = [block for block in re.findall(r"```bash\n(.*?)```", text, re.DOTALL) if "-m papermill" in block]
    return str(block).replace(".venv/bin/", f"{shlex.quote(str(Path(sys.executable).parent))}/")


def test_the_documented_commands_make_a_cycle(project: Project) -> None:
    run = subprocess.run(
        ["bash", "-c", documented()], env=project.env, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    log = project.log()
    assert [(row["job_name"], row["status"]) for row in log] == [(job, "SUCCESS") for job in NOTEBOOKS]
    (cycle,) = {row["cycle_id"] for row in log}
    assert re.fullmatch(r"\d{8}T\d{6}Z-sensor_readings", cycle)
    for row, name in zip(log, NOTEBOOKS.values(), strict=True):
        assert row["notebook"] == f"output/runs/{cycle}/{name}.ipynb"
        assert (
            json.loads((project.home / row["notebook"]).read_text("utf-8"))["metadata"]["papermill"]["exception"]
            is None
        )
    project.require_exact(1_000)


def test_a_cycle_id_that_could_name_another_folder_is_refused(project: Project, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "papermill", "notebooks/3_merge.ipynb", str(tmp_path / "executed.ipynb")]
    run = subprocess.run(
        [*command, "-r", "cycle_id", "../../elsewhere"],
        env=project.env,
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 1
    assert "cycle_id is '../../elsewhere'" in run.stderr
    assert project.log() == []
