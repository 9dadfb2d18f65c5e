"""Sending beside the cycles: in a process that nobody waits for."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime

import structlog

from etl.database import dispose, make_engine, transaction
from etl.errors import EtlError
from etl.operations.alerts import outbox
from etl.settings import Settings

log = structlog.get_logger("alerts")

_STATEMENT_SECONDS = 5.0


def start_sending(settings: Settings) -> None:
    """Start to send what waits, if anything is due. It does not wait for that, and whatever goes wrong is logged and fails
    nothing: the next call tries again.
    """
    if not settings.receivers:
        return
    try:
        if _is_due(settings):
            # It outlives this process, and Ctrl-C does not reach it. It reads the settings itself: no secret is an argument.
            subprocess.Popen(
                [sys.executable, "-m", "etl", "alerts", "send", "--quiet"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
    except (EtlError, OSError) as error:
        cause = error.cause if isinstance(error, EtlError) else f"{type(error).__name__}: {error.strerror}"
        log.warning("messages about incidents wait", cause=settings.mask(cause))


def _is_due(settings: Settings) -> bool:
    labels = [receiver.label for receiver in settings.receivers]
    engine = make_engine(settings, application="alerts", statement_seconds=_STATEMENT_SECONDS)
    try:
        with transaction(engine) as connection:
            return bool(outbox.due_receivers(connection, labels, datetime.now(UTC)))
    finally:
        dispose(engine)
