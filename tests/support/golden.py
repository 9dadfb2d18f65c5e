"""Golden files: what a test made is compared with what was committed, and read by people when it changes."""

from __future__ import annotations

import os
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "golden"
UPDATE = "ETL_TEST_UPDATE_GOLDEN"


def require_golden(name: str, text: str) -> None:
    """Compare a text with the file `tests/golden/<name>`; with ETL_TEST_UPDATE_GOLDEN=1 write it instead."""
    file = FOLDER / name
    if os.environ.get(UPDATE):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
    assert file.is_file(), f"{file} is missing: make it with {UPDATE}=1"
    assert text == file.read_text("utf-8"), f"{name} has changed: look at it, then make it again with {UPDATE}=1"


def as_script(statements: list[str]) -> str:
    """Statements as SQL Server's clients run them, a batch each."""
    return "".join(f"{statement}\nGO\n\n" for statement in statements).rstrip("\n") + "\n"
