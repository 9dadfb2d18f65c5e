r"""Paths and other texts in Java's own formats, whatever characters they have."""

from __future__ import annotations

import re


def property_value(text: str) -> str:
    r"""A value in a `.properties` file, which Java reads as ISO-8859-1 (java.util.Properties): ASCII with `\uXXXX`."""
    escaped = re.sub(r"[^\x21-\x7e]|\\", lambda match: _escaped(match[0]), text)
    # White space is part of the value, except at its beginning.
    return re.sub(r"(?<!^)\\u0020", " ", escaped)


def log4j_value(text: str) -> str:
    """The same for log4j, which replaces `${…}`; a single dollar has no meaning."""
    return property_value(text).replace("${", "$${")


def log4j_pattern(text: str) -> str:
    """The same for names of rolled files, in which log4j also replaces `%i` and `%d`."""
    return log4j_value(text).replace("%", "%%")


def option(text: str) -> str:
    """One option in a list that Spark splits at spaces, such as `spark.driver.extraJavaOptions`."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _escaped(letter: str) -> str:
    units = letter.encode("utf-16-be")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))
