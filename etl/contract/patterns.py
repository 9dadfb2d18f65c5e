"""Checks that a pattern means the same in Python, in RE2 (the loader) and in Java (Spark)."""

from __future__ import annotations

import re

_KNOWN_ESCAPES = set("AbBdDsSwWnrtfx")
_ALTERNATIVES = re.compile(r"[A-Za-z0-9_ |-]{1,1000}")
"""Words, and alternatives of words: the commonest patterns, which mean the same everywhere."""
_QUANTIFIER = re.compile(r"\{\d+(,\d*)?\}")
_GROUP = re.compile(r"\(\?(?:[ims]+\)|[ims]*:)")


def broken_pattern(pattern: str) -> str:
    """What is wrong with a pattern; empty where all three understand it.

    Python and RE2 compile it. Java is not asked: the pattern must not contain what Java reads differently, such as a bare brace
    or a bracket inside brackets.
    """
    # Packaged feeds have only such patterns, so reading their contracts does not load Arrow, which contains RE2.
    if _ALTERNATIVES.fullmatch(pattern):
        return ""
    # First, because Python warns about brackets inside brackets.
    if problem := _unlike_in_java(pattern):
        return problem
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        return f"{pattern!r} is not a pattern: {error}"
    return _unlike_in_re2(pattern)


def _unlike_in_re2(pattern: str) -> str:
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        pc.match_substring_regex(pa.array([""]), rf"\A(?:{pattern})\z")
    except pa.ArrowInvalid as error:
        return f"{pattern!r} is not a pattern of RE2: {str(error).partition(': ')[2]}"
    return ""


def _unlike_in_java(pattern: str) -> str:
    place, in_class = 0, False
    while place < len(pattern):
        letter, rest = pattern[place], pattern[place:]
        if letter == "\\":
            place += 1
            if pattern[place : place + 1].isalnum() and pattern[place] not in _KNOWN_ESCAPES:
                return f"{pattern!r} has \\{pattern[place]}, which Python, RE2 and Java do not all know"
        elif in_class:
            if letter == "[" or rest.startswith("&&"):
                return f"{pattern!r} has {letter!r} inside brackets; write it with a backslash"
            in_class = letter != "]"
        elif letter == "[":
            in_class = True
            # A closing bracket directly after the opening one is a plain character, for Python and for Java.
            place += 1 if rest.startswith("[^") else 0
            place += 1 if pattern[place + 1 : place + 2] == "]" else 0
        elif letter == "{" and not (place and _QUANTIFIER.match(rest)):
            return f"{pattern!r} has a bare {{; write \\{{ for the brace itself"
        elif rest.startswith("(?") and not _GROUP.match(rest):
            return f"{pattern!r} has a group that Python, RE2 and Java do not all know"
        place += 1
    return ""
