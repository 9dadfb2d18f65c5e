"""Rows of `etl_log` whose process is gone are closed as `Died`."""

from __future__ import annotations

import os
import socket
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, select, update

from etl.database.schema.audit_tables import etl_log
from etl.settings import Settings
from etl.storage import failpoints
from etl.storage.locks import is_alive

_OTHER_HOST_IS_DEAD_AFTER = timedelta(minutes=5)


def close_dead(connection: Connection, settings: Settings, feed: str) -> int:
    """Close RUNNING rows whose process is gone; returns how many.

    A job of this machine holds a lock for as long as it lives. A row of another machine is believed while its heart beats.
    """
    now = datetime.now(UTC)
    running = select(etl_log).where(etl_log.c.feed == feed, etl_log.c.status == "RUNNING")
    dead = [row for row in connection.execute(running) if _is_dead(settings, row, now)]
    for row in dead:
        connection.execute(
            update(etl_log)
            .where(etl_log.c.log_id == row.log_id, etl_log.c.status == "RUNNING")
            .values(
                status="FAILED",
                end_time=now,
                duration_seconds=(row.heartbeat_at - row.start_time).total_seconds(),
                error_type="Died",
                error_message=f"Process {row.pid} on {row.host} ended without closing this row; its last sign of life was at"
                f" {row.heartbeat_at:%Y-%m-%d %H:%M:%S} UTC. Closed by process {os.getpid()} on {socket.gethostname()}.",
            )
        )
        failpoints.reached("recover.closing_dead")
    return len(dead)


def _is_dead(settings: Settings, row: Row[Any], now: datetime) -> bool:
    if row.host == socket.gethostname():
        return not is_alive(settings, row.feed, row.pid, row.start_time)
    return bool(row.heartbeat_at < now - _OTHER_HOST_IS_DEAD_AFTER)
