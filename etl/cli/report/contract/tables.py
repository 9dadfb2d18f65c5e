"""Contracts as tables, for `feeds list` and `feeds show`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from rich.table import Table
from rich.text import Text

from etl.cli.report.contract.columns import MOST_ENTRIES, entries
from etl.cli.report.contract.facts import facts
from etl.cli.report.tables import new_table
from etl.contract.model import Contract
from etl.settings.packaged import CLONE


def feeds_table(contracts: Iterable[Contract]) -> Table:
    """A line per feed: source, target table, sensor, and the file of the contract."""
    table = new_table("feed", "from", "into", "sensor", "contract", whole=("feed",))
    for contract in contracts:
        values = (
            contract.feed,
            contract.source.label,
            contract.table,
            ", ".join(contract.sensor),
            _shown(contract.file),
        )
        table.add_row(*map(Text, values))
    return table


def columns_table(contract: Contract) -> Table:
    """A line per column of a contract; many columns that are alike share one, and there are at most `MOST_ENTRIES` lines."""
    found = entries(contract)
    left = sum(len(entry.names) for entry in found[MOST_ENTRIES:])
    caption = f"… and {left:,} more columns; `--json` has all {len(contract.columns):,}" if left else ""
    names = ("column", "from", "type", "unit", "rules", "meaning")
    table = new_table(*names, whole=("column",), caption=caption)
    for entry in found[:MOST_ENTRIES]:
        values = (entry.name, entry.source, entry.type, entry.unit, entry.rules, entry.meaning)
        table.add_row(*map(Text, values))
    return table


def facts_table(contract: Contract) -> Table:
    """The rest of a contract, without its columns, and its file."""
    table = new_table("word", "sentence", whole=("word",), show_header=False)
    table.columns[0].style = "bold"
    for word, sentence in [*facts(contract), ("contract", _shown(contract.file))]:
        table.add_row(word, Text(sentence))
    return table


def _shown(file: Path) -> str:
    """A contract in the clone by its place there, others in full."""
    return str(file.relative_to(CLONE)) if CLONE and file.is_relative_to(CLONE) else str(file)
