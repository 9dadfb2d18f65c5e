"""`python -m etl quarantine`: look at rejected rows, replay them, or give them up."""

from __future__ import annotations

import getpass
from typing import Annotated, Any

import typer

from etl.cli import quarantine_report
from etl.cli.console import DEFAULT_FEED, AsJson, console, pairs, print_json
from etl.contract.reader import load_contract
from etl.errors import ConfigurationError
from etl.operations.quarantine import files as quarantine_files
from etl.operations.quarantine import rows as quarantine
from etl.operations.quarantine.rows import Selection
from etl.settings import Settings

app = typer.Typer(
    help="Look at rejected rows and at files that were set aside, and load them after all; or discard rows.",
    no_args_is_help=True,
)

FeedOption = Annotated[str | None, typer.Option("--feed", help="Only this feed.")]
ReasonOption = Annotated[str | None, typer.Option("--reason", help="Only this reason (docs/architecture.md).")]
CycleOption = Annotated[str | None, typer.Option("--cycle", help="Only rows that this cycle rejected.")]
ColumnOption = Annotated[str | None, typer.Option("--column", help="Only rows with a problem in this column.")]


@app.command("list")
def quarantine_list(
    feed: FeedOption = None,
    reason: ReasonOption = None,
    cycle: CycleOption = None,
    column: ColumnOption = None,
    status: Annotated[str, typer.Option(help="QUARANTINED, REPLAYED or DISCARDED; empty for all.")] = "QUARANTINED",
    limit: Annotated[int, typer.Option(min=1, help="How many rows, newest first.")] = 20,
    only_files: Annotated[
        bool, typer.Option("--files", help="Files, batches and archives that were set aside, instead of rows.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List rejected rows, and how many there are per reason; or what no job could process."""
    settings = Settings.load()
    if only_files:
        _list_files(quarantine_files.find(settings, feed=feed), as_json=as_json)
        return
    selection = Selection(feed=feed, reason=reason, cycle_id=cycle, column=column, status=status or None)
    rows = quarantine.find(settings, selection, limit=limit)
    if as_json:
        print_json(rows)
        return
    if rows:
        console.print(quarantine_report.quarantine_summary(quarantine.summary(settings, selection)))
        console.print()
        console.print(quarantine_report.quarantine_table(rows))
    else:
        console.print("No such rows.")
    if aside := len(quarantine_files.find(settings, feed=feed)):
        files = "1 file is" if aside == 1 else f"{aside:,} files are"
        console.print(f"{files} set aside: `python -m etl quarantine list --files`.", soft_wrap=True)


def _list_files(found: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        print_json(found)
    elif found:
        console.print(quarantine_report.set_aside_table(found, width=console.width))
    else:
        console.print("Nothing is set aside.")


@app.command("retry")
def quarantine_retry(
    file: Annotated[str, typer.Argument(help="The name as `list --files` shows it.", show_default=False)],
    feed: FeedOption = None,
    kind: Annotated[str | None, typer.Option(help="landing, batch or archive, where several have this name.")] = None,
) -> None:
    """Have a file that was set aside taken again by the next cycle, after it or the contract was corrected."""
    done = quarantine_files.retry(Settings.load(), file, feed=feed, kind=kind)
    console.print(
        f"{done.name} is taken again by the next cycle: `python -m etl run {done.feed}`.", markup=False, soft_wrap=True
    )


@app.command("show")
def quarantine_show(rejected_id: int, as_json: AsJson = False) -> None:
    """Show one rejected row: its text, where it came from, and every rule that it breaks."""
    row = quarantine.one(Settings.load(), rejected_id)
    if as_json:
        print_json(row)
    else:
        console.print(quarantine_report.rejected_row(row))


@app.command("replay")
def quarantine_replay(
    ids: Annotated[
        list[int] | None, typer.Argument(help="Numbers of rows; or use the filters.", show_default=False)
    ] = None,
    feed: Annotated[
        str | None,
        typer.Option(help=f"The feed whose rows are meant: that of the numbers; without numbers {DEFAULT_FEED}."),
    ] = None,
    reason: ReasonOption = None,
    cycle: CycleOption = None,
    column: ColumnOption = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", help="COLUMN=VALUE in place of the row's own; may be given several times."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be loaded, and load nothing.")] = False,
) -> None:
    """Validate rejected rows again, after a contract or a value was mended, and load those that are good now."""
    from etl.operations.quarantine.replay import replay

    settings = Settings.load()
    selection = Selection(tuple(ids or ()), feed=feed, reason=reason, cycle_id=cycle, column=column)
    contract = load_contract(_feed_of(settings, selection), settings)
    done = replay(settings, contract, selection, changes=pairs(changes), dry_run=dry_run)
    console.print(quarantine_report.replayed(done, dry_run=dry_run))


def _feed_of(settings: Settings, selection: Selection) -> str:
    """The one feed that a replay is about."""
    if not selection.ids:
        return selection.feed or DEFAULT_FEED
    feed, *others = quarantine.feeds_of(settings, selection)
    if others:
        raise ConfigurationError(
            f"These rows are of several feeds: {', '.join([feed, *others])}.",
            remedy="Replay each feed's rows by themselves.",
        )
    return feed


@app.command("discard")
def quarantine_discard(
    note: Annotated[str, typer.Option(help="Why these rows are given up.")],
    ids: Annotated[
        list[int] | None, typer.Argument(help="Numbers of rows; or use the filters.", show_default=False)
    ] = None,
    feed: FeedOption = None,
    reason: ReasonOption = None,
    cycle: CycleOption = None,
    column: ColumnOption = None,
) -> None:
    """Give rejected rows up. They stay in the table, with your name and note."""
    selection = Selection(tuple(ids or ()), feed=feed, reason=reason, cycle_id=cycle, column=column)
    if selection == Selection():
        raise ConfigurationError("Which rows?", remedy="Give their numbers, or a filter such as --reason.")
    settings = Settings.load()
    if ids:
        quarantine.feeds_of(settings, selection)
    done = quarantine.discard(settings, selection, f"{getpass.getuser()}: {note}" if note.strip() else "")
    console.print(f"Discarded {done} rows.")
