"""Building the sdist and the wheel, as `python -m build --no-isolation` does, without a network."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from pathlib import Path


def build(source: Path, folder: Path, target: str) -> Path:
    """The file that a target (`sdist` or `wheel`) becomes in an empty folder."""
    command = [sys.executable, "-m", "hatchling", "build", "--target", target, "--directory", str(folder)]
    built = subprocess.run(command, cwd=source, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    (file,) = folder.iterdir()
    return file


def unpack(sdist: Path, folder: Path) -> Path:
    """The sources of an sdist as they were in the clone, in another folder and with other times."""
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    (source,) = folder.iterdir()
    (source / "PKG-INFO").unlink()
    for path in source.rglob("*"):
        os.utime(path)
    return source
