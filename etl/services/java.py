"""The Java that Spark and Kafka run on: found, or installed if that is allowed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from etl.errors import SetupError
from etl.services import network
from etl.services.process import Progress
from etl.settings import Settings

SUPPORTED = {17: "17", 21: "21", 25: "25.0.3"}
"""Major version → the first version of it that is used. Spark 4.2 runs on these; before 25.0.3 Java's G1 collector could corrupt
data (https://spark.apache.org/docs/4.2.0/, SPARK-55852)."""

_FOLDERS = ("/usr/lib/jvm", "/Library/Java/JavaVirtualMachines", "C:/Program Files/Java")
_PACKAGE = "openjdk-17-jre-headless"
_REMEDY = (
    "Install Java 17, 21 or 25 (Debian, Ubuntu: `apt-get install openjdk-17-jre-headless`). If you may not install packages,"
    " unpack a JDK of one of these versions anywhere (https://adoptium.net/temurin/releases) and set JAVA_HOME to its folder."
)


@dataclass(frozen=True)
class Java:
    """A Java launcher and its version, for example `17.0.9`."""

    path: Path
    version: str

    @property
    def major(self) -> int:
        return _numbers(self.version)[0]

    @property
    def is_supported(self) -> bool:
        first = SUPPORTED.get(self.major)
        return first is not None and _numbers(self.version) >= _numbers(first)

    @property
    def home(self) -> Path:
        return self.path.resolve().parent.parent


def find_java(settings: Settings, progress: Progress, *, folders: Iterable[str] = _FOLDERS) -> Java:
    """The Java to use: from JAVA_HOME, the path, the usual folders, or else installed with apt.

    :param folders: where this system installs Java.
    :raises SetupError: there is none and none may be installed; with what was found and what to do.
    """
    installed: list[Java] = []
    for java in _installed(folders):
        if java.is_supported:
            return java
        installed.append(java)
    if settings.install_java and _can_install():
        progress(f"installing {_PACKAGE}")
        _install()
        for java in _installed(folders):
            if java.is_supported:
                return java
    listed = ", ".join(f"{java.path} (Java {java.version})" for java in installed) or "none on this machine"
    raise SetupError(f"Spark and Kafka need Java 17, 21 or 25 (from 25.0.3 on); found: {listed}.", remedy=_REMEDY)


def _installed(folders: Iterable[str]) -> Iterator[Java]:
    for path in _candidates(folders):
        if path.is_file() and (version := _version(path)):
            yield Java(path, version)


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


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in version.split("."))


@cache
def _version(path: Path) -> str:
    """The version that a launcher prints; empty if it cannot run. Asked once: it starts a JVM."""
    try:
        run = subprocess.run([path, "-version"], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    match = re.search(r'version "(\d+(?:\.\d+)*)', run.stderr)
    return match.group(1) if run.returncode == 0 and match else ""


def _can_install() -> bool:
    return sys.platform == "linux" and os.geteuid() == 0 and shutil.which("apt-get") is not None


def _install() -> None:
    # Another apt may be running on a machine that has just been started.
    apt = ["apt-get", "-o", "DPkg::Lock::Timeout=120", "-o", "Acquire::Retries=1", "-o", "Acquire::http::Timeout=20"]
    said = ""
    for arguments in (["update"], ["install", "-y", "--no-install-recommends", _PACKAGE]):
        run = subprocess.run(
            [*apt, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, **network.lower_case(), "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"},
            # The project's umask is for private files; what a package installs is for all users.
            umask=0o022,
            check=False,
        )
        # Without a network `update` only warns, and `install` then knows no such package.
        said += run.stdout
        if run.returncode != 0:
            why = network.why_not_reached(said)
            cause = f": {why}." if why else f":\n{run.stdout.strip()[-800:]}"
            raise SetupError(
                f"There is no Java, and `apt-get {' '.join(arguments)}` failed{cause}",
                remedy=f"{_REMEDY} With ETL_INSTALL_JAVA=false nothing is tried to be installed.",
            )
