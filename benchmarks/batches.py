"""Batches as `2_consume` leaves them, made from an archive: many part files without many micro-batches."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

from etl.settings import Settings
from etl.storage import manifests
from etl.storage.archive_file import archive_files
from etl.storage.manifests import Archive, Batch, Part
from etl.storage.publish import finished_part, publish_batch, temporary_batch

PARTS_PER_BATCH = 4
"""Spark writes one per partition of the topic."""


def cut(settings: Settings, folder: Path, parts: int) -> int:
    """Cut the archive of a folder, whose rows have no line breaks, into batches of part files; returns its rows."""
    (file,) = archive_files(folder)
    archive = file.read_manifest()
    header, *lines = file.plain.read_bytes().splitlines(keepends=True)
    bounds = [len(lines) * number // parts for number in range(parts + 1)]
    pieces = [lines[first:last] for first, last in pairwise(bounds)]
    query = secrets.token_hex(8)
    for number, start in enumerate(range(0, parts, PARTS_PER_BATCH)):
        _write(settings, archive, query, number, header, pieces[start : start + PARTS_PER_BATCH])
    return len(lines)


def _write(
    settings: Settings, archive: Archive, query: str, number: int, header: bytes, pieces: Sequence[list[bytes]]
) -> None:
    rows = sum(map(len, pieces))
    output = manifests.feed_output(settings, archive.feed)
    folder = temporary_batch(output, query, number)
    folder.mkdir(parents=True)
    batch = Batch(
        feed=archive.feed,
        cycle_id=archive.cycle_id,
        query_id=query,
        batch_id=number,
        source=archive.source,
        offsets={},  # Nothing continues reading from these.
        columns=archive.columns,
        messages=rows,
        rows=rows,
        unparsable=0,
        parts=tuple(_part(folder, place, header, lines) for place, lines in enumerate(pieces)),
        written_at=datetime.now(UTC).isoformat(),
    )
    publish_batch(batch, folder, output)


def _part(folder: Path, number: int, header: bytes, lines: Sequence[bytes]) -> Part:
    file = folder / f"part-{number:05d}.csv"
    file.write_bytes(header + b"".join(lines))
    return finished_part(file, len(lines))
