"""Which landing files were taken before, by their content."""

from __future__ import annotations

from collections.abc import Container

from sqlalchemy import Engine

from etl.audit import ledger
from etl.audit.set_aside import ARCHIVE, BATCH
from etl.contract.reader import Contract
from etl.database import transaction
from etl.errors import IntegrityError
from etl.settings import Settings
from etl.storage import manifests
from etl.storage.archive_file import archive_files, archives_without_manifest


class SeenFiles:
    """SHA-256 of every file that was taken: it is in a batch or an archive, set aside with one, or in the ledger.

    The ledger is queried per file through its index, so the cost does not grow with the ledger.
    """

    def __init__(
        self, settings: Settings, contract: Contract, engine: Engine, set_aside: Container[tuple[str, str]] = ()
    ) -> None:
        """:param set_aside: kind and name of what was set aside; the files of damaged batches and archives are taken again."""
        self._feed = contract.feed
        self._engine = engine
        self.unknown: list[str] = []
        """Batches and archives whose files are not known yet."""
        with transaction(engine) as connection:
            loaded = set(connection.scalars(ledger.archive_names(contract.feed)))
        output, backup = manifests.feed_output(settings, contract.feed), manifests.feed_backup(settings, contract.feed)
        taken = [batch.files for batch in manifests.taken_batches(settings, contract.feed)]
        damaged = [(BATCH, name) for name in manifests.read_batches(output)[1]]
        for archive in (*archive_files(backup), *archives_without_manifest(backup, output)):
            if archive.name in loaded:
                continue
            try:
                taken.append(archive.read_manifest().files)
            except IntegrityError:
                damaged.append((ARCHIVE, archive.name))
        self.unknown = [name for kind, name in damaged if (kind, name) not in set_aside]
        self._not_loaded = {file.sha256 for landing_files in taken for file in landing_files}

    def __contains__(self, digest: str) -> bool:
        if digest in self._not_loaded:
            return True
        with transaction(self._engine) as connection:
            return ledger.is_landing_file_known(connection, self._feed, digest)

    def add(self, digest: str) -> None:
        self._not_loaded.add(digest)
