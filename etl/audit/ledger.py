"""The ledger: which archives and landing files are loaded, by which load, and where `prune --to` has put them.

Every question asked of the table `etl_file`, and every write to it, is a function of this module. An entry whose load was
undone stays, marked, until the same content is loaded again; unless a function says otherwise it does not count as loaded.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, delete, insert, select, update

from etl.database import in_batches
from etl.database.schema.tables.audit_tables import etl_file, etl_source
from etl.storage.manifests import Archive, OffsetRange

_ARCHIVE, _LANDING = "archive", "landing"
_entry = etl_file.c


class LoadedArchive(NamedTuple):
    """What was loaded under an archive's name, and when."""

    sha256: str
    loaded_at: datetime


class ArchiveLoad(NamedTuple):
    """The load that took an archive, and the archive's name at that time."""

    log_id: int
    file_name: str


class FileEntry(NamedTuple):
    """A loaded file, as retention needs it."""

    file_id: int
    sha256: str
    file_name: str
    loaded_at: datetime


# --- is it loaded? ----------------------------------------------------------------------------------------------------


def archive_names(feed: str) -> Select[str]:
    """A query for the names of a feed's loaded archives."""
    return select(_entry.file_name).where(_entry.feed == feed, _entry.undone_at.is_(None), _entry.kind == _ARCHIVE)


def load_of(connection: Connection, archive: Archive) -> ArchiveLoad | None:
    """The load that has taken an archive; None where none has, or it was undone.

    The same content of the same source is the same archive, whatever its name.
    """
    row = connection.execute(
        select(_entry.log_id, _entry.file_name)
        .join(etl_source, etl_source.c.source_id == _entry.source_id)
        .where(
            etl_source.c.feed == archive.feed,
            etl_source.c.identity == archive.source.identity,
            _entry.sha256 == archive.sha256,
            _entry.undone_at.is_(None),
        )
    ).first()
    return ArchiveLoad(*row) if row else None


def is_landing_file_loaded(connection: Connection, feed: str, sha256: str) -> bool:
    """Whether the content of a landing file is loaded."""
    query = _landing_entry(feed, sha256).where(_entry.undone_at.is_(None))
    return connection.scalar(query.limit(1)) is not None


def is_landing_file_known(connection: Connection, feed: str, sha256: str) -> bool:
    """Whether the content of a landing file was ever loaded, undone or not: then an archive holds it."""
    return connection.scalar(_landing_entry(feed, sha256).limit(1)) is not None


def _landing_entry(feed: str, sha256: str) -> Select[int]:
    return select(_entry.file_id).where(_entry.sha256 == sha256, _entry.kind == _LANDING, _entry.feed == feed)


def loaded_landing_files(connection: Connection, feed: str, digests: Iterable[str]) -> set[str]:
    """Which of these SHA-256 are the content of loaded landing files."""
    is_loaded = (_entry.feed == feed, _entry.kind == _LANDING, _entry.undone_at.is_(None))
    loaded: set[str] = set()
    for batch in in_batches(digests):
        loaded |= set(connection.scalars(select(_entry.sha256).where(*is_loaded, _entry.sha256.in_(batch))))
    return loaded


def offset_ranges(connection: Connection, feed: str, topic_id: str) -> list[dict[str, OffsetRange]]:
    """The offsets that each archive of a topic holds, per partition; also of archives whose load was undone."""
    ranges = connection.scalars(
        select(_entry.offset_ranges)
        .join(etl_source, etl_source.c.source_id == _entry.source_id)
        .where(etl_source.c.feed == feed, etl_source.c.identity == topic_id)
    )
    return [{partition: OffsetRange(**value) for partition, value in of_archive.items()} for of_archive in ranges]


# --- load and undo ----------------------------------------------------------------------------------------------------


def enter(
    connection: Connection, archive: Archive, log_id: int, *, source_id: int, landing_sources: Mapping[int, int]
) -> None:
    """Enter an archive and the landing files that came with it. Source and SHA-256 together are unique in the ledger, so
    a second entry fails the transaction.

    An entry whose load was undone is replaced.

    :param log_id: the load that takes them.
    :param landing_sources: the `source_id` of each landing file to enter, by its number in the archive's manifest.
    """
    times = {"archived_at": datetime.fromisoformat(archive.archived_at), "loaded_at": datetime.now(UTC)}
    ranges = {partition: vars(offsets) for partition, offsets in archive.offsets.items()}
    entries = [(_ARCHIVE, source_id, archive.file_name, archive.sha256, archive.bytes, archive.rows, ranges)]
    for number, landing_source in landing_sources.items():
        file = archive.files[number]
        entries.append((_LANDING, landing_source, file.name, file.sha256, file.bytes, file.rows, {}))
    for kind, source, name, sha256, size, rows, offsets in entries:
        same = (_entry.source_id == source, _entry.sha256 == sha256)
        connection.execute(delete(etl_file).where(*same, _entry.undone_at.is_not(None)))
        connection.execute(
            insert(etl_file).values(
                feed=archive.feed,
                kind=kind,
                file_name=name,
                sha256=sha256,
                source_id=source,
                bytes=size,
                rows=rows,
                offset_ranges=offsets,
                log_id=log_id,
                **times,
            )
        )


