"""How a project's notebooks differ from the packaged ones, and replacing them."""

from __future__ import annotations

import difflib
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import nbformat

from etl.errors import ConfigurationError
from etl.settings import Settings
from etl.settings.packaged import packaged


@dataclass(frozen=True)
class Difference:
    """A project's notebook that is not the packaged one."""

    own: Path
    packaged: Path
    lines: tuple[str, ...]
    """A unified diff of the cells' sources, from the project's to the packaged; empty where only outputs or metadata differ."""


def differences(settings: Settings, names: Iterable[str] = ()) -> list[Difference]:
    """The project's notebooks that differ from the packaged ones, of these names or of all.

    :param names: such as `4_load`, or a file's name.
    :raises ConfigurationError: there is no packaged notebook of a name, or ETL_HOME has no notebooks besides the packaged ones.
    """
    folder = settings.home / "notebooks"
    known = {path.stem: path for path in sorted(packaged("notebooks").glob("*.ipynb"))}
    if not folder.is_dir() or folder.resolve() == packaged("notebooks").resolve():
        raise ConfigurationError(
            f"{settings.home} has no notebooks of its own: the packaged ones are used.",
            remedy="Run this in a project (`python -m etl new FOLDER`), or set ETL_HOME.",
        )
    wanted = [Path(name).name.removesuffix(".ipynb") for name in names] or list(known)
    if unknown := [name for name in wanted if name not in known]:
        raise ConfigurationError(
            f"There is no packaged notebook {unknown[0]!r}.", remedy=f"Packaged notebooks: {', '.join(known)}."
        )
    pairs = ((folder / known[name].name, known[name]) for name in wanted)
    return [
        Difference(own, source, tuple(_diff(own, source)))
        for own, source in pairs
        if own.is_file() and own.read_bytes() != source.read_bytes()
    ]


def take_packaged(difference: Difference) -> Path:
    """Replace the project's notebook by the packaged one; returns the old file, beside it with `.bak` behind its name."""
    backups = (difference.own.with_name(f"{difference.own.name}.bak{number or ''}") for number in count())
    backup = next(path for path in backups if not path.exists())
    difference.own.rename(backup)
    shutil.copyfile(difference.packaged, difference.own)
    return backup


def _diff(own: Path, source: Path) -> Iterator[str]:
    return difflib.unified_diff(
        _sources(own), _sources(source), f"notebooks/{own.name}", f"packaged/{source.name}", lineterm=""
    )


def _sources(path: Path) -> list[str]:
    """The sources of the cells, each below a line with its kind and tags; the lines of a file that is no notebook."""
    text = path.read_text("utf-8", "replace")
    try:
        cells = nbformat.reads(text, as_version=4).cells  # type: ignore[no-untyped-call]
        return [
            line
            for cell in cells
            for line in (" ".join(["# %%", cell.cell_type, *cell.metadata.get("tags", [])]), *cell.source.split("\n"))
        ]
    except (ValueError, AttributeError, KeyError, TypeError):
        return text.split("\n")
