"""What is done with each kind of source after what was read from it has been loaded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import structlog
from sqlalchemy import Connection

from etl.audit import ledger
from etl.audit.job import JobRun
from etl.contract.reader import Contract
from etl.contract.sources.kafka_topic import KafkaTopic
from etl.contract.sources.landing_folder import LandingFolder
from etl.contract.sources.source import FeedSource
from etl.database import transaction
from etl.errors import AlreadyRunning
from etl.settings import Settings
from etl.storage import failpoints, files, manifests
from etl.storage.landing_folder import folder_of, is_being_written, move, target_of, waiting
from etl.storage.locks import JOB_WAIT_SECONDS, feed_lock

log = structlog.get_logger("load")


def keep_messages(settings: Settings, run: JobRun, contract: Contract, source: KafkaTopic) -> None:
    """Nothing is done: a topic keeps its messages for as long as its retention says."""


def move_loaded_files(settings: Settings, run: JobRun, contract: Contract, source: LandingFolder) -> None:
    """Move landing files that are loaded; a file that another job holds is moved by the next load."""
    try:
        with (
            feed_lock(settings, contract.feed, "job", what="job load", wait_seconds=JOB_WAIT_SECONDS),
            transaction(run.engine) as connection,
        ):
            _move_loaded(settings, contract, source, connection)
    except AlreadyRunning as error:
        log.warning("landing files that are loaded stay for now", cause=error.cause)


def _move_loaded(settings: Settings, contract: Contract, source: LandingFolder, connection: Connection) -> None:
    """Move files whose content is loaded to `backup/<feed>/landing/`."""
    folder, loaded = folder_of(settings, source), manifests.feed_backup(settings, contract.feed) / "landing"
    for path in waiting(settings, source):
        try:
            digest = "" if is_being_written(path) else files.sha256(path)
        except (FileNotFoundError, PermissionError):
            # It has been removed meanwhile, or cannot be read and so was never taken.
            continue
        if digest and ledger.is_landing_file_loaded(connection, contract.feed, digest):
            move(path, target_of(path.relative_to(folder), loaded, digest))
            failpoints.reached("landing.settling")


SETTLING: Mapping[type[FeedSource], Callable[[Settings, JobRun, Contract, Any], None]] = {
    KafkaTopic: keep_messages,
    LandingFolder: move_loaded_files,
}
"""Called after every load, with the contract's source."""
