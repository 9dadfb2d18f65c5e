"""The command `run`: parses what is asked for, has it planned, and carries the plan out or prints it.

Operations are imported where they are called (see `etl.cli`).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from etl.cli.console import DEFAULT_FEED, console, pairs

if TYPE_CHECKING:
    from etl.operations.plan_run import RunPlan


def run(
    feeds: Annotated[
        list[str] | None, typer.Argument(help=f"Feeds; default: {DEFAULT_FEED}.", show_default=False)
    ] = None,
    messages: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Simulated messages to produce first. Default: 10000 for packaged feeds on the embedded services,"
            " 0 where the contract, the database, Kafka or the landing folder is your own. Not together with --file.",
            show_default=False,
        ),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            help="A file whose readings are all sent first, instead of simulated ones: to the topic, or into the landing folder.",
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
        typer.Option(
            "--accept-gap",
            help="Accept that messages which Kafka deleted unread are lost, and continue; the audit log records your name.",
        ),
    ] = False,
    every: Annotated[
        str | None,
        typer.Option(
            help="Repeat: 30s, 5m, 1h, 1d or a cron expression such as '*/5 * * * *'; ends on SIGTERM or Ctrl-C.",
            show_default=False,
        ),
    ] = None,
    cycles: Annotated[
        int | None, typer.Option(min=1, help="Stop after N cycles (needs --every).", show_default=False)
    ] = None,
    log_file: Annotated[
        Path | None,
        typer.Option(
            help="Log into this file instead of printing (needs --every); at 10 MB it becomes FILE.1, five of these are kept.",
            show_default=False,
        ),
    ] = None,
    fresh_kernels: Annotated[
        bool, typer.Option("--fresh-kernels", help="Start a new kernel for each notebook; slower, fully isolated.")
    ] = False,
    strict: Annotated[
        bool,
        typer.Option(
            "--strict", help="Exit with code 1 also if everything that a cycle read was rejected or set aside."
        ),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what a cycle would do, and do nothing.")] = False,
) -> None:
    """Run a cycle of each feed: produce, consume, merge, load. Starts the embedded services if they are needed."""
    import getpass
    from contextlib import nullcontext
    from functools import partial

    from etl.cli.machine import ready
    from etl.notebook.execute import start_ahead, warm_kernel
    from etl.notebook.parameters import parse_value
    from etl.operations.plan_run import RunRequest, plan_run, reads_few_messages, require_idle
    from etl.settings import Settings

    settings = Settings.load()
    given = {name: parse_value(value) for name, value in pairs(parameter).items()}
    request = RunRequest(
        feeds=tuple(feeds or [DEFAULT_FEED]),
        messages=messages,
        parameters={**given, "source_file": str(file)} if file else given,
        create_topic=create_topic,
        accept_gap=getpass.getuser() if accept_gap else "",
        every=every,
        cycles=cycles,
        folder=Path.cwd(),
        log_file=log_file,
    )
    plan = plan_run(settings, request)
    if dry_run:
        from etl.cli.cycles import print_plan

        print_plan(settings, plan)
        return
    require_idle(settings, plan)
    _print_defaults(plan)
    few = not fresh_kernels and reads_few_messages(settings, plan)
    kernel = None if fresh_kernels else warm_kernel(settings, plan.contracts, for_few_messages=few)
    with kernel or nullcontext():
        settings = ready(settings, with_kafka=plan.needs_kafka, meanwhile=partial(start_ahead, settings, kernel))
        # It imports much; meanwhile the kernel starts Spark.
        from etl.cli.cycles import run_plan

        code = run_plan(settings, plan, kernel, strict=strict)
    raise typer.Exit(code)


def _print_defaults(plan: RunPlan) -> None:
    """Name the feeds for which nothing is simulated unless it is asked for, and why."""
    for feed in plan.feeds:
        if feed.why_none:
            line = f"{feed.contract.feed}: no readings are simulated, because {feed.why_none}; --messages N simulates some."
            console.print(line, soft_wrap=True, markup=False)
