"""Creating and updating the tables of the database, which several commands do first."""

from __future__ import annotations

from collections.abc import Mapping

import structlog

from etl.contract.reader import Contract
from etl.database import dispose, make_engine, product_of, transaction
from etl.database.schema.migrations import migrate
from etl.database.schema.schema_lock import lock_schema
from etl.database.schema.views import api_address, missing_views, set_api_address
from etl.jobs.load.tables import ensure_possible
from etl.settings import Settings

log = structlog.get_logger("init")


def init_tables(settings: Settings, contracts: Mapping[str, Contract]) -> bool:
    """Create or update the audit tables, and the tables and views of these feeds; whether the audit tables changed.

    Several processes may do so at once: they take turns.

    :raises EtlError: some feeds were refused, after all is done for the others; names them.
    """
    engine = make_engine(settings, application="init")
    try:
        changed = migrate(engine)
        with transaction(engine) as connection:
            for what, remedy in product_of(connection.dialect).warnings(connection):
                log.warning(what, remedy=remedy)
            address = api_address(connection)
            is_complete = not contracts and address == settings.api_url and not missing_views(connection)
        if is_complete:
            return changed
        with transaction(engine) as connection:
            lock_schema(connection)
            set_api_address(connection, settings.api_url)
            refused = ensure_possible(connection, contracts.values())
    finally:
        dispose(engine)
    if refused:
        raise refused
    return changed
