"""Everything that a feed has in the database: its table, its windows, its views."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, Table, inspect

from etl.database import product_of
from etl.model import Contract
from etl.tables import ensure_feed_table, feed_table, require_fits
from etl.views import ensure_common_views, ensure_views
from etl.windows import ensure_window_tables, window_tables


def ensure_feed(connection: Connection, contract: Contract) -> Table:
    """Create what a feed lacks, and add what its contract has gained; returns its table.

    :raises PermanentError: the contract would narrow or change a column that holds data; names the column.
    :raises ContractError: the database cannot hold what it asks for.
    """
    require_fits(product_of(connection.dialect), contract, [feed_table(contract), *window_tables(contract)])
    table = ensure_feed_table(connection, contract)
    ensure_window_tables(connection, contract)
    ensure_views(connection, contract, table, inspect(connection))
    return table


def ensure_feeds(connection: Connection, contracts: Iterable[Contract]) -> None:
    """Create what these feeds lack, and the views in which they stand together.

    :raises PermanentError: see `ensure_feed`.
    """
    feeds = list(contracts)
    for contract in feeds:
        ensure_feed(connection, contract)
    ensure_common_views(connection, feeds)
