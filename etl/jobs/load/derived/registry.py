"""Everything that follows from loaded rows, in the order of its computation; load, replay, undo and init use this list only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, FromClause, Table

from etl.contract.model import EvolvedContract
from etl.database.schema.ensure import Created
from etl.jobs.load.derived.anomalies import Anomalies
from etl.jobs.load.derived.base import Derived, NewRows
from etl.jobs.load.derived.quality import Quality
from etl.jobs.load.derived.windows import WindowStatistics

DERIVED: list[Derived] = [WindowStatistics(), Anomalies(), Quality()]


def tables(contract: EvolvedContract) -> list[Table]:
    """The tables of one feed that hold what follows from its rows."""
    return [table for derived in DERIVED for table in derived.tables(contract)]


def fill(connection: Connection, created: Created) -> None:
    """Compute what is in newly created tables."""
    for derived in DERIVED:
        derived.fill(connection, created)


def update(connection: Connection, new: NewRows) -> None:
    """Bring everything that is derived up to date after rows came into a feed's table."""
    for derived in DERIVED:
        derived.update(connection, new)


@contextmanager
def following(connection: Connection, contract: EvolvedContract, table: Table, rows: FromClause) -> Iterator[None]:
    """A block in which rows are changed or removed; after it, what follows from them is recomputed.

    :param rows: those rows, as a query that finds them when the block begins.
    """
    touched = [(derived, derived.touch(connection, contract, rows)) for derived in DERIVED]
    yield
    for derived, noted in touched:
        derived.recompute(connection, contract, table, noted)


def recompute(connection: Connection, contract: EvolvedContract, table: Table, rows: FromClause) -> None:
    """Recompute what follows from some rows that are in the table."""
    with following(connection, contract, table, rows):
        pass


def forget(connection: Connection, loads: list[int]) -> None:
    """Remove what was kept of single loads; what was computed last goes first."""
    for derived in reversed(DERIVED):
        derived.forget(connection, loads)
