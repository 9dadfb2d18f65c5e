"""Tables in Markdown, and what all pages have in common."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from benchmarks.figures import Result


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines of a table in Markdown, without the empty one after it."""
    return [_row(head), f"|{'---|' * len(head)}", *map(_row, rows)]


def _row(cells: Sequence[str]) -> str:
    return "".join(f"| {cell} " if cell else "| " for cell in cells) + "|"


def mib(number: float) -> str:
    """Bytes as whole mebibytes; a dash where nothing was measured."""
    return f"{number / 2**20:,.0f} MiB" if number else "–"


def failures(result: Result) -> list[str]:
    """One line for each part that did not finish or gave wrong results."""
    return [f"{failure['what']} did not finish: {failure['why']}" for failure in result["failed"]]


def plain(axes: Any) -> None:
    """A picture without its upper and right frame."""
    axes.spines[["top", "right"]].set_visible(False)
