"""The lock file for pip, read."""

from __future__ import annotations

from pathlib import Path

from packaging.requirements import Requirement

PROJECT = Path(__file__).resolve().parents[2]
REQUIREMENTS = PROJECT / "requirements.txt"


def pins(requirements: Path = REQUIREMENTS) -> list[Requirement]:
    """The lines of a lock file, each `name==version`, some with a marker."""
    lines = requirements.read_text("utf-8").splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith(("#", "-r "))]
