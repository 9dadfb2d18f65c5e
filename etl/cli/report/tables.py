"""Tables without lines between cells: fitted to a terminal, and printed in full everywhere else."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.table import Table

from etl.audit.states import Status
from etl.cli.console import FULL_WIDTH, console

_GAP = 2
_FOLDED = 8
"""A column that may be folded keeps this many characters, so that words can still be read."""
STATUS_STYLES = {Status.SUCCESS: "green", Status.FAILED: "bold red", Status.RUNNING: "cyan"}


def new_table(
    *names: str,
    numbers: Collection[str] = (),
    whole: Collection[str] = (),
    cut: Collection[str] = (),
    title: str = "",
    caption: str = "",
    show_header: bool = True,
) -> Table:
    """A table with these columns; a value that is too wide for the terminal is folded.

    :param numbers: columns that are aligned to the right and never folded.
    :param whole: columns whose values stay in one piece: statuses, and names that are copied.
    :param cut: columns of which a terminal shows only the beginning, because a value may be a whole message.
    """
    table = Table(
        title=title or None,
        title_justify="left",
        title_style="bold",
        caption=caption or None,
        caption_justify="left",
        header_style="bold",
        show_header=show_header,
        box=None,
        pad_edge=False,
    )
    for name in names:
        table.add_column(
            name,
            justify="right" if name in numbers else "left",
            no_wrap=name in (*numbers, *whole, *cut),
            overflow="ellipsis" if name in cut else "fold",
        )
    return table


def print_tables(*tables: Table) -> None:
    """Print tables, with an empty line after each of several."""
    for table in tables:
        _print_table(table)
        if len(tables) > 1:
            console.print()


def _print_table(table: Table) -> None:
    if console.file.isatty():
        console.print(_Fitted(table, _fit(table, console.width)), crop=False)
        return
    for column in table.columns:
        column.max_width, column.overflow = None, "fold"
    with console.capture() as printed:
        console.print(table)
    # Columns are padded to their width; after the last one that is of no use to anybody.
    lines = (line.rstrip(" ") for line in printed.get().removesuffix("\n").split("\n"))
    console.file.write("\n".join(lines) + "\n")


@dataclass(frozen=True)
class _Fitted:
    """A table that is printed with this width, also where the terminal has another."""

    table: Table
    width: int

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield from console.render(self.table, options.update(width=self.width))


def _fit(table: Table, width: int) -> int:
    """Make the widest columns narrower until the table fits; returns its width.

    It is larger than the terminal's where columns whose values stay in one piece leave no choice.
    """
    available = width - _GAP * (len(table.columns) - 1)
    natural, least = [], []
    for column in table.columns:
        values = max((_measured(cell) for cell in column.cells), default=1)
        natural.append(min(max(values, _measured(column.header)), column.max_width or available))
        is_whole = column.no_wrap and column.overflow == "fold"
        least.append(values if is_whole else min(natural[-1], _FOLDED))
    widths = natural
    for widest in range(available, 0, -1):
        widths = [max(low, min(high, widest)) for low, high in zip(least, natural, strict=True)]
        if sum(widths) <= available:
            break
    for column, fitted in zip(table.columns, widths, strict=True):
        column.width = fitted
        # A header may be folded where the values below it are not.
        column.no_wrap = column.overflow == "ellipsis"
    return max(width, sum(widths) + width - available)


def _measured(cell: RenderableType) -> int:
    return console.measure(cell, options=console.options.update(max_width=FULL_WIDTH)).maximum
