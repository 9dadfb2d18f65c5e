"""The Java that Spark and Kafka run on: found, or installed if that is allowed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from etl.errors import SetupError
from etl.services.process import Progress
from etl.settings import Settings

SUPPORTED = (17, 21)
"""Spark 4.0 runs on these (https://spark.apache.org/docs/4.0.0/: "Java 17/21")."""

_FOLDERS = ("/usr/lib/jvm", "/Library/Java/JavaVirtualMachines", "C:/Program Files/Java")
_PACKAGE = "openjdk-17-jre-headless"
_REMEDY = "Install Java 17 or 21 (Debian, Ubuntu: `apt-get install openjdk-17-jre-headless`) or set JAVA_HOME to one."


@dataclass(frozen=True)
class Java:
    """A Java launcher and its major version."""

    path: Path
    major: int

    @property
    def home(self) -> Path:
        return self.path.resolve().parent.parent


def find_java(settings: Settings, progress: Progress, *, folders: Iterable[str] = _FOLDERS) -> Java:
    """The Java to use: from JAVA_HOME, the path, the usual folders, or else installed with apt.

    :param folders: where this system installs Java.
    :raises SetupError: there is none and none may be installed; with what was found and what to do.
    """
    installed = list(_installed(folders))
    for java in installed:
        if java.major in SUPPORTED:
            return java
    if settings.install_java and _can_install():
        progress(f"installing {_PACKAGE}")
        _install()
        for java in _installed(folders):
            if java.major in SUPPORTED:
                return java
    listed = ", ".join(f"{java.path} (Java {java.major})" for java in installed) or "none on this machine"
    raise SetupError(f"Spark and Kafka need Java 17 or 21; found: {listed}.", remedy=_REMEDY)


def _installed(folders: Iterable[str]) -> Iterator[Java]:
    for path in _candidates(folders):
        if path.is_file() and (major := _major(path)):
            yield Java(path, major)


def _candidates(folders: Iterable[str]) -> Iterator[Path]:
    launcher = "java.exe" if os.name == "nt" else "java"
    if home := os.environ.get("JAVA_HOME"):
        yield Path(home) / "bin" / launcher
    if on_path := shutil.which("java"):
        yield Path(on_path)
    for folder in folders:
        for root in sorted(Path(folder).glob("*")):
            yield root / "bin" / launcher
            yield root / "Contents" / "Home" / "bin" / launcher


def _major(path: Path) -> int:
    """The major version that a launcher prints; 0 if it cannot run."""
    try:
        run = subprocess.run([path, "-version"], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return 0
    match = re.search(r'version "(\d+)', run.stderr)
    return int(match.group(1)) if run.returncode == 0 and match else 0


def _can_install() -> bool:
    return sys.platform == "linux" and os.geteuid() == 0 and shutil.which("apt-get") is not None


def _install() -> None:
    for command in (["apt-get", "update"], ["apt-get", "install", "-y", "--no-install-recommends", _PACKAGE]):
        run = subprocess.run(
            command,
            capture_output=True,
            text=True,
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
            # The project's umask is for private files; what a package installs is for all users.
            umask=0o022,
            check=False,
        )
        if run.returncode != 0:
            raise SetupError(f"`{' '.join(command)}` failed:\n{run.stderr.strip()[-800:]}", remedy=_REMEDY)
