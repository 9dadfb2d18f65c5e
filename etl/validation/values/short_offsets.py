"""Offsets from UTC without minutes (`+01`), which pandas does not read by `%z`."""

from __future__ import annotations

import re
from functools import cache

import pyarrow as pa
import pyarrow.compute as pc

_NUMBER, _WORD = r"\s?\d{1,2}", r"\pL+\.?"
_DIRECTIVES = {
    "%Y": r"\d{4}",
    "%y": r"\d{2}",
    **dict.fromkeys(("%m", "%d", "%H", "%I", "%M", "%S"), _NUMBER),
    "%f": r"\d{1,9}",
    "%j": r"\d{1,3}",
    **dict.fromkeys(("%p", "%b", "%B", "%a", "%A"), _WORD),
    "%z": r"[+-]\d\d",
    "%%": "%",
}
"""Directive → a regular expression (RE2) for what it stands for; of `%z`, only an offset without minutes."""


def with_minutes(text: pa.ChunkedArray, pattern: str) -> pa.ChunkedArray:
    """The texts, with minutes behind an offset of hours only where a text is in the pattern otherwise.

    :param pattern: of `strptime`, with `%z`.
    """
    return pc.replace_substring_regex(text, _expression(pattern), r"\1\200\3")


def begins_without_minutes(text: pa.ChunkedArray, pattern: str) -> bool:
    """Whether the first text has an offset of hours only."""
    first = text.drop_null().slice(0, 1)
    return bool(pc.any(pc.match_substring_regex(first, _expression(pattern))).as_py())


@cache
def _expression(pattern: str) -> str:
    """Three groups: what is before the offset, the offset, and what is after it."""
    before, _, after = pattern.partition("%z")
    return f"^({_translated(before)})({_DIRECTIVES['%z']})({_translated(after)})$"


def _translated(pattern: str) -> str:
    parts = re.findall(r"%.|\s+|[^%\s]+", pattern)
    return "".join(_DIRECTIVES.get(part) or (r"\s+" if part.isspace() else re.escape(part)) for part in parts)
