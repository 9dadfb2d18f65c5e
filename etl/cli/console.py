"""What all commands share: where they print, progress, errors, JSON, and NAME=VALUE arguments.

Every command imports this module, also for `--help`: it imports nothing that takes long.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.text import Text

from etl.cli.commands import runnable, runnable_styled
from etl.errors import ConfigurationError, EtlError, JobFailed

DEFAULT_FEED = "sensor_readings"
Tell = Callable[[str], None]
"""Receives what is being done now, for the user."""

FULL_WIDTH = 1_000_000
"""Characters of a line where no terminal limits it: nothing is folded or cut."""


class _Console(Console):
    """Prints commands so that they can be copied."""

    def print(self, *objects: Any, markup: bool | None = None, **options: Any) -> None:
        as_text = str if markup is False else escape
        super().print(*(_copyable(printed, as_text) for printed in objects), markup=markup, **options)


def _copyable(printed: Any, as_text: Callable[[str], str]) -> Any:
    """What is printed, with commands that can be copied; `as_text` writes a path so that it is no markup."""
    if isinstance(printed, str):
        return runnable(printed, as_text)
    return runnable_styled(printed) if isinstance(printed, Text) else printed


console = _Console(highlight=False, emoji=False, width=None if sys.stdout.isatty() else FULL_WIDTH)
errors_console = _Console(stderr=True, highlight=False, emoji=False)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def pairs(given: list[str] | None) -> dict[str, str]:
    """NAME=VALUE arguments as a dictionary.

    :raises ConfigurationError: an argument has another form.
    """
    values = {}
    for item in given or ():
        name, equals, value = item.partition("=")
        if not equals or not name.isidentifier():
            raise ConfigurationError(f"{item!r} is not of the form NAME=VALUE.", remedy="Give it as NAME=VALUE.")
        values[name] = value
    return values


@contextmanager
def progress(*, lines: bool = True) -> Iterator[Tell]:
    """Show what is being done: a live line on a terminal, elsewhere plain `lines` or nothing."""
    if console.is_terminal:
        with _live(lines=lines) as tell:
            yield tell
    else:
        yield _line_per_step() if lines else lambda message: None


def _line_per_step() -> Tell:
    last = ""

    def tell_line(message: str) -> None:
        nonlocal last
        step = message.partition(" …")[0]
        if step != last:
            typer.echo(step)
        last = step

    return tell_line


@contextmanager
def _live(*, lines: bool) -> Iterator[Tell]:
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as live:
        task = live.add_task("", total=None)

        def tell_live(message: str) -> None:
            if not message.endswith(("✓", "✗")):
                live.reset(task, description=message)
            elif lines:
                seconds = live.tasks[0].elapsed or 0
                live.console.print(f"{message} {seconds:5.1f} s", highlight=False)

        yield tell_live


def print_error(error: EtlError) -> None:
    """Cause, remedy and, where there is one, the executed notebook; where the log is JSON or a file, a line of it."""
    from etl.settings import logs

    notebook = error.notebook if isinstance(error, JobFailed) else ""
    parts = {"Error": error.cause, "Remedy": error.remedy, "Notebook": notebook}
    lines = {name: text for name, text in parts.items() if text}
    in_one = " ".join(f"{name}: {text}" for name, text in lines.items())
    kind = type(error).__name__
    if logs.say(in_one, error.cause, level="error", error_type=kind, remedy=error.remedy, notebook=notebook):
        return
    for name, text in lines.items():
        style = "bold red" if name == "Error" else "bold"
        errors_console.print(Text(f"{name}: ", style=style) + Text(text), soft_wrap=True)


def print_json(value: object) -> None:
    """Print a value as JSON; times in ISO 8601."""

    def plain(item: object) -> str:
        return item.isoformat() if isinstance(item, datetime) else str(item)

    typer.echo(json.dumps(value, default=plain, indent=2))
