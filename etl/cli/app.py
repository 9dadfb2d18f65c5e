"""The command line: `python -m etl COMMAND`. Parses arguments and prints; the work is done elsewhere."""

from __future__ import annotations

import getpass
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from etl.cli import feeds as feeds_group
from etl.cli import log, machine, report
from etl.cli import quarantine as quarantine_group
from etl.cli.console import DEFAULT_FEED, errors_console, pairs
from etl.cli.cycles import print_defaults, print_plan, run_on_schedule, run_once
from etl.cli.dashboards import dashboards as dashboards_command
from etl.cli.machine import ready
from etl.contract.reader import load_contract
from etl.errors import ConfigurationError, EtlError
from etl.jobs.produce.default_messages import BY_DEFAULT, MESSAGES
from etl.notebook.parameters import divide_parameters, parse_value
from etl.operations.schedule import parse as parse_schedule
from etl.settings import Settings
from etl.storage.files import PRIVATE_UMASK
from etl.storage.locks import feed_lock

app = typer.Typer(
    help="Notebook-driven micro-batch ETL for IoT readings, with an audit log that proves every row balance.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
Feeds = Annotated[list[str] | None, typer.Argument(help=f"Feeds; default: {DEFAULT_FEED}.", show_default=False)]


@dataclass
class _Options:
    debug: bool = False


_options_given = _Options()


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    _options_given.debug = debug


def run(
    feeds: Feeds = None,
    messages: Annotated[
        int | None,
        typer.Option(
            min=0,
            help=f"Simulated messages to produce first. Default: {MESSAGES} for packaged feeds on the embedded services,"
            " 0 where the contract, the database, Kafka or the landing folder is yours.",
            show_default=False,
        ),
    ] = None,
    parameter: Annotated[
        list[str] | None,
        typer.Option("--parameter", "-p", help="NAME=VALUE for the notebooks; may be given several times."),
    ] = None,
    create_topic: Annotated[bool, typer.Option("--create-topic", help="Create the topic if it is missing.")] = False,
    accept_gap: Annotated[
        bool,
        typer.Option("--accept-gap", help="Go on although Kafka deleted messages before they were read; records you."),
    ] = False,
    every: Annotated[
        str | None,
        typer.Option(
            help="Go on: 30s, 5m, 1h, 1d or a cron expression such as '*/5 * * * *'; ends on SIGTERM or Ctrl-C.",
            show_default=False,
        ),
    ] = None,
    cycles: Annotated[
        int | None, typer.Option(min=1, help="Stop after N cycles (needs --every).", show_default=False)
    ] = None,
    fresh_kernels: Annotated[
        bool, typer.Option("--fresh-kernels", help="Give each notebook a kernel of its own; slower, fully isolated.")
    ] = False,
    strict: Annotated[
        bool,
        typer.Option("--strict", help="Exit code 1 also where all that a cycle read was rejected or set aside."),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what a cycle would do, and do nothing.")] = False,
) -> None:
    """Run a cycle of each feed: produce, consume, merge, load. Starts the embedded services if they are needed."""
    settings = Settings.load()
    if cycles and not every:
        raise ConfigurationError("--cycles is given without --every.", remedy="Say how often, e.g. --every 5m.")
    schedule = parse_schedule(every) if every else None
    contracts = [load_contract(feed, settings) for feed in dict.fromkeys(feeds or [DEFAULT_FEED])]
    parameters = {"messages": BY_DEFAULT} | {name: parse_value(value) for name, value in pairs(parameter).items()}
    if messages is not None:
        parameters["messages"] = messages
    if isinstance(replay := parameters.get("replay"), str) and replay:
        # The notebooks run in a folder of their own; a relative path is meant from where the user is.
        parameters["replay"] = str(Path(replay).expanduser().absolute())
    # Asked for by a number or a file, it goes into a topic that is made where Kafka is nobody else's.
    asked = parameters["messages"] not in (0, BY_DEFAULT) or parameters.get("replay")
    if create_topic or (settings.kafka_is_embedded and asked):
        parameters["create_topic"] = True
    if accept_gap:
        parameters["accept_gap"] = getpass.getuser()
    divided = divide_parameters(parameters)
    if dry_run:
        print_plan(settings, contracts, divided)
        return
    if not schedule and len(contracts) == 1:
        # Refuse at once, before anything is started; the cycle itself holds the lock later on.
        with feed_lock(settings, contracts[0].feed, "cycle", what="a cycle that is starting"):
            pass
    if parameters["messages"] == BY_DEFAULT and not parameters.get("replay"):
        print_defaults(settings, contracts)
    settings = ready(settings, with_kafka=any(contract.topic for contract in contracts))
    options = {"fresh_kernels": fresh_kernels, "strict": strict}
    if schedule:
        raise typer.Exit(run_on_schedule(settings, contracts, parameters, schedule, cycles, **options))
    raise typer.Exit(run_once(settings, contracts, parameters, **options))


app.add_typer(feeds_group.app, name="feeds")
app.add_typer(quarantine_group.app, name="quarantine")
app.command("dashboards")(dashboards_command)
app.command()(machine.up)
app.command()(machine.down)
app.command()(machine.init)
app.command()(machine.setup)
app.command()(run)
app.command()(log.status)
app.command()(log.history)
app.command()(log.explain)
app.command()(log.undo)
app.command()(log.prune)
app.command()(machine.env)
app.command()(machine.doctor)
app.command()(machine.lab)
app.command()(machine.version)


def main() -> None:
    """Run a command; an error becomes one readable message and an exit code."""
    # Inherited by all that is started from here: kernels, JupyterLab, Spark, the embedded services (docs/security.md).
    os.umask(PRIVATE_UMASK)
    try:
        app()
    except EtlError as error:
        if _options_given.debug:
            raise
        report.print_error(errors_console, error)
        sys.exit(error.exit_code)
