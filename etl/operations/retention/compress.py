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


def compressed_of(file: Path) -> Path:
    """The path of a file's compressed copy."""
    return file.with_name(f"{file.name}{COMPRESSED_SUFFIX}")


def compress(file: Path, sha256: str, compressed: Path) -> int:
    """Replace a file by a compressed copy, after reading that back; returns the bytes freed.

    :param sha256: of the file's content.
    :param compressed: the path of the copy; a copy of the same content, which an interrupted run left there, is replaced.
    :raises IntegrityError: the content is not what the manifest says, or another content has the path of the copy.
    """
    if not is_free(compressed, sha256):
        raise IntegrityError(
            f"{files.shown_name(compressed.name)} is there already, with another content.",
            remedy="Move one of the two.",
        )
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


def is_free(compressed: Path, sha256: str) -> bool:
    """Whether nothing is lost when this content is compressed to a path: there is nothing, or the same content."""
    if not os.path.lexists(compressed):
        return True
    try:
        return files.content_sha256(compressed) == sha256
    except (IntegrityError, OSError):
        # It is damaged, or was never compressed: it may be an original.
        return False


def gzip_file(file: Path, target: Path) -> None:
    with file.open("rb") as source, target.open("wb") as handle:
        # Without name and time the same content gives the same bytes.
        with gzip.GzipFile(filename="", mode="wb", fileobj=handle, compresslevel=6, mtime=0) as packed:
            shutil.copyfileobj(source, packed, _BLOCK_BYTES)
        handle.flush()
        os.fsync(handle.fileno())
