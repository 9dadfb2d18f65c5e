"""Translate errors of the disk into `StorageError`, which names the folder and the remedy."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from etl.errors import StorageError
from etl.settings import Settings

_ROOM = "Free space there; then run again: half-written files are removed, and nothing is lost."
_RIGHTS = "Make it writable for the user who runs the jobs; then run again."
REMEDIES = {
    errno.ENOSPC: _ROOM,
    errno.EDQUOT: _ROOM,
    errno.EROFS: _RIGHTS,
    errno.EACCES: _RIGHTS,
    errno.EPERM: _RIGHTS,
    errno.EIO: "Check the disk (the system's log says more); then run again.",
}
_FULL = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def translate_disk_errors(settings: Settings) -> Iterator[None]:
    """Translate errors of the disk into `StorageError`; other errors pass unchanged."""
    try:
        yield
    except OSError as error:
        if error.errno not in REMEDIES:
            raise
        raise storage_error(settings, error.errno, error.filename) from error


def translated(error: OSError) -> StorageError | None:
    """The error for a file that is named, such as one of a folder that may not be written; None for other errors."""
    if error.errno not in REMEDIES or not isinstance(error.filename, str):
        return None
    return StorageError(f"{os.strerror(error.errno)}: {error.filename}.", remedy=REMEDIES[error.errno])


def storage_error(settings: Settings, number: int, path: str | os.PathLike[str] | None) -> StorageError:
    """The error for a number of `REMEDIES`. Without a path (failed writes have none) it names the probable folder."""
    where = Path(path) if path else _suspect(settings, full=number in _FULL)
    return StorageError(f"{os.strerror(number)}: {where}.", remedy=REMEDIES[number])


def _suspect(settings: Settings, *, full: bool) -> Path:
    folders = (settings.home, settings.output, settings.backup, settings.checkpoint, settings.services)
    existing = [folder for folder in folders if folder.is_dir()]
    return min(existing, key=lambda folder: shutil.disk_usage(folder).free) if full and existing else settings.home
