"""Which archive is loaded next, and by whom: loaders take turns at a feed, on one machine or on many that share `backup/`.

A feed's archives are loaded one after the other, oldest first, by any loader: which row of a key is the first, what is late
and what is an anomaly depends on what was loaded before. The turn is the feed's lock in the database. It ends with the
transaction that loads an archive, and with the life of its holder.
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
"""How often a waiting loader tries again."""


def waiting_archives(connection: Connection, settings: Settings, contract: Contract) -> list[ArchiveFile]:
    """The archives of `backup/<feed>` that the ledger does not hold, and that are not set aside; oldest first.

    One that has lost its manifest waits as well: whoever takes it reports that.
    """
    aside = set_aside.names(contract.feed, set_aside.ARCHIVE)
    done = set(connection.scalars(union_all(ledger.archive_names(contract.feed), aside)))
    backup, output = manifests.feed_backup(settings, contract.feed), manifests.feed_output(settings, contract.feed)
    found = [*archive_files(backup), *archives_without_manifest(backup, output)]
    return sorted((file for file in found if file.name not in done), key=lambda file: file.name)


class Queue:
    """The archives that waited when a job began. They leave it as they are loaded, by whomever."""

    def __init__(self, connection: Connection, settings: Settings, contract: Contract, log_id: int) -> None:
        self.files = waiting_archives(connection, settings, contract)
        self._feed = contract.feed
        self._log_id = log_id

    def take(self, connection: Connection, patience_seconds: float) -> Archive | None:
        """Wait for the feed's turn, which is then held until the transaction ends; returns the queue's first archive.

        None as soon as others have loaded all of them.

        :param patience_seconds: how long to wait while nothing of the queue is loaded.
        :raises AlreadyRunning: longer than that.
        """
        since, pause = time.monotonic(), threading.Event()
        while True:
            # The turn first: what the ledger lacks then, it lacks until this transaction ends.
            mine = try_lock_feed(connection, self._feed)
            left = len(self.files)
            archive = self._oldest(connection)
            if mine or archive is None:
                return archive
            if len(self.files) < left:
                since = time.monotonic()
            if time.monotonic() - since > patience_seconds:
                lock_feed(connection, self._feed)
            pause.wait(_LOOK_SECONDS)

    def is_loaded(self, connection: Connection, archive: Archive) -> bool:
        """Whether this job has loaded it already, in an attempt whose COMMIT succeeded without an answer."""
        return self._is_own(archive, ledger.load_of(connection, archive))

    def leave_first(self) -> None:
        """Forget the first archive: the job has loaded it, or it cannot be loaded now."""
        self.files.pop(0)

    def _oldest(self, connection: Connection) -> Archive | None:
        """The first one that the ledger lacks, or got from this very job; those before it leave the queue."""
        while self.files:
            # One of which nothing is there was loaded by another, and has been pruned since; its manifest is what goes last.
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
