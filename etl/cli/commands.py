"""Commands in what is printed, so that they run when they are copied into the same shell.

Texts name a command as the documentation does: `python -m etl …`. On a terminal, that `python` is the one that runs now; where
the program was started as `notebook-etl`, that is printed instead of `python -m etl`.
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

SCRIPT = "notebook-etl"
"""The program that an installed package has on the path."""
_MODULE = "python -m etl"
_COMMAND = re.compile(r"(?<![\w/.-])(?:python -m etl\b|python(?= -m papermill\b))")


def running_python() -> str:
    """The Python that runs now, as a shell finds it from the current folder: `python` where it is the first of that name."""
    return _as_typed(sys.executable, "python", shutil.which("python"))


def started_as() -> str:
    """The name by which the program was started: `notebook-etl`, or else the name of another script."""
    return Path(sys.argv[0]).stem


def running_program() -> str:
    """What runs now, as a shell finds it from the current folder: `notebook-etl`, a path to it, or `python -m etl`."""
    if started_as() != SCRIPT:
        return f"{running_python()} -m etl"
    # uv gives the programs that it runs another path than the shell has.
    return _as_typed(str(Path(sys.argv[0]).absolute()), SCRIPT, None if "UV" in os.environ else shutil.which(SCRIPT))


def _as_typed(running: str, name: str, found: str | None) -> str:
    """A program as a word for the shell: its name where the search path leads to it, else a path from the current folder."""
    try:
        if not running or (found and _is_same(found, running)):
            return name
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
    """A text whose commands name the program that runs now.

    :param as_text: writes its path as the text is written, as with `rich.markup.escape`.
    """
    return _COMMAND.sub(lambda match: as_text(_replacement(match[0])), text)


def runnable_styled(text: Text) -> Text:
    """The same for a text with styles."""
    made, end = text.blank_copy(), 0
    for match in _COMMAND.finditer(text.plain):
        start, stop = match.span()
        named = _replacement(match[0])
        styles = [span.style for span in text.spans if span.start <= start < span.end]
        made.append_text(text[end:start])
        made.append_text(Text(named, spans=[Span(0, len(named), style) for style in styles]))
        end = stop
    return made.append_text(text[end:]) if end else text


def _replacement(command: str) -> str:
    return running_program() if command == _MODULE else running_python()
