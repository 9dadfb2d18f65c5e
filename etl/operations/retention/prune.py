"""Retention: what is old and no longer needed is first compressed, then deleted, or moved to a URL.

It touches only archives and landing files that the ledger holds, executed notebooks, decided rows of the quarantine, and logs.
Never: what is not loaded or was undone, a batch, a plan, a checkpoint, a row that is QUARANTINED. A lost checkpoint can still be
replaced, because the ledger keeps the offset ranges of every archive.

Every step can be killed at any moment: a copy is complete under its final name before the original is removed, an archive's
manifest is removed last, and the next run continues with what is left.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from sqlalchemy import Connection, Engine, and_, delete, func, select

from etl.audit import ledger
from etl.audit.ledger import LoadedArchive
from etl.contract.reader import Contract
from etl.database import dispose, in_batches, lock_feed, make_engine, transaction
from etl.database.schema.migrations import require_current
from etl.database.schema.tables.audit_tables import etl_rejected_row
from etl.errors import AlreadyRunning, EtlError, IntegrityError, ServiceUnavailable
from etl.jobs.load.conflicts import REPLACED
from etl.operations.quarantine.rows import DISCARDED, REPLAYED
from etl.operations.retention.compress import compress, compressed_of, gzip_file, is_free
from etl.operations.retention.copy import copy_old, digests
from etl.operations.retention.policy import Item, Policy, Pruned, PruneRun
from etl.operations.retention.remote import Remote
from etl.operations.retention.runs import delete_run, old_runs, unknown_runs
from etl.settings import Settings
from etl.storage import failpoints, files, manifests
from etl.storage.archive_file import ArchiveFile, archive_files
from etl.storage.files import COMPRESSED_SUFFIX, TEMPORARY_PREFIX
from etl.storage.locks import feed_lock

LOG_BYTES = 10 << 20
"""A larger log is compressed and emptied."""


def prune(
    settings: Settings,
    contracts: Mapping[str, Contract],
    policy: Policy,
    *,
    logs: Iterable[Path] = (),
    dry_run: bool = False,
    now: datetime | None = None,
    remote: Remote | None = None,
) -> Pruned:
    """Compress and delete what is older than the policy says, feed by feed under its locks.

    A feed that another process works on is left out, and reported in `busy`; so is a remote that cannot be written to.

    :param logs: log files that grow; their writers must append.
    :param now: the time from which ages are counted.
    :param remote: where archives and landing files are copied before they are deleted here.
    """
    this = PruneRun(settings, policy, now or datetime.now(UTC), dry_run, remote)
    items: list[Item] = []
    busy: list[EtlError] = []
    engine = make_engine(settings, application="prune")
    try:
        with files.private():
            for feed in sorted(contracts):
                try:
                    _copy(this, engine, feed)
                except ServiceUnavailable as error:
                    # Files without a copy stay; everything else is pruned.
                    busy.append(error)
                try:
                    with ExitStack() as held:
                        if not dry_run:
                            held.enter_context(feed_lock(settings, feed, "cycle", what="prune"))
                            held.enter_context(feed_lock(settings, feed, "job", what="prune"))
                        connection = held.enter_context(transaction(engine))
                        require_current(connection)
                        if not dry_run:
                            lock_feed(connection, feed)
                        items += _prune_feed(this, connection, feed)
                except AlreadyRunning as error:
                    busy.append(error)
            with transaction(engine) as connection:
                unknown = unknown_runs(this, connection)
            items += [delete_run(this, "", folder) for folder in unknown]
            items += [item for log in logs for item in _prune_log(this, log)]
    finally:
        dispose(engine)
    return Pruned(dry_run, tuple(items), tuple(busy))


def _copy(this: PruneRun, engine: Engine, feed: str) -> None:
    """Copy what is to be moved; no lock is held meanwhile, so that cycles go on."""
    if this.remote is None or this.dry_run:
        return
    with transaction(engine) as connection:
        require_current(connection)
    is_old = partial(this.is_old, age=this.policy.delete_after)
    this.copied.update(copy_old(this.settings, engine, feed, this.remote, is_old))


def _prune_feed(this: PruneRun, connection: Connection, feed: str) -> list[Item]:
    folder = manifests.feed_backup(this.settings, feed)
    if not this.dry_run:
        files.remove_temporaries(folder)
    items = [_prune_archive(this, feed, archive, entry) for archive, entry in _old(this, connection, feed)]
    gone = {item.name for item in items if item.action == this.last_action}
    existing = {archive.name for archive in archive_files(folder)} - gone
    items += _prune_landing(this, connection, feed, folder / "landing")
    items += _prune_quarantine(this, connection, feed, existing)
    return items + [delete_run(this, feed, run) for run in old_runs(this, connection, feed)]


def _old(this: PruneRun, connection: Connection, feed: str) -> Iterator[tuple[ArchiveFile, LoadedArchive]]:
    """Loaded archives that are to be compressed or deleted."""
    pending = manifests.planned_archives(manifests.feed_output(this.settings, feed))
    loaded = ledger.loaded_archives(connection, feed)
    for archive in archive_files(manifests.feed_backup(this.settings, feed)):
        entry = loaded.get(archive.name)
        # An interrupted merge still needs the archives of its plan.
        if entry is None or archive.name in pending:
            continue
        if this.is_old(entry.loaded_at, this.policy.delete_after) or (
            this.is_old(entry.loaded_at, this.policy.compress_after) and archive.plain.exists()
        ):
            yield archive, entry


def _prune_archive(this: PruneRun, feed: str, archive: ArchiveFile, entry: LoadedArchive) -> Item:
    size = archive.size()
    keep = partial(Item, "archive", "keep", feed, archive.name, 1, size, 0)
    try:
        if archive.read_manifest().sha256 != entry.sha256:
            return keep("its manifest is not the one that was loaded")
        if this.is_old(entry.loaded_at, this.policy.delete_after):
            if why := this.why_kept(archive.content):
                return keep(why)
            if not this.dry_run:
                _delete_archive(archive)
            return Item("archive", this.last_action, feed, archive.name, 1, size, size)
        freed = None if this.dry_run else compress(archive.plain, entry.sha256, archive.compressed)
    except IntegrityError as error:
        return keep(error.cause)
    return Item("archive", "compress", feed, archive.name, 1, size, freed)


def _prune_landing(this: PruneRun, connection: Connection, feed: str, folder: Path) -> Iterator[Item]:
    """Landing files that were moved to `backup/` after their load; the ledger has their content."""
    if not folder.is_dir():
        return
    if not this.dry_run:
        for below in {folder, *(file.parent for file in files.files_below(folder))}:
            files.remove_temporaries(below)
    loaded = {entry.sha256: entry.loaded_at for entry in ledger.landing_entries(connection, feed)}
    for file in files.files_below(folder):
        digest = next((candidate for candidate in digests(file) if candidate in loaded), None)
        size, name = file.stat().st_size, files.stored_name(file.relative_to(folder).as_posix())
        if digest is None:
            continue
        if this.is_old(loaded[digest], this.policy.delete_after):
            if why := this.why_kept(file):
                yield Item("landing file", "keep", feed, name, 1, size, 0, why)
                continue
            if not this.dry_run:
                file.unlink()
                files.remove_empty_folders(file.parent, folder)
            yield Item("landing file", this.last_action, feed, name, 1, size, size)
        elif this.is_old(loaded[digest], this.policy.compress_after) and file.suffix != COMPRESSED_SUFFIX:
            yield _compress_landing_file(this, feed, file, name, digest)


def _compress_landing_file(this: PruneRun, feed: str, file: Path, name: str, digest: str) -> Item:
    """Compress a landing file; other files of its name, with other contents, may have been compressed before it."""
    size = file.stat().st_size
    keep = partial(Item, "landing file", "keep", feed, name, 1, size, 0)
    compressed = compressed_of(file)
    if not files.can_be_named(compressed.name):
        return keep(f"with {COMPRESSED_SUFFIX} its name would be too long for a file system")
    if not is_free(compressed, digest):
        compressed = compressed.with_name(files.with_prefix(f"{digest[:12]}-", compressed.name))
    try:
        freed = None if this.dry_run else compress(file, digest, compressed)
    except IntegrityError as error:
        return keep(error.cause)
    return Item("landing file", "compress", feed, name, 1, size, freed)


def _delete_archive(archive: ArchiveFile) -> None:
    """Content first, manifest last: as long as the manifest exists, the next run knows that work is left."""
    for content in (archive.plain, archive.compressed):
        content.unlink(missing_ok=True)
    files.sync_folder(archive.folder)
    failpoints.reached("prune.deleting")
    archive.manifest.unlink()
    files.sync_folder(archive.folder)


def _prune_quarantine(this: PruneRun, connection: Connection, feed: str, existing: set[str]) -> list[Item]:
    """Delete decided rows of the quarantine, once the archive that they came from is gone.

    Until then the load can be undone and repeated, and these rows record what was decided.
    """
    if this.policy.delete_after is None:
        return []
    row = etl_rejected_row.c
    decided = and_(
        row.feed == feed,
        row.status.in_((REPLAYED, DISCARDED, REPLACED)),
        row.decided_at <= this.now - this.policy.delete_after,
    )
    loads = set(connection.scalars(select(row.log_id).where(decided).distinct()))
    loads -= ledger.loads_of(connection, feed, existing)
    rows = 0
    for batch in in_batches(sorted(loads)):
        old = and_(decided, row.log_id.in_(batch))
        rows += connection.scalar(select(func.count()).select_from(etl_rejected_row).where(old)) or 0
        if not this.dry_run:
            connection.execute(delete(etl_rejected_row).where(old))
    return [Item("quarantine", "delete", feed, "rows replayed or discarded", rows, 0, 0)] if rows else []


def _prune_log(this: PruneRun, log: Path) -> Iterator[Item]:
    """Compress a large log, replacing its previous copy, and empty it; delete an old copy.

    Its writer continues to append to the same file. Lines written between the two steps are lost, which a log can bear.
    """
    copy = log.with_name(f"{log.name}{COMPRESSED_SUFFIX}")
    with suppress(FileNotFoundError):
        changed = datetime.fromtimestamp(copy.stat().st_mtime, UTC)
        if this.is_old(changed, this.policy.delete_after):
            size = copy.stat().st_size
            if not this.dry_run:
                copy.unlink()
            yield Item("log", "delete", "", copy.name, 1, size, size)
    with suppress(FileNotFoundError):
        size = log.stat().st_size
        if size > LOG_BYTES:
            if this.dry_run:
                yield Item("log", "compress", "", log.name, 1, size)
                return
            temporary = log.with_name(f"{TEMPORARY_PREFIX}{copy.name}")
            gzip_file(log, temporary)
            temporary.replace(copy)
            os.truncate(log, 0)
            yield Item("log", "compress", "", log.name, 1, size, size - copy.stat().st_size)
