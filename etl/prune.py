"""Retention: what is old and no longer needed is first compressed, then deleted, or moved to a URL.

Touched are only archives and landing files that the ledger holds, executed notebooks, decided rows of the quarantine, and
logs. Never: what is not loaded or was undone, a batch, a plan, a checkpoint, a row that is QUARANTINED. What a lost checkpoint
needs stays known, because the ledger keeps the offset ranges of every archive.

Each step can be killed at any moment: a copy stands whole under its own name before what it replaces goes, an archive's
manifest goes last, and the next run takes up what is left.
"""

from __future__ import annotations

import gzip
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Literal

from sqlalchemy import Connection, Engine, and_, delete, func, select

from etl import failpoints, files
from etl.conflicts import REPLACED
from etl.contract import Contract
from etl.database import dispose, in_batches, lock_feed, make_engine, transaction
from etl.errors import AlreadyRunning, ConfigurationError, EtlError, IntegrityError, ServiceUnavailable
from etl.files import COMPRESSED_SUFFIX, MANIFEST_SUFFIX, TEMPORARY_PREFIX
from etl.locks import feed_lock
from etl.moving import copy_old, digests
from etl.quarantine import DISCARDED, REPLAYED
from etl.remote import Remote
from etl.settings import Settings
from etl.tables import ARCHIVE, LANDING, etl_file, etl_log, etl_rejected_row, require_current

LOG_BYTES = 10 << 20
"""A log larger than this is compressed and begun anew."""

_UNKNOWN_CYCLE_AGE = timedelta(days=1)
"""Notebooks of a cycle that `etl_log` does not know: it may have begun a moment ago."""

_CYCLE_ID = re.compile(r"\d{8}T\d{6}Z-\w+")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True)
class Policy:
    """How long things are kept: archives since they were loaded, notebooks since their cycle ended, rows since they were
    decided on. None: for ever.
    """

    compress_after: timedelta | None = timedelta(days=7)
    delete_after: timedelta | None = timedelta(days=90)


@dataclass(frozen=True)
class Item:
    """One thing that was pruned, or would be."""

    kind: Literal["archive", "landing file", "notebooks", "quarantine", "log"]
    action: Literal["compress", "delete", "move", "keep"]
    feed: str
    """Empty where it belongs to none."""
    name: str
    count: int
    """Files, or rows of the quarantine."""
    bytes: int
    """What it took before; 0 for rows, whose room the database uses again by itself."""
    freed: int | None = None
    """None in a dry run where only doing it would tell."""
    why: str = ""
    """Why it is kept, although it is old."""


@dataclass(frozen=True)
class Pruned:
    """What was done, or with `dry_run` would be."""

    dry_run: bool
    items: tuple[Item, ...]
    busy: tuple[EtlError, ...]
    """Feeds that were left out, because something else worked on them, and what could not be copied."""


@dataclass(frozen=True)
class _Entry:
    sha256: str
    loaded_at: datetime


@dataclass(frozen=True)
class _Pass:
    """One run of prune."""

    settings: Settings
    policy: Policy
    now: datetime
    dry_run: bool
    remote: Remote | None = None
    copied: dict[str, str] = field(default_factory=dict)
    """See `copy_old`."""

    def is_old(self, since: datetime, age: timedelta | None) -> bool:
        return age is not None and self.now - since >= age

    def why_kept(self, file: Path) -> str:
        """Why a file must stay although it is old; empty where it may go."""
        if self.remote is None or self.dry_run or not file.exists():
            return ""
        return self.copied.get(str(file), "it has no copy yet")

    @property
    def last_action(self) -> Literal["delete", "move"]:
        return "move" if self.remote else "delete"


