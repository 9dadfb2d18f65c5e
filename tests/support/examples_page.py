"""docs/your-data.md as a test reads it: its worked examples, with their commands, excerpts, decisions and tables.

A section of the page has, in this order: an excerpt of the sample; `bash` that drafts a contract; `yaml`, an excerpt of the
draft; `diff`, the decisions, where there are any; `bash` that runs the feed; `sql` and the table of its rows.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from etl.settings import PROJECT_ROOT

PAGE = PROJECT_ROOT / "docs" / "your-data.md"
EXAMPLES = PROJECT_ROOT / "docs" / "examples"
LEFT_OUT = "…"
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Example:
    """A section of the page."""

    title: str
    folder: Path
    sample: str
    drafting: str
    """The commands that draft the contract."""
    draft: str
    """An excerpt of the draft."""
    decisions: str
    """As a diff of the draft; empty: there are none."""
    running: str
    """The commands that run the feed."""
    query: str
    rows: tuple[tuple[str, ...], ...]
    """What the query finds, with its header."""

    @property
    def contract(self) -> Path:
        """The final contract."""
        (file,) = self.folder.glob("*.odcs.yaml")
        return file

    @property
    def feed(self) -> str:
        return self.contract.name.removesuffix(".odcs.yaml")

    def decided(self, draft: str) -> str:
        """A draft after the decisions.

        :raises AssertionError: the draft lacks lines that the decisions replace.
        """
        for old, new in replacements(self.decisions):
            assert draft.count(old) == 1, f"{self.title}: {draft.count(old)} times in the draft:\n{old}"
            draft = draft.replace(old, new)
        return draft


def examples() -> list[Example]:
    """The page's examples, in their order."""
    sections = re.split(r"^## (?=\d+\. )", PAGE.read_text("utf-8"), flags=re.MULTILINE)[1:]
    return [_example(section) for section in sections]


def _example(section: str) -> Example:
    title = section.partition("\n")[0]
    blocks = [(match[1], match[2]) for match in _FENCE.finditer(section)]
    bash = [text for language, text in blocks if language == "bash"]
    one = {language: text for language, text in blocks if language != "bash"}
    folder = re.search(r"docs/examples/([\w-]+)", section)
    assert folder, title
    assert len(bash) == 2, f"{title}: one block of bash drafts, another runs"
    return Example(
        title,
        EXAMPLES / folder[1],
        blocks[0][1],
        bash[0],
        one["yaml"],
        one.get("diff", ""),
        bash[1],
        one["sql"],
        tuple(_table(section[section.index("```sql") :])),
    )


def _table(text: str) -> list[tuple[str, ...]]:
    rows = [
        tuple(cell.strip() for cell in line.strip("|").split("|"))
        for line in text.splitlines()
        if line.startswith("|") and not set(line) <= set("|-: ")
    ]
    return rows


def replacements(diff: str) -> list[tuple[str, str]]:
    """Lines of a draft, and what replaces them: each run of lines between two that are left out."""
    pairs = []
    for part in re.split(rf"^ *{LEFT_OUT}\n", diff, flags=re.MULTILINE):
        lines = part.splitlines()
        old = "".join(f"{line[1:]}\n" for line in lines if not line.startswith("+"))
        new = "".join(f"{line[1:]}\n" for line in lines if not line.startswith("-"))
        if lines:
            pairs.append((old, new))
    return pairs


def is_excerpt(excerpt: str, text: str) -> bool:
    """Whether the parts of an excerpt, between `…`, are in a text in this order."""
    place = 0
    for part in re.split(rf"\s*{LEFT_OUT}\s*", excerpt.strip("\n")):
        found = text.find(part, place)
        if found < 0:
            return False
        place = found + len(part)
    return True


def whole_sample(example: Example) -> str:
    """The texts of an example's files, one after the other."""
    files = [path for path in sorted(example.folder.rglob("*")) if path.is_file() and path != example.contract]
    return "\n".join(_text_of(path) for path in files)


def _text_of(path: Path) -> str:
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1252")
    return text.replace("\r\n", "\n")


def make_clone(home: Path) -> None:
    """Make a folder like a clone: with the documentation and `.venv/bin/python`."""
    (home / "docs").symlink_to(PROJECT_ROOT / "docs")
    python = home / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    root, real = shlex.quote(str(PROJECT_ROOT)), shlex.quote(sys.executable)
    python.write_text(f'#!/bin/sh\nPYTHONPATH={root} exec {real} "$@"\n', "utf-8")
    python.chmod(0o755)


def bash(commands: str, home: Path, env: Mapping[str, str]) -> str:
    """Run commands of the page in a clone; returns what they print.

    :raises AssertionError: one of them failed.
    """
    own = {name: value for name, value in env.items() if name != "ETL_FEEDS"}
    env = {**own, "ETL_HOME": str(home), "NO_COLOR": "1"}
    run = subprocess.run(
        ["bash", "-euc", commands], cwd=home, env=env, capture_output=True, text=True, timeout=240, check=False
    )
    assert run.returncode == 0, f"{commands}\n{run.stdout}\n{run.stderr}"
    return run.stdout


def draft_of(example: Example, home: Path, env: Mapping[str, str]) -> str:
    """The draft that the page's commands make, after the decisions, which also replaces the draft.

    :raises AssertionError: the page's excerpts are not those of the sample and the draft.
    """
    assert is_excerpt(example.sample, whole_sample(example)), "the sample is not that of the page"
    bash(example.drafting, home, env)
    file = home / "contracts" / f"{example.feed}.odcs.yaml"
    draft = file.read_text("utf-8")
    assert is_excerpt(example.draft, draft), f"the draft is not that of the page:\n{draft}"
    final = example.decided(draft)
    file.write_text(final, "utf-8")
    return final


def with_rows(page: str, example: Example, rows: list[tuple[str, ...]]) -> str:
    """The page with these rows in the example's table."""
    before, title, section = page.partition(f"## {example.title}\n")
    start = section.index("|---", section.index("```sql"))
    start = section.index("\n", start) + 1
    end = re.search(r"^(?!\|)", section[start:], re.MULTILINE)
    assert end
    lines = "".join(f"| {' | '.join(row)} |\n" for row in rows)
    return before + title + section[:start] + lines + section[start + end.start() :]
