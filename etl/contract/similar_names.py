"""Suggests what somebody may have meant by a name that is not known."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from difflib import SequenceMatcher
from itertools import takewhile

_SHOWN = 3
_EXAMPLES = 5
_NEAR = 0.6
"""Least similarity, of 0 to 1."""


def suggestion(name: str, known: Collection[str]) -> str:
    """The known names that are nearest to a name, as a question; else some examples and how many there are."""
    if near := sorted(_near(name.lower(), known))[:_SHOWN]:
        return f"Did you mean {' or '.join(other for *_, other in near)}?"
    examples = sorted(known)[:_EXAMPLES]
    more = f" and {len(known) - len(examples):,} more" if len(known) > len(examples) else ""
    return f"Known: {', '.join(examples)}{more}." if examples else "There are none."


def _near(name: str, known: Collection[str]) -> Iterator[tuple[float, int, str]]:
    """Similar names, to be sorted: the most similar first, among equals those that begin alike for longest."""
    matcher = SequenceMatcher(b=name)
    for other in known:
        matcher.set_seq1(other.lower())
        if matcher.real_quick_ratio() >= _NEAR and matcher.quick_ratio() >= _NEAR and matcher.ratio() >= _NEAR:
            yield -matcher.ratio(), -_same_beginning(name, other.lower()), other


def _same_beginning(one: str, other: str) -> int:
    """How many characters two names have in common from their beginning on."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
