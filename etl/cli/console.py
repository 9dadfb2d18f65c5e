"""What all commands share: where they print, progress, JSON, and NAME=VALUE arguments."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from etl.errors import ConfigurationError

DEFAULT_FEED = "sensor_readings"
Tell = Callable[[str], None]
"""Tells the user what is being done."""

# Where there is no terminal to fit, tables need not be squeezed into 80 columns.
console = Console(highlight=False, width=None if sys.stdout.isatty() else 140)
errors_console = Console(stderr=True, highlight=False)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def pairs(given: list[str] | None) -> dict[str, str]:
    """NAME=VALUE arguments."""
    found = {}
    for item in given or ():
        name, equals, value = item.partition("=")
        if not equals or not name.isidentifier():
            raise ConfigurationError(f"{item!r} is not understood.", remedy="Give it as NAME=VALUE.")
        found[name] = value
    return found


@contextmanager
def progress(*, lines: bool = True) -> Iterator[Tell]:
    """Tells what is being done: a live line on a terminal, elsewhere plain `lines` or nothing."""
    if not console.is_terminal and not lines:
        yield lambda message: None
        return
    if not console.is_terminal:
        last = ""

        def tell_line(message: str) -> None:
            nonlocal last
            step = message.partition(" …")[0]
            if step != last:
                typer.echo(step)
            last = step

        yield tell_line
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as live:
        task = live.add_task("", total=None)

        def tell_live(message: str) -> None:
            if message.endswith(("✓", "✗")) and not lines:
                return
            if message.endswith(("✓", "✗")):
                seconds = live.tasks[0].elapsed or 0
                live.console.print(f"{message} {seconds:5.1f} s", highlight=False)
            else:
                live.reset(task, description=message)

        yield tell_live


def print_json(value: object) -> None:
    """Print a value as JSON; times in ISO 8601."""

    def plain(item: object) -> str:
        return item.isoformat() if isinstance(item, datetime) else str(item)

    typer.echo(json.dumps(value, default=plain, indent=2))
