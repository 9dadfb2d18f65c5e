"""`python -m etl dashboards`: Superset with the dashboards, and the export of what users edited in them.

Operations are imported where they are called (see `etl.cli`).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from etl.cli.console import AsJson, Tell, console, print_error, print_json, progress
from etl.errors import ConfigurationError, ContractError

if TYPE_CHECKING:
    from etl.contract.model import Contract
    from etl.services.superset import Ready
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
            " empty; never on your own services, and never beside real readings."
        ),
    ] = True,
    listen: Annotated[
        str,
        typer.Option(
            metavar="HOST:PORT",
            help="Serve here until SIGTERM, as containers do; needs ETL_SUPERSET_METADATA_URL and ETL_SUPERSET_DATABASE_URL.",
        ),
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Set up Superset, import the dashboards, and serve them on 127.0.0.1; does only what is not done yet."""
    from etl import services
    from etl.services import superset
    from etl.settings import Settings

    if force and export:
        raise ConfigurationError("--force and --export exclude each other.", remedy="Export first, then import.")
    settings = Settings.load()
    if export:
        _require_clone()
    if listen:
        _serve(settings, listen)
    # With --json, only JSON goes to stdout.
    with progress(lines=not as_json) as tell:
        server = services.up_postgres(settings, tell)
        settings = Settings.load()
        if export:
            _print_export(superset.export(settings, server, tell), as_json=as_json)
            return
        contracts = _update_tables(settings, tell)
        if demo:
            _load_demo(settings, contracts, tell)
        ready = superset.up(settings, server, tell, force=force)
    if as_json:
        print_json(_as_json(ready))
    else:
        _print(ready)


def _require_clone() -> None:
    """:raises ConfigurationError: the dashboards' files are those of an installed package, which are only read."""
    from etl.settings.packaged import CLONE

    if CLONE is None:
        raise ConfigurationError(
            "--export writes into superset/assets/ of a clone; this is an installed package.",
            remedy="Export from a clone with the same ETL_HOME, or keep your edits in Superset: they stay there.",
        )


def _serve(settings: Settings, address: str) -> NoReturn:
    """Become Superset's web server."""
    from etl.services import superset
    from etl.services.superset import keys, server

    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise ConfigurationError(f"--listen {address}: it is not HOST:PORT.", remedy="Give, for example, 0.0.0.0:8088.")
    with progress() as tell:
        python = superset.prepare(settings, tell)
    # Not the passwords: containers' logs are kept.
    passwords = keys.sign_in_file(server.folder(settings))
    console.print(f"Superset listens on {address}; the passwords are in {passwords}", soft_wrap=True, markup=False)
    server.become(settings, python, address)


def _update_tables(settings: Settings, tell: Tell) -> dict[str, Contract]:
    """Create or update the tables of all feeds whose contracts can be used; returns these contracts."""
    from etl.cli.init import init_tables
    from etl.contract.reader import sound_contracts

    tell("updating tables")
    contracts = sound_contracts(settings)
    try:
        init_tables(settings, contracts)
    except ContractError as error:
        # Of one feed; the dashboards show the others.
        tell(f"not updated: {error.cause} {error.remedy}")
    return contracts


def _load_demo(settings: Settings, contracts: dict[str, Contract], tell: Tell) -> None:
    """Load simulated readings of feeds that have charts and never ran. An error is printed, and that feed's charts stay empty."""
    from etl import services
    from etl.operations import demo
    from etl.settings import Settings

    lacking = demo.lacking(settings, contracts)
    if not lacking:
        return
    tell(
        f"never run yet: {', '.join(contract.feed for contract in lacking)}; simulated readings are loaded (--no-demo: none)"
    )
    services.up(settings, contracts, tell, with_kafka=any(contract.source.needs_kafka for contract in lacking))
    for cycle in demo.load(Settings.load(), lacking, lambda feed, job, event: tell(f"{feed}: {job} {event}")):
        if cycle.error:
            print_error(cycle.error)


def superset_status(settings: Settings) -> dict[str, Any]:
    """The state of Superset, in the form in which `status` describes every service."""
    from etl.services import superset
    from etl.services.superset.server import answers

    service = superset.running(settings)
    described: dict[str, Any] = {"embedded": True, "optional": True, "url": None, "reachable": False}
    if service is None:
        return described | {"error": "not running; `python -m etl dashboards` starts it"}
    described |= {"url": service.endpoint, "reachable": answers(service)}
    return described if described["reachable"] else described | {"error": f"does not answer; its log: {service.log}"}


def _as_json(ready: Ready) -> dict[str, Any]:
    return {
        "url": ready.service.endpoint,
        "dashboards": ready.dashboards,
        "counts": ready.counts,
        "changed": list(ready.changed),
        "sign_in_file": str(ready.sign_in_file),
    }


def _print(ready: Ready) -> None:
    counted = ", ".join(f"{count} {kind if count != 1 else kind[:-1]}" for kind, count in ready.counts.items())
    done = "" if ready.changed else "; it was up to date"
    console.print(f"Superset has {counted}{done}.", soft_wrap=True)
    console.print(f"\n  {ready.service.endpoint}/dashboard/list/\n", soft_wrap=True)
    if "users" in ready.changed:
        passwords = json.loads(ready.sign_in_file.read_text("utf-8"))
        console.print(f"Sign in as  viewer   {passwords['viewer']}   (reads and filters)", markup=False)
        console.print(f"or as       analyst  {passwords['analyst']}   (also downloads CSV)", markup=False)
        console.print(f"or as       admin    {passwords['admin']}   (edits)", markup=False)
        console.print(
            f"This is shown once; the passwords are kept in {ready.sign_in_file}", soft_wrap=True, markup=False
        )
    else:
        console.print(
            f"Sign in as viewer, analyst or admin; the passwords are in {ready.sign_in_file}",
            soft_wrap=True,
            markup=False,
        )


def _print_export(changed: list[str], *, as_json: bool) -> None:
    if as_json:
        print_json({"changed": changed})
        return
    for path in changed:
        console.print(f"superset/assets/{path}", markup=False)
    console.print(f"{len(changed)} files changed." if changed else "Nothing was edited; no file changed.")
