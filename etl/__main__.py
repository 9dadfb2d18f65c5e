"""The command line: `python -m etl COMMAND`. Parses arguments and prints; the work is done elsewhere."""

from __future__ import annotations

import getpass
import os
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from etl import __version__, report, services
from etl.cli import feeds as feeds_group
from etl.cli import quarantine as quarantine_group
from etl.cli.console import DEFAULT_FEED, AsJson, console, errors_console, pairs, print_json, progress
from etl.cli.cycles import print_defaults, print_plan, run_on_schedule, run_once
from etl.cli.dashboards import dashboards as dashboards_command
from etl.cli.dashboards import superset_status
from etl.cli.tables import init_tables
from etl.contract import load_contract, load_contracts, read_contracts, sound_contracts
from etl.cycle import divide_parameters, kernel_config, parse_value
from etl.database import client_url, database_title, product_named, shown_url
from etl.ddl import script
from etl.default_messages import BY_DEFAULT, MESSAGES
from etl.doctor import examine
from etl.errors import ConfigurationError, EtlError
from etl.explain import explain as explain_cycle
from etl.explain import in_words
from etl.files import PRIVATE_UMASK
from etl.gather import as_one
from etl.locks import feed_lock
from etl.prune import Policy, parse_age
from etl.prune import prune as prune_files
from etl.remote import Remote
from etl.schedule import parse as parse_schedule
from etl.services.java import find_java
from etl.settings import PROJECT_ROOT, Settings
from etl.status import history as read_history
from etl.status import status as read_status
from etl.undo import feed_of
from etl.undo import undo as undo_cycle

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


app.add_typer(feeds_group.app, name="feeds")
app.add_typer(quarantine_group.app, name="quarantine")
app.command("dashboards")(dashboards_command)


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    _options_given.debug = debug


@app.command()
def up() -> None:
    """Start the embedded Kafka and PostgreSQL, as far as your own do not replace them."""
    settings = Settings.load()
    with progress() as tell:
        found = services.up(settings, sound_contracts(settings), tell)
    console.print(f"Kafka       {found.kafka.endpoint if found.kafka else settings.kafka() + ' (your own)'}")
    settings = Settings.load()
    console.print(f"{database_title(settings):<12}{shown_url(settings)}{'' if found.postgres else ' (your own)'}")


@app.command()
def down(
    delete_data: Annotated[
        bool, typer.Option("--delete-data", help="Delete the data of the embedded services as well.")
    ] = False,
) -> None:
    """Stop the embedded services. Their data stay, unless you say otherwise."""
    with progress() as tell:
        stopped = services.down(Settings.load(), tell, delete_data=delete_data)
    console.print(f"Stopped: {', '.join(stopped)}." if stopped else "Nothing was running.")


@app.command()
def init(
    sql: Annotated[
        str,
        typer.Option(metavar="PRODUCT", help="Only print the SQL, for postgresql or sqlserver; connects to nothing."),
    ] = "",
) -> None:
    """Create or update the audit tables and the tables of all feeds."""
    settings = Settings.load()
    if sql:
        typer.echo(script(product_named(sql), load_contracts(settings).values()), nl=False)
        return
    contracts, broken = read_contracts(settings)
    changed = init_tables(settings, contracts)
    state = "brought up to date" if changed else "are up to date"
    console.print(f"The audit tables {state}; tables of {len(contracts)} feeds are there.")
    if broken:
        raise as_one(broken)


@app.command()
def setup() -> None:
    """Find or install Java, fetch the Java libraries, and prepare quick starts of Spark, without starting anything."""
    settings = Settings.load()
    with progress() as tell:
        services.prepare(settings, tell)
        services.quicken(settings, tell)
    console.print("Java and its libraries are ready.")


@app.command()
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
    settings = _ready(settings, with_kafka=any(contract.topic for contract in contracts))
    options = {"fresh_kernels": fresh_kernels, "strict": strict}
    if schedule:
        raise typer.Exit(run_on_schedule(settings, contracts, parameters, schedule, cycles, **options))
    raise typer.Exit(run_once(settings, contracts, parameters, **options))


@app.command()
def status(as_json: AsJson = False) -> None:
    """Show services, each feed's backlog and its last cycle."""
    settings = Settings.load()
    found = read_status(settings, sound_contracts(settings))
    found["services"]["superset"] = superset_status(settings)
    if as_json:
        print_json(found)
        return
    for table in report.status_tables(found):
        console.print(table)
        console.print()


