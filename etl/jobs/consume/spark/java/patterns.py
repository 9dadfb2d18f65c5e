"""Patterns of contracts that Spark's JVM can safely match against any text.

Java's regular expressions backtrack, on the stack: `(a+)+b` takes practically for ever on forty letters, `(a|b)*` overflows the
stack on ten thousand. A contract may have such patterns, because the loader's engine (RE2) does not backtrack. For Spark a
pattern is only a hint to keep a message's text, so it gets only patterns whose parse tree shows that they are cheap.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable
from re import _constants, _parser  # type: ignore[attr-defined, unused-ignore]
from typing import Any

LENGTH = 200
"""Longest value, in characters, that is matched."""
_MOST_WAYS = 100_000
_MOST_ROUNDS = 20
"""Most repetitions of a group; each needs stack."""

_ONE_CHARACTER = {_constants.LITERAL, _constants.NOT_LITERAL, _constants.ANY, _constants.IN}
_REPEATS = {_constants.MAX_REPEAT, _constants.MIN_REPEAT}


def is_cheap(pattern: str) -> bool:
    """Whether any text of up to LENGTH characters can be matched in few steps."""
    with warnings.catch_warnings():
        # Python warns about classes inside classes, which mean something else in Java.
        warnings.simplefilter("error", FutureWarning)
        try:
            return _ways(_parser.parse(pattern)) <= _MOST_WAYS
        except (re.error, RecursionError, OverflowError, FutureWarning):
            return False


def _ways(tree: Iterable[tuple[Any, Any]]) -> float:
    """In how many ways at most a pattern can match a text."""
    ways = 1.0
    for operation, argument in tree:
        ways = min(ways * _ways_of(operation, argument), 1e9)
    return ways


def _ways_of(operation: Any, argument: Any) -> float:
    if operation in _ONE_CHARACTER or operation is _constants.AT:
        return 1
    if operation is _constants.SUBPATTERN:
        return _ways(argument[-1])
    if operation is _constants.BRANCH:
        return sum(map(_ways, argument[1]))
    if operation in _REPEATS:
        return _ways_of_repeat(*argument)
    return float("inf")


def _ways_of_repeat(least: int, most: int, body: Any) -> float:
    most = min(int(most), LENGTH)
    lengths = max(most - least, 0) + 1
    if len(body) == 1 and body[0][0] in _ONE_CHARACTER:
        return lengths
    return lengths * _ways(body) ** most if most <= _MOST_ROUNDS else float("inf")
