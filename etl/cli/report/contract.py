"""A contract in words: for `feeds list` and `feeds show`, and for docs/feeds.md, which is generated from it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from etl.cli.report.tables import new_table
from etl.contract.durations import format_duration
from etl.contract.model import ITEMS, AnomalyRules, Column, Contract, EventTime, Windows
from etl.settings import PROJECT_ROOT

_TYPES = {"text": "string", "double": "number"}
UNKNOWN_KEYS = {
    "evolve": "are taken up as new nullable columns",
    "freeze": "are left out, and reported in the log",
    "discard": "set the row aside in the quarantine, with the reason unknown_key",
}

ON_CONFLICT = {
    "quarantine": "goes to the quarantine, with the reason conflicting",
    "keepFirst": "is counted as conflicting, and left out",
    "keepLast": "is counted as conflicting, and takes the place of the earlier one",
}

_INTRODUCTION = """\
# Feeds

One section per packaged feed, made from its contract by `python -m etl feeds docs > docs/feeds.md`; do not edit it by hand.
[Contracts](contracts.md) explains how to write one. Sample messages are simulated.
"""


def source_path(column: Column, contract: Contract) -> str:
    """Where a column's value is in a message, as `rename` writes it: keys with dots of their own make it a list."""
    if any("." in key for key in column.source) and not contract.source.format.is_tabular:
        return json.dumps(column.source, ensure_ascii=False)
    return ".".join(column.source).replace(f".{ITEMS}", ITEMS)


def rules(column: Column, contract: Contract) -> list[str]:
    """The rules that a column's values must meet, in words."""
    texts = ["required"] if column.required else []
    if column.name in contract.primary_key:
        texts.append("key")
    if column.type == "integer":
        texts.append(f"{column.bits} bits")
    if column.minimum is not None and column.maximum is not None:
        texts.append(f"{column.minimum:g} to {column.maximum:g}")
    else:
        texts += [f"at least {column.minimum:g}"] if column.minimum is not None else []
        texts += [f"at most {column.maximum:g}"] if column.maximum is not None else []
    texts += [f"{column.min_length} or more characters"] if column.min_length else []
    texts += [f"at most {column.max_length} characters"] if column.max_length else []
    texts += [f"matches {column.pattern}"] if column.pattern else []
    return texts + (["without blanks at its ends"] if column.trim else [])


def sample(contract: Contract) -> list[str]:
    """A message as the simulator makes it; of a CSV feed, the header and a line.

    :raises ConfigurationError: the contract asks for values that cannot be made up.
    """
    from etl.jobs.produce.simulate import DEFAULT_START, csv_header, simulate

    dialect = contract.source.format.dialect
    chunk = next(simulate(contract, 2, seed=1, start=DEFAULT_START, bad_share=0))
    header = [csv_header(contract)] if contract.source.format.is_tabular and dialect.header else []
    return [line.decode(dialect.raw_encoding) for line in [*header, chunk[-1].value or b""]]


def described(contract: Contract) -> dict[str, Any]:
    """A contract as plain values for JSON."""
    return {
        "feed": contract.feed,
        "version": contract.version,
        "description": contract.description,
        "source": contract.source.as_json(),
        "table": contract.table,
        "columns": [
            {
                "name": column.name,
                "source": source_path(column, contract),
                "type": _TYPES.get(column.type, column.type),
                "unit": column.unit or None,
                "rules": rules(column, contract),
                "description": column.description,
            }
            for column in contract.columns
        ],
        "primary_key": list(contract.primary_key),
        "sensor": list(contract.sensor),
        "event_time": _event_time(contract.event_time),
        "explode": [".".join(level) for level in contract.explode],
        "windows": _windows(contract.windows) if contract.windows else None,
        "lateness_seconds": contract.lateness_seconds,
        "unknown_keys": contract.unknown_keys,
        "anomalies": vars(contract.anomalies) if contract.anomalies else None,
        "fleet": vars(contract.fleet) if contract.fleet else None,
        "latency_seconds": contract.freshness_seconds,
        "on_conflict": contract.on_conflict,
        "failure_budget": contract.failure_budget,
    }


def _event_time(time: EventTime) -> dict[str, Any]:
    return {
        "column": time.column,
        "formats": list(time.formats),
        "timezone": time.timezone,
        "earliest": time.earliest.isoformat(),
        "ahead_seconds": time.ahead_seconds,
    }


