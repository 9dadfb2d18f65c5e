"""Pieces of YAML as a person would write them."""

from __future__ import annotations

import re
from collections.abc import Iterable

import yaml

from etl.contract.todo import MARK

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*")
_WORDS = {"true", "false", "yes", "no", "on", "off", "null", "y", "n", MARK.lower()}
_WIDTH = 128
"""Of a comment in the head of a draft."""


def yaml_text(value: str) -> str:
    """A text as YAML, quoted where it has to be."""
    if _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    return quoted(value)


def quoted(value: str) -> str:
    text: str = yaml.safe_dump(value, default_style='"', allow_unicode=True, width=10_000)
    return text.strip()


def yaml_list(values: Iterable[str]) -> str:
    return f"[{', '.join(map(yaml_text, values))}]"


def behind(line: str, comment: str) -> str:
    """A line with a comment behind it."""
    return f"{line}  # {comment}" if comment else line


def comment_lines(text: str) -> list[str]:
    """A sentence as comment lines that are not too long; those after the first are indented."""
    lines, line = list[str](), "#"
    for word in text.split(" "):
        if len(line) + len(word) + 1 > _WIDTH and line not in ("#", "#  "):
            lines.append(line)
            line = "#  "
        line += f" {word}" if line != "#  " else word
    return [*lines, line]
