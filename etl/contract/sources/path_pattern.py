"""Patterns of paths below a folder, as in `**/*.csv`."""

from __future__ import annotations

import re
from functools import cache

_WILDCARDS = "*?["
_ANY_FOLDERS = "**"


def has_wildcard(text: str) -> bool:
    return any(mark in text for mark in _WILDCARDS)


def matches(pattern: str, path: str) -> bool:
    """Whether a path, with `/` between its parts, is one that a pattern names. Upper and lower case are the same.

    `*` and `?` stand for letters within one part, `[abc]` for one of these letters, `**` for any number of folders.
    """
    return _expression(pattern).fullmatch(path) is not None


@cache
def _expression(pattern: str) -> re.Pattern[str]:
    *folders, last = pattern.split("/")
    parts = ["(?:[^/]+/)*" if part == _ANY_FOLDERS else f"{_part(part)}/" for part in folders]
    return re.compile("".join(parts) + (r"(?:[^/]+/)*[^/]+" if last == _ANY_FOLDERS else _part(last)), re.I | re.DOTALL)


def _part(text: str) -> str:
    pieces = re.split(r"(\*+|\?|\[!?\]?[^\]/]*\])", text)
    return "".join(_piece(piece) for piece in pieces)


def _piece(piece: str) -> str:
    if piece.startswith("*"):
        return "[^/]*"
    if piece == "?":
        return "[^/]"
    if piece.startswith("[") and piece.endswith("]") and len(piece) > 2:
        letters = piece[1:-1]
        sign = "^/" if letters.startswith("!") else ""
        return f"[{sign}{re.escape(letters.removeprefix('!')).replace(chr(92) + '-', '-')}]"
    return re.escape(piece)


def example(pattern: str, stem: str) -> str | None:
    """A path that a pattern names, with `stem` in place of its last `*`; None where there is none this simple."""
    parts = [part for part in pattern.split("/") if part != _ANY_FOLDERS]
    if not parts or pattern.endswith(_ANY_FOLDERS):
        parts.append("*")
    head, star, tail = parts[-1].rpartition("*")
    if not star:
        return None
    named = [part.replace("*", "in") for part in parts[:-1]] + [f"{head.replace('*', '')}{stem}{tail}"]
    path = "/".join(named)
    return path if matches(pattern, path) and not has_wildcard(path) else None
