"""A project's notebooks are compared with the packaged ones by their cells, and replaced only on request."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from etl.errors import ConfigurationError
from etl.operations.project.notebooks import differences, take_packaged
from etl.settings import PROJECT_ROOT, Settings

PACKAGED = PROJECT_ROOT / "notebooks"


@pytest.fixture
def own(settings: Settings) -> Path:
    """The folder of a project's notebooks, equal to the packaged ones."""
    folder = settings.home / "notebooks"
    shutil.copytree(PACKAGED, folder, ignore=shutil.ignore_patterns(".*"))
    return folder


def edit(path: Path, old: str, new: str) -> None:
    path.write_text(path.read_text("utf-8").replace(old, new), "utf-8")


def test_only_changed_notebooks_are_shown_by_lines_of_their_cells(settings: Settings, own: Path) -> None:
    assert differences(settings) == []
    edit(own / "1_produce.ipynb", "bad_share: float = 0.02", "bad_share: float = 0.5")
    (own / "mine.ipynb").write_text("{}", "utf-8")
    (own / "3_merge.ipynb").unlink()
    (found,) = differences(settings)
    changed = [line[:24] for line in found.lines if line.startswith(("+", "-"))]
    assert changed == [
        "--- notebooks/1_produce.",
        "+++ packaged/1_produce.i",
        "-bad_share: float = 0.5 ",
        "+bad_share: float = 0.02",
    ]
    assert differences(settings, ["2_consume", "3_merge.ipynb"]) == []


def test_outputs_are_no_lines(settings: Settings, own: Path) -> None:
    notebook = json.loads((own / "4_load.ipynb").read_text("utf-8"))
    notebook["cells"][1]["execution_count"] = 7
    (own / "4_load.ipynb").write_text(json.dumps(notebook), "utf-8")
    (found,) = differences(settings)
    assert found.lines == ()


def test_each_old_file_is_kept(settings: Settings, own: Path) -> None:
    for number, name in enumerate(("4_load.ipynb.bak", "4_load.ipynb.bak1")):
        (own / "4_load.ipynb").write_text(f"broken {number}", "utf-8")
        (found,) = differences(settings, ["4_load"])
        assert f"-broken {number}" in found.lines
        assert take_packaged(found) == own / name
        assert (own / name).read_text("utf-8") == f"broken {number}"
        assert (own / "4_load.ipynb").read_bytes() == (PACKAGED / "4_load.ipynb").read_bytes()


@pytest.mark.usefixtures("own")
def test_an_unknown_name_is_refused(settings: Settings) -> None:
    with pytest.raises(ConfigurationError, match="no packaged notebook 'mine'"):
        differences(settings, ["mine"])


@pytest.mark.parametrize("home", [PROJECT_ROOT, None])
def test_without_own_notebooks_there_is_nothing_to_compare(tmp_path: Path, home: Path | None) -> None:
    with pytest.raises(ConfigurationError, match="no notebooks of its own"):
        differences(Settings.load(home=home or tmp_path))
