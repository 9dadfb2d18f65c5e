"""The files beside the code, and the home that is used without a setting."""

from __future__ import annotations

from pathlib import Path

import pytest

from etl.errors import ConfigurationError
from etl.settings import PROJECT_ROOT, Settings, packaged


@pytest.fixture
def without_clone(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in an installed package; tests/packaging has a real one."""
    monkeypatch.setattr(packaged, "CLONE", None)


def test_in_a_clone_files_and_home_are_its_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert PROJECT_ROOT == packaged.CLONE == Path(__file__).resolve().parents[2]
    assert packaged.packaged("examples", "crontab") == PROJECT_ROOT / "docs" / "examples" / "crontab"
    assert packaged.packaged("sql", "views") == PROJECT_ROOT / "sql" / "views"
    monkeypatch.chdir(tmp_path)
    assert Settings.load().home == PROJECT_ROOT


@pytest.mark.usefixtures("without_clone")
@pytest.mark.parametrize("mark", ["contracts", ".services"])
def test_without_one_home_is_the_nearest_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mark: str) -> None:
    below = tmp_path / "project" / "notebooks" / "deep"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert Settings.load().home == below
    (tmp_path / "project" / mark).mkdir()
    (tmp_path / "project" / ".env").write_text("ETL_SPARK_DRIVER_MEMORY=3g\n", "utf-8")
    found = Settings.load()
    assert (found.home, found.spark_driver_memory) == (tmp_path / "project", "3g")
    (below / mark).mkdir()
    assert Settings.load().home == below


@pytest.mark.usefixtures("without_clone")
def test_a_folder_that_was_removed_is_no_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(ConfigurationError, match="does not exist any more"):
        Settings.load()


def test_a_notebook_of_the_home_is_used_instead_of_the_packaged_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert packaged.notebook_file(tmp_path, "4_load") == PROJECT_ROOT / "notebooks" / "4_load.ipynb"
    assert packaged.notebook_folder(tmp_path) == PROJECT_ROOT / "notebooks"
    monkeypatch.setattr(packaged, "CLONE", None)
    assert packaged.notebook_folder(tmp_path) == tmp_path
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "4_load.ipynb").write_text("{}", "utf-8")
    assert packaged.notebook_file(tmp_path, "4_load") == tmp_path / "notebooks" / "4_load.ipynb"
    assert packaged.notebook_folder(tmp_path) == tmp_path / "notebooks"
