"""What `prune` did, as tables."""

from __future__ import annotations

from collections.abc import Iterable

from rich.table import Table
from rich.text import Text

from etl.cli.report.tables import new_table
from etl.operations.retention.policy import Item, Pruned

_ACTIONS = {"compress": "compressed", "delete": "deleted", "move": "moved", "keep": "kept"}


def pruned(done: Pruned) -> list[Table]:
    """A line per kind; before it one for each item that is kept although it is old, in a dry run for every item."""
    listed = [item for item in done.items if done.dry_run or item.action == "keep"]
    was = "would be" if done.dry_run else "was"
    return [*([_items(listed, was)] if listed else []), _sums(done, was)]


def _sums(done: Pruned, was: str) -> Table:
    numbers = ("number", "bytes", "freed")
    caption = "Nothing was done." if done.dry_run else ""
    table = new_table("what", was, *numbers, numbers=numbers, whole=("what", was), caption=caption)
    groups: dict[tuple[str, str], list[Item]] = {}
    for item in done.items:
        groups.setdefault((item.kind, _ACTIONS[item.action]), []).append(item)
    for (kind, action), items in groups.items():
        table.add_row(kind, action, f"{sum(item.count for item in items):,}", _bytes(items), _freed(items))
    table.add_row("all together", "", "", _bytes(done.items), _freed(done.items), style="bold")
    return table


def _items(items: Iterable[Item], was: str) -> Table:
    table = new_table("what", "feed", "name", was, "bytes", numbers=("bytes",))
    for item in items:
        action = f"{_ACTIONS[item.action]}: {item.why}" if item.why else _ACTIONS[item.action]
        table.add_row(item.kind, item.feed, Text(item.name), Text(action), _bytes([item]))
    return table


def _bytes(items: Iterable[Item]) -> str:
    return f"{sum(item.bytes for item in items):,}"


def _freed(items: Iterable[Item]) -> str:
    freed = [item.freed for item in items]
    known = f"{sum(number or 0 for number in freed):,}"
    return f"{known} + ?" if None in freed else known