def parse_age(text: str) -> timedelta | None:
    """`7d`, `12h`, `30m`, `2w`; `never` is None.

    :raises ConfigurationError: it is none of these.
    """
    if text == "never":
        return None
    found = re.fullmatch(r"(\d{1,5})([mhdw])", text)
    if found is None:
        raise ConfigurationError(f"{text!r} is no age.", remedy="Give it as 30m, 12h, 7d or 2w, or as never.")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


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

    A feed on which something else works is left out, and named in `busy`; so is a remote that does not take what it should.

    :param logs: log files that grow; what writes them must append.
    :param now: the time to count ages from.
    :param remote: where archives and landing files are copied to before they are deleted here.
    """
    this = _Pass(settings, policy, now or datetime.now(UTC), dry_run, remote)
    items: list[Item] = []
    busy: list[EtlError] = []
    engine = make_engine(settings, application="prune")
    try:
        with files.private():
            for feed in sorted(contracts):
                try:
                    _copy(this, engine, feed)
                except ServiceUnavailable as error:
                    # What has no copy stays; the rest is pruned all the same.
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
                unknown = _unknown_runs(this, connection)
            items += [_delete_run(this, "", folder) for folder in unknown]
            items += [item for log in logs for item in _prune_log(this, log)]
    finally:
        dispose(engine)
    return Pruned(dry_run, tuple(items), tuple(busy))


def _copy(this: _Pass, engine: Engine, feed: str) -> None:
    """Copy what is to be moved; no lock is held meanwhile, so that cycles go on."""
    if this.remote is None or this.dry_run:
        return
    with transaction(engine) as connection:
        require_current(connection)
    is_old = partial(this.is_old, age=this.policy.delete_after)
    this.copied.update(copy_old(this.settings, engine, feed, this.remote, is_old))


def _prune_feed(this: _Pass, connection: Connection, feed: str) -> list[Item]:
    folder = files.feed_backup(this.settings, feed)
    if not this.dry_run:
        files.remove_temporaries(folder)
    items = [_prune_archive(this, folder, feed, name, entry) for name, entry in _old(this, connection, feed)]
    gone = {item.name for item in items if item.action == this.last_action}
    standing = {name for name in files.archives(folder) if name not in gone}
    items += _prune_landing(this, connection, feed, folder / "landing")
    items += _prune_quarantine(this, connection, feed, standing)
    return items + [_delete_run(this, feed, run) for run in _old_runs(this, connection, feed)]


def _old(this: _Pass, connection: Connection, feed: str) -> Iterator[tuple[str, _Entry]]:
    """Loaded archives for which there is something to do."""
    pending = files.planned_archives(files.feed_output(this.settings, feed))
    folder = files.feed_backup(this.settings, feed)
    held = {
        row.file_name: _Entry(row.sha256, row.loaded_at)
        for row in connection.execute(
            select(etl_file.c.file_name, etl_file.c.sha256, etl_file.c.loaded_at).where(
                etl_file.c.feed == feed, etl_file.c.kind == ARCHIVE, etl_file.c.undone_at.is_(None)
            )
        )
    }
    for name in files.archives(folder):
        # A merge that was cut off still counts on the archives of its plan.
        if name not in held or name in pending:
            continue
        if this.is_old(held[name].loaded_at, this.policy.delete_after) or (
            this.is_old(held[name].loaded_at, this.policy.compress_after) and (folder / name).exists()
        ):
            yield name, held[name]


def _prune_archive(this: _Pass, folder: Path, feed: str, name: str, entry: _Entry) -> Item:
    size = _size(folder, name)
    try:
        if files.read_archive(folder, name).sha256 != entry.sha256:
            return Item("archive", "keep", feed, name, 1, size, 0, "its manifest is not the one that was loaded")
        if this.is_old(entry.loaded_at, this.policy.delete_after):
            if why := this.why_kept(files.content_of(folder, name)):
                return Item("archive", "keep", feed, name, 1, size, 0, why)
            return _delete_archive(this, folder, feed, name)
        freed = None if this.dry_run else _compress(folder / name, entry.sha256)
    except IntegrityError as error:
        return Item("archive", "keep", feed, name, 1, size, 0, error.cause)
    return Item("archive", "compress", feed, name, 1, size, freed)


def _prune_landing(this: _Pass, connection: Connection, feed: str, folder: Path) -> Iterator[Item]:
    """Landing files that were moved away after their load: found in the ledger by their content."""
    if not folder.is_dir():
        return
    if not this.dry_run:
        files.remove_temporaries(folder)
    entry = etl_file.c
    query = select(entry.sha256, entry.loaded_at).where(
        entry.feed == feed, entry.kind == LANDING, entry.undone_at.is_(None)
    )
    loaded = {row.sha256: row.loaded_at for row in connection.execute(query)}
    for file in sorted(path for path in folder.iterdir() if path.is_file()):
        digest = next((found for found in digests(file) if found in loaded), None)
        size, name = file.stat().st_size, files.stored_name(file.name)
        if digest is None:
            continue
        if this.is_old(loaded[digest], this.policy.delete_after):
            if why := this.why_kept(file):
                yield Item("landing file", "keep", feed, name, 1, size, 0, why)
                continue
            if not this.dry_run:
                file.unlink()
            yield Item("landing file", this.last_action, feed, name, 1, size, size)
        elif this.is_old(loaded[digest], this.policy.compress_after) and file.suffix != COMPRESSED_SUFFIX:
            if not files.can_be_named(f"{file.name}{COMPRESSED_SUFFIX}"):
                why = f"with {COMPRESSED_SUFFIX} its name would be too long for a file system"
                yield Item("landing file", "keep", feed, name, 1, size, 0, why)
                continue
            freed = None if this.dry_run else _compress(file, digest)
            yield Item("landing file", "compress", feed, name, 1, size, freed)


def _compress(file: Path, sha256: str) -> int:
    """Put a compressed copy in a file's place, after it was read again; returns the bytes freed.

    :raises IntegrityError: the content is not what the manifest says.
    """
    compressed = file.with_name(f"{file.name}{COMPRESSED_SUFFIX}")
    temporary = files.temporary_of(compressed)
    before = file.stat().st_size
    _gzip(file, temporary)
    failpoints.reached("prune.compressing")
    found = files.content_sha256(temporary)
    if found != sha256:
        temporary.unlink()
        raise IntegrityError(
            f"{files.shown_name(file.name)} was changed after its manifest was written.", remedy="Restore the file."
        )
    temporary.replace(compressed)
    files.sync_folder(file.parent)
    failpoints.reached("prune.compressed")
    file.unlink()
    files.sync_folder(file.parent)
    return before - compressed.stat().st_size


def _gzip(file: Path, target: Path) -> None:
    with file.open("rb") as source, target.open("wb") as handle:
        # Without name and time the same content gives the same bytes.
        with gzip.GzipFile(filename="", mode="wb", fileobj=handle, compresslevel=6, mtime=0) as packed:
            shutil.copyfileobj(source, packed, _BLOCK_BYTES)
        handle.flush()
        os.fsync(handle.fileno())


def _delete_archive(this: _Pass, folder: Path, feed: str, name: str) -> Item:
    """Content first, manifest last: as long as the manifest is there, the next run knows that there is work left."""
    size = _size(folder, name)
    if not this.dry_run:
        for suffix in ("", COMPRESSED_SUFFIX):
            (folder / f"{name}{suffix}").unlink(missing_ok=True)
        files.sync_folder(folder)
        failpoints.reached("prune.deleting")
        (folder / f"{name}{MANIFEST_SUFFIX}").unlink()
        files.sync_folder(folder)
    return Item("archive", this.last_action, feed, name, 1, size, size)


def _size(folder: Path, name: str) -> int:
    found = (folder / f"{name}{suffix}" for suffix in ("", COMPRESSED_SUFFIX, MANIFEST_SUFFIX))
    return sum(file.stat().st_size for file in found if file.exists())


def _prune_quarantine(this: _Pass, connection: Connection, feed: str, standing: set[str]) -> list[Item]:
    """Delete rows that were decided on, once the archive that they came from is gone.

    While it stands, the load can be undone, and then these rows say what was decided about theirs.
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
    entries = select(etl_file.c.log_id, etl_file.c.file_name).where(etl_file.c.feed == feed)
    loads -= {log_id for log_id, name in connection.execute(entries) if name in standing}
    rows = 0
    for some in in_batches(sorted(loads)):
        old = and_(decided, row.log_id.in_(some))
        rows += connection.scalar(select(func.count()).select_from(etl_rejected_row).where(old)) or 0
        if not this.dry_run:
            connection.execute(delete(etl_rejected_row).where(old))
    return [Item("quarantine", "delete", feed, "rows replayed or discarded", rows, 0, 0)] if rows else []


