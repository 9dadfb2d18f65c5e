"""Which Python Superset's environment is made with, and whether what is installed is what the lock file says."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from etl.errors import SetupError
from etl.services.superset import environment
from etl.settings import Settings


def program(folder: Path, name: str, text: str) -> str:
    file = folder / name
    file.write_text(f"#!/bin/sh\n{text}\n", "utf-8")
    file.chmod(0o755)
    return str(file)


def test_the_first_python_that_superset_runs_on_is_taken(tmp_path: Path) -> None:
    newer = program(tmp_path, "newer", "echo 3 13")
    broken = program(tmp_path, "broken", "exit 1")
    fitting = program(tmp_path, "fitting", "echo 3 12")
    assert environment.find_python([str(tmp_path / "missing"), newer, broken, fitting]) == fitting


def test_where_there_is_none_the_error_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"needs Python 3\.11 or 3\.12") as refused:
        environment.find_python([program(tmp_path, "newer", "echo 3 13")])
    assert "apt-get install" in refused.value.remedy


@pytest.mark.skipif(sys.version_info[:2] not in environment.SUPPORTED, reason="this Python is too new for Superset")
def test_the_python_that_runs_is_preferred() -> None:
    assert environment.find_python() == sys.executable


def test_an_environment_counts_only_with_the_hash_of_the_lock_file(settings: Settings) -> None:
    folder = environment.venv_folder(settings)
    assert not environment.is_current(settings, "postgresql")
    environment.venv_python(folder).parent.mkdir(parents=True)
    environment.venv_python(folder).touch()
    stamp = folder / "installed.json"
    stamp.write_text(json.dumps({"requirements_sha256": environment.requirements_hash()}), "utf-8")
    assert environment.is_current(settings, "postgresql")
    stamp.write_text(json.dumps({"requirements_sha256": "another"}), "utf-8")
    assert not environment.is_current(settings, "postgresql")
    stamp.write_text("{", "utf-8")
    assert not environment.is_current(settings, "postgresql")


def test_an_interrupted_installation_is_continued_unless_the_lock_file_has_changed(tmp_path: Path) -> None:
    python = environment.venv_python(tmp_path / "venv")
    python.parent.mkdir(parents=True)
    program(python.parent, python.name, "exit 0")
    kept = tmp_path / "venv" / "package"
    kept.touch()
    (tmp_path / "venv" / "started").write_text(environment.requirements_hash(), "utf-8")
    environment._make(tmp_path / "venv", sys.executable, print)
    assert kept.exists()
    (tmp_path / "venv" / "started").write_text("another", "utf-8")
    with pytest.raises(SetupError, match="could not create a virtual environment"):
        environment._make(tmp_path / "venv", program(tmp_path, "broken", "exit 1"), print)
    assert not kept.exists()


@pytest.mark.parametrize("is_there", [True, False])
def test_a_link_stays_whether_its_folder_is_outdated_or_gone(tmp_path: Path, is_there: bool) -> None:
    real, link = tmp_path / "real", tmp_path / "venv"
    link.symlink_to(real)
    if is_there:
        real.mkdir()
        (real / "old").write_text("of another lock file", "utf-8")
    environment._make(link, sys.executable, print)
    assert link.is_symlink()
    assert (real / "bin" / "python").exists()
    assert not (real / "old").exists()


def test_only_sql_server_asks_for_its_driver_and_what_is_there_disturbs_nobody(settings: Settings) -> None:
    folder = environment.venv_folder(settings)
    environment.venv_python(folder).parent.mkdir(parents=True)
    environment.venv_python(folder).touch()
    stamp = {"requirements_sha256": environment.requirements_hash()}
    (folder / "installed.json").write_text(json.dumps(stamp), "utf-8")
    assert environment.is_current(settings, "postgresql")
    assert not environment.is_current(settings, "sqlserver")
    driver = environment.REQUIREMENTS.with_name("requirements-sqlserver.txt")
    stamp["requirements-sqlserver_sha256"] = environment.requirements_hash(driver)
    (folder / "installed.json").write_text(json.dumps(stamp), "utf-8")
    assert environment.is_current(settings, "postgresql")
    assert environment.is_current(settings, "sqlserver")
    (folder / "installed.json").write_text(json.dumps(stamp | {"requirements_sha256": "another"}), "utf-8")
    assert not environment.is_current(settings, "sqlserver")


def test_a_current_environment_is_used_where_nothing_can_be_written(settings: Settings) -> None:
    folder = environment.venv_folder(settings)
    environment.venv_python(folder).parent.mkdir(parents=True)
    environment.venv_python(folder).touch()
    stamp = {"requirements_sha256": environment.requirements_hash()}
    (folder / "installed.json").write_text(json.dumps(stamp), "utf-8")
    assert environment.ensure(settings, "postgresql", print) == environment.venv_python(folder)
    assert [path.name for path in folder.parent.iterdir()] == ["venv"], "no lock file"


def test_every_package_is_pinned_and_the_driver_is_an_extra() -> None:
    def packages(file: Path) -> list[str]:
        lines = [line.partition(";")[0].strip() for line in file.read_text("utf-8").splitlines()]
        return [line for line in lines if line and not line.startswith("#")]

    base = packages(environment.REQUIREMENTS)
    extra = packages(environment.REQUIREMENTS.with_name("requirements-sqlserver.txt"))
    assert len(base) > 100
    assert [line for line in base + extra if "==" not in line] == []
    assert [line.partition("==")[0] for line in extra] == ["pyodbc"]
    assert not any("odbc" in line for line in base)