def mark_undone(connection: Connection, loads: Sequence[int], undone_at: datetime) -> tuple[str, ...]:
    """Mark the entries of some loads as undone; returns the names of the archives, which the next load takes again."""
    of_loads = _entry.log_id.in_(loads)
    archives = select(_entry.file_name).where(of_loads, _entry.kind == _ARCHIVE).order_by(_entry.file_name)
    names = connection.scalars(archives).all()
    connection.execute(update(etl_file).where(of_loads).values(undone_at=undone_at))
    return tuple(names)


# --- what some loads took ---------------------------------------------------------------------------------------------


def archives_of(connection: Connection, loads: Sequence[int]) -> list[dict[str, Any]]:
    """The archives that some loads took, oldest first, undone or not: all columns, and `source_name`."""
    query = (
        select(etl_file, etl_source.c.name.label("source_name"))
        .join(etl_source, etl_source.c.source_id == _entry.source_id)
        .where(_entry.log_id.in_(loads), _entry.kind == _ARCHIVE)
        .order_by(_entry.file_id)
    )
    return [dict(row) for row in connection.execute(query).mappings()]


def places_of_archives(connection: Connection, loads: Sequence[int]) -> dict[str, str | None]:
    """The names of the archives that some loads took, and the URL of each that `prune --to` has moved."""
    query = select(_entry.file_name, _entry.moved_to).where(_entry.log_id.in_(loads), _entry.kind == _ARCHIVE)
    return {row.file_name: row.moved_to for row in connection.execute(query)}


def landing_files_of(connection: Connection, loads: Sequence[int]) -> list[str]:
    """The names of the landing files that some loads took, oldest first, undone or not."""
    query = select(_entry.file_name).where(_entry.log_id.in_(loads), _entry.kind == _LANDING)
    return list(connection.scalars(query.order_by(_entry.file_id)))


def places_of_landing_files(connection: Connection, loads: Sequence[int]) -> list[str]:
    """The URLs to which `prune --to` has moved landing files that some loads took."""
    is_moved = (_entry.log_id.in_(loads), _entry.kind == _LANDING, _entry.moved_to.is_not(None))
    return list(connection.scalars(select(_entry.moved_to).where(*is_moved).order_by(_entry.file_id)))


# --- retention --------------------------------------------------------------------------------------------------------


def loaded_archives(connection: Connection, feed: str) -> dict[str, LoadedArchive]:
    """A feed's loaded archives by name."""
    query = select(_entry.file_name, _entry.sha256, _entry.loaded_at).where(
        _entry.feed == feed, _entry.kind == _ARCHIVE, _entry.undone_at.is_(None)
    )
    return {row.file_name: LoadedArchive(row.sha256, row.loaded_at) for row in connection.execute(query)}


def archive_entries(connection: Connection, feed: str) -> list[FileEntry]:
    """A feed's loaded archives, oldest first."""
    return _entries(connection, feed, _ARCHIVE)


def landing_entries(connection: Connection, feed: str) -> list[FileEntry]:
    """A feed's loaded landing files, oldest first."""
    return _entries(connection, feed, _LANDING)


def _entries(connection: Connection, feed: str, kind: str) -> list[FileEntry]:
    query = select(_entry.file_id, _entry.sha256, _entry.file_name, _entry.loaded_at).where(
        _entry.feed == feed, _entry.kind == kind, _entry.undone_at.is_(None)
    )
    return [FileEntry(*row) for row in connection.execute(query.order_by(_entry.file_id))]


def loads_of(connection: Connection, feed: str, names: Collection[str]) -> set[int]:
    """The loads, undone or not, that took a feed's files of these names."""
    query = select(_entry.log_id, _entry.file_name).where(_entry.feed == feed)
    return {log_id for log_id, name in connection.execute(query) if name in names}


def note_move(connection: Connection, file_id: int, url: str) -> None:
    """Write down that `prune --to` has put a loaded file at this URL, which is without login."""
    is_loaded = (_entry.file_id == file_id, _entry.undone_at.is_(None))
    connection.execute(update(etl_file).where(*is_loaded).values(moved_to=url, moved_at=datetime.now(UTC)))
