"""Writes landing files as a batch, which gets its name when it is complete."""

from __future__ import annotations

import hashlib
import secrets
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path, PurePath

import structlog

from etl.contract.model import EvolvedContract
from etl.settings import Settings
from etl.storage import failpoints, manifests
from etl.storage.landing_folder import shown
from etl.storage.manifests import Batch, LandingFile, OffsetRange, Part, Source
from etl.storage.publish import publish_batch, temporary_batch

log = structlog.get_logger("landing")

ROWS_PER_BATCH = 200_000
FILES_PER_BATCH = 500


class FileBatch:
    """A batch of files that is being written, under a temporary name."""

    def __init__(self, settings: Settings, contract: EvolvedContract, cycle_id: str) -> None:
        self._contract = contract
        self._cycle_id = cycle_id
        self._query_id = secrets.token_hex(8)
        self._output = manifests.feed_output(settings, contract.feed)
        self._folder = temporary_batch(self._output, self._query_id, 0)
        self._folder.mkdir(parents=True)
        self.files: list[LandingFile] = []
        self._parts: list[Part] = []

    @property
    def is_full(self) -> bool:
        return len(self.files) >= FILES_PER_BATCH or sum(file.rows for file in self.files) >= ROWS_PER_BATCH

    def write(self, path: Path, name: PurePath, digest: str) -> tuple[LandingFile, list[Part]]:
        """Write the parts of a file; afterwards call `add` or `discard`.

        :param name: its path below the landing folder.
        :raises UnreadableFile: the file cannot be read at all.
        """
        from etl.jobs.consume.files.parts import write_parts

        file, parts = write_parts(self._contract, path, digest, self._folder, number=len(self.files))
        return replace(file, name=shown(name)), parts

    def add(self, file: LandingFile, parts: list[Part]) -> None:
        """Make a written file a member of the batch."""
        self.files.append(file)
        self._parts += parts

    def discard(self) -> None:
        """Remove the parts of a file that was written, whole or not, and not added."""
        for part in self._folder.glob(f"part-{len(self.files):05d}-*"):
            part.unlink()

    def finish(self) -> Batch | None:
        """Write the manifest and give the batch its name with one rename; None where no file was added."""
        if not self.files:
            shutil.rmtree(self._folder)
            return None
        failpoints.reached("landing.parts_written")
        batch = self._manifest()
        publish_batch(batch, self._folder, self._output)
        log.info("batch written", files=len(self.files), rows=batch.messages, unparsable=batch.unparsable)
        return batch

    def _manifest(self) -> Batch:
        from etl.jobs.consume.files.parts import part_paths

        content = hashlib.sha256("".join(file.sha256 for file in self.files).encode()).hexdigest()
        return Batch(
            feed=self._contract.feed,
            cycle_id=self._cycle_id,
            query_id=self._query_id,
            batch_id=0,
            source=Source("folder", self._contract.source.name, content),
            offsets={str(n): OffsetRange(1, file.lines + 1, file.rows) for n, file in enumerate(self.files)},
            columns=self._contract.file_columns,
            paths=part_paths(self._contract, (file.header for file in self.files)),
            messages=sum(file.messages for file in self.files),
            rows=sum(part.rows for part in self._parts),
            unparsable=sum(file.unparsable for file in self.files),
            parts=tuple(self._parts),
            written_at=datetime.now(UTC).isoformat(),
            files=tuple(self.files),
        )
