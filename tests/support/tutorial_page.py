"""docs/tutorial.md as a test reads it: its blocks in their order, each with the HTML comment before it.

`bash` is run, unless the comment begins with `not run`; `in the background` starts it and goes on. `text` is printed by the
blocks of `bash` before it. `diff` is what a reader changes in the file that the comment `edits FILE` names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from etl.settings import PROJECT_ROOT

PAGE = PROJECT_ROOT / "docs" / "tutorial.md"
CYCLE = re.compile(r"\b\d{8}T\d{6}Z-[0-9a-f]{4}\b")
_BLOCK = re.compile(r"(?:<!-- ([^\n]*) -->\n\n)?^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_PATH_OF_PYTHON = re.compile(r"\S*python -m etl")
_SECONDS = re.compile(r"(?<=SUCCESS) [\d.]+|(?<=SUCCESS after) [\d.]+")


@dataclass(frozen=True)
class Block:
    """A block of the page. `remark` is the comment before it, or empty."""

    kind: str
    text: str
    remark: str

    @property
    def is_run(self) -> bool:
        return self.kind == "bash" and not self.remark.startswith("not run")

    @property
    def is_background(self) -> bool:
        return self.remark == "in the background"


def blocks() -> Iterator[Block]:
    """All blocks, in the order of the page."""
    for remark, kind, text in _BLOCK.findall(PAGE.read_text("utf-8")):
        yield Block(kind, text, remark)


def missing_lines(shown: str, printed: str) -> list[str]:
    """The lines of a block that a command did not print; ids of cycles, seconds and blanks may differ, and `…` is any text."""
    lines = [_comparable(line) for line in printed.splitlines()]
    return [
        line
        for line in shown.splitlines()
        if not any(re.fullmatch(_pattern(_comparable(line)), printed_line) for printed_line in lines)
    ]


def _pattern(line: str) -> str:
    return ".*".join(re.escape(part.strip()) for part in line.split("…")).replace(".*.*", ".*")


def _comparable(line: str) -> str:
    line = _PATH_OF_PYTHON.sub("python -m etl", CYCLE.sub("CYCLE", " ".join(line.split())))
    return _SECONDS.sub(" N", line)
