"""`python -m etl quarantine`: look at rejected rows, replay or discard them.

Operations are imported where they are called (see `etl.cli`).
"""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from etl.cli.console import DEFAULT_FEED, AsJson, console, pairs, print_json
from etl.errors import ConfigurationError

if TYPE_CHECKING:
    from etl.operations.quarantine.rows import Selection
    from etl.settings import Settings

app = typer.Typer(
    help="Look at rejected rows and at files that were set aside; load them after a correction, or discard rows.",
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
    """List rejected rows, with their number per reason; with --files, the files, batches and archives that were set aside."""
    from etl.cli.report.quarantine import quarantine_summary, quarantine_table
    from etl.cli.report.tables import print_tables
    from etl.operations.quarantine import files, rows
    from etl.operations.quarantine.rows import Selection
    from etl.settings import Settings

    settings = Settings.load()
    if only_files:
        _list_files(files.find(settings, feed=feed), as_json=as_json)
        return
    selection = Selection(feed=feed, reason=reason, cycle_id=cycle, column=column, status=status or None)
    rejected = rows.find(settings, selection, limit=limit)
    if as_json:
        print_json(rejected)
        return
    if rejected:
        print_tables(quarantine_summary(rows.summary(settings, selection)), quarantine_table(rejected))
    else:
        console.print("No row matches.")
    if aside := len(files.find(settings, feed=feed)):
        which = "1 file is" if aside == 1 else f"{aside:,} files are"
        console.print(f"{which} set aside: `python -m etl quarantine list --files`.", soft_wrap=True)


def _list_files(files: list[dict[str, Any]], *, as_json: bool) -> None:
    from etl.cli.report.quarantine import set_aside_table
    from etl.cli.report.tables import print_tables

    if as_json:
        print_json(files)
    elif files:
        print_tables(set_aside_table(files, width=console.width))
    else:
        console.print("Nothing is set aside.")


@app.command("retry")
def quarantine_retry(
    file: Annotated[str, typer.Argument(help="The name as `list --files` shows it.", show_default=False)],
    feed: FeedOption = None,
    kind: Annotated[str | None, typer.Option(help="landing, batch or archive, where several have this name.")] = None,
) -> None:
    """Let the next cycle take a file that was set aside, after the file or the contract was corrected."""
    from etl.operations.quarantine import files
    from etl.settings import Settings

    done = files.retry(Settings.load(), file, feed=feed, kind=kind)
    console.print(
        f"{done.name} is taken again by the next cycle: `python -m etl run {done.feed}`.", markup=False, soft_wrap=True
    )


@app.command("show")
def quarantine_show(
    rejected_id: Annotated[int, typer.Argument(help="The id as `list` shows it.", show_default=False)],
    as_json: AsJson = False,
) -> None:
    """Show one rejected row: its text, where it came from, and every rule that it breaks."""
    from etl.cli.report.quarantine import rejected_row
    from etl.cli.report.tables import print_tables
    from etl.operations.quarantine import rows
    from etl.settings import Settings

    row = rows.find_one(Settings.load(), rejected_id)
    if as_json:
        print_json(row)
    else:
        print_tables(rejected_row(row))


@app.command("replay")
def quarantine_replay(
    ids: Annotated[
        list[int] | None, typer.Argument(help="Ids of rows; or use the filters.", show_default=False)
    ] = None,
    feed: Annotated[
        str | None,
        typer.Option(help=f"Only this feed; without ids {DEFAULT_FEED} by default."),
    ] = None,
    reason: ReasonOption = None,
    cycle: CycleOption = None,
    column: ColumnOption = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", help="COLUMN=VALUE to use instead of the row's value; may be given several times."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be loaded, and load nothing.")] = False,
) -> None:
    """Validate rejected rows again, after a contract or a value was corrected, and load those that are good now."""
    from etl.cli.report.quarantine import replayed
    from etl.contract.reader import load_contract
    from etl.operations.quarantine.replay import replay
    from etl.operations.quarantine.rows import Selection
    from etl.settings import Settings

    settings = Settings.load()
    selection = Selection(tuple(ids or ()), feed=feed, reason=reason, cycle_id=cycle, column=column)
    contract = load_contract(_feed_of(settings, selection), settings)
    done = replay(settings, contract, selection, changes=pairs(changes), dry_run=dry_run)
    console.print(replayed(done, dry_run=dry_run))


def _feed_of(settings: Settings, selection: Selection) -> str:
    """The one feed whose rows a replay takes.

    :raises ConfigurationError: the rows belong to several feeds.
    """
    from etl.operations.quarantine import rows

    if not selection.ids:
        return selection.feed or DEFAULT_FEED
    feed, *others = rows.feeds_of(settings, selection)
    if others:
        raise ConfigurationError(
            f"These rows are of several feeds: {', '.join([feed, *others])}.",
            remedy="Replay the rows of each feed separately.",
        )
    return feed


@app.command("discard")
def quarantine_discard(
    note: Annotated[str, typer.Option(help="Why these rows are discarded.")],
    ids: Annotated[
        list[int] | None, typer.Argument(help="Ids of rows; or use the filters.", show_default=False)
    ] = None,
    feed: FeedOption = None,
    reason: ReasonOption = None,
    cycle: CycleOption = None,
    column: ColumnOption = None,
) -> None:
    """Discard rejected rows. They stay in the table, with your name and note."""
    from etl.operations.quarantine import rows
    from etl.operations.quarantine.rows import Selection
    from etl.settings import Settings

    selection = Selection(tuple(ids or ()), feed=feed, reason=reason, cycle_id=cycle, column=column)
    if selection == Selection():
        raise ConfigurationError("No rows are named.", remedy="Give their ids, or a filter such as --reason.")
    settings = Settings.load()
    if ids:
        rows.feeds_of(settings, selection)
    done = rows.discard(settings, selection, f"{getpass.getuser()}: {note}" if note.strip() else "")
    console.print(f"Discarded {done} rows.")
