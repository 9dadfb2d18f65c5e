"""A first try without a clone, and a project of one's own.

Operations are imported where they are called (see `etl.cli`).
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from etl.cli.console import console


def demo() -> None:
    """Try it out: a cycle with 10,000 simulated readings, in an empty folder.

    Everything is kept below the current folder (or ETL_HOME, or the project around it): output/, backup/, checkpoint/, and
    .services/ with the Java libraries, Kafka and PostgreSQL. It is `run` without arguments. `down --delete-data` stops the
    services, which go on running, and deletes their data; then the folder can be removed.
    """
    from etl.cli.run import run
    from etl.settings import Settings

    console.print(f"Everything is kept below {Settings.load().home}", markup=False, soft_wrap=True)
    run()


def new(
    folder: Annotated[
        Path, typer.Argument(help="An empty folder, or one that does not exist yet.", show_default=False)
    ],
) -> None:
    """Write a project: contracts with an example, notebooks, settings, and examples for cron and systemd."""
    import getpass

    from etl.contract.shell_words import shell_word
    from etl.operations.project.new import FEED, SAMPLE, new_project

    entries = new_project(folder, python=sys.executable, user=getpass.getuser())
    console.print(f"{folder} has {', '.join(entries)}.", markup=False, soft_wrap=True)
    home = folder.absolute()
    console.print(
        f"Next: ETL_HOME={shell_word(str(home))} python -m etl run {FEED} --file {shell_word(str(home / SAMPLE))}",
        markup=False,
        soft_wrap=True,
    )
    console.print("In that folder, an installed `notebook-etl` needs no ETL_HOME; README.md there has the next steps.")


def upgrade_notebooks(
    names: Annotated[
        list[str] | None, typer.Argument(help="Such as 4_load; default: all of them.", show_default=False)
    ] = None,
    write: Annotated[
        bool,
        typer.Option("--write", help="Take the packaged notebooks; each old file is kept with .bak behind its name."),
    ] = False,
) -> None:
    """Show how this project's notebooks differ from those of the installed version."""
    from etl.operations.project.notebooks import differences, take_packaged
    from etl.settings import Settings

    found = differences(Settings.load(), names or ())
    for difference in found:
        for line in difference.lines or (f"notebooks/{difference.own.name}: only outputs or metadata differ",):
            console.print(Text(line, style=_style(line)), soft_wrap=True)
        if write:
            backup = take_packaged(difference)
            console.print(f"{difference.own.name}: replaced; the old one is {backup.name}", markup=False)
    if not found:
        console.print("The notebooks are those of this version.")
    elif not write:
        console.print(
            "--write takes the packaged ones (lines with +), and keeps each old file with .bak behind its name."
        )


def _style(line: str) -> str:
    return {"+": "green", "-": "red", "@": "cyan"}.get(line[:1], "")
