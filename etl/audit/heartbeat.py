"""The heartbeat of a running job, `etl_log.heartbeat_at`: it tells a long job from a dead one."""

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

    On separate connections with a short timeout, and outside a transaction, so that a beat that hangs holds no lock.
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
        # A beat that hangs must not delay the end of the job; the thread is a daemon and its statement has a timeout.
        thread.join(_LAST_BEAT_SECONDS)
        dispose(engine)


def beat(engine: Engine, log_id: int) -> None:
    """Renew the heartbeat of a job once, if it is still running."""
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
            # The job's other statements meet the same error and report it; a missed beat alone does no harm.
            if not missing:
                log.warning("the heartbeat could not be written to etl_log", cause=error.cause)
            missing = True
