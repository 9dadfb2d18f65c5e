"""Superset's virtual environment: it pins SQLAlchemy < 2 and pandas < 2.2 and cannot share the project's."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from filelock import FileLock

from etl.errors import SetupError
from etl.services import packages
from etl.services.process import Progress
from etl.settings import Settings
from etl.settings.packaged import packaged

SUPPORTED = ((3, 11), (3, 12))
"""The lock file is made for these; Superset 6.1 itself does not run on 3.13."""
REQUIREMENTS = packaged("superset", "requirements.txt")
"""Beside it, `requirements-<product>.txt`: the driver for a database product (`Product.name`) that needs one more."""
FREE_GIB = 2.0
_STAMP = "installed.json"
_STARTED = "started"
_PROBE = "import sys, venv, ensurepip; print(sys.version_info[0], sys.version_info[1])"
_REMEDY = (
    "Install one beside yours (Debian, Ubuntu: `apt-get install python3 python3-venv`; or uv, pyenv, conda), "
    "so that `python3.11` or `python3.12` is on the path; then run `python -m etl dashboards` again."
)


def venv_folder(settings: Settings) -> Path:
    return (settings.superset_venv or settings.services / "superset" / "venv").expanduser().absolute()


def venv_python(folder: Path) -> Path:
    return packages.python_of(folder)


def is_current(settings: Settings, product: str) -> bool:
    """Whether the environment contains exactly what the lock file lists, and the driver for a product."""
    return _lacking(venv_folder(settings), product) == []


def ensure(settings: Settings, product: str, progress: Progress) -> Path:
    """The Python of an up-to-date environment; installs it (800 MB, a minute), or only the driver, if needed.

    :raises SetupError: no Python that Superset runs on was found, or the packages could not be installed.
    """
    folder = venv_folder(settings)
    if not _lacking(folder, product):
        # Without the lock: a container's file system may be read-only.
        return venv_python(folder)
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Several homes may share one environment.
    with FileLock(folder.with_name(f"{folder.name}.lock"), timeout=900):
        lacking = _lacking(folder, product)
        if REQUIREMENTS in lacking:
            require_space(settings)
            _make(folder, find_python(), progress)
        for file in lacking:
            _install(folder, file, progress)
    return venv_python(folder)


def find_python(candidates: Iterable[str] | None = None) -> str:
    """The Python for creating the environment: this one if it fits, otherwise another one on the path.

    :param candidates: programs to try instead of these.
    :raises SetupError: none fits.
    """
    for candidate in _candidates() if candidates is None else candidates:
        if _version(candidate) in SUPPORTED:
            return candidate
    raise SetupError(
        f"Superset 6.1 needs Python 3.11 or 3.12; this is {sys.version_info[0]}.{sys.version_info[1]}, "
        "and no other was found on the path.",
        remedy=_REMEDY,
    )


def require_space(settings: Settings) -> None:
    """Check that the disk has space for the environment.

    :raises SetupError: it has too little.
    """
    folder = venv_folder(settings)
    existing = next(path for path in folder.parents if path.exists())
    free = shutil.disk_usage(existing).free / 2**30
    if free < FREE_GIB:
        raise SetupError(
            f"{free:.1f} GiB free at {existing}; Superset takes 0.8 GiB.", remedy=f"Make room: {FREE_GIB:.0f} GiB."
        )


def requirements_hash(file: Path = REQUIREMENTS) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _candidates() -> Iterator[str]:
    yield sys.executable
    for name in ("python3.12", "python3.11", "python3", "python"):
        if program := shutil.which(name):
            yield program


def _version(python: str) -> tuple[int, ...]:
    """A Python's version; empty if it cannot run or create environments."""
    try:
        run = subprocess.run([python, "-c", _PROBE], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ()
    return tuple(int(part) for part in run.stdout.split()) if run.returncode == 0 else ()


def _lacking(folder: Path, product: str) -> list[Path]:
    """The lock files that are not installed. A driver for another product may stay: several homes may share the environment."""
    wanted = [REQUIREMENTS, *_of_product(product)]
    stamp = _stamp(folder)
    lacking = [file for file in wanted if stamp.get(_key(file)) != requirements_hash(file)]
    return wanted if REQUIREMENTS in lacking or not venv_python(folder).exists() else lacking


def _of_product(product: str) -> list[Path]:
    file = REQUIREMENTS.with_name(f"{REQUIREMENTS.stem}-{product}.txt")
    return [file] if file.exists() else []


def _key(file: Path) -> str:
    return f"{file.stem}_sha256"


def _stamp(folder: Path) -> dict[str, str]:
    """The hash of each installed lock file."""
    try:
        hashes = json.loads((folder / _STAMP).read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return hashes if isinstance(hashes, dict) else {}


def _make(folder: Path, python: str, progress: Progress) -> None:
    """Create it from scratch, because packages from an older lock file must not stay; or continue an interrupted installation."""
    progress("installing Superset (once, one to two minutes, 800 MB)")
    # A link stays, whether its folder is outdated or gone.
    folder = folder.resolve()
    if folder.exists() and _started(folder) != requirements_hash():
        shutil.rmtree(folder)
    with _errors():
        packages.create(folder, python)
    (folder / _STARTED).write_text(requirements_hash(), "utf-8")


def _install(folder: Path, file: Path, progress: Progress) -> None:
    """Install a lock file. The stamp is written last."""
    if file != REQUIREMENTS:
        progress("installing the database driver for Superset")
    with _errors():
        packages.install(folder, ["--requirement", str(file)])
    (folder / _STAMP).write_text(json.dumps(_stamp(folder) | {_key(file): requirements_hash(file)}), "utf-8")
    (folder / _STARTED).unlink(missing_ok=True)


def _started(folder: Path) -> str:
    """The hash of the lock file whose installation was interrupted; empty if none was."""
    with contextlib.suppress(FileNotFoundError):
        return (folder / _STARTED).read_text("utf-8")
    return ""


@contextlib.contextmanager
def _errors() -> Iterator[None]:
    try:
        yield
    except packages.InstallError as error:
        raise SetupError(f"Superset could not be installed. {error.cause}", remedy=error.remedy) from None
