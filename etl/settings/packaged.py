"""Where the files beside the code are: notebooks, SQL, Superset's assets, examples; and which folder is the project.

In a clone they are folders at its top level. A wheel has them inside the package (`force-include` in pyproject.toml). No other
module knows of this difference.
"""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

from etl.errors import ConfigurationError

_PACKAGE = Path(str(files("etl"))).resolve()
_IN_WHEEL = _PACKAGE / "_packaged"
_IN_CLONE = {"examples": ("docs", "examples")}
"""The folders that have another place in a clone than at its top level under their own name."""


def _clone() -> Path | None:
    try:
        described = (_PACKAGE.parent / "pyproject.toml").read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    return _PACKAGE.parent if re.search(r'^name = "notebook-etl"$', described, re.MULTILINE) else None


CLONE: Path | None = _clone()
"""The folder of the clone from which the code runs; None where it was installed from a wheel."""


def packaged(*names: str) -> Path:
    """A file or folder that belongs to this version, such as `packaged("notebooks", "4_load.ipynb")`. It is only read."""
    if CLONE is None:
        return _IN_WHEEL.joinpath(*names)
    return CLONE.joinpath(*_IN_CLONE.get(names[0], names[:1]), *names[1:])


def default_home() -> Path:
    """ETL_HOME where it is not set: the clone; without one the nearest of the current folder and its parents that is a project
    (it has `contracts/` or `.services/`); else the current folder.

    :raises ConfigurationError: the current folder was removed.
    """
    if CLONE:
        return CLONE
    try:
        here = Path.cwd()
    except FileNotFoundError:
        raise ConfigurationError(
            "The current folder does not exist any more.", remedy="Change into another folder, or set ETL_HOME."
        ) from None
    projects = (folder for folder in (here, *here.parents) if is_project(folder))
    return next(projects, here)


def is_project(folder: Path) -> bool:
    """Whether a folder is the home of an installed package."""
    return (folder / "contracts").is_dir() or (folder / ".services").is_dir()


def notebook_file(home: Path, name: str) -> Path:
    """The notebook of a name (`4_load`): the one in `notebooks/` of ETL_HOME, or the packaged one; it may be missing."""
    own = home / "notebooks" / f"{name}.ipynb"
    return own if own.is_file() else packaged("notebooks", own.name)


def notebook_folder(home: Path) -> Path:
    """The working folder of kernels, which import modules from it: `notebooks/` of ETL_HOME or of the clone, else ETL_HOME.

    Never the package's folder: what a notebook writes would be lost with the next version.
    """
    own = home / "notebooks"
    if own.is_dir():
        return own
    return home if CLONE is None else packaged("notebooks")
