"""Real virtual environments, filled by a real pip from a small index: cut, killed, half-installed, and completed afterwards."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from etl.services import packages
from tests.support.downloads import Repository, serving, wheel
from tests.support.ports import closed_port

SCRIPT = Path(packages.__file__)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "venv"
    packages.create(folder, sys.executable)
    return folder


@pytest.fixture
def venv(made: Path, tmp_path: Path) -> Path:
    """An environment with pip; under a path that no script of it could be started from."""
    folder = tmp_path / """it's a "test" #1 50% ü $x""" / ".venv"
    shutil.copytree(made, folder, symlinks=True)
    return folder


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Repository]:
    name = "tiny-1.0-py3-none-any.whl"
    files = {
        "/simple/tiny/": f'<a href="/files/{name}">{name}</a>'.encode(),
        f"/files/{name}": wheel(tmp_path, "tiny", "VALUE = 1\n" + "#" * 4000),
    }
    with serving(files, ".whl") as repository:
        yield repository


@pytest.fixture(autouse=True)
def _pip_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("PIP_") or name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    monkeypatch.setenv("PIP_RETRIES", "1")


def command(venv: Path, *arguments: str, **env: str) -> subprocess.Popen[str]:
    """What `make setup` runs."""
    return subprocess.Popen(
        [sys.executable, "-P", str(SCRIPT), str(venv), *arguments],
        env={**os.environ, **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def of(index: Repository) -> dict[str, str]:
    return {"PIP_INDEX_URL": f"http://127.0.0.1:{index.port}/simple"}


def value(venv: Path) -> str:
    run = [str(packages.python_of(venv)), "-c", "import tiny; print(tiny.VALUE)"]
    return subprocess.run(run, capture_output=True, text=True, check=False).stdout.strip()


def test_the_second_try_completes_what_a_cut_connection_left(venv: Path, index: Repository) -> None:
    index.then = "cut"
    cut = command(venv, "tiny", **of(index))
    output, _ = cut.communicate()
    assert cut.returncode == 1
    assert "a download from 127.0.0.1 was cut." in output, output
    assert value(venv) == ""
    assert not (venv / ".tmp").exists()
    index.then = "sent"
    done = command(venv, "tiny", **of(index))
    assert (done.communicate()[0], done.returncode) == ("", 0)
    assert value(venv) == "1"


def test_after_a_kill_the_next_one_waits_for_the_pip_that_is_left_and_continues(venv: Path, index: Repository) -> None:
    index.then = "held"
    killed = command(venv, "tiny", **of(index))
    assert index.held.wait(30)
    killed.kill()
    killed.wait()
    assert (venv / ".tmp").exists()
    second = command(venv, "tiny", **of(index))
    with pytest.raises(subprocess.TimeoutExpired):
        second.wait(0.5)
    index.then = "sent"
    index.release.set()
    assert (second.communicate()[0], second.returncode) == ("", 0)
    assert value(venv) == "1"
    assert not (venv / ".tmp").exists()


def test_a_package_that_is_half_installed_is_installed_again(venv: Path, index: Repository) -> None:
    assert command(venv, "tiny", **of(index)).wait() == 0
    (site,) = venv.glob("lib/python*/site-packages")
    # pip writes RECORD last.
    (site / "tiny.py").write_text("VALUE =", "utf-8")
    (site / "tiny-1.0.dist-info" / "RECORD").unlink()
    (site / "~iny-0.9.dist-info").mkdir()
    assert command(venv, "tiny", **of(index)).wait() == 0
    assert value(venv) == "1"
    assert list(site.glob("~*")) == []


def test_an_environment_without_pip_is_created_again(venv: Path) -> None:
    (site,) = venv.glob("lib/python*/site-packages")
    shutil.rmtree(site / "pip")
    packages.create(venv, sys.executable)
    assert (site / "pip").is_dir()


def test_a_proxy_that_does_not_answer_is_named_without_its_login(venv: Path) -> None:
    with closed_port() as port:
        refused = command(venv, "tiny", HTTPS_PROXY=f"http://somebody:s3cret@127.0.0.1:{port}")
        output, _ = refused.communicate()
    assert refused.returncode == 1
    assert f"pypi.org through the proxy 127.0.0.1:{port} was not reached: connection refused." in output
    assert "PIP_INDEX_URL" in output
    assert "s3cret" not in output
    assert output.count("\n") == 2


@pytest.mark.parametrize(("name", "reason"), [("a:b", "':' in its path"), ("a🙂b", "beyond U.FFFF")])
def test_a_folder_that_java_cannot_use_is_refused_before_anything_is_made(
    tmp_path: Path, name: str, reason: str
) -> None:
    folder = tmp_path / name / ".venv"
    with pytest.raises(packages.InstallError, match=reason):
        packages.create(folder, sys.executable)
    assert not folder.parent.exists()


def test_a_link_to_a_folder_that_is_gone_is_named(tmp_path: Path) -> None:
    (tmp_path / ".venv").symlink_to(tmp_path / "gone")
    with pytest.raises(packages.InstallError, match=r"\.venv cannot be made: File exists"):
        packages.create(tmp_path / ".venv", sys.executable)
