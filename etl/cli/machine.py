"""Commands about the machine: services, tables, settings, JupyterLab.

Operations are imported where they are called (see `etl.cli`).
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from etl import __version__
from etl.cli.console import AsJson, console, print_json, progress
from etl.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from etl.settings import Settings


def up() -> None:
    """Start the embedded Kafka and PostgreSQL; your own are used where they are set."""
    from etl import services
    from etl.contract.reader import sound_contracts
    from etl.database import database_title, shown_url
    from etl.settings import Settings

    settings = Settings.load()
    with progress() as tell:
        started = services.up(settings, sound_contracts(settings), tell)
    console.print(f"Kafka       {started.kafka.endpoint if started.kafka else settings.kafka() + ' (your own)'}")
    settings = Settings.load()
    console.print(f"{database_title(settings):<12}{shown_url(settings)}{'' if started.postgres else ' (your own)'}")


def down(
    delete_data: Annotated[
        bool, typer.Option("--delete-data", help="Delete the data of the embedded services as well.")
    ] = False,
) -> None:
    """Stop the embedded services. Their data stay, except with --delete-data."""
    from etl import services
    from etl.settings import Settings

    with progress() as tell:
        stopped = services.down(Settings.load(), tell, delete_data=delete_data)
    console.print(f"Stopped: {', '.join(stopped)}." if stopped else "Nothing was running.")


def init(
    sql: Annotated[
        str,
        typer.Option(metavar="PRODUCT", help="Only print the SQL, for postgresql or sqlserver, without a connection."),
    ] = "",
) -> None:
    """Create or update the audit tables and the tables of all feeds."""
    from etl.cli.init import init_tables
    from etl.contract.problems import combine
    from etl.contract.reader import load_contracts, read_contracts
    from etl.database import product_named
    from etl.database.schema.ddl import script
    from etl.jobs.load.derived import registry
    from etl.settings import Settings

    settings = Settings.load()
    if sql:
        typer.echo(script(product_named(sql), load_contracts(settings).values(), registry.tables), nl=False)
        return
    contracts, broken = read_contracts(settings)
    changed = init_tables(settings, contracts)
    state = "were updated" if changed else "are up to date"
    console.print(f"The audit tables {state}; the tables of {len(contracts)} feeds exist.")
    if broken:
        raise combine(broken)


def setup(
    dashboards: Annotated[
        bool, typer.Option("--dashboards", help="Install Superset as well, with the drivers of every database product.")
    ] = False,
) -> None:
    """Find or install Java, download the Java libraries, and prepare a quick start of Spark, without starting anything."""
    from etl import services
    from etl.database import PRODUCTS
    from etl.services.superset import environment
    from etl.settings import Settings

    settings = Settings.load()
    with progress() as tell:
        services.prepare(settings, tell)
        services.quicken(settings, tell)
        for product in PRODUCTS if dashboards else ():
            environment.ensure(settings, product.name, tell)
    console.print("Java and its libraries are ready.")


def env() -> None:
    """Print shell commands that let other clients connect: eval "$(python -m etl env)"."""
    import shlex

    from etl.database import client_url
    from etl.settings import Settings

    settings = Settings.load()
    typer.echo(f"export ETL_KAFKA_BOOTSTRAP={shlex.quote(settings.kafka())}")
    typer.echo(f"export ETL_DATABASE_URL={shlex.quote(client_url(settings))}")


def doctor(as_json: AsJson = False) -> None:
    """Check everything that a cycle needs, and show how to correct what is wrong."""
    from etl.cli.report.doctor import findings_table
    from etl.cli.report.tables import print_tables
    from etl.operations.doctor import examine
    from etl.settings import Settings

    findings = examine(Settings.load())
    if as_json:
        print_json([vars(finding) for finding in findings])
    else:
        print_tables(findings_table(findings))
    raise typer.Exit(0 if all(finding.ok for finding in findings) else 1)


def lab(
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1; if it is in use, the next free one.")] = 8888,
    browser: Annotated[bool, typer.Option(help="Open a browser if there is a display.")] = True,
) -> None:
    """Start the services and open JupyterLab with the notebooks."""
    import subprocess

    from etl.notebook.execute import kernel_config
    from etl.settings import Settings
    from etl.settings.packaged import CLONE

    settings = Settings.load()
    own = (settings.home / "notebooks").is_dir()
    root = _with_notebooks(settings.home if own or CLONE is None else CLONE)
    ready(settings)
    command = [
        *(sys.executable, "-m", "jupyterlab"),
        *("--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}", f"--ServerApp.root_dir={root}"),
        "--LabApp.default_url=/lab/tree/notebooks/1_produce.ipynb",
        # No request leaves the machine for news or new versions.
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


def _with_notebooks(folder: Path) -> Path:
    """Check that JupyterLab is installed, and that a folder has notebooks to open.

    :raises ConfigurationError: one of them is missing.
    """
    from importlib.util import find_spec

    if find_spec("jupyterlab") is None:
        raise ConfigurationError(
            "JupyterLab is not installed.", remedy=f"Install it: {sys.executable} -m pip install 'jupyterlab>=4.4,<5'"
        )
    if not (folder / "notebooks" / "1_produce.ipynb").is_file():
        raise ConfigurationError(
            f"There are no notebooks in {folder}.",
            remedy="Make a project with `python -m etl new FOLDER`, and run the command there.",
        )
    return folder


def version() -> None:
    """Print the version."""
    typer.echo(__version__)


def ready(settings: Settings, *, with_kafka: bool = True, meanwhile: Callable[[], object] = lambda: None) -> Settings:
    """Prepare what notebooks need: services, audit tables, and the environment that kernels inherit.

    :param meanwhile: is called as soon as kernels can be started; services and tables follow.
    """
    from etl import services
    from etl.services.java import find_java
    from etl.settings import Settings, paths

    with progress() as tell:
        os.environ.update(paths.variables(settings))
        if with_kafka:
            services.prepare(settings, tell)
            os.environ["JAVA_HOME"] = str(find_java(settings, tell).home)
        meanwhile()
        # These import much.
        from etl.cli.init import init_tables
        from etl.contract.reader import sound_contracts

        if settings.kafka_is_embedded or settings.database_is_embedded:
            services.up(settings, sound_contracts(settings), tell, with_kafka=with_kafka)
    settings = Settings.load()
    init_tables(settings, {})
    return settings
