"""The wheel in an environment of its own, outside the clone: what a user has after `pip install`, without the downloads."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from etl import __version__
from etl.settings import PROJECT_ROOT
from tests.packaging.builds import build
from tests.support.stack import JARS

pytestmark = pytest.mark.integration


@dataclass(frozen=True)
class Installed:
    """An environment with the wheel, and with the dependencies of the one that runs the tests."""

    prefix: Path
    env: dict[str, str]

    def __call__(self, folder: Path, *arguments: str, expect: int = 0) -> str:
        """Run `notebook-etl` in a folder; returns what it prints."""
        return self.shell(folder, "notebook-etl", *arguments, expect=expect)

    def shell(self, folder: Path, *command: str, expect: int = 0) -> str:
        done = subprocess.run(
            command, cwd=folder, env=self.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        assert done.returncode == expect, done.stdout
        return done.stdout

    @property
    def package(self) -> Path:
        return self.prefix / Path(sysconfig.get_path("purelib")).relative_to(sys.prefix) / "etl"

    def files(self) -> dict[Path, bytes]:
        """All files of the package but compiled modules."""
        found = (path for path in self.package.rglob("*") if path.is_file() and path.suffix != ".pyc")
        return {path: path.read_bytes() for path in found}


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    folder = tmp_path_factory.mktemp("installed")
    wheel = build(PROJECT_ROOT, tmp_path_factory.mktemp("wheel"), "wheel")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    python = str(folder / "bin" / "python")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "--python", python]
    subprocess.run([*pip, "install", "--no-deps", "--no-index", wheel], check=True)
    left_out = ("ETL_", "PYTHON", "VIRTUAL_ENV", "PIP_")
    env = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
    path = os.pathsep.join([str(folder / "bin"), env["PATH"]])
    made = Installed(folder, {**env, "PATH": path, "ETL_JARS": str(JARS)})
    # Only this line of the file is read, not the .pth files of that folder, one of which leads to the clone.
    (made.package.parent / "dependencies.pth").write_text(sysconfig.get_path("purelib"), "utf-8")
    before = made.files()
    yield made
    assert made.files() == before, "nothing writes into the package"


@pytest.fixture(scope="module")
def home(installed: Installed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder that was empty."""
    folder = tmp_path_factory.mktemp("demo")
    yield folder
    installed(folder, "down", "--delete-data")


@pytest.fixture(scope="module")
def demo(installed: Installed, home: Path) -> str:
    """What `demo` prints there."""
    return installed(home, "demo")


@pytest.fixture(scope="module")
def own(installed: Installed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A new project, by the command that makes one."""
    folder = tmp_path_factory.mktemp("own") / "my project"
    assert "notebooks/" in installed(folder.parent, "new", "my project")
    yield folder
    installed(folder, "down", "--delete-data")


def test_the_package_comes_from_the_wheel(installed: Installed, home: Path) -> None:
    asked = (
        "import etl, importlib.metadata as m; print(etl.__file__, m.distribution('notebook-etl').locate_file('etl'))"
    )
    assert set(installed.shell(home, "python", "-c", asked).split()) == {
        str(installed.package / "__init__.py"),
        str(installed.package),
    }


def test_demo_in_an_empty_folder_runs_a_cycle(demo: str, home: Path) -> None:
    assert re.findall(r"^(\w+) +SUCCESS", demo, re.MULTILINE) == ["produce", "consume", "merge", "load"]
    assert "Balance: 10,000 messages read = " in demo
    assert {path.name for path in home.iterdir()} == {".services", "backup", "checkpoint", "output"}
    (executed,) = home.glob("output/runs/*/4_load.ipynb")
    assert json.loads(executed.read_text("utf-8"))["metadata"]["papermill"]["exception"] is None


def test_the_printed_commands_run(installed: Installed, demo: str, home: Path) -> None:
    (cycle,) = re.findall(r"^Next: notebook-etl explain (.+)$", demo, re.MULTILINE)
    explained = installed.shell(home, "bash", "-c", f"notebook-etl explain {cycle}")
    assert explained.startswith(f"Cycle {cycle} of feed sensor_readings.")
    assert "Usage: notebook-etl run" in installed(home, "run", "--help")
    assert "python" not in installed(home, "explain", "no-such-cycle", expect=2)


@pytest.mark.parametrize("database", ["postgresql", "sqlserver"])
def test_the_sql_is_that_of_the_clone(installed: Installed, home: Path, database: str) -> None:
    committed = (PROJECT_ROOT / "sql" / "ddl" / f"{database}.sql").read_text("utf-8")
    assert installed(home, "init", "--sql", database) == committed


def test_a_new_project_runs_its_feed_with_its_own_notebook(installed: Installed, own: Path) -> None:
    changed = own / "notebooks" / "4_load.ipynb"
    notebook = json.loads(changed.read_text("utf-8"))
    cell = {"cell_type": "code", "id": "added", "metadata": {}, "source": "print('my own cell')", "outputs": []}
    notebook["cells"].append({**cell, "execution_count": None})
    changed.write_text(json.dumps(notebook), "utf-8")
    # A folder below the project finds it.
    printed = installed(own / "samples", "run", "greenhouse", "--file", "greenhouse.csv")
    assert "72 rows read = 69 loaded + 3 rejected + 0 duplicate." in printed
    (executed,) = own.glob("output/runs/*/4_load.ipynb")
    assert "my own cell" in [
        "".join(output.get("text", "")).strip()
        for cell in json.loads(executed.read_text("utf-8"))["cells"]
        for output in cell.get("outputs", ())
    ]
    rows = {row["job_name"]: row for row in json.loads(installed(own, "history", "--json"))}
    assert {row["code_version"] for row in rows.values()} == {__version__}
    packaged = installed.package / "_packaged" / "notebooks" / "3_merge.ipynb"
    assert rows["load"]["notebook_sha256"] == hashlib.sha256(changed.read_bytes()).hexdigest()
    assert rows["merge"]["notebook_sha256"] == hashlib.sha256(packaged.read_bytes()).hexdigest()


def test_a_notebook_without_parameters_is_refused_and_can_be_replaced(installed: Installed, own: Path) -> None:
    broken = own / "notebooks" / "2_consume.ipynb"
    broken.write_text(broken.read_text("utf-8").replace('"parameters"', '"something else"'), "utf-8")
    refused = installed(own, "run", "greenhouse", expect=2)
    assert f"{broken} has no cell tagged `parameters`" in refused
    assert "`notebook-etl upgrade-notebooks 2_consume --write`" in refused
    shown = installed(own, "upgrade-notebooks", "2_consume", "--write")
    assert "-# %% code something else\n+# %% code parameters\n" in shown
    assert broken.read_bytes() == (PROJECT_ROOT / "notebooks" / "2_consume.ipynb").read_bytes()
    assert "something else" in broken.with_name("2_consume.ipynb.bak").read_text("utf-8")
