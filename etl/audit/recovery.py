"""Jobs whose process is gone: their rows in `etl_log` are closed with the error `Died`."""

from __future__ import annotations

import socket
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row

from etl.audit import log_rows
from etl.audit.incidents import job_ends, register
from etl.audit.incidents.register import Source
from etl.settings import Settings
from etl.storage import failpoints
from etl.storage.locks import is_alive

_OTHER_HOST_IS_DEAD_AFTER = timedelta(minutes=5)


def close_dead(connection: Connection, settings: Settings, feed: str) -> int:
    """Close RUNNING rows whose process is gone; returns how many.

    A job on this machine holds a lock file while it runs. A job on another machine counts as running while its heartbeat is
    less than five minutes old.
    """
    now = datetime.now(UTC)
    dead = [row for row in log_rows.running_rows(connection, feed) if _is_dead(settings, row, now)]
    for row in dead:
        died = log_rows.close_died(connection, row, now)
        source = Source(row.log_id, row.cycle_id, row.job_name, row.notebook)
        register.take(connection, settings, feed, job_ends.failed(row.job_name, died), source)
        failpoints.reached("recover.closing_dead")
    return len(dead)


def _is_dead(settings: Settings, row: Row[Any], now: datetime) -> bool:
    if row.host == socket.gethostname():
        return not is_alive(settings, row.feed, row.pid, row.start_time)
    return bool(row.heartbeat_at < now - _OTHER_HOST_IS_DEAD_AFTER)
