"""Which archive is loaded next, and by which loader: loaders take turns, on one machine or on many that share `backup/`.

A feed's archives are loaded one after the other, oldest first, by any loader: which row of a key is the first, what is late
and what is an anomaly depends on what was loaded before. To have the turn is to hold the feed's lock in the database,
which the database releases when the transaction that loads an archive ends, or its process dies.
"""

from __future__ import annotations

import threading
import time

import structlog
from sqlalchemy import Connection, union_all

from etl.audit import ledger, set_aside
from etl.audit.ledger import ArchiveLoad
from etl.contract.model import Contract
from etl.database import lock_feed, try_lock_feed
from etl.settings import Settings
from etl.storage import manifests
from etl.storage.archive_file import ArchiveFile, archive_files, archives_without_manifest
from etl.storage.manifests import Archive

log = structlog.get_logger("queue")

_LOOK_SECONDS = 0.1
"""Pause before a waiting loader tries again."""


def waiting_archives(connection: Connection, settings: Settings, contract: Contract) -> list[ArchiveFile]:
    """The archives of `backup/<feed>` that the ledger does not hold, and that are not set aside; oldest first.

    An archive that has lost its manifest waits as well: the loader that takes it reports that.
    """
    aside = set_aside.names(contract.feed, set_aside.ARCHIVE)
    done = set(connection.scalars(union_all(ledger.archive_names(contract.feed), aside)))
    backup, output = manifests.feed_backup(settings, contract.feed), manifests.feed_output(settings, contract.feed)
    files = [*archive_files(backup), *archives_without_manifest(backup, output)]
    return sorted((file for file in files if file.name not in done), key=lambda file: file.name)


class Queue:
    """The archives that waited when a job began. Each leaves the queue when any loader has loaded it."""

    def __init__(self, connection: Connection, settings: Settings, contract: Contract, log_id: int) -> None:
        self.files = waiting_archives(connection, settings, contract)
        self._feed = contract.feed
        self._log_id = log_id

    def take(self, connection: Connection, patience_seconds: float) -> Archive | None:
        """Wait for the turn, which is then held until the transaction ends; returns the queue's first archive.

        None as soon as other loaders have loaded all archives of the queue.

        :param patience_seconds: longest time to wait while no archive of the queue is loaded.
        :raises AlreadyRunning: another loader held the lock for longer than that.
        """
        since, pause = time.monotonic(), threading.Event()
        while True:
            # The turn first: what the ledger lacks then, it lacks until this transaction ends.
            has_turn = try_lock_feed(connection, self._feed)
            left = len(self.files)
            archive = self._oldest(connection)
            if has_turn or archive is None:
                return archive
            if len(self.files) < left:
                since = time.monotonic()
            if time.monotonic() - since > patience_seconds:
                lock_feed(connection, self._feed)
            pause.wait(_LOOK_SECONDS)

    def is_loaded(self, connection: Connection, archive: Archive) -> bool:
        """Whether this job has loaded an archive already, in an attempt whose COMMIT succeeded but was not answered."""
        return self._is_own(archive, ledger.load_of(connection, archive))

    def leave_first(self) -> None:
        """Forget the first archive: the job has loaded it, or it cannot be loaded now."""
        self.files.pop(0)

    def _oldest(self, connection: Connection) -> Archive | None:
        """The first archive that the ledger lacks, or has from this job; those before it leave the queue."""
        while self.files:
            # An archive without any file was loaded by another loader and then pruned, which removes the manifest last.
            if self.files[0].exists():
                archive = self.files[0].read_manifest()
                load = ledger.load_of(connection, archive)
                if load is None or self._is_own(archive, load):
                    return archive
                if load.file_name != archive.file_name:
                    log.info("the same archive under another name", archive=archive.file_name)
            self.files.pop(0)
        return None

    def _is_own(self, archive: Archive, load: ArchiveLoad | None) -> bool:
        return load == (self._log_id, archive.file_name)
