"""A new project is complete, and its examples are those of the documentation with its own paths."""

from __future__ import annotations

import getpass
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from etl import __version__
from etl.contract.reader import load_contract
from etl.errors import ConfigurationError
from etl.operations.project.new import FEED, SAMPLE, new_project
from etl.settings import PROJECT_ROOT, Settings

EXAMPLES = PROJECT_ROOT / "docs" / "examples"


@pytest.fixture(params=["project", 'it\'s 50% "$HOME" ü'])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Of a project that was just made."""
    made = tmp_path / str(request.param)
    new_project(made, python=sys.executable, user=getpass.getuser())
    return made


def test_it_has_everything_and_its_feed_is_found(folder: Path) -> None:
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    notebooks = {f"notebooks/{path.name}" for path in (PROJECT_ROOT / "notebooks").glob("*.ipynb")}
    scheduling = {f"scheduling/{name}" for name in ("crontab", "etl.service", "etl.timer", "etl-schedule.service")}
    own = {".env", ".gitignore", "README.md", "requirements.txt", "contracts/greenhouse.odcs.yaml", SAMPLE}
    assert names == notebooks | scheduling | own
    contract = load_contract(FEED, Settings.load(home=folder))
    assert contract.file == folder / "contracts" / "greenhouse.odcs.yaml"
    assert f"notebook-etl=={__version__}" in (folder / "requirements.txt").read_text("utf-8").splitlines()
    assert "$" not in (folder / "README.md").read_text("utf-8").replace(str(folder), "").replace(folder.name, "")


def test_every_setting_is_in_its_file_without_effect(folder: Path) -> None:
    lines = (folder / ".env").read_text("utf-8").splitlines()
    assert {line for line in lines if line and not line.startswith("#")} == set()
    named = re.findall(r"^#(ETL_\w+)=", "\n".join(lines), re.MULTILINE)
    assert set(named) == {f"ETL_{name.upper()}" for name in Settings.model_fields} - {"ETL_HOME"}
    assert (folder / ".env").stat().st_mode & 0o077 == 0
    # The defaults there are those that hold.
    kept = [line[1:] for line in lines if re.match(r"#ETL_\w+=.", line)]
    (folder / ".env").write_text("\n".join(kept), "utf-8")
    filled = Settings.load(home=folder)
    (folder / ".env").unlink()
    assert filled == Settings.load(home=folder)


def test_a_crontab_runs_a_cycle_of_the_feed_there(folder: Path) -> None:
    *variables, command = (
        line for line in (folder / "scheduling" / "crontab").read_text("utf-8").splitlines() if not line.startswith("#")
    )
    assert command.startswith("*/5 * * * * ")
    assert "%" not in command
    # As cron does it: one pair of quotes around a value is removed.
    env = {name: value.strip()[1:-1] for name, _, value in (line.partition("=") for line in variables)}
    tried = command.removeprefix("*/5 * * * * ").replace(" >>", " --dry-run >>")
    subprocess.run(["sh", "-c", tried], env={**env, "PYTHONPATH": str(PROJECT_ROOT)}, check=True)
    log = (folder / "output" / "cron.log").read_text("utf-8")
    assert "greenhouse" in log
    assert "Dry run: nothing was started" in log


@pytest.mark.parametrize("name", ["etl.service", "etl-schedule.service"])
def test_a_unit_has_the_paths_of_the_project(folder: Path, name: str) -> None:
    lines = (folder / "scheduling" / name).read_text("utf-8").splitlines()
    unit = dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    assert unit["WorkingDirectory"].replace("%%", "%") == str(folder)
    assert unit["User"] == getpass.getuser()
    assert "EnvironmentFile" not in unit
    # systemd's quotes and escapes are those of a shell here, its variables and specifiers are doubled.
    (home,) = shlex.split(unit["Environment"])
    assert home.replace("%%", "%").replace("$$", "$") == f"ETL_HOME={folder}"
    start = shlex.split(unit["ExecStart"])
    assert [word.replace("%%", "%").replace("$$", "$") for word in start[:6]] == [
        *(sys.executable, "-m", "etl"),
        *("run", FEED, "--messages"),
    ]


def test_what_differs_from_the_examples_are_only_paths_user_feed_and_settings(tmp_path: Path) -> None:
    new_project(tmp_path / "p", python="/opt/notebook-etl/.venv/bin/python", user="etl")
    for name in ("etl.timer", "etl.service", "etl-schedule.service"):
        made = (tmp_path / "p" / "scheduling" / name).read_text("utf-8").splitlines()
        example = (EXAMPLES / name).read_text("utf-8").splitlines()
        changed = {line.split("=")[0].split(",")[0] for line in set(example) - set(made)}
        assert changed <= {"WorkingDirectory", "EnvironmentFile", "ExecStart", "# ETL_KAFKA_BOOTSTRAP"}


def test_a_folder_that_is_not_empty_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("x", "utf-8")
    with pytest.raises(ConfigurationError, match="is not empty"):
        new_project(tmp_path, python=sys.executable, user="etl")
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
    with pytest.raises(ConfigurationError, match="cannot be written"):
        new_project(tmp_path / "mine" / "below", python=sys.executable, user="etl")
