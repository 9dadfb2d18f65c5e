"""Archives on disk: content, plain or compressed, with its manifest beside it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from etl.errors import IntegrityError
from etl.storage.files import COMPRESSED_SUFFIX, TEMPORARY_PREFIX, shown_name, temporary_of, write_json
from etl.storage.manifests import Archive, planned_archives, read_manifest

MANIFEST_SUFFIX = ".manifest.json"

_NAME = re.compile(r"\d{8}T\d{6,}Z_.+\.csv")
"""Time and cycle: the part of a name after the feed and `_`."""


@dataclass(frozen=True)
class ArchiveFile:
    """One archive in `backup/<feed>`, whether it is there, half there, or gone. Names of a feed's archives sort by age."""

    folder: Path
    name: str
    """The name of the plain CSV; the ledger has the same."""

    @property
    def plain(self) -> Path:
        return self.folder / self.name

    @property
    def compressed(self) -> Path:
        return self.folder / f"{self.name}{COMPRESSED_SUFFIX}"

    @property
    def content(self) -> Path:
        """The CSV, or its compressed copy where only that is there; the CSV's path where neither is."""
        return self.compressed if self.compressed.exists() and not self.plain.exists() else self.plain

    @property
    def manifest(self) -> Path:
        """Describes the plain content, also after that was compressed."""
        return self.folder / f"{self.name}{MANIFEST_SUFFIX}"

    @property
    def temporary(self) -> Path:
        """Where the content is written before it is whole."""
        return temporary_of(self.plain)

    def exists(self) -> bool:
        """Whether content or manifest is there."""
        return self.manifest.exists() or self.content.exists()

    def is_complete(self) -> bool:
        """Whether content and manifest are there."""
        return self.manifest.exists() and self.content.exists()

    def size(self) -> int:
        """Bytes that content and manifest take on the disk."""
        parts = (self.plain, self.compressed, self.manifest)
        return sum(part.stat().st_size for part in parts if part.exists())

    def read_manifest(self) -> Archive:
        """The archive's manifest.

        :raises IntegrityError: it is damaged or of another archive, or it is gone although the content is there.
        """
        if not self.manifest.exists() and self.content.exists():
            raise IntegrityError(f"The manifest of archive {self.name} is gone.", remedy="Restore it from a copy.")
        archive = read_manifest(Archive, self.manifest)
        if archive.file_name != self.name:
            raise IntegrityError(
                f"{self.manifest.name} is the manifest of {shown_name(archive.file_name)}.",
                remedy="Restore it from a copy.",
            )
        return archive

    def write_manifest(self, archive: Archive) -> None:
        """Write the manifest, whole or not at all; from then on the archive exists for all other jobs."""
        write_json(self.manifest, archive)


def archive_files(folder: Path) -> list[ArchiveFile]:
    """The archives of `backup/<feed>` that have a manifest, oldest first; no manifest is opened."""
    names = (path.name.removesuffix(MANIFEST_SUFFIX) for path in folder.glob(f"*{MANIFEST_SUFFIX}"))
    # `glob` finds hidden names as well, and so a manifest that a process was writing when it died.
    return [ArchiveFile(folder, name) for name in sorted(names) if not name.startswith(TEMPORARY_PREFIX)]


def archives_without_manifest(folder: Path, output: Path) -> list[ArchiveFile]:
    """The archives of `backup/<feed>` that have lost their manifest, oldest first.

    Archives that a merge has not finished are in its plan and do not count, nor do other files that somebody put there.
    """
    names = {path.name.removesuffix(COMPRESSED_SUFFIX) for path in folder.glob(f"{folder.name}_*.csv*")}
    suspect = {name for name in names if _NAME.fullmatch(name.removeprefix(f"{folder.name}_"))}
    if suspect := suspect - {file.name for file in archive_files(folder)}:
        try:
            suspect -= planned_archives(output)
        except IntegrityError:
            return []
    # A merge may have ended meanwhile: it writes the manifest before it removes the plan.
    return [file for name in sorted(suspect) if not (file := ArchiveFile(folder, name)).manifest.exists()]
