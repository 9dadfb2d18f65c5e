"""Where an archive's rows came from: a topic, or the landing files that `source_partition` numbers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import ColumnElement, Connection, Table, and_, false, or_, select

from etl.audit import ledger
from etl.database import in_text, insert_row
from etl.database.schema.tables.audit_tables import etl_source
from etl.storage.manifests import Archive, Source


class Sources:
    """The entries of `etl_source` that an archive's rows belong to; those that are missing are created."""

    def __init__(self, connection: Connection, archive: Archive) -> None:
        self.archive = self._source_id(connection, archive.feed, archive.source, None)
        self.files = [
            self._source_id(connection, archive.feed, Source("file", file.name, file.sha256), file.header)
            for file in archive.files
        ]
        self.headers = {number: file.header for number, file in enumerate(archive.files) if file.header}
        self.loaded_before = _loaded_before(connection, archive)
        """Numbers of the landing files that are loaded from another archive: the manifest of this one was damaged then."""
        self.new_files = {
            number: source for number, source in enumerate(self.files) if number not in self.loaded_before
        }
        """The `source_id` of each other landing file, by its number."""
        self._offsets = archive.offsets

    def are_of(self, table: Table) -> ColumnElement[bool]:
        """Which rows of a feed's table came from this archive."""
        if self.files:
            return table.c.source_id.in_(list(self.new_files.values())) if self.new_files else false()
        return and_(
            table.c.source_id == self.archive,
            or_(
                *(
                    and_(
                        table.c.source_partition == in_text(int(partition)),
                        table.c.source_offset >= in_text(offsets.first),
                        table.c.source_offset < in_text(offsets.next),
                    )
                    for partition, offsets in self._offsets.items()
                ),
                false(),
            ),
        )

    def constants(self) -> dict[str, int]:
        """The columns that have the same value in every row."""
        return {} if self.files else {"source_id": self.archive}

    def of_rows(self, rows: pa.Table) -> pa.Table:
        """Rows with the columns that differ between them."""
        if not self.files:
            return rows
        ids = pa.array(self.files, pa.int32()).take(rows["source_partition"])
        return rows.append_column("source_id", ids)

    def new_rows(self, chunk: pa.RecordBatch) -> pa.RecordBatch:
        """The rows of files that are not loaded from another archive."""
        if not self.loaded_before:
            return chunk
        numbers = pa.array([str(number) for number in sorted(self.loaded_before)])
        return chunk.filter(pc.invert(pc.is_in(chunk.column("source_partition"), value_set=numbers)))

    @staticmethod
    def _source_id(connection: Connection, feed: str, source: Source, header: tuple[str, ...] | None) -> int:
        values: dict[str, Any] = {"feed": feed, "name": source.name, "identity": source.identity}
        source_id = connection.scalar(select(etl_source.c.source_id).filter_by(**values))
        if source_id is None:
            values |= {"first_seen": datetime.now(UTC)} | ({"header": list(header)} if header else {})
            source_id = insert_row(connection, etl_source, values)
        return int(source_id)


def _loaded_before(connection: Connection, archive: Archive) -> frozenset[int]:
    numbers = {file.sha256: number for number, file in enumerate(archive.files)}
    loaded = ledger.loaded_landing_files(connection, archive.feed, numbers)
    return frozenset(numbers[digest] for digest in loaded)
