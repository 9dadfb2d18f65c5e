"""Part files joined into one archive."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa

from etl.errors import BalanceError, IntegrityError
from etl.storage import batch_csv, failpoints, files, manifests
from etl.storage.archive_file import ArchiveFile
from etl.storage.batch_csv import columns_of, header_line, read_frame, to_csv
from etl.storage.manifests import MOST_ROWS, Archive, Batch, OffsetRange

_BLOCK_BYTES = 4 << 20


@dataclass(frozen=True)
class PlannedArchive:
    """An archive of a merge plan: its name, and the names of the batches that become it."""

    archive: str
    cycle_id: str
    batches: tuple[str, ...]


def split_by_size(batches: list[Batch]) -> Iterator[list[Batch]]:
    """Divide batches, in their order, into groups that become one archive each.

    An archive has at most `MOST_ROWS` rows, unless it is of one larger batch: so a load can keep them in memory, and is short.
    Within an archive a column has its values from one place in the source: a contract edit that changes it starts a new archive.
    """
    group: list[Batch] = []
    for batch in batches:
        is_large = sum(taken.rows for taken in group) + batch.rows > MOST_ROWS
        if group and (is_large or any(_differ(taken.paths, batch.paths) for taken in group)):
            yield group
            group = []
        group.append(batch)
    yield group


def join_batches(batches: list[Batch], output: Path, target: Path) -> tuple[int, str]:
    """Join the parts of batches into one file; returns its rows and its SHA-256.

    :raises IntegrityError: a part is gone, or is not what its manifest says.
    :raises BalanceError: the file does not have as many rows as the batches.
    """
    parts = [(output / batch.name / part.name, part.sha256) for batch in batches for part in batch.parts]
    for path, _ in parts:
        if not path.exists():
            raise IntegrityError(f"{path.parent.name}/{path.name} is gone.", remedy="Restore the file.")
    rows, digest = join_parts(parts, target)
    expected = sum(batch.rows for batch in batches)
    if rows != expected:
        raise BalanceError(
            f"{target.name.removeprefix(files.TEMPORARY_PREFIX)}: its parts have {expected} rows, {rows} were counted in it.",
            remedy="Run again; the batches are kept.",
        )
    return rows, digest


def write_archive(planned: PlannedArchive, output: Path, target: ArchiveFile, feed: str) -> Archive:
    """Join the batches of a plan into an archive, content first and manifest last."""
    wanted = set(planned.batches)
    batches = [batch for batch in manifests.batches(output) if batch.name in wanted]
    if missing := wanted - {batch.name for batch in batches}:
        raise batch_gone(sorted(missing)[0])
    temporary = target.temporary
    rows, digest = join_batches(batches, output, temporary)
    columns = columns_of(temporary)
    archive = Archive(
        feed=feed,
        cycle_id=planned.cycle_id,
        file_name=target.name,
        source=batches[0].source,
        offsets=_joined_offsets(batches),
        columns=columns,
        paths={name: path for batch in batches for name, path in batch.paths.items()},
        rows=rows,
        bytes=temporary.stat().st_size,
        sha256=digest,
        parts=tuple(replace(part, name=f"{batch.name}/{part.name}") for batch in batches for part in batch.parts),
        archived_at=datetime.now(UTC).isoformat(),
        files=tuple(file for batch in batches for file in batch.files),
    )
    temporary.replace(target.plain)
    failpoints.reached("merge.archive_renamed")
    files.sync_folder(target.folder)
    target.write_manifest(archive)
    return archive


def _joined_offsets(batches: list[Batch]) -> dict[str, OffsetRange]:
    joined: dict[str, OffsetRange] = {}
    for batch in batches:
        for partition, offsets in batch.offsets.items():
            so_far = joined.get(partition, OffsetRange(offsets.first, offsets.next, 0))
            joined[partition] = OffsetRange(
                min(so_far.first, offsets.first), max(so_far.next, offsets.next), so_far.rows + offsets.rows
            )
    return joined


def _differ(paths: Mapping[str, tuple[str, ...]], later: Mapping[str, tuple[str, ...]]) -> bool:
    return any(later.get(name, path) != path for name, path in paths.items())


def batch_gone(name: str) -> IntegrityError:
    return IntegrityError(
        f"Batch {name} of the merge plan is gone, and so is its archive.",
        remedy="Restore it; after a second failed attempt merges continue without it.",
    )


def join_parts(parts: list[tuple[Path, str]], target: Path) -> tuple[int, str]:
    """Join part files (path, expected SHA-256) into one file; returns its rows, counted again, and its SHA-256.

    If all headers are equal the bytes are copied and nothing is parsed. If they differ (the contract has new columns) the result
    is that of `pandas.concat` over text columns: the union of the columns, NULL where a part has none.
    """
    headers = {header_line(path) for path, _ in parts}
    with target.open("wb") as handle, ThreadPoolExecutor(1, thread_name_prefix="merge-check") as pool:
        sink = _Sink(handle)
        if len(headers) == 1:
            sink.write(headers.pop())
            for path, digest in parts:
                _copy_body(path, digest, sink, pool)
                failpoints.reached("merge.joining")
        else:
            _concat(parts, sink)
        handle.flush()
        os.fsync(handle.fileno())
    return sink.lines - 1, sink.digest.hexdigest()


class _Sink:
    """Writes bytes, hashes them, and counts the lines that end outside quotes."""

    def __init__(self, handle: BinaryIO) -> None:
        self.handle = handle
        self.digest = hashlib.sha256()
        self.lines = 0
        self._inside_quotes = False

    def write(self, block: bytes) -> None:
        self.handle.write(block)
        self.digest.update(block)
        if not self._inside_quotes and b'"' not in block:
            self.lines += block.count(b"\n")
            return
        content = np.frombuffer(block, dtype=np.uint8)
        quotes, ends = (np.flatnonzero(content == ord(character)) for character in ('"', "\n"))
        # A line ends where the number of quotes before it is even.
        before = np.searchsorted(quotes, ends) + self._inside_quotes
        self.lines += int(np.count_nonzero(before % 2 == 0))
        self._inside_quotes = bool((len(quotes) + self._inside_quotes) % 2)


def _copy_body(path: Path, expected: str, sink: _Sink, pool: ThreadPoolExecutor) -> None:
    """Append a part without its header, and check in another thread that it is what its manifest says."""
    digest = hashlib.sha256()
    with path.open("rb") as handle:
        digest.update(handle.readline())
        while block := handle.read(_BLOCK_BYTES):
            checked = pool.submit(digest.update, block)
            sink.write(block)
            checked.result()
    _require_hash(path, digest.hexdigest(), expected)


def _concat(parts: Iterable[tuple[Path, str]], sink: _Sink) -> None:
    import pandas as pd

    for path, expected in parts:
        _require_hash(path, files.sha256(path), expected)
    frame = pd.concat([read_frame(path) for path, _ in parts], ignore_index=True)
    sink.write(batch_csv.header(tuple(frame.columns)))
    sink.write(to_csv(pa.Table.from_pandas(frame, preserve_index=False)))


def _require_hash(path: Path, actual: str, expected: str) -> None:
    if actual != expected:
        raise IntegrityError(
            f"{path.parent.name}/{path.name} was changed after its manifest was written (SHA-256 {actual[:12]}…,"
            f" expected {expected[:12]}…).",
            remedy="Restore the file; none of it was archived.",
        )
