"""The command line: `python -m etl COMMAND`, or `notebook-etl COMMAND`, `etl COMMAND` where the virtual environment is active.

Parses arguments and prints; the work is done in `etl.operations`.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import Annotated

import typer
from rich.markup import escape

from etl.cli import feeds, log, machine, quarantine
from etl.cli.check import check
from etl.cli.commands import SCRIPT, runnable, started_as
from etl.cli.console import print_error
from etl.cli.dashboards import dashboards
from etl.cli.project import commands as project
from etl.cli.run import run
from etl.cli.watch import alerts, api
from etl.errors import EtlError
from etl.storage.files import PRIVATE_UMASK

_RUN, _LOOK, _REPAIR, _SET_UP = "Run", "Look", "Repair and tidy up", "Set up"
"""Groups of commands in `--help`."""

app = typer.Typer(
    help="Notebook-driven micro-batch ETL for IoT readings, with an audit log that proves every row balance.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@dataclass
class _Options:
    debug: bool = False


_options_given = _Options()


def _print_version(wanted: bool) -> None:
    if wanted:
        machine.version()
        raise typer.Exit


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    _version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    _options_given.debug = debug


app.command(rich_help_panel=_RUN)(project.demo)
app.command(rich_help_panel=_RUN)(run)
app.command(rich_help_panel=_RUN)(dashboards)
app.add_typer(api.app, name="api", rich_help_panel=_RUN)
app.command(rich_help_panel=_RUN)(machine.lab)
app.command(rich_help_panel=_LOOK)(log.status)
app.command(rich_help_panel=_LOOK)(check)
app.command(rich_help_panel=_LOOK)(log.history)
app.command(rich_help_panel=_LOOK)(log.explain)
app.command(rich_help_panel=_LOOK)(log.metrics)
app.add_typer(alerts.app, name="alerts", rich_help_panel=_LOOK)
app.add_typer(feeds.app, name="feeds", rich_help_panel=_LOOK)
app.command(rich_help_panel=_REPAIR)(log.undo)
app.add_typer(quarantine.app, name="quarantine", rich_help_panel=_REPAIR)
app.command(rich_help_panel=_REPAIR)(log.prune)
app.command(rich_help_panel=_SET_UP)(project.new)
app.command(rich_help_panel=_SET_UP)(project.upgrade_notebooks)
app.command(rich_help_panel=_SET_UP)(machine.setup)
app.command(rich_help_panel=_SET_UP)(machine.up)
app.command(rich_help_panel=_SET_UP)(machine.down)
app.command(rich_help_panel=_SET_UP)(machine.init)
app.command(rich_help_panel=_SET_UP)(machine.doctor)
app.command(rich_help_panel=_SET_UP, help=runnable(machine.env.__doc__ or "", escape))(machine.env)
app.command(rich_help_panel=_SET_UP)(machine.version)


def main() -> None:
    """Run a command; an error becomes one readable message and an exit code."""
    # Inherited by everything that is started from here: kernels, JupyterLab, Spark, the embedded services (docs/security.md).
    os.umask(PRIVATE_UMASK)
    if os.environ.get("LC_ALL") in ("C", "POSIX"):
        # Java names files by the letters of the locale, of which this one has ASCII only; Python uses UTF-8 all the same.
        os.environ["LC_ALL"] = "C.UTF-8"
    try:
        app(prog_name=_program())
    except EtlError as error:
        if _options_given.debug:
            raise
        print_error(error)
        sys.exit(error.exit_code)
    except OSError as error:
        from etl.storage.disk_errors import translated

        if _options_given.debug or (known := translated(error)) is None:
            raise
        print_error(known)
        sys.exit(known.exit_code)


def _program() -> str | None:
    """The name in usage messages; None is the one by which the program was started."""
    # Shells complete a program; they have no completion for one module of Python's.
    program = SCRIPT if started_as() == SCRIPT else "etl"
    return program if {"--install-completion", "--show-completion"} & set(sys.argv[1:]) else None
