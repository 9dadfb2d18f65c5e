"""What will be changed in a feed's tables for its contract, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Column, Index, Table, UniqueConstraint

from etl.contract.model import EvolvedContract
from etl.contract.problems import combine
from etl.database import AlteredColumn
from etl.errors import ContractError


@dataclass(frozen=True)
class WindowChanges:
    """What will be changed in a feed's tables of windows."""

    drop: tuple[str, ...] = ()
    """Of sizes that the contract no longer has, and those that are made again."""
    gone: tuple[str, ...] = ()
    """Those of `drop` that are not created again."""
    make: tuple[Table, ...] = ()
    add_measures: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By table."""
    forget_measures: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    is_news: bool = False
    """Whether the definitions in `etl_feed` are out of date."""
    of_other_tables: Mapping[str, Any] = field(default_factory=dict)
    """The definitions in `etl_feed` for tables that the feed had before."""

    @property
    def is_any(self) -> bool:
        return bool(self.drop or self.make or self.add_measures or self.forget_measures)


@dataclass(frozen=True)
class Changes:
    """What will be changed, and what is refused."""

    contract: EvolvedContract
    table: Table
    """The feed's table as it will be."""
    create: bool = False
    add: tuple[Column[Any], ...] = ()
    alter: tuple[AlteredColumn, ...] = ()
    key: UniqueConstraint | None = None
    """The new key; None where the key stays."""
    replaces_key: bool = False
    """Whether the table has a key, which the new one replaces."""
    drop_indexes: tuple[Index, ...] = ()
    make_indexes: tuple[Index, ...] = ()
    windows: WindowChanges = field(default_factory=WindowChanges)
    make_derived: tuple[Table, ...] = ()
    """Tables of what follows from the feed's rows, other than windows, that are missing or have other columns."""
    drop_derived: tuple[Table, ...] = ()
    """Those of `make_derived` that are there with other columns."""
    outdated_views: tuple[str, ...] = ()
    """Views built from the contract that must be created again, or are no longer wanted."""
    make_views: tuple[str, ...] = ()
    refused: tuple[ContractError, ...] = ()

    @property
    def is_any(self) -> bool:
        """Whether something will be changed."""
        table = self.create or self.add or self.alter or self.key is not None or self.drop_indexes or self.make_indexes
        derived = self.make_derived or self.outdated_views or self.make_views
        return bool(table or self.windows.is_any or derived)

    @property
    def names_with_views(self) -> list[str]:
        """Tables and views whose changes affect the views that depend on them."""
        dropped = [table.name for table in self.drop_derived]
        is_moving = self.windows.is_any or dropped or any(column.is_other_kind for column in self.alter)
        tables = [self.table.name, *self.windows.drop] if is_moving and not self.create else []
        return [*tables, *dropped, *self.outdated_views]

    def require_allowed(self) -> Changes:
        """Returns itself.

        :raises ContractError: something is refused; with all of it.
        """
        if self.refused:
            raise combine(self.refused)
        return self

    def in_words(self) -> Iterator[str]:
        """What will be changed, a sentence each."""
        if self.create:
            yield f"table {self.table.name} will be made"
        yield from (f"column {column.name} will be added" for column in self.add)
        for column in self.alter:
            kind = f" as {column.kind.compile()}" if column.is_other_kind else ""
            yield f"column {column.name} will be altered{kind}{'; it may be empty' if column.is_required_now else ''}"
        if self.key is not None:
            yield f"the key will be {', '.join(column.name for column in self.key.columns)}"
        remade = {table.name for table in self.windows.make}
        yield from (f"windows {name} will be dropped" for name in self.windows.gone)
        yield from (f"windows {name} will be computed" for name in sorted({*remade, *self.windows.add_measures}))
        yield from (f"table {table.name} will be computed" for table in self.make_derived)
