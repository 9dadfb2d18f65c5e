"""Suggests what somebody may have meant by a name that is not known."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches

_SHOWN = 3
_EXAMPLES = 5


def suggestion(name: str, known: Collection[str]) -> str:
    """The known names that are nearest to a name, as a question; else some examples and how many there are."""
    by_lower = {other.lower(): other for other in known}
    if near := get_close_matches(name.lower(), by_lower, _SHOWN):
        return f"Did you mean {' or '.join(by_lower[found] for found in near)}?"
    examples = sorted(known)[:_EXAMPLES]
    more = f" and {len(known) - len(examples):,} more" if len(known) > len(examples) else ""
    return f"Known: {', '.join(examples)}{more}." if examples else "There are none."
