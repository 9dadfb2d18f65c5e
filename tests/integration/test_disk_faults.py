"""A folder is full or read-only: a clear error, nothing torn, nothing lost, and the next run is exact.

Each folder becomes a small file system of its own, which takes a machine where the tests may mount one.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from etl.errors import StorageError
from etl.jobs.consume.job import consume
from etl.jobs.load.job import load
from etl.jobs.merge.job import merge
from etl.jobs.produce.job import produce
from tests.support.stack import Project

MESSAGES = 5_000


class SmallDisk:
    """A file system in memory, mounted on a folder; nothing of it is left at the end."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def remount(self, options: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{options}", self.folder], check=True)


@contextmanager
def mounted(folder: Path, size: str) -> Iterator[SmallDisk]:
    folder.mkdir(parents=True, exist_ok=True)
    try:
        run = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "tmpfs", folder],
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        pytest.skip("there is no command `mount`")
    if run.returncode != 0:
        pytest.skip(f"the tests may not mount a file system here: {run.stderr.strip()}")
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


@pytest.fixture
def mount(project: Project) -> Iterator[Callable[[str, str], SmallDisk]]:
    """Mounts a small disk on a folder of the project's home."""
    with ExitStack() as mounts:
        yield lambda name, size: mounts.enter_context(mounted(project.home / name, size))


def require_failed(project: Project, job: Callable[..., object], folder: str, what: str) -> None:
    with pytest.raises(StorageError) as caught:
        job(project.settings, project.contract)
    assert what in caught.value.cause
    assert str(project.home / folder) in caught.value.cause
    assert "then run again" in caught.value.remedy
    last = project.log()[-1]
    assert (last["status"], last["error_type"]) == ("FAILED", "StorageError")
    archives = [path for path in (project.home / "backup").rglob("*.csv*") if not path.name.startswith(".tmp-")]
    assert archives == []


def require_next_run_exact(project: Project) -> None:
    for job in (consume, merge, load):
        job(project.settings, project.contract)
    project.require_exact(MESSAGES)
    assert [path.name for path in project.home.rglob(".tmp-*")] == []


@pytest.fixture
def sent(project: Project) -> Project:
    produce(project.settings, project.contract, messages=MESSAGES, bad_share=0.05, seed=1)
    return project


def test_output_is_full(sent: Project, mount: Callable[[str, str], SmallDisk]) -> None:
    disk = mount("output", "100k")
    require_failed(sent, consume, "output", "No space left on device")
    disk.remount("size=50m")
    require_next_run_exact(sent)


def test_the_checkpoint_is_full(sent: Project, mount: Callable[[str, str], SmallDisk]) -> None:
    disk = mount("checkpoint", "8k")
    require_failed(sent, consume, "checkpoint", "No space left on device")
    disk.remount("size=50m")
    require_next_run_exact(sent)


def test_the_checkpoint_is_full_when_the_batch_is_committed(
    sent: Project, mount: Callable[[str, str], SmallDisk], monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = mount("checkpoint", "1m")
    filler = sent.home / "checkpoint" / "filler"

    def fill(point: str) -> None:
        if point == "consume.before_commit":
            with pytest.raises(OSError, match="No space left"), filler.open("wb", buffering=0) as handle:
                while True:
                    handle.write(bytes(4096))

    monkeypatch.setattr("etl.storage.failpoints.reached", fill)
    require_failed(sent, consume, "checkpoint", "No space left on device")
    monkeypatch.undo()
    filler.unlink()
    disk.remount("size=50m")
    require_next_run_exact(sent)


def test_backup_is_full(sent: Project, mount: Callable[[str, str], SmallDisk]) -> None:
    disk = mount("backup", "100k")
    consume(sent.settings, sent.contract)
    require_failed(sent, merge, "backup", "No space left on device")
    disk.remount("size=50m")
    require_next_run_exact(sent)


def test_backup_is_read_only(sent: Project, mount: Callable[[str, str], SmallDisk]) -> None:
    disk = mount("backup", "50m")
    disk.remount("ro")
    consume(sent.settings, sent.contract)
    require_failed(sent, merge, "backup", "Read-only file system")
    disk.remount("rw")
    require_next_run_exact(sent)


def test_output_is_read_only(sent: Project, mount: Callable[[str, str], SmallDisk]) -> None:
    disk = mount("output", "50m")
    disk.remount("ro")
    require_failed(sent, consume, "output", "Read-only file system")
    disk.remount("rw")
    require_next_run_exact(sent)


def test_a_cycle_on_a_full_disk_says_so(sent: Project, mount: Callable[[str, str], SmallDisk]) -> None:
    disk = mount("output", "100k")
    run = sent.etl("run", "--messages", "0", expect=1)
    assert "No space left on device" in run.stdout + run.stderr
    assert "Free space there" in run.stdout + run.stderr
    disk.remount("size=50m")
    require_next_run_exact(sent)