@app.command()
def history(
    feed: Annotated[str | None, typer.Option(help="Only this feed.")] = None,
    cycle: Annotated[str | None, typer.Option(help="Only this cycle.")] = None,
    failed: Annotated[bool, typer.Option("--failed", help="Only failed jobs.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="How many jobs, newest first.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Show the audit log, newest first."""
    rows = read_history(Settings.load(), feed=feed, cycle_id=cycle, failed=failed, limit=limit)
    if as_json:
        print_json(rows)
        return
    console.print(report.audit_table(rows, cycles=True) if rows else "No job has run yet.")
    for row in rows:
        if row["error_message"]:
            console.print(f"\n{row['cycle_id']} {row['job_name']}: {row['error_message']}", style="red", markup=False)


@app.command()
def explain(cycle: str, as_json: AsJson = False) -> None:
    """Say in plain words what a cycle read, what became of it, and where its files are."""
    settings = Settings.load()
    told = explain_cycle(settings, cycle)
    if as_json:
        print_json(told)
        return
    for line in in_words(settings, told):
        console.print(line, markup=False, soft_wrap=True)


@app.command()
def undo(
    cycle: str,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove exactly what a cycle loaded. Its archives stay, and the next load takes them again."""
    settings = Settings.load()
    contract = load_contract(feed_of(settings, cycle), settings)
    if not yes:
        typer.confirm(f"Remove what cycle {cycle} loaded into {contract.table}?", abort=True)
    done = undo_cycle(settings, contract, cycle)
    console.print(
        f"Removed {done.rows:,} rows of {contract.table}; {done.rejected:,} rows of the quarantine went with them."
    )
    for name in done.archives:
        console.print(f"The next load takes it again: backup/{contract.feed}/{name}", soft_wrap=True)


@app.command()
def prune(
    feeds: Annotated[list[str] | None, typer.Argument(help="Feeds; default: all.", show_default=False)] = None,
    compress_after: Annotated[
        str, typer.Option(help="Compress archives that were loaded so long ago: 12h, 7d, 2w, never.")
    ] = "7d",
    delete_after: Annotated[
        str, typer.Option(help="Delete loaded archives, executed notebooks and decided rejects of this age.")
    ] = "90d",
    to: Annotated[
        str,
        typer.Option(
            metavar="URL", help="Move archives and landing files there (s3://, file://, …) instead of deleting them."
        ),
    ] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List what would be done, and do nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Compress, then delete or move, what is old and loaded. What is not loaded is never touched."""
    settings = Settings.load()
    contracts = {feed: load_contract(feed, settings) for feed in feeds} if feeds else sound_contracts(settings)
    policy = Policy(parse_age(compress_after), parse_age(delete_after))
    remote = Remote(to) if to else None
    done = prune_files(settings, contracts, policy, logs=services.logs(settings), dry_run=dry_run, remote=remote)
    if as_json:
        items = [vars(item) for item in done.items]
        print_json({"dry_run": dry_run, "to": remote and remote.shown, "items": items, "busy": list(done.busy)})
    else:
        for table in report.pruned(done):
            console.print(table)
    for error in done.busy:
        report.print_error(errors_console, error)
    raise typer.Exit(max((error.exit_code for error in done.busy), default=0))


@app.command()
def env() -> None:
    """Print shell commands that let other clients connect: eval "$(python -m etl env)"."""
    settings = Settings.load()
    typer.echo(f"export ETL_KAFKA_BOOTSTRAP={shlex.quote(settings.kafka())}")
    typer.echo(f"export ETL_DATABASE_URL={shlex.quote(client_url(settings))}")


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Check everything that a cycle needs, and say what to do about what is wrong."""
    findings = examine(Settings.load())
    if as_json:
        print_json([vars(finding) for finding in findings])
    else:
        console.print(report.findings_table(findings))
    raise typer.Exit(0 if all(finding.ok for finding in findings) else 1)


@app.command()
def lab(
    port: Annotated[int, typer.Option(help="Port of 127.0.0.1; the next free one is taken if it is not free.")] = 8888,
    browser: Annotated[bool, typer.Option(help="Open a browser, where there is a display.")] = True,
) -> None:
    """Start the services and open JupyterLab on the notebooks."""
    _ready(Settings.load())
    command = [
        *(sys.executable, "-m", "jupyterlab"),
        *("--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}", f"--ServerApp.root_dir={PROJECT_ROOT}"),
        "--LabApp.default_url=/lab/tree/notebooks/1_produce.ipynb",
        # Nothing asks the world for news or new versions.
        *("--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate", "--LabApp.news_url="),
        "--LabApp.extension_manager=readonly",
    ]
    if "KernelManager" in kernel_config():
        command.append("--KernelManager.transport=ipc")
    if os.name != "nt" and os.geteuid() == 0:
        command.append("--ServerApp.allow_root=True")
    if not browser or "SSH_CONNECTION" in os.environ or (sys.platform == "linux" and "DISPLAY" not in os.environ):
        command.append("--ServerApp.open_browser=False")
    raise typer.Exit(subprocess.call(command))


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(__version__)


def _ready(settings: Settings, *, with_kafka: bool = True) -> Settings:
    """Everything that notebooks need: services up, audit tables there, the environment that kernels inherit."""
    with progress() as tell:
        if settings.kafka_is_embedded or settings.database_is_embedded:
            services.up(settings, sound_contracts(settings), tell, with_kafka=with_kafka)
        elif with_kafka:
            services.prepare(settings, tell)
        os.environ["ETL_HOME"] = str(settings.home)
        if with_kafka:
            os.environ["JAVA_HOME"] = str(find_java(settings, tell).home)
    settings = Settings.load()
    init_tables(settings, {})
    return settings


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


if __name__ == "__main__":
    main()
