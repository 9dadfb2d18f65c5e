r"""How paths and other texts are written for Java's own formats, whatever letters they hold."""

from __future__ import annotations

import re


def property_value(text: str) -> str:
    r"""A value in a `.properties` file, which Java reads as ISO-8859-1 (java.util.Properties): ASCII with `\uXXXX`."""
    escaped = re.sub(r"[^\x21-\x7e]|\\", lambda found: _escaped(found[0]), text)
    # White space counts, but for that at the beginning.
    return re.sub(r"(?<!^)\\u0020", " ", escaped)


def log4j_value(text: str) -> str:
    """The same for log4j, which looks for `${…}` in it; a dollar alone means nothing."""
    return property_value(text).replace("${", "$${")


def log4j_pattern(text: str) -> str:
    """The same for names of rolled files, in which log4j looks for `%i` and `%d` as well."""
    return log4j_value(text).replace("%", "%%")


def option(text: str) -> str:
    """One option in a list that Spark splits at spaces, such as `spark.driver.extraJavaOptions`."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _escaped(letter: str) -> str:
    units = letter.encode("utf-16-be")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))
