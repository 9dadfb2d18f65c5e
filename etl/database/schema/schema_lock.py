"""Whose turn it is to create what all feeds share: the audit tables, and the views over several feeds."""

from __future__ import annotations

from operator import not_

import tenacity
from sqlalchemy import Connection

from etl.database.sessions import try_lock_feed
from etl.errors import AlreadyRunning

PATIENCE_SECONDS = 60.0
_LOOK_SECONDS = 0.05
# No feed can have this name.
_NAME = "all feeds"


def lock_schema(connection: Connection) -> None:
    """Wait until nobody else creates or changes tables and views, and keep others from it until the transaction ends.

    Call it first in a transaction: who holds a table while waiting here can be part of a deadlock that the database does not see.

    :raises AlreadyRunning: another session holds it for longer than PATIENCE_SECONDS.
    """
    taking = tenacity.Retrying(
        retry=tenacity.retry_if_result(not_),
        stop=tenacity.stop_after_delay(PATIENCE_SECONDS),
        wait=tenacity.wait_fixed(_LOOK_SECONDS),
        retry_error_callback=lambda _: False,
    )
    if not taking(try_lock_feed, connection, _NAME):
        raise AlreadyRunning(
            "Another process is creating or changing the tables of this database.",
            remedy="Wait until it has ended, then try again. A process without connection loses the lock within"
            " ETL_STATEMENT_TIMEOUT_SECONDS.",
        )
