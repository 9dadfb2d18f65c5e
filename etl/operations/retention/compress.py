"""A file is compressed, and the result read back before the plain file is removed."""

from __future__ import annotations

import gzip
import os
import shutil
from pathlib import Path

from etl.errors import IntegrityError
from etl.storage import failpoints, files
from etl.storage.files import COMPRESSED_SUFFIX

_BLOCK_BYTES = 1 << 20


def compress(file: Path, sha256: str) -> int:
    """Replace a file by a compressed copy, after reading that back; returns the bytes freed.

    :raises IntegrityError: the content is not what the manifest says.
    """
    compressed = file.with_name(f"{file.name}{COMPRESSED_SUFFIX}")
    temporary = files.temporary_of(compressed)
    before = file.stat().st_size
    gzip_file(file, temporary)
    failpoints.reached("prune.compressing")
    written = files.content_sha256(temporary)
    if written != sha256:
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


def gzip_file(file: Path, target: Path) -> None:
    with file.open("rb") as source, target.open("wb") as handle:
        # Without name and time the same content gives the same bytes.
        with gzip.GzipFile(filename="", mode="wb", fileobj=handle, compresslevel=6, mtime=0) as packed:
            shutil.copyfileobj(source, packed, _BLOCK_BYTES)
        handle.flush()
        os.fsync(handle.fileno())
