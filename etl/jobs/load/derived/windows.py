"""Statistics per window, derived from loaded rows: updated, recomputed, and filled after a contract changed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, FromClause, Table, update

from etl.contract.model import EvolvedContract
from etl.database.schema import windows
from etl.database.schema.ensure import Created
from etl.database.schema.tables.audit_tables import etl_feed
from etl.jobs.load.derived.base import Derived, NewRows
from etl.jobs.load.derived.new_windows import add_newest


class WindowStatistics(Derived):
    """The tables `<table>_5m`, `<table>_1d` or the contract's, which change in place where its measures do."""

    def tables(self, contract: EvolvedContract) -> Iterable[Table]:
        return windows.window_tables(contract)

    def touch(self, connection: Connection, contract: EvolvedContract, rows: FromClause) -> Any:
        return windows.touch(connection, contract, rows)

    def recompute(self, connection: Connection, contract: EvolvedContract, table: Table, touched: Any) -> None:
        windows.recompute(connection, contract, table, touched)

    def update(self, connection: Connection, new: NewRows) -> None:
        if new.newest is not None:
            add_newest(connection, new, new.newest)
        else:
            super().update(connection, new)

    def fill(self, connection: Connection, created: Created) -> None:
        """Compute missing windows and measures, and record the definitions of the windows."""
        contract, changes = created.contract, created.changes.windows
        if created.empty_windows:
            windows.fill(connection, contract, created.table, created.empty_windows)
        if changes.is_news:
            noted = {**changes.of_other_tables, contract.table: windows.definitions(contract)}
            connection.execute(update(etl_feed).where(etl_feed.c.feed == contract.feed).values(windows=noted))
