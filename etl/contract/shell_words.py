"""Names and paths as words of a command that can be copied into a shell."""

from __future__ import annotations

import os
import shlex


def shell_word(text: str) -> str:
    """A word of a command, quoted where it has to be; in one line, and without what moves a cursor, whatever the text holds."""
    if text.isprintable():
        return shlex.quote(text)
    return f"$'{''.join(map(_escaped, text))}'"


def _escaped(letter: str) -> str:
    if letter in "\\'":
        return f"\\{letter}"
    return letter if letter.isprintable() else "".join(f"\\x{byte:02x}" for byte in os.fsencode(letter))
