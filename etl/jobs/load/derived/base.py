"""What follows from a feed's rows, as an interface: a new measure is one class of this kind and one line in the registry."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Connection, FromClause, Subquery, Table, and_, select

from etl.contract.model import EvolvedContract
from etl.database.schema.ensure import Created
from etl.jobs.load.derived.fleet import Seen
from etl.jobs.load.derived.newest_rows import FreshRows
from etl.jobs.load.derived.summary import LoadSummary
from etl.jobs.load.derived.tally import Tally

if TYPE_CHECKING:
    import pandas as pd


@dataclass
class LoadSoFar:
    """What a job knows of its archives that are loaded, so that it need not ask the database for all of them again."""

    summary: LoadSummary = field(default_factory=LoadSummary)
    seen: Seen | None = field(default_factory=Seen)
    """For the fleet's completeness; None where it is not known."""
    sample: pd.DataFrame | None = None
    """What a few sensors sent, by the job's last archive (`etl.jobs.load.sample`); None before that one is loaded."""

    def take(self, other: LoadSoFar) -> None:
        """Become equal to another one."""
        self.summary, self.seen, self.sample = other.summary, other.seen, other.sample


@dataclass(frozen=True)
class NewRows:
    """Rows that came into a feed's table in the current transaction, from one archive or one replay."""

    contract: EvolvedContract
    table: Table
    log_id: int
    """Of the load that inserted them."""
    of_archive: ColumnElement[bool]
    """Which of the load's rows in the table they are."""
    number: int | None = None
    """How many there are; None where they were not counted."""
    kept: FreshRows | None = None
    """Those of them that are newer than all rows loaded before, where they were kept in memory."""
    kept_are_newest: bool = False
    """Whether the table holds no other row after the newest row loaded before."""
    kept_are_all: bool = False
    """Whether the table holds all accepted rows of the archive that are in `kept` or known to it, and no others of it."""
    tally: Tally | None = None
    """How often each quality rule was checked and failed; None for a replay, whose rows were counted when they were rejected."""
    load: LoadSoFar | None = None
    """The load so far, these rows included; given with `tally`."""

    @property
    def condition(self) -> ColumnElement[bool]:
        """Whether a row of the table is one of them."""
        return and_(self.table.c.log_id == self.log_id, self.of_archive)

    @property
    def rows(self) -> Subquery:
        """The rows, as the table has them."""
        return select(self.table).where(self.condition).subquery("new")

    @property
    def newest(self) -> FreshRows | None:
        """The rows kept in memory, where the table holds no others after the newest row loaded before."""
        return self.kept if self.kept_are_newest else None


class Derived:
    """Something that is computed from a feed's rows, in the transaction that changes them.

    What it keeps per feed is in `tables`: those are created with the feed's own and computed by `fill`. What it keeps per load is
    in audit tables, under the load's `log_id`, and is removed by `forget`.

    A class that has `tables`, `touch` and `recompute` is complete: the other methods follow from these.
    """

    def tables(self, contract: EvolvedContract) -> Iterable[Table]:
        """Its tables for one feed; each can be dropped and recomputed at any time.

        The choice of tables does not depend on the contract's optional parts: a table that is left out for a while is not
        updated meanwhile, and nothing would notice that when it is wanted again.
        A primary key that is a single integer needs `autoincrement=False`: otherwise SQLAlchemy makes it an IDENTITY column on
        SQL Server, which refuses values from outside.
        """
        return ()

    def touch(self, connection: Connection, contract: EvolvedContract, rows: FromClause) -> Any:
        """Note what depends on some rows while they are in the table; `recompute` gets the result after they have changed."""

    def recompute(self, connection: Connection, contract: EvolvedContract, table: Table, touched: Any) -> None:
        """Compute what `touch` has noted again, from the rows that are in the table now."""

    def update(self, connection: Connection, new: NewRows) -> None:
        """Bring what is computed up to date after rows came in."""
        self.recompute(connection, new.contract, new.table, self.touch(connection, new.contract, new.rows))

    def fill(self, connection: Connection, created: Created) -> None:
        """Compute its tables that were created, from all rows of the feed."""
        if created.empty & {table.name for table in self.tables(created.contract)}:
            touched = self.touch(connection, created.contract, created.table)
            self.recompute(connection, created.contract, created.table, touched)

    def forget(self, connection: Connection, loads: list[int]) -> None:
        """Remove what was kept of single loads, by their `log_id`; their rows are gone already."""
