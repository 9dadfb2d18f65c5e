"""Settings that are folders or files: absolute, and fit for every part that uses them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from etl.settings import Settings

_NAMES = ("home", "feeds", "jars", "ivy_settings", "kafka_ca_file", "superset_venv")
_FIRST_PRINTABLE, _LAST_OF_JAVA = 0x20, 0xFFFF


def variables(settings: Settings) -> dict[str, str]:
    """The variables of folders and files that are set, as absolute paths: for processes with another working directory."""
    values = {f"ETL_{name.upper()}": getattr(settings, name) for name in _NAMES}
    return {
        name: os.pathsep.join(map(str, value if isinstance(value, tuple) else [value]))
        for name, value in values.items()
        if value
    }


def absolute(value: Path | tuple[Path, ...] | None) -> Path | tuple[Path, ...] | None:
    """Relative paths begin where the command was started."""
    if isinstance(value, tuple):
        return tuple(folder.expanduser().absolute() for folder in value)
    return value.expanduser().absolute() if value else None


def fit_for_java(folder: Path) -> Path:
    """The folder itself.

    :raises ValueError: Java cannot use it in its class path.
    """
    name = str(folder)
    if os.pathsep in name:
        raise ValueError(f"{name!r} contains {os.pathsep!r}, which Java's class path cannot quote; use another folder")
    if any(ord(letter) < _FIRST_PRINTABLE or "\ud800" <= letter <= "\udfff" for letter in name):
        raise ValueError(f"{name!r} contains a control character, or is not UTF-8; use another folder")
    if any(ord(letter) > _LAST_OF_JAVA for letter in name):
        raise ValueError(
            f"{name!r} contains a letter beyond U+FFFF, such as an emoji, which Java's class path cannot hold"
        )
    return folder
