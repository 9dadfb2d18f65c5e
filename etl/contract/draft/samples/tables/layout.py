"""How the lines of a CSV file are laid out, as far as it was found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from etl.contract.formats.csv_dialect import CsvDialect


@dataclass(frozen=True)
class Layout:
    """A dialect, and the columns of the lines."""

    dialect: CsvDialect
    names: tuple[str, ...]
    """Of each field of a line; empty for a column that the file does not name and a contract cannot, such as an index."""
    evidence: tuple[str, ...] = ()
    questions: Mapping[str, str] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)


def made_up_names(given: list[str], width: int) -> tuple[str, ...]:
    """A different name for each field of a line, from a line of names that may lack some, or repeat them."""
    names: list[str] = []
    for place in range(width):
        plain = given[place] if place < len(given) and given[place] else f"column_{place + 1}"
        name, number = plain, 1
        while name in names:
            number += 1
            name = f"{plain}_{number}"
        names.append(name)
    return tuple(names)
