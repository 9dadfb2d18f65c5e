"""A real Airflow beside the project: an installation, a database and a kernel for each test, and the example DAGs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from etl.settings import PROJECT_ROOT
from tests.airflow import environment
from tests.support.stack import Project

DAGS = PROJECT_ROOT / "docs" / "examples" / "airflow"
_SECONDS = 400

# A cluster policy, Airflow's own place for such changes: the examples wait a minute before they retry.
_POLICY = """
from datetime import timedelta

def task_policy(task):
    task.retry_delay = timedelta(seconds=1)
"""


@dataclass
class Airflow:
    """Airflow's command line, over the home, topic and database of a test."""

    home: Path
    project: Project
    env: dict[str, str] = field(repr=False)

    def popen(self, *arguments: str) -> subprocess.Popen[str]:
        """Start `airflow …` as the leader of a process group."""
        return subprocess.Popen(
            [str(environment.PYTHON), "-m", "airflow", *arguments],
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments: str, expect: int = 0) -> str:
        """What `airflow …` printed, task logs included."""
        with self.popen(*arguments) as process:
            output, _ = process.communicate(timeout=_SECONDS)
        assert process.returncode == expect, output
        return output

    def python(self, *arguments: str) -> str:
        """What Airflow's Python printed, warnings included."""
        command = [str(environment.PYTHON), *arguments]
        run = subprocess.run(command, env=self.env, capture_output=True, text=True, timeout=_SECONDS, check=False)
        assert run.returncode == 0, run.stderr
        return run.stdout + run.stderr


@pytest.fixture(scope="session")
def metadata(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Airflow's own database, before its first DAG."""
    home = tmp_path_factory.mktemp("airflow")
    env = {**_outside(os.environ), "AIRFLOW_HOME": str(home)}
    subprocess.run(
        [str(environment.PYTHON), "-m", "airflow", "db", "migrate"], env=env, check=True, capture_output=True
    )
    return home / "airflow.db"


@pytest.fixture
def airflow(project: Project, metadata: Path, tmp_path: Path) -> Airflow:
    home, kernels, clone = (tmp_path / name for name in ("airflow", "kernels", "clone"))
    (home / "config").mkdir(parents=True)
    (home / "config" / "airflow_local_settings.py").write_text(_POLICY, "utf-8")
    shutil.copy(metadata, home)
    clone.mkdir()
    # What a clone holds after `make run`, with the environment that runs the tests.
    (clone / "notebooks").symlink_to(PROJECT_ROOT / "notebooks")
    (clone / ".venv").symlink_to(sys.prefix)
    install = [sys.executable, "-m", "ipykernel", "install", "--prefix", str(kernels), "--name", "notebook-etl"]
    subprocess.run(install, check=True, capture_output=True)
    env = {
        **_outside(project.env),
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "JUPYTER_PATH": str(kernels / "share" / "jupyter"),
        "ETL_PROJECT": str(clone),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    return Airflow(home, project, env)


def _outside(env: Mapping[str, str]) -> dict[str, str]:
    """An environment without the settings of an Airflow that the user may have."""
    return {name: value for name, value in env.items() if not name.startswith(("AIRFLOW", "_AIRFLOW"))}
