"""The stage: rows in bulk on their way into a table, whatever the database product."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Table, and_

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Refused:
    """A row that the database itself refuses: its number in the stage, and the SQLSTATE."""

    row: int
    state: str


class RowsRefused(Exception):
    """The database refuses at least one of some rows; the transaction goes on without any of them."""

    def __init__(self, state: str) -> None:
        super().__init__(state)
        self.state = state


STAGE_ROW = "stage_row"
"""The column that numbers the rows of a stage; the name is reserved."""


class Stage(ABC):
    """Rows on their way into a table: copied in bulk, then inserted where the table does not have them yet.

    The table's unique key alone decides which rows are new.

    The stage holds text as text and everything else as the table does, but none of the table's constraints, so that only
    the insert can be refused. It is removed with the transaction.
    """

    staged: Table
    """The stage itself, for queries; rows have their number in STAGE_ROW."""
    table: Table
    columns: list[str]
    rows: int
    """How many are staged."""
    inserted = 0
    """How many went straight into the table."""

    @abstractmethod
    def copy(self, rows: pa.Table) -> None:
        """Append typed rows; the columns are those of the stage, in its order."""

    def copy_unseen(self, rows: pa.Table, constants: dict[str, Any]) -> None:
        """Append rows whose keys are most likely not in the table: they may go straight into it.

        The result is the same as with `copy`.

        :param constants: those that `insert_new` will be given.
        """
        self.copy(rows)

    def whereabouts(self, log_id: int, of_rows: ColumnElement[bool]) -> ColumnElement[bool]:
        """A condition for rows that this stage has inserted, by which the database finds them without reading the whole table.

        Rows of other loads may meet it, too. Some of the stage's own may not, where the database has filled gaps; so count.

        :param log_id: that the rows have in the table.
        :param of_rows: which of the load's rows they are.
        """
        return and_(self.table.c.log_id == log_id, of_rows)

    @abstractmethod
    def read(self, row: int) -> dict[str, Any]:
        """One staged row."""

    @abstractmethod
    def insert_some(self, constants: dict[str, Any], first: int, end: int) -> int:
        """Insert what is new of the rows from `first` up to, not including, `end`; all of them or none.

        :raises RowsRefused: the database refuses one of them.
        """

    def insert_new(self, constants: dict[str, Any], *, first: int = 0) -> tuple[int, list[Refused]]:
        """Insert the staged rows whose key the table does not hold; of rows with the same key, the first.

        Rows that the database refuses (by a check constraint, or a shorter column) are found by halving and left out.

        :param constants: columns that have one value for all rows.
        :param first: only the rows from this number on; what went straight into the table is counted with the first ones.
        :returns: how many rows were inserted, and which were refused.
        """
        inserted, refused = self._insert(constants, first, self.rows)
        return inserted + (0 if first else self.inserted), refused

    def _insert(self, constants: dict[str, Any], first: int, end: int) -> tuple[int, list[Refused]]:
        if first >= end:
            return 0, []
        try:
            return self.insert_some(constants, first, end), []
        except RowsRefused as error:
            if end - first == 1:
                return 0, [Refused(first, error.state)]
        middle = (first + end) // 2
        left, right = self._insert(constants, first, middle), self._insert(constants, middle, end)
        return left[0] + right[0], left[1] + right[1]
