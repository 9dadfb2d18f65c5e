"""Commands in what is printed, so that they run when they are copied into the same shell.

Texts name a command as the documentation does: `python -m etl …`. On a terminal, that `python` is the one that runs now.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from rich.text import Span, Text

from etl.contract.shell_words import shell_word

_PYTHON = re.compile(r"(?<![\w/.-])python(?= -m (?:etl|papermill)\b)")


def running_python() -> str:
    """The Python that runs now, as a shell finds it from the current folder: `python` where it is the first of that name."""
    running = sys.executable
    found = shutil.which("python")
    try:
        if not running or (found and _is_same(found, running)):
            return "python"
        below = os.path.relpath(running)
    except OSError:
        # The current folder was removed.
        return shell_word(running)
    if below.startswith(os.pardir):
        return shell_word(running)
    # A name alone would be looked for in the search path.
    return shell_word(below if os.sep in below else f"{os.curdir}{os.sep}{below}")


def _is_same(found: str, running: str) -> bool:
    # All virtual environments may link to one Python: only their folders distinguish them.
    first = Path.cwd() / found
    return first.parent == Path(running).parent and first.samefile(running)


def runnable(text: str, as_text: Callable[[str], str] = str) -> str:
    """A text whose commands name the Python that runs now.

    :param as_text: writes its path as the text is written, as with `rich.markup.escape`.
    """
    python = as_text(running_python())
    return _PYTHON.sub(lambda _: python, text)


def runnable_styled(text: Text) -> Text:
    """The same for a text with styles."""
    python = running_python()
    made, end = text.blank_copy(), 0
    for match in _PYTHON.finditer(text.plain):
        start, stop = match.span()
        styles = [span.style for span in text.spans if span.start <= start < span.end]
        made.append_text(text[end:start])
        made.append_text(Text(python, spans=[Span(0, len(python), style) for style in styles]))
        end = stop
    return made.append_text(text[end:]) if end else text
