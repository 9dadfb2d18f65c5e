"""What a feed says about all of its columns together; it holds for those that schema evolution adds, too."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from etl.contract.model import Column, Contract, NumberFormat
from etl.contract.sources.source import FeedSource


def numbers_of(source: FeedSource) -> NumberFormat | None:
    """How the lines of a source write numbers; None: as in JSON."""
    dialect = source.format.dialect
    is_usual = (dialect.decimal, dialect.thousands) == (".", "")
    return None if is_usual else NumberFormat(dialect.decimal, dialect.thousands)


def missing_everywhere(contract: Contract) -> tuple[str, ...]:
    """The texts that mean in every column that there is no value."""
    first, *others = (column for column in contract.columns if not column.added)
    return tuple(text for text in first.missing if all(text in column.missing for column in others))


def like_the_others(contract: Contract, added: Iterable[Column]) -> tuple[Column, ...]:
    """Columns that schema evolution adds, with what holds for all columns of the feed."""
    missing, number = missing_everywhere(contract), numbers_of(contract.source)
    return tuple(
        replace(column, missing=missing, number=number if column.type in ("integer", "double") else None)
        for column in added
    )
