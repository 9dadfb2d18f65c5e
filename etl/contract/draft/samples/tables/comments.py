"""Lines of a CSV text that are comments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_MARKS = ("#", "%", "!", "*", "//")


@dataclass(frozen=True)
class Comments:
    """The mark at the beginning of comment lines, and where they are."""

    mark: str = ""
    places: tuple[int, ...] = ()


def find_comments(lines: Sequence[str]) -> Comments:
    """The comment lines: fewer than the others, or all before them. Without any, the mark is empty."""
    for mark in _MARKS:
        places = tuple(place for place, line in enumerate(lines) if line.startswith(mark))
        others = [place for place, line in enumerate(lines) if line.strip() and not line.startswith(mark)]
        if not places or not others:
            continue
        within = sum(others[0] < place for place in places)
        if within * 2 < len(others) and _is_one_character(mark, lines):
            return Comments(mark[0], places)
    return Comments()


def _is_one_character(mark: str, lines: Sequence[str]) -> bool:
    """Whether the first character of a mark tells comments by itself."""
    return all(line.startswith(mark) for line in lines if line.startswith(mark[0]))
