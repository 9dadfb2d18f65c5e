"""`python -m etl feeds`: list, show, check and draft the contracts of feeds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from etl.cli.console import AsJson, console, errors_console, print_json
from etl.cli.describe import described, facts, page, rules, sample, source_path
from etl.contract.document import SUFFIX
from etl.contract.draft.sample import read_sample
from etl.contract.draft.writer import draft
from etl.contract.model import EvolvedContract
from etl.contract.reader import Contract, contract_files, load_contract, parse_contract, read_contract
from etl.database import product_in
from etl.database.schema.changes import Changes, compare
from etl.database.schema.feed_table import feed_table, require_fits, with_added_columns
from etl.database.schema.migrations import connected
from etl.database.schema.views import made_names
from etl.database.schema.windows import window_tables
from etl.errors import ConfigurationError, ContractError, EtlError
from etl.settings import PROJECT_ROOT, Settings

app = typer.Typer(help="List, show, check and draft the contracts of feeds.", invoke_without_command=True)


@app.callback()
def feeds(context: typer.Context) -> None:
    """List, show, check and draft the contracts of feeds."""
    if context.invoked_subcommand is None:
        list_feeds()


@app.command("list")
def list_feeds(as_json: AsJson = False) -> None:
    """List all feeds: where from, whereto, and the file of the contract."""
    read, wrong = _read_all(contract_files(Settings.load()))
    if as_json:
        print_json([{**described(contract), "file": str(contract.file)} for contract in read])
    else:
        table = _table("feed", "from", "into", "sensor", "contract")
        for contract in read:
            source = f"{contract.source_name}{'/' if contract.landing else ''}"
            table.add_row(contract.feed, source, contract.table, ", ".join(contract.sensor), _shown(contract.file))
        console.print(table)
    _refuse(wrong)


@app.command("show")
def show(name: str, as_json: AsJson = False) -> None:
    """Show one feed: columns, rules, keys, times, and a sample message."""
    contract = load_contract(name, Settings.load())
    try:
        message = sample(contract)
    except ConfigurationError as error:
        message = [f"({error.cause})"]
    if as_json:
        print_json({**described(contract), "file": str(contract.file), "sample": message})
        return
    console.print(Text(f"{contract.feed} {contract.version}", style="bold"))
    console.print(Text(f"{contract.description}\n"))
    console.print(_columns_table(contract))
    console.print()
    said = Table(box=None, pad_edge=False, show_header=False)
    said.add_column(style="bold", no_wrap=True)
    said.add_column(overflow="fold")
    for word, sentence in [*facts(contract), ("contract", _shown(contract.file))]:
        said.add_row(word, Text(sentence))
    console.print(said)
    console.print()
    for line in message:
        console.print(line, markup=False, soft_wrap=True)


@app.command("check")
def check(files: Annotated[list[Path], typer.Argument(help=f"Contract files (NAME{SUFFIX}).")]) -> None:
    """Check contract files: every error with its line and what to do about it. Exit code 2 if there is one."""
    settings = Settings.load()
    known = contract_files(settings)
    wrong: list[ContractError] = []
    sound: list[Contract] = []
    for file in files:
        try:
            contract = read_contract(file)
            _require_own_names(contract, known)
            tables = [feed_table(EvolvedContract.of(contract)), *window_tables(contract)]
            require_fits(product_in(settings), contract, tables)
        except ContractError as error:
            wrong += error.problems
        else:
            sound.append(contract)
    compared = _compared(settings, sound)
    for contract in sound:
        changes = compared.get(contract.feed)
        if changes and changes.refused:
            wrong += changes.refused
            continue
        console.print(
            f"{contract.file.name} is fine: {contract.source_name} → {contract.table}, {len(contract.columns)} columns.",
            soft_wrap=True,
        )
        if changes and (told := list(changes.in_words())):
            console.print(f"The next load, or `python -m etl init`, will change: {'; '.join(told)}.", soft_wrap=True)
    _refuse(wrong)


@app.command("new")
def new(
    name: Annotated[str, typer.Argument(help="The feed's name: small letters, digits and _.")],
    source: Annotated[Path, typer.Option("--from", help="A sample: .json, .jsonl or .csv.")],
    topic: Annotated[str, typer.Option(help="Its Kafka topic. Default for JSON: the feed's name.")] = "",
    landing: Annotated[str, typer.Option(help="Its landing folder. Default for CSV: landing/NAME.")] = "",
) -> None:
    """Draft a contract from a sample, into the first folder of ETL_FEEDS or the current one."""
    settings = Settings.load()
    if name in contract_files(settings):
        raise ConfigurationError(f"There is a feed {name!r} already.", remedy="Give another name.")
    found = read_sample(source)
    if topic and landing:
        raise ConfigurationError(
            "A feed has a topic or a landing folder.", remedy="Give --topic or --landing, not both."
        )
    if landing and not found.is_csv:
        raise ConfigurationError(
            f"{source.name} is no CSV file.", remedy="Landing folders hold CSV files; give --topic."
        )
    if not topic and not landing:
        topic, landing = ("", f"landing/{name}") if found.is_csv else (name, "")
    text = draft(name, found, topic=topic, landing=landing)
    file = (settings.feeds[0] if settings.feeds else Path.cwd()) / f"{name}{SUFFIX}"
    # Whatever is drafted can be used at once.
    parse_contract(text, file)
    try:
        with file.open("x", encoding="utf-8") as handle:
            handle.write(text)
    except FileExistsError:
        raise ConfigurationError(f"{file} exists.", remedy="Remove or rename it; nothing is overwritten.") from None
    except OSError as error:
        raise ConfigurationError(
            f"{file} cannot be written: {error}", remedy="Write elsewhere: set ETL_FEEDS."
        ) from None
    console.print(f"Drafted {file}; its comments say what was guessed.", soft_wrap=True)
    if not settings.feeds:
        console.print(f"Set ETL_FEEDS={file.parent} so that it is found.", soft_wrap=True)
    console.print(f"Next: python -m etl feeds check {file}, then python -m etl run {name}", soft_wrap=True)


@app.command("docs", hidden=True)
def docs() -> None:
    """Print docs/feeds.md, made from the packaged contracts."""
    packaged = contract_files(Settings.load(feeds=""))
    typer.echo(page(read_contract(path) for _, path in sorted(packaged.items())), nl=False)


def _read_all(files: dict[str, Path]) -> tuple[list[Contract], list[ContractError]]:
    """The contracts that can be used, and the errors of the others."""
    read, wrong = [], list[ContractError]()
    for _, path in sorted(files.items()):
        try:
            read.append(read_contract(path))
        except ContractError as error:
            wrong += error.problems
    return read, wrong


def _compared(settings: Settings, contracts: list[Contract]) -> dict[str, Changes]:
    """What contracts ask of the tables that are there, by feed; of no feed where no database can be asked."""
    if not contracts:
        return {}
    try:
        with connected(settings, "check") as connection:
            return {
                contract.feed: compare(connection, with_added_columns(connection, contract)) for contract in contracts
            }
    except EtlError as error:
        reason = error.cause
    console.print(f"Not compared with the database: {reason}", soft_wrap=True)
    return {}


def _require_own_names(contract: Contract, known: dict[str, Path]) -> None:
    """Two feeds must not fill one table, nor make tables or views of the same name."""
    others, _ = _read_all({feed: path for feed, path in known.items() if feed != contract.feed})
    own = made_names(contract)
    for other in others:
        what = f"the table {contract.table} is that of feed {other.feed}"
        if other.table != contract.table:
            shared = sorted(own & made_names(other))
            what = f"{shared[0]} would be of feed {other.feed} as well" if shared else ""
        if what:
            raise ContractError(
                f"{contract.file.name}: {what}", remedy="Give the feed a table of its own: schema[0].physicalName."
            )


def _refuse(wrong: list[ContractError]) -> None:
    """Print errors, if there are any, and end with the code of the first."""
    for error in wrong:
        errors_console.print(Text("Error: ", style="bold red") + Text(error.cause), soft_wrap=True)
        errors_console.print(Text("Remedy: ", style="bold") + Text(error.remedy), soft_wrap=True)
    if wrong:
        raise typer.Exit(wrong[0].exit_code)


def _columns_table(contract: Contract) -> Table:
    table = _table("column", "from", "type", "unit", "rules", "meaning")
    types = {column["name"]: column["type"] for column in described(contract)["columns"]}
    for column in contract.columns:
        told = ", ".join(rules(column, contract))
        cells = (column.name, source_path(column), types[column.name], column.unit, told, column.description)
        table.add_row(*map(Text, cells))
    return table


def _table(*names: str) -> Table:
    table = Table(header_style="bold", box=None, pad_edge=False)
    for name in names:
        table.add_column(name, overflow="fold")
    return table


def _shown(file: Path) -> str:
    """A packaged contract by its place in the project, others in full."""
    return str(file.relative_to(PROJECT_ROOT)) if file.is_relative_to(PROJECT_ROOT) else str(file)
