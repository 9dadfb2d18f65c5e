"""Files of a landing folder keep their paths below it, wherever they are moved."""

from __future__ import annotations

import os
from pathlib import Path, PurePath

import pytest

from etl.contract.sources.landing_folder import LandingFolder
from etl.errors import ConfigurationError
from etl.settings import Settings
from etl.storage.landing_folder import digest_of, ignored, move, put_back, target_of, waiting

SITE = LandingFolder("landing/site/**/*.csv")


@pytest.fixture
def folder(settings: Settings) -> Path:
    return settings.home / "landing" / "site"


def put(folder: Path, name: str, content: str = "x", age: int = 0) -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content)
    os.utime(file, ns=(0, 10**9 * (1_000 - age)))
    return file


def test_files_in_subfolders_wait_the_oldest_first(settings: Settings, folder: Path) -> None:
    for age, name in enumerate(("a.csv", "2025/06/a.csv", "2025/b.csv.gz", "z.csv")):
        put(folder, name, age=age)
    found = [path.relative_to(folder).as_posix() for path in waiting(settings, SITE)]
    assert found == ["z.csv", "2025/b.csv.gz", "2025/06/a.csv", "a.csv"]


def test_what_the_pattern_does_not_name_is_ignored_with_its_kind(settings: Settings, folder: Path) -> None:
    for name in ("a.csv", "x/b.txt", ".hidden/c.csv", "x/.d.csv"):
        put(folder, name)
    os.mkfifo(folder / "x" / "pipe.csv")
    assert [path.name for path in waiting(settings, SITE)] == ["a.csv"]
    assert ignored(settings, SITE) == {
        "other_name": ["x/b.txt"],
        "hidden": [".hidden/c.csv", "x/.d.csv"],
        "no_file": ["x/pipe.csv"],
    }
    plain = LandingFolder("landing/site")
    assert ignored(settings, plain)["in_subfolders"] == [".hidden/c.csv", "x/.d.csv", "x/b.txt", "x/pipe.csv"]


def test_a_link_to_a_folder_is_not_followed_and_is_told(settings: Settings, folder: Path, tmp_path: Path) -> None:
    put(tmp_path / "elsewhere", "b.csv")
    put(folder, "x/a.csv")
    (folder / "x" / "link").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    (folder / ".link").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    assert [path.name for path in waiting(settings, SITE)] == ["a.csv"]
    assert ignored(settings, SITE) == {"hidden": [".link"], "no_file": ["x/link"]}
    assert ignored(settings, LandingFolder("landing/site")) == {
        "in_subfolders": ["x/a.csv", "x/link"],
        "hidden": [".link"],
    }


def test_files_of_one_name_do_not_collide(tmp_path: Path) -> None:
    names = [PurePath("a/x.csv"), PurePath("b/x.csv"), PurePath("x.csv")]
    targets = [target_of(name, tmp_path, "0" * 64) for name in names]
    assert [target.relative_to(tmp_path) for target in targets] == names


def test_a_folder_of_somebody_does_not_look_like_a_batch(tmp_path: Path) -> None:
    target = target_of(PurePath("batch-1/part-1.csv"), tmp_path, "ab" * 32)
    assert target.relative_to(tmp_path).as_posix() == "abababababab-batch-1/part-1.csv"


@pytest.mark.parametrize("name", ["x.csv", "2025/06/x.csv", "batch-1/part-1.csv"])
def test_what_was_set_aside_comes_back_to_its_place(
    settings: Settings, folder: Path, tmp_path: Path, name: str
) -> None:
    file, aside = put(folder, name), tmp_path / "quarantine"
    digest = digest_of(file)
    put(aside, name, "another content of this name")
    target = target_of(PurePath(name), aside, digest)
    move(file, target)
    assert waiting(settings, SITE) == []
    put_back(settings, SITE, target, target.relative_to(aside))
    assert [path.relative_to(folder).as_posix() for path in waiting(settings, SITE)] == [name]


def test_a_file_does_not_come_back_under_a_name_that_is_never_taken(
    settings: Settings, folder: Path, tmp_path: Path
) -> None:
    source = LandingFolder("landing/site/data_?.csv")
    aside = put(tmp_path, "data_1.csv", "old")
    put(folder, "data_1.csv", "new")
    with pytest.raises(ConfigurationError, match="Another file with the name of data_1"):
        put_back(settings, source, aside, PurePath("data_1.csv"))
    assert aside.exists()
