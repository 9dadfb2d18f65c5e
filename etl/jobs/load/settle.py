"""Landing files that were loaded are moved to `backup/`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog
from sqlalchemy import Connection

from etl.audit import ledger
from etl.audit.job import JobRun
from etl.contract.reader import Contract
from etl.database import transaction
from etl.errors import AlreadyRunning
from etl.settings import Settings
from etl.storage import failpoints, files, manifests
from etl.storage.landing_folder import is_being_written, move, target_of, waiting
from etl.storage.locks import JOB_WAIT_SECONDS, feed_lock

if TYPE_CHECKING:
    pass


log = structlog.get_logger("load")


def _move_loaded(settings: Settings, contract: Contract, connection: Connection) -> list[str]:
    """Move files whose content is loaded to `backup/<feed>/landing/`; returns their names."""
    moved = []
    for path in waiting(settings, contract):
        try:
            digest = "" if is_being_written(path) else files.sha256(path)
        except (FileNotFoundError, PermissionError):
            # It is gone meanwhile, or was never taken.
            continue
        if digest and ledger.is_landing_file_loaded(connection, contract.feed, digest):
            move(path, target_of(path, manifests.feed_backup(settings, contract.feed) / "landing", digest))
            moved.append(files.stored_name(path.name))
            failpoints.reached("landing.settling")
    return moved


def settle(settings: Settings, run: JobRun, contract: Contract) -> None:
    """Move landing files that are loaded; what another job hinders is moved by the next load."""
    try:
        with (
            feed_lock(settings, contract.feed, "job", what="job load", wait_seconds=JOB_WAIT_SECONDS),
            transaction(run.engine) as connection,
        ):
            _move_loaded(settings, contract, connection)
    except AlreadyRunning as error:
        log.warning("landing files that are loaded stay for now", cause=error.cause)
