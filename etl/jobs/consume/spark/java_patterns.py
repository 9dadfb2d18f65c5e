"""Patterns of contracts that Spark's JVM may try on any text.

Java's regular expressions go back and try again, on the stack: `(a+)+b` takes for ever on forty letters, `(a|b)*` breaks the
stack on ten thousand. A contract may hold such patterns, because the loader's engine (RE2) does neither. To Spark a pattern is
only a hint for keeping a message's text, so it gets only those of which the parse tree says that they are cheap.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable
from re import _constants, _parser  # type: ignore[attr-defined]
from typing import Any

LENGTH = 200
"""Characters up to which a value is tried."""
_MOST_WAYS = 100_000
_MOST_ROUNDS = 20
"""Rounds of a group that may be repeated; each takes a piece of the stack."""

_ONE_CHARACTER = {_constants.LITERAL, _constants.NOT_LITERAL, _constants.ANY, _constants.IN}
_REPEATS = {_constants.MAX_REPEAT, _constants.MIN_REPEAT}


def is_cheap(pattern: str) -> bool:
    """Whether any text of up to LENGTH characters can be matched in few steps."""
    with warnings.catch_warnings():
        # Python warns of classes in classes, which mean something else in Java.
        warnings.simplefilter("error", FutureWarning)
        try:
            return _ways(_parser.parse(pattern)) <= _MOST_WAYS
        except (re.error, RecursionError, OverflowError, FutureWarning):
            return False


def _ways(tree: Iterable[tuple[Any, Any]]) -> float:
    """In how many ways a pattern may go through a text, at most."""
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
