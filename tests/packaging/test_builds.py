"""What is built: the same bytes each time, everything that an installed package needs, and nothing else."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from etl.settings import PROJECT_ROOT
from tests.packaging.builds import build, unpack

EXAMPLES = ("crontab", "etl.service", "etl.timer", "etl-schedule.service")


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(PROJECT_ROOT, tmp_path_factory.mktemp("sdist"), "sdist")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(PROJECT_ROOT, tmp_path_factory.mktemp("wheel"), "wheel")


@pytest.fixture(scope="module")
def elsewhere(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources as the sdist has them, in another folder."""
    return unpack(sdist, tmp_path_factory.mktemp("unpacked"))


def test_an_sdist_that_is_built_elsewhere_has_equal_bytes(sdist: Path, elsewhere: Path, tmp_path: Path) -> None:
    assert build(elsewhere, tmp_path, "sdist").read_bytes() == sdist.read_bytes()


def test_the_wheels_of_the_clone_and_of_the_sdist_have_equal_bytes(
    wheel: Path, elsewhere: Path, tmp_path: Path
) -> None:
    assert build(elsewhere, tmp_path, "wheel").read_bytes() == wheel.read_bytes()


def test_the_wheel_has_every_file_that_belongs_to_it_and_no_other(wheel: Path) -> None:
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    expected = {name for name in listed if name.startswith("etl/")}
    expected |= {f"etl/_packaged/{name}" for name in listed if name.startswith(("notebooks/", "sql/", "superset/"))}
    expected |= {f"etl/_packaged/examples/{name}" for name in EXAMPLES}
    with zipfile.ZipFile(wheel) as archive:
        contained = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert contained == expected


def test_no_file_names_a_path_of_the_machine_that_built_it(elsewhere: Path, tmp_path: Path) -> None:
    paths = {str(elsewhere).encode(), str(tmp_path).encode(), sys.prefix.encode()}
    with zipfile.ZipFile(build(elsewhere, tmp_path, "wheel")) as archive:
        naming = [name for name in archive.namelist() if any(path in archive.read(name) for path in paths)]
    assert naming == []
