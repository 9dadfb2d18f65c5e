"""Loaded files are copied to a folder at a URL; the copies are read back and compared, so that the originals can be deleted.

Content is copied before its manifest, and both before the ledger records where they are. An interrupted copy is repeated by
the next run, unless it is already complete. Loaded files never change, so nothing is locked meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import structlog
from sqlalchemy import Connection, Engine

from etl.audit import ledger
from etl.database import transaction
from etl.errors import IntegrityError
from etl.operations.retention.remote import Remote
from etl.settings import Settings
from etl.storage import failpoints, files, manifests
from etl.storage.archive_file import ArchiveFile
from etl.storage.files import COMPRESSED_SUFFIX, TEMPORARY_PREFIX

log = structlog.get_logger("moving")


@dataclass(frozen=True)
class _LoadedFile:
    """A file of the ledger that is still here."""

    file_id: int
    file: Path
    sha256: str
    name: str
    """Below the URL."""
    manifest: Path | None = None


def copy_old(
    settings: Settings, engine: Engine, feed: str, remote: Remote, is_old: Callable[[datetime], bool]
) -> dict[str, str]:
    """Copy the feed's old loaded archives and landing files, and record in the ledger where they are.

    :returns: by path of each file, an empty text if its copy is complete, else the reason why there is none.
    :raises ServiceUnavailable: the URL does not answer, or refuses them.
    """
    with transaction(engine) as connection:
        old = [*_archives(settings, connection, feed, is_old), *_landing_files(settings, connection, feed, is_old)]
    reasons: dict[str, str] = {}
    for loaded_file in old:
        try:
            _copy(remote, loaded_file)
        except IntegrityError as error:
            reasons[str(loaded_file.file)] = error.cause
            continue
        with transaction(engine) as connection:
            ledger.note_move(connection, loaded_file.file_id, remote.url_of(loaded_file.name))
        failpoints.reached("prune.moved")
        reasons[str(loaded_file.file)] = ""
    return reasons


def digests(file: Path) -> Iterator[str]:
    """SHA-256 of a file and, if it is compressed, of its content: it may have been compressed before or after its load."""
    yield files.sha256(file)
    if file.suffix == COMPRESSED_SUFFIX:
        with suppress(IntegrityError):
            # A damaged file is not what was loaded, and stays.
            yield files.content_sha256(file)


def _archives(
    settings: Settings, connection: Connection, feed: str, is_old: Callable[[datetime], bool]
) -> Iterator[_LoadedFile]:
    folder = manifests.feed_backup(settings, feed)
    pending = manifests.planned_archives(manifests.feed_output(settings, feed))
    for entry in ledger.archive_entries(connection, feed):
        archive = ArchiveFile(folder, entry.file_name)
        if archive.name not in pending and is_old(entry.loaded_at) and archive.is_complete():
            content = archive.content
            yield _LoadedFile(entry.file_id, content, entry.sha256, f"{feed}/{content.name}", archive.manifest)


def _landing_files(
    settings: Settings, connection: Connection, feed: str, is_old: Callable[[datetime], bool]
) -> Iterator[_LoadedFile]:
    folder = manifests.feed_backup(settings, feed) / "landing"
    if not folder.is_dir():
        return
    entries = ledger.landing_entries(connection, feed)
    file_ids = {entry.sha256: entry.file_id for entry in entries if is_old(entry.loaded_at)}
    for file in files.files_below(folder):
        if file.name.startswith(TEMPORARY_PREFIX):
            continue
        digest = next((candidate for candidate in digests(file) if candidate in file_ids), None)
        if digest is not None:
            # Landing files may share a name; each copy gets a different one.
            there = files.with_prefix(f"{digest[:12]}-", files.shown_name(file.name))
            yield _LoadedFile(file_ids[digest], file, digest, f"{feed}/landing/{there}")


def _copy(remote: Remote, loaded_file: _LoadedFile) -> None:
    """Copy one file, and its manifest, to the URL, unless they are there already.

    :raises IntegrityError: the file is not what was loaded, or its copy is not what was sent.
    """
    if loaded_file.sha256 not in digests(loaded_file.file):
        raise IntegrityError(
            f"{files.shown_name(loaded_file.file.name)} was changed after it was loaded.", remedy="Restore it."
        )
    sent = [(loaded_file.file, loaded_file.name)]
    if loaded_file.manifest:
        sent.append((loaded_file.manifest, f"{loaded_file.name.rpartition('/')[0]}/{loaded_file.manifest.name}"))
    for file, name in sent:
        expected = files.content_sha256(file)
        if remote.sha256(name) != expected:
            remote.put(file, name)
            failpoints.reached("prune.copying")
            if remote.sha256(name) != expected:
                raise IntegrityError(
                    f"{files.shown_name(file.name)}: what arrived at {remote.url_of(name)} is not what was sent.",
                    remedy="Run again.",
                )
    log.info("copied", file=files.stored_name(loaded_file.file.name), to=remote.url_of(loaded_file.name))
