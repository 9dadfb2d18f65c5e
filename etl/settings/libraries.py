"""The Java libraries that belong to this version of the project, and where they are; `etl.services.jars` fetches them.

A folder of libraries may hold others as well, of a version before or after this one, so it is never read as a whole.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from etl.settings import Settings

LOCK = Path(__file__).with_name("jars.lock.json")


@dataclass(frozen=True)
class Jar:
    """One library of the lock file; `part` is its folder (for example spark or kafka)."""

    part: str
    organisation: str
    module: str
    revision: str
    bytes: int
    sha256: str

    @property
    def file_name(self) -> str:
        return f"{self.module}-{self.revision}.jar"


def locked(lock: Path = LOCK) -> list[Jar]:
    """The content of a lock file."""
    return [Jar(**entry) for entry in json.loads(lock.read_text("utf-8"))]


def class_path(settings: Settings, part: str, lock: Path = LOCK) -> list[Path]:
    """The libraries of one part, in the lock file's order; they may not have been fetched yet."""
    return [settings.jars_folder / part / jar.file_name for jar in locked(lock) if jar.part == part]