def _old_runs(this: _Pass, connection: Connection, feed: str) -> list[Path]:
    """Folders of executed notebooks whose cycle ended long ago."""
    log = etl_log.c
    ended = (
        select(log.cycle_id, func.max(log.heartbeat_at).label("last")).where(log.feed == feed).group_by(log.cycle_id)
    )
    old = {row.cycle_id for row in connection.execute(ended) if this.is_old(row.last, this.policy.delete_after)}
    return [folder for folder in _runs(this.settings) if folder.name in old]


def _unknown_runs(this: _Pass, connection: Connection) -> list[Path]:
    """Folders of cycles that never wrote an audit row, because the database was away from beginning to end."""
    if this.policy.delete_after is None:
        return []
    age = max(this.policy.delete_after, _UNKNOWN_CYCLE_AGE)
    old = [folder for folder in _runs(this.settings) if this.is_old(_last_change(folder), age)]
    known: set[str] = set()
    for some in in_batches(folder.name for folder in old):
        known |= set(connection.scalars(select(etl_log.c.cycle_id).where(etl_log.c.cycle_id.in_(some))))
    return [folder for folder in old if folder.name not in known]


def _runs(settings: Settings) -> list[Path]:
    found = settings.runs.iterdir() if settings.runs.is_dir() else ()
    return sorted(path for path in found if _CYCLE_ID.fullmatch(path.name) and path.is_dir() and not path.is_symlink())


def _last_change(folder: Path) -> datetime:
    return datetime.fromtimestamp(max(path.stat().st_mtime for path in (folder, *folder.rglob("*"))), UTC)


def _delete_run(this: _Pass, feed: str, folder: Path) -> Item:
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    if not this.dry_run:
        shutil.rmtree(folder)
    return Item("notebooks", "delete", feed, folder.name, 1, size, size)


def _prune_log(this: _Pass, log: Path) -> Iterator[Item]:
    """Compress a log that has grown, in the place of the copy before, and begin it anew; delete a copy that is old.

    Its writer goes on appending to the same file. Lines that it writes in the moment between are lost; it is only a log.
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
            _gzip(log, temporary)
            temporary.replace(copy)
            os.truncate(log, 0)
            yield Item("log", "compress", "", log.name, 1, size, size - copy.stat().st_size)
