"""Landing files, converted to part files of a batch."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa

from etl.contract.model import LINEAGE_COLUMNS
from etl.contract.reader import Contract
from etl.errors import UnreadableFile
from etl.jobs.consume.files.readers import read_file
from etl.storage import batch_csv
from etl.storage.batch_csv import to_csv
from etl.storage.landing_folder import part_columns
from etl.storage.manifests import LandingFile, Part
from etl.storage.publish import finished_part


def write_parts(
    contract: Contract, path: Path, digest: str, folder: Path, *, number: int
) -> tuple[LandingFile, list[Part]]:
    """Write a file's records as part files, in bounded memory.

    :param number: the value of `source_partition`; that of `source_offset` is the record's line or number.
    :raises UnreadableFile: the file as a whole cannot be read, or it changed meanwhile.
    """
    before = path.stat()
    parts: list[Part] = []
    rows = messages = unparsable = last = 0
    try:
        with read_file(contract, contract.source.format, path, number) as records:
            header, columns = records.header, records.columns
            for chunk in records.chunks:
                parts.append(_write_part(folder / f"part-{number:05d}-{len(parts):05d}.csv", columns, chunk.table))
                rows += chunk.table.num_rows
                messages += chunk.records
                unparsable += chunk.unparsable
                last = chunk.last
    except UnreadableFile:
        _discard(folder, parts)
        raise
    after = path.stat()
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        _discard(folder, parts)
        raise UnreadableFile("it changed while it was read")
    if not parts:
        # A header alone is a file without readings; it is entered in the ledger like any other.
        parts.append(_write_part(folder / f"part-{number:05d}-00000.csv", columns, None))
    return LandingFile(path.name, digest, before.st_size, rows, unparsable, last, header, messages), parts


def part_paths(contract: Contract, headers: Iterable[tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Column of part files → where its values were in the landing files; only columns for which all files agree."""
    if not contract.source.format.is_tabular:
        return contract.paths
    sources: dict[str, set[str]] = {}
    for header in headers:
        for name, source in part_columns(contract, header).items():
            # A header may have a column without a name, such as an index.
            sources.setdefault(name, set()).add(contract.column(name).source[0] if source is None else source)
    return {name: (*paths,) for name, paths in sources.items() if len(paths) == 1}


def _write_part(file: Path, columns: tuple[str, ...], table: pa.Table | None) -> Part:
    with file.open("wb") as handle:
        handle.write(batch_csv.header((*columns, *LINEAGE_COLUMNS)))
        if table is not None:
            handle.write(to_csv(table))
    return finished_part(file, table.num_rows if table is not None else 0)


def _discard(folder: Path, parts: list[Part]) -> None:
    for part in parts:
        (folder / part.name).unlink()
