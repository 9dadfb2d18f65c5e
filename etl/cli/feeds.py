"""`python -m etl feeds`: list, show, check, try and draft the contracts of feeds.

Operations are imported where they are called (see `etl.cli`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from etl.cli.console import AsJson, console, print_error, print_json
from etl.contract.shell_words import shell_word
from etl.errors import ConfigurationError, ContractError

if TYPE_CHECKING:
    from etl.contract.model import Contract
    from etl.operations.feeds.trial import Trial

Messages = Annotated[
    int | None,
    typer.Option(
        help="Only with --from-topic: how many of its newest messages are read. Default: 500.", show_default=False
    ),
]

DOES_NOT_FIT = 3
"""Exit code of `feeds try`, where a contract is sound and rejects too much of a sample."""

app = typer.Typer(help="List, show, check and draft the contracts of feeds.", invoke_without_command=True)


@app.callback()
def feeds(context: typer.Context) -> None:
    """List, show, check and draft the contracts of feeds."""
    if context.invoked_subcommand is None:
        list_feeds()


@app.command("list")
def list_feeds(as_json: AsJson = False) -> None:
    """List all feeds: source, target table, and the file of the contract."""
    from etl.cli.report.contract.plain import described
    from etl.cli.report.contract.tables import feeds_table
    from etl.cli.report.tables import print_tables
    from etl.contract.reader import read_contracts
    from etl.settings import Settings

    contracts, wrong = read_contracts(Settings.load())
    if as_json:
        print_json([{**described(contract), "file": str(contract.file)} for contract in contracts.values()])
    else:
        print_tables(feeds_table(contracts.values()))
    _refuse(wrong)


@app.command("show")
def show(
    name: Annotated[str, typer.Argument(help="The feed's name.", show_default=False)], as_json: AsJson = False
) -> None:
    """Show one feed: columns, rules, keys, times, and a sample message."""
    from etl.cli.report.contract.page import sample, shown_line
    from etl.cli.report.contract.plain import described
    from etl.cli.report.contract.tables import columns_table, facts_table
    from etl.cli.report.tables import print_tables
    from etl.contract.reader import load_contract
    from etl.settings import Settings

    contract = load_contract(name, Settings.load())
    try:
        message = sample(contract)
    except ConfigurationError as error:
        message = [f"({error.cause})"]
    if as_json:
        print_json({**described(contract), "file": str(contract.file), "sample": message})
        return
    console.print(f"{contract.feed} {contract.version}", style="bold", markup=False)
    console.print(f"{contract.description}\n", markup=False)
    print_tables(columns_table(contract), facts_table(contract))
    for line in message:
        console.print(shown_line(line), markup=False, soft_wrap=True)


@app.command("check")
def check(files: Annotated[list[Path], typer.Argument(help="Contract files (NAME.odcs.yaml).")]) -> None:
    """Check contract files: every error with its line and what to do about it. Exit code 2 if there is one."""
    from etl.operations.feeds.check import check_contracts
    from etl.settings import Settings

    checked = check_contracts(Settings.load(), files)
    if checked.not_compared:
        console.print(checked.not_compared, markup=False, soft_wrap=True)
    for contract in checked.sound:
        console.print(
            f"{contract.file.name} is fine: {contract.source.name} → {contract.table}, {len(contract.columns)} columns.",
            markup=False,
            soft_wrap=True,
        )
        changes = checked.changes.get(contract.feed)
        if changes and (sentences := list(changes.in_words())):
            console.print(
                f"The next load, or `python -m etl init`, will change: {'; '.join(sentences)}.",
                markup=False,
                soft_wrap=True,
            )
    _refuse(checked.wrong)


@app.command("new")
def new(
    name: Annotated[str, typer.Argument(help="The feed's name: lower-case letters, digits and _.", show_default=False)],
    more: Annotated[
        list[Path] | None,
        typer.Argument(help="Further sample files, as a shell gives them for --from folder/*.csv.", show_default=False),
    ] = None,
    source: Annotated[
        list[Path] | None,
        typer.Option(
            "--from",
            help="A sample file: JSON, JSON lines, CSV of any dialect or Parquet, plain or packed with gzip or zstd. "
            "Give several by repeating it, or by a pattern.",
            show_default=False,
        ),
    ] = None,
    from_topic: Annotated[
        str,
        typer.Option(help="Read the sample from this Kafka topic, without committing anything.", show_default=False),
    ] = "",
    messages: Messages = None,
    topic: Annotated[
        str,
        typer.Option(
            help="The feed's Kafka topic. Default for JSON: that of --from-topic, else NAME.", show_default=False
        ),
    ] = "",
    landing: Annotated[
        str,
        typer.Option(help="The feed's landing folder. Default for CSV and Parquet: landing/NAME.", show_default=False),
    ] = "",
) -> None:
    """Draft a contract from a sample, into the first folder of ETL_FEEDS, or into contracts/.

    Of large samples the first 10,000 records are read. What the sample leaves open is TODO in the draft.
    """
    from etl.contract.reader import read_contract
    from etl.operations.feeds.draft import draft_contract, require_new
    from etl.operations.feeds.samples import sample_of
    from etl.operations.feeds.try_out import try_sample
    from etl.settings import Settings

    settings = Settings.load()
    require_new(settings, name)
    sample = sample_of(settings, [*(source or []), *(more or [])], from_topic, messages)
    drafted = draft_contract(settings, name, sample, topic=topic or ("" if landing else from_topic), landing=landing)
    file = drafted.file
    console.print(f"Drafted {file}; its comments say what was inferred.", markup=False, soft_wrap=True)
    for sentence in drafted.too_wide:
        console.print(sentence, markup=False, soft_wrap=True)
    if drafted.assumed:
        console.print(
            "Assumed, because the sample cannot show it; correct it in the file where it is wrong:", soft_wrap=True
        )
    for sentence in drafted.assumed:
        console.print(f"  {sentence}", markup=False, soft_wrap=True)
    if drafted.undecided:
        console.print("Decide these first, in the file:", soft_wrap=True)
    for question in drafted.undecided:
        console.print(f"  line {question.line}: {question.place}: {question.text}", markup=False, soft_wrap=True)
    if drafted.undecided:
        console.print(
            f"Next, when that is done: python -m etl feeds check {shell_word(str(file))}", markup=False, soft_wrap=True
        )
        return
    contract = read_contract(file)
    _print_trial(contract, try_sample(contract, sample), sample.files, from_topic, settings.home)


@app.command("try")
def try_out(
    name: Annotated[str, typer.Argument(help="The feed's name.", show_default=False)],
    more: Annotated[
        list[Path] | None,
        typer.Argument(help="Further files, as a shell gives them for --from folder/*.csv.", show_default=False),
    ] = None,
    source: Annotated[
        list[Path] | None,
        typer.Option(
            "--from", help="A file of readings. Repeat it, or give a pattern, for several.", show_default=False
        ),
    ] = None,
    from_topic: Annotated[
        str, typer.Option(help="Try the newest messages of this Kafka topic.", show_default=False)
    ] = "",
    messages: Messages = None,
    as_json: AsJson = False,
) -> None:
    """Show what a contract would do with readings: what is loaded or rejected, and why; windows and anomalies. Loads nothing.

    Exit code 3 if less than 95 % of the readings would be loaded or are duplicates.
    """
    from etl.contract.draft.samples.read import expand
    from etl.contract.reader import load_contract
    from etl.operations.feeds.samples import require_one_sample, sample_of
    from etl.operations.feeds.trial import as_json as plain
    from etl.operations.feeds.try_out import try_files, try_sample
    from etl.settings import Settings

    settings = Settings.load()
    try:
        contract = load_contract(name, settings)
    except ContractError as error:
        _refuse(error.problems)
        raise
    files = expand([*(source or []), *(more or [])])
    require_one_sample(files, from_topic, messages)
    trial = (
        try_files(contract, files) if files else try_sample(contract, sample_of(settings, files, from_topic, messages))
    )
    if as_json:
        print_json(plain(trial))
    else:
        _print_trial(contract, trial, files, from_topic, settings.home)
    raise typer.Exit(0 if trial.fits else DOES_NOT_FIT)


def _print_trial(contract: Contract, trial: Trial, files: Sequence[Path], topic: str, home: Path) -> None:
    from etl.cli.report.trial import next_commands, trial_lines, verdict

    following = next_commands(contract, trial, files, topic, home=home)
    for line in (*trial_lines(contract, trial), verdict(trial), *following):
        console.print(line, markup=False, soft_wrap=True)


@app.command("docs", hidden=True)
def docs() -> None:
    """Print docs/feeds.md, made from the packaged contracts."""
    from etl.cli.report.contract.page import page
    from etl.contract.reader import contract_files, read_contract
    from etl.settings import Settings

    packaged = contract_files(Settings.load(feeds=""))
    typer.echo(page(read_contract(path) for _, path in sorted(packaged.items())), nl=False)


def _refuse(wrong: Iterable[ContractError]) -> None:
    """Print errors, if there are any, and exit with the code of the first."""
    errors = list(wrong)
    for error in errors:
        print_error(error)
    if errors:
        raise typer.Exit(errors[0].exit_code)
