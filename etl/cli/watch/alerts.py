"""Commands about incidents and who is told of them.

Operations are imported where they are called (see `etl.cli`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from etl.cli.console import AsJson, console, print_json

if TYPE_CHECKING:
    from etl.operations.alerts.send import Sent

app = typer.Typer(
    help="Look at incidents, send the messages about them, and mute kinds of incidents for a while.",
    no_args_is_help=True,
)

FeedOption = Annotated[str | None, typer.Option("--feed", help="Only of this feed; default: of every feed.")]
KindArgument = Annotated[str, typer.Argument(help="Kind of incident (docs/alerts.md), or `all`.", show_default=False)]


@app.command("list")
def alerts_list(
    everything: Annotated[bool, typer.Option("--all", help="Also incidents that are over.")] = False,
    feed: FeedOption = None,
    limit: Annotated[int, typer.Option(min=1, help="How many incidents, newest first.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List open incidents, who was told of them, and what is muted."""
    from etl.cli.report.alerts import incidents_table, lines
    from etl.cli.report.tables import print_tables
    from etl.operations.alerts.listing import list_incidents
    from etl.settings import Settings

    found = list_incidents(Settings.load(), feed=feed, resolved=everything, limit=limit)
    if as_json:
        print_json(found)
        return
    if found["incidents"]:
        print_tables(incidents_table(found["incidents"]))
    else:
        console.print("There was no incident." if everything else "No incident is open.")
    for line in lines(found["incidents"], found["mutes"]):
        console.print(line, markup=False, soft_wrap=True)


@app.command("send")
def alerts_send(
    quiet: Annotated[
        bool,
        typer.Option(
            "--quiet", help="As after each cycle: print nothing, and leave receivers alone that failed a moment ago."
        ),
    ] = False,
) -> None:
    """Send the messages that wait. Exit code 1: a receiver did not take them, and gets them later."""
    from etl.operations.alerts.send import send
    from etl.settings import Settings

    done = send(Settings.load(), early=not quiet)
    if not quiet:
        _print_sent(done)
        if not done:
            console.print("ETL_ALERT_URLS is not set: nobody is told of incidents.")
    raise typer.Exit(int(any(sent.error for sent in done)))


@app.command("test")
def alerts_test() -> None:
    """Send a test message to each receiver. Exit code 1: one did not take it."""
    from etl.operations.alerts.send import send_test
    from etl.settings import Settings

    done = send_test(Settings.load())
    _print_sent(done)
    raise typer.Exit(int(any(sent.error for sent in done)))


def _print_sent(done: Iterable[Sent]) -> None:
    for sent in done:
        number = f"{sent.events:,} sent" if sent.events or not sent.error else "nothing sent"
        line = f"{sent.receiver}: {number}" + (f"; not taken: {sent.error}" if sent.error else "")
        console.print(line, style="red" if sent.error else None, markup=False, soft_wrap=True)


@app.command("mute")
def alerts_mute(
    kind: KindArgument,
    duration: Annotated[str, typer.Option("--for", help="For how long: 30m, 2h, 7d.", show_default=False)],
    feed: FeedOption = None,
) -> None:
    """Tell nobody of a kind of incident for a while. What is open still then is told then."""
    from etl.contract.durations import moment
    from etl.operations.alerts.mutes import mute
    from etl.settings import Settings

    until = mute(Settings.load(), kind, feed or "", duration)
    console.print(f"{kind} of {feed or 'every feed'} is muted until {moment(until)}.", markup=False, soft_wrap=True)


@app.command("unmute")
def alerts_unmute(kind: KindArgument, feed: FeedOption = None) -> None:
    """Tell of a kind of incident again, also of those that were opened meanwhile and are open still."""
    from etl.operations.alerts.background import start_sending
    from etl.operations.alerts.mutes import unmute
    from etl.settings import Settings

    settings = Settings.load()
    unmute(settings, kind, feed or "")
    start_sending(settings)
    console.print(f"{kind} of {feed or 'every feed'} is not muted any more.", markup=False, soft_wrap=True)


@app.command("forget-schedule")
def alerts_forget_schedule(feed: Annotated[str, typer.Argument(help="The feed of the schedule.")]) -> None:
    """Expect no cycles of a feed any more, after a schedule has died that is not wanted again."""
    from etl.database.schema.migrations import connected
    from etl.operations.alerts.background import start_sending
    from etl.operations.schedules.expected import forget
    from etl.settings import Settings

    settings = Settings.load()
    with connected(settings, "alerts") as connection:
        was_expected = forget(connection, settings, feed)
    start_sending(settings)
    told = f"No schedule of {feed} is expected any more." if was_expected else f"No schedule of {feed} was expected."
    console.print(told, markup=False, soft_wrap=True)
