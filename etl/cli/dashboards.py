"""`python -m etl dashboards`: Superset with the dashboards, and what users edited in them."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from etl import services
from etl.cli.console import AsJson, Tell, console, errors_console, print_json, progress
from etl.cli.init import init_tables
from etl.cli.report import print_error
from etl.contract.reader import Contract, sound_contracts
from etl.errors import ConfigurationError, ContractError
from etl.services import superset
from etl.services.superset.server import answers
from etl.settings import Settings


def dashboards(
    force: Annotated[
        bool, typer.Option("--force", help="Import all dashboards again; they replace what was edited in the browser.")
    ] = False,
    export: Annotated[
        bool, typer.Option("--export", help="Write what was edited in the browser back to superset/assets/.")
    ] = False,
    demo: Annotated[
        bool,
        typer.Option(
            help="First run a cycle of simulated readings for packaged feeds that have never run, so that no chart is"
            " empty; never on services of your own, nor beside real readings."
        ),
    ] = True,
    as_json: AsJson = False,
) -> None:
    """Set up Superset, import the dashboards, and serve them on 127.0.0.1; does only what is not done yet."""
    if force and export:
        raise ConfigurationError("--force and --export exclude each other.", remedy="Export first, then import.")
    settings = Settings.load()
    # With --json, only JSON goes to stdout.
    with progress(lines=not as_json) as tell:
        server = services.up_postgres(settings, tell)
        settings = Settings.load()
        if export:
            _print_export(superset.export(settings, server, tell), as_json=as_json)
            return
        tell("bringing tables up to date")
        contracts = sound_contracts(settings)
        try:
            init_tables(settings, contracts)
        except ContractError as error:
            # Of one feed; the dashboards show the others.
            tell(f"not brought up to date: {error.cause} {error.remedy}")
        if demo:
            _bring_demo(settings, contracts, tell)
        ready = superset.up(settings, server, tell, force=force)
    if as_json:
        print_json(_as_json(ready))
    else:
        _print(ready)


def _bring_demo(settings: Settings, contracts: dict[str, Contract], tell: Tell) -> None:
    """Simulated readings for what the charts are about; a feed whose cycle fails is told, and its charts stay empty."""
    from etl.operations.demo import bring
    from etl.operations.demo import lacking as find_lacking

    lacking = find_lacking(settings, contracts)
    if not lacking:
        return
    tell(
        f"never run yet: {', '.join(contract.feed for contract in lacking)}; simulated readings are loaded (--no-demo: none)"
    )
    services.up(settings, contracts, tell, with_kafka=any(contract.topic for contract in lacking))
    for cycle in bring(Settings.load(), lacking, lambda feed, job, what: tell(f"{feed}: {job} {what}")):
        if cycle.error:
            print_error(errors_console, cycle.error)


def superset_status(settings: Settings) -> dict[str, Any]:
    """How Superset stands, as `status` tells it of every service."""
    found = superset.running(settings)
    described: dict[str, Any] = {"embedded": True, "optional": True, "url": None, "reachable": False}
    if found is None:
        return described | {"error": "not running; `python -m etl dashboards` starts it"}
    described |= {"url": found.endpoint, "reachable": answers(found)}
    return described if described["reachable"] else described | {"error": f"does not answer; its log: {found.log}"}


def _as_json(ready: superset.Ready) -> dict[str, Any]:
    return {
        "url": ready.service.endpoint,
        "dashboards": ready.dashboards,
        "counts": ready.counts,
        "changed": list(ready.changed),
        "sign_in_file": str(ready.sign_in_file),
    }


def _print(ready: superset.Ready) -> None:
    counted = ", ".join(f"{count} {kind if count != 1 else kind[:-1]}" for kind, count in ready.counts.items())
    done = "" if ready.changed else "; nothing had to be done"
    console.print(f"Superset has {counted}{done}.", soft_wrap=True)
    console.print(f"\n  {ready.service.endpoint}/dashboard/list/\n", soft_wrap=True)
    if "users" in ready.changed:
        passwords = json.loads(ready.sign_in_file.read_text("utf-8"))
        console.print(f"Sign in as  viewer  {passwords['viewer']}   (looks and filters)", markup=False)
        console.print(f"or as       admin   {passwords['admin']}   (edits)", markup=False)
        console.print(f"This is shown once; both passwords are kept in {ready.sign_in_file}", soft_wrap=True)
    else:
        console.print(f"Sign in as viewer or admin; the passwords are in {ready.sign_in_file}", soft_wrap=True)


def _print_export(changed: list[str], *, as_json: bool) -> None:
    if as_json:
        print_json({"changed": changed})
        return
    for path in changed:
        console.print(f"superset/assets/{path}", markup=False)
    console.print(f"{len(changed)} files changed." if changed else "Nothing was edited: the files are as they were.")
