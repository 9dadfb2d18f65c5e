"""Commands about what has run: status, history, metrics, one cycle in words, undo, pruning.

Operations are imported where they are called (see `etl.cli`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from etl.cli.console import AsJson, console, print_error, print_json

if TYPE_CHECKING:
    from etl.settings import Settings


def status(as_json: AsJson = False) -> None:
    """Show services, each feed's backlog and its last cycle."""
    from etl.cli.dashboards import superset_status
    from etl.cli.report.status import status_tables
    from etl.cli.report.tables import print_tables
    from etl.contract.reader import sound_contracts
    from etl.operations.status import status as read_status
    from etl.settings import Settings

    settings = Settings.load()
    current = read_status(settings, sound_contracts(settings))
    current["services"]["superset"] = superset_status(settings)
    if as_json:
        print_json(current)
    else:
        print_tables(*status_tables(current))


def history(
    feed: Annotated[str | None, typer.Option(help="Only this feed.")] = None,
    cycle: Annotated[str | None, typer.Option(help="Only this cycle.")] = None,
    failed: Annotated[bool, typer.Option("--failed", help="Only failed jobs.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="How many jobs, newest first.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Show the audit log, newest first."""
    from etl.cli.report.audit import audit_table
    from etl.cli.report.tables import print_tables
    from etl.operations.history import history as read_history
    from etl.settings import Settings

    rows = read_history(Settings.load(), feed=feed, cycle_id=cycle, failed=failed, limit=limit)
    if as_json:
        print_json(rows)
        return
    if rows:
        print_tables(audit_table(rows, cycles=True))
    else:
        console.print("No job matches." if feed or cycle or failed else "No job has run yet.")
    for row in rows:
        if row["error_message"]:
            error = f"\n{row['cycle_id']} {row['job_name']}: {row['error_message']}"
            console.print(error, style="red", markup=False, soft_wrap=True)


def metrics(
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write them into this file, for node_exporter's textfile collector.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Print metrics for Prometheus: counts of the audit log, freshness, quality, open incidents. Needs only the database."""
    from etl.operations.metrics.collect import read_metrics
    from etl.settings import Settings

    settings = Settings.load()
    current = read_metrics(settings)
    if output:
        current.write(settings, output)
    else:
        typer.echo(current.as_text(), nl=False)


def explain(
    cycle: Annotated[str, typer.Argument(help="As `history` shows it.", show_default=False)],
    open_page: Annotated[
        bool, typer.Option("--open", help="Show the notebook of the job that failed, or of the last one, in a browser.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Explain in plain words what a cycle read, what became of it, and where its files are."""
    from etl.operations.explain import explain as explain_cycle
    from etl.operations.explain import in_words
    from etl.settings import Settings

    settings = Settings.load()
    explained = explain_cycle(settings, cycle)
    if as_json:
        print_json(explained)
    else:
        for line in in_words(settings, explained):
            console.print(line, markup=False, soft_wrap=True)
    if open_page:
        _open_page(settings, explained["jobs"], tell=not as_json)


def _open_page(settings: Settings, jobs: Sequence[Mapping[str, Any]], *, tell: bool) -> None:
    import webbrowser

    from etl.notebook.page.opening import openable_address

    address = openable_address(settings, jobs)
    if tell:
        console.print(f"Page: {address}", markup=False, soft_wrap=True)
    webbrowser.open(address)


def undo(
    cycle: Annotated[str, typer.Argument(help="As `history` shows it.", show_default=False)],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
) -> None:
    """Remove exactly what a cycle loaded. Its archives stay, and the next load takes them again."""
    from etl.contract.reader import load_contract
    from etl.operations.undo import feed_of
    from etl.operations.undo import undo as undo_cycle
    from etl.settings import Settings

    settings = Settings.load()
    contract = load_contract(feed_of(settings, cycle), settings)
    if not yes:
        typer.confirm(f"Remove what cycle {cycle} loaded into {contract.table}?", abort=True)
    done = undo_cycle(settings, contract, cycle)
    console.print(f"Removed {done.rows:,} rows of {contract.table} and {done.rejected:,} rows of the quarantine.")
    for name in done.archives:
        console.print(f"The next load takes it again: backup/{contract.feed}/{name}", soft_wrap=True)


def prune(
    feeds: Annotated[list[str] | None, typer.Argument(help="Feeds; default: all.", show_default=False)] = None,
    compress_after: Annotated[
        str, typer.Option(help="Compress archives this long after they were loaded: 12h, 7d, 2w, never.")
    ] = "7d",
    delete_after: Annotated[
        str,
        typer.Option(
            help="Delete loaded archives, executed notebooks, and rejected rows that were replayed, replaced or discarded,"
            " of this age."
        ),
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
    from etl import services
    from etl.cli.report.retention import pruned
    from etl.cli.report.tables import print_tables
    from etl.contract.reader import load_contract, sound_contracts
    from etl.operations.retention.policy import Policy, parse_age
    from etl.operations.retention.prune import prune as prune_files
    from etl.operations.retention.remote import Remote
    from etl.settings import Settings

    settings = Settings.load()
    contracts = {feed: load_contract(feed, settings) for feed in feeds} if feeds else sound_contracts(settings)
    policy = Policy(parse_age(compress_after), parse_age(delete_after))
    remote = Remote(to) if to else None
    done = prune_files(settings, contracts, policy, logs=services.logs(settings), dry_run=dry_run, remote=remote)
    if as_json:
        items = [vars(item) for item in done.items]
        print_json({"dry_run": dry_run, "to": remote and remote.shown, "items": items, "busy": list(done.busy)})
    else:
        print_tables(*pruned(done))
    for error in done.busy:
        print_error(error)
    raise typer.Exit(max((error.exit_code for error in done.busy), default=0))
