"""Bringing the database's tables up to date, which several commands do first."""

from __future__ import annotations

from collections.abc import Mapping

from etl.contract import Contract
from etl.database import dispose, make_engine, transaction
from etl.schema import ensure_feeds
from etl.settings import Settings
from etl.tables import migrate


def init_tables(settings: Settings, contracts: Mapping[str, Contract]) -> bool:
    """Create or update the audit tables, and the tables and views of these feeds; whether the audit tables changed."""
    engine = make_engine(settings, application="init")
    try:
        changed = migrate(engine)
        with transaction(engine) as connection:
            ensure_feeds(connection, contracts.values())
    finally:
        dispose(engine)
    return changed
