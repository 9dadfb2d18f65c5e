"""Who may change what all feeds share: the audit tables, and the views over several feeds."""

from __future__ import annotations

import threading
import time

from sqlalchemy import Connection

from etl.database.sessions import try_lock_feed
from etl.errors import AlreadyRunning

PATIENCE_SECONDS = 60.0
_LOOK_SECONDS = 0.05
# No feed can have this name.
_NAME = "all feeds"


def lock_schema(connection: Connection) -> None:
    """Wait until nobody else changes tables or views, and keep others from it until the transaction ends.

    What is missing has to be looked up again afterwards. Take it before anything is changed: who waits for it must hold no table.

    :raises AlreadyRunning: another session holds it for longer than PATIENCE_SECONDS.
    """
    since, pause = time.monotonic(), threading.Event()
    while not try_lock_feed(connection, _NAME):
        if time.monotonic() - since > PATIENCE_SECONDS:
            raise AlreadyRunning(
                "Another process is changing the tables of this database.",
                remedy="Wait until it has ended, then try again. A process without connection loses the lock within"
                " ETL_STATEMENT_TIMEOUT_SECONDS.",
            )
        pause.wait(_LOOK_SECONDS)
