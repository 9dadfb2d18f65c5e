"""What the ledger `etl_file` knows of archives and landing files."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, Connection, delete, insert, select

from etl.audit.job import JobRun
from etl.audit.sources import Sources
from etl.database.schema.audit_tables import ARCHIVE, LANDING, etl_file
from etl.storage.manifests import Archive

if TYPE_CHECKING:
    pass


def entry_of(connection: Connection, mine: ColumnElement[bool], digest: str) -> int | None:
    """The ledger's entry of a landing file with this content."""
    return connection.scalar(
        select(etl_file.c.file_id).where(etl_file.c.sha256 == digest, etl_file.c.kind == LANDING, mine).limit(1)
    )


def enter(connection: Connection, archive: Archive, sources: Sources, run: JobRun) -> None:
    """Enter an archive and its landing files into the ledger. Source and SHA-256 are unique there, so that a second entry
    fails the transaction.

    An entry whose load was undone gives way to the new one.
    """
    same_moment = {"archived_at": datetime.fromisoformat(archive.archived_at), "loaded_at": datetime.now(UTC)}
    entries = [
        (ARCHIVE, sources.archive, archive.file_name, archive.sha256, archive.bytes, archive.rows, archive.offsets)
    ]
    entries += [
        (LANDING, source_id, file.name, file.sha256, file.bytes, file.rows, {})
        for number, (source_id, file) in enumerate(zip(sources.files, archive.files, strict=True))
        if number not in sources.loaded_before
    ]
    for kind, source_id, name, sha256, size, rows, offsets in entries:
        same = (etl_file.c.source_id == source_id, etl_file.c.sha256 == sha256)
        connection.execute(delete(etl_file).where(*same, etl_file.c.undone_at.is_not(None)))
        connection.execute(
            insert(etl_file).values(
                feed=archive.feed,
                kind=kind,
                file_name=name,
                sha256=sha256,
                source_id=source_id,
                bytes=size,
                rows=rows,
                offset_ranges={partition: vars(found) for partition, found in offsets.items()},
                log_id=run.log_id,
                **same_moment,
            )
        )
