"""docs/feeds.md, and the sample message of a feed."""

from __future__ import annotations

import json
from collections.abc import Iterable

from etl.cli.report.contract.columns import Entry, entries
from etl.cli.report.contract.facts import facts
from etl.contract.model import Contract

_INTRODUCTION = """\
# Feeds

One section per packaged feed, made from its contract by `python -m etl feeds docs > docs/feeds.md`; do not edit it by hand.
[Contracts](contracts.md) explains how to write one. Sample messages are simulated.
"""
_LINE_SHOWN = 2_000


def sample(contract: Contract) -> list[str]:
    """A message as the simulator makes it; of a CSV feed, the header and a line.

    :raises ConfigurationError: the contract asks for values that cannot be made up.
    """
    from etl.jobs.produce.simulate import DEFAULT_START, csv_header, simulate

    dialect = contract.source.format.dialect
    chunk = next(simulate(contract, 2, seed=1, start=DEFAULT_START, bad_share=0))
    header = [csv_header(contract)] if contract.source.format.is_tabular and dialect.header else []
    return [line.decode(dialect.raw_encoding) for line in [*header, chunk[-1].value or b""]]


def shown_line(line: str) -> str:
    """A line of a sample, cut where a message of many columns would fill the screen."""
    return line if len(line) <= _LINE_SHOWN else f"{line[:_LINE_SHOWN]} … ({len(line):,} characters)"


def page(contracts: Iterable[Contract]) -> str:
    """The contents of docs/feeds.md."""
    return "\n".join([_INTRODUCTION, *(_section(contract) for contract in contracts)])


def _section(contract: Contract) -> str:
    columns = [
        "| column | from | type | unit | rules | meaning |",
        "|---|---|---|---|---|---|",
        *map(_row, entries(contract)),
    ]
    lines = [f"- **{word}**: {_plain(sentence)}" for word, sentence in facts(contract)]
    shown = ["```", *map(_indented, sample(contract)), "```"]
    parts = [f"## {contract.feed}", contract.description, "\n".join(columns), "\n".join(lines), "\n".join(shown)]
    return "\n\n".join(parts) + "\n"


def _row(entry: Entry) -> str:
    source = "" if entry.sources == entry.names else f"`{entry.source}`"
    cells = [f"`{entry.name}`", source, entry.type, entry.unit, _plain(entry.rules), _plain(entry.meaning)]
    return f"| {' | '.join(cells)} |"


def _plain(text: str) -> str:
    """Text that Markdown leaves alone, in a table too."""
    return text.replace("|", r"\|").replace("_", r"\_")


def _indented(line: str) -> str:
    """JSON over several lines, where it is nested."""
    if not line.startswith("{") or "[" not in line:
        return line
    return json.dumps(json.loads(line), indent=2, ensure_ascii=False)
