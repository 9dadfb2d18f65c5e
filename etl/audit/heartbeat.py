"""The sign of life of a running job: `etl_log.heartbeat_at`, so that others can tell a long job from a dead one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from sqlalchemy import Engine

from etl.audit import log_rows
from etl.database import dispose, make_engine, transaction
from etl.errors import EtlError
from etl.settings import Settings

log = structlog.get_logger("heartbeat")

HEARTBEAT_SECONDS = 10.0
_LAST_BEAT_SECONDS = 2.0


@contextmanager
def heartbeat(settings: Settings, log_id: int) -> Iterator[None]:
    """Renew `heartbeat_at` every `HEARTBEAT_SECONDS`.

    On connections of its own with a short limit, and not in a transaction: whatever becomes of a beat, it holds no lock.
    """
    seconds = float(settings.database_timeout_seconds)
    engine = make_engine(settings, application="heartbeat", statement_seconds=seconds)
    ended = threading.Event()
    thread = threading.Thread(target=_beat, args=(engine, log_id, ended), name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        # A beat that hangs must not hold up the job's end; the thread is a daemon and its statement is bounded.
        thread.join(_LAST_BEAT_SECONDS)
        dispose(engine)


def beat(engine: Engine, log_id: int) -> None:
    """One sign of life, of a job that is still running."""
    with transaction(engine) as connection:
        log_rows.renew_heartbeat(connection, log_id)


def _beat(engine: Engine, log_id: int, ended: threading.Event) -> None:
    autocommit = engine.execution_options(isolation_level="AUTOCOMMIT")
    missing = False
    while not ended.wait(HEARTBEAT_SECONDS):
        try:
            beat(autocommit, log_id)
            missing = False
        except EtlError as error:
            # The job's own statements meet the same trouble and report it; a missed beat alone harms nothing.
            if not missing:
                log.warning("no sign of life in etl_log for now", cause=error.cause)
            missing = True