def _windows(windows: Windows) -> dict[str, list[str]]:
    return {
        "sizes": [size for size, _ in windows.sizes],
        "key": list(windows.key),
        "measures": list(windows.measures),
    }


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
    """A line per column of a contract."""
    table = new_table("column", "from", "type", "unit", "rules", "meaning", whole=("column",))
    for column in contract.columns:
        kind, column_rules = _TYPES.get(column.type, column.type), ", ".join(rules(column, contract))
        values = (column.name, source_path(column, contract), kind, column.unit, column_rules, column.description)
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
    """A packaged contract by its place in the project, others in full."""
    return str(file.relative_to(PROJECT_ROOT)) if file.is_relative_to(PROJECT_ROOT) else str(file)


def facts(contract: Contract) -> list[tuple[str, str]]:
    """The rest of a contract, without its columns, as pairs of a word and a sentence."""
    time, windows = contract.event_time, contract.windows
    pairs = [
        ("from", contract.source.in_words),
        ("into", f"table {contract.table}"),
        ("key", f"{' and '.join(contract.primary_key)}" if contract.primary_key else "none"),
        ("sensor", " and ".join(contract.sensor)),
        ("event time", f"{time.column}, written as {', '.join(time.formats)}; without an offset it is {time.timezone}"),
    ]
    if contract.explode:
        pairs.append(("readings", f"elements of {'[].'.join('.'.join(level) for level in contract.explode)}"))
    if windows:
        sizes = ", ".join(f"{contract.table}_{size}" for size, _ in windows.sizes)
        pairs.append(("windows", f"{sizes}: {', '.join(windows.measures)} per {' and '.join(windows.key)}"))
    pairs.append(
        ("late", f"more than {format_duration(contract.lateness_seconds)} behind the newest reading loaded before")
    )
    pairs.append(("unknown keys", UNKNOWN_KEYS[contract.unknown_keys]))
    if contract.primary_key:
        pairs.append(
            ("conflict", f"a row with the key of an earlier one and other values {ON_CONFLICT[contract.on_conflict]}")
        )
    if contract.anomalies:
        pairs.append(("anomalies", _anomalies(contract.anomalies)))
    if contract.fleet:
        every = format_duration(contract.fleet.interval_seconds)
        pairs.append(("fleet", f"{contract.fleet.sensors} sensors, each every {every}"))
    if contract.freshness_seconds:
        pairs.append(("latency", f"the newest reading is at most {format_duration(contract.freshness_seconds)} old"))
    if contract.failure_budget < 1:
        pairs.append(("failure budget", f"a load fails if more than {contract.failure_budget:.1%} of its rows are bad"))
    return pairs


def _anomalies(rules: AnomalyRules) -> str:
    sentence = f"outliers in {', '.join(rules.measures)} beyond a robust z-score of {rules.threshold:g}"
    if rules.stuck_seconds:
        sentence += f"; stuck after {format_duration(rules.stuck_seconds)} of equal values"
    return sentence + (f"; a gap after {format_duration(rules.gap_seconds)}" if rules.gap_seconds else "")


def page(contracts: Iterable[Contract]) -> str:
    """The contents of docs/feeds.md."""
    return "\n".join([_INTRODUCTION, *(_section(contract) for contract in contracts)])


def _section(contract: Contract) -> str:
    columns = [
        "| column | from | type | unit | rules | meaning |",
        "|---|---|---|---|---|---|",
        *(_row(column, contract) for column in contract.columns),
    ]
    lines = [f"- **{word}**: {_plain(sentence)}" for word, sentence in facts(contract)]
    shown = ["```", *map(_indented, sample(contract)), "```"]
    parts = [f"## {contract.feed}", contract.description, "\n".join(columns), "\n".join(lines), "\n".join(shown)]
    return "\n\n".join(parts) + "\n"


def _row(column: Column, contract: Contract) -> str:
    path = source_path(column, contract)
    source = "" if path == column.name else f"`{path}`"
    cells = [f"`{column.name}`", source, _TYPES.get(column.type, column.type), column.unit]
    cells += [_plain(", ".join(rules(column, contract))), _plain(column.description)]
    return f"| {' | '.join(cells)} |"


def _plain(text: str) -> str:
    """Text that Markdown leaves alone, in a table too."""
    return text.replace("|", r"\|").replace("_", r"\_")


def _indented(line: str) -> str:
    """JSON over several lines, where it is nested."""
    if not line.startswith("{") or "[" not in line:
        return line
    return json.dumps(json.loads(line), indent=2, ensure_ascii=False)
