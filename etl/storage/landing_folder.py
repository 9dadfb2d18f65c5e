"""A feed's landing folder: the files that wait there, and the files that are ignored.

A file is known by its path below the folder, which its name in manifests, tables and notes shows (`shown`), and by which it is
kept in `backup/<feed>/`.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePath

from etl.contract.model import RESERVED, column_names
from etl.contract.reader import Contract
from etl.contract.sources.landing_folder import LandingFolder
from etl.errors import ConfigurationError
from etl.settings import Settings
from etl.storage import files
from etl.storage.manifests import BATCH_PREFIX

_IGNORED_KINDS = ("other_ending", "other_name", "in_subfolders", "hidden", "no_file")
"""Why a file in a landing folder is ignored, in the order in which reports name the kinds."""

IGNORED_NAMED = 100
"""Most ignored files that are reported by name."""

_IGNORED_COUNTED = 10_000
"""Most ignored files that are counted: every cycle counts them again."""

_DIGEST_SHOWN = 12
_DIGEST = re.compile(rf"^[0-9a-f]{{{_DIGEST_SHOWN}}}-(?=.)")


def folder_of(settings: Settings, source: LandingFolder) -> Path:
    return settings.home / source.folder


def waiting(settings: Settings, source: LandingFolder) -> list[Path]:
    """The files of a landing folder that are the feed's, oldest first."""
    folder = folder_of(settings, source)
    candidates = _files_below(folder) if source.pattern else _files_in(folder)
    taken = [path for path in candidates if not _why_ignored(folder, path, source)]
    states = {path: state for path in taken if (state := file_state(path))}
    return sorted(states, key=lambda path: (states[path].modified_ns, os.fsencode(path.relative_to(folder))))


def put_back(settings: Settings, source: LandingFolder, file: Path, name: PurePath) -> None:
    """Move a file that was set aside back to the landing folder, where the next job finds it.

    :param name: its path below the folder to which it was moved.
    :raises ConfigurationError: its place is taken, and the feed would not take it under another name.
    """
    folder, digest = folder_of(settings, source), digest_of(file)
    own = _own_name(name, digest)
    if not source.takes(own.as_posix()):
        # It was repaired meanwhile, so that its digest is no longer the one before its name.
        own = own.with_name(_DIGEST.sub("", own.name))
    target = _free_place(folder / own, digest)
    if source.takes(own.as_posix()) and not source.takes(target.relative_to(folder).as_posix()):
        raise ConfigurationError(
            f"Another file with the name of {shown(own)} waits.", remedy="Run the feed; then retry."
        )
    move(file, target)


def shown(name: PurePath) -> str:
    """A file's path below its folder, as manifests, tables and notes show it."""
    return files.stored_name(name.as_posix())


def require_landing_folder(contract: Contract) -> LandingFolder:
    """The feed's landing folder.

    :raises ConfigurationError: the feed reads from another source.
    """
    if not isinstance(contract.source, LandingFolder):
        raise ConfigurationError(
            f"Feed {contract.feed} has no landing folder.", remedy=f"It reads from {contract.source.name}."
        )
    return contract.source


def _files_in(folder: Path) -> Iterator[Path]:
    return folder.iterdir() if folder.is_dir() else iter(())


def _files_below(folder: Path) -> Iterator[Path]:
    for top, folders, names in os.walk(folder):
        # What is hidden is somebody's own; its folders need not be looked into.
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(top, name) for name in names)


def ignored(settings: Settings, source: LandingFolder) -> dict[str, list[str]]:
    """What is in a landing folder and never taken, by kind; at most `_IGNORED_COUNTED` files of it."""
    folder = folder_of(settings, source)
    everything = (Path(top, name) for top, names in _names_below(folder) for name in names)
    kinds = ((kind, path) for path in everything if (kind := _why_ignored(folder, path, source)))
    by_kind: dict[str, list[str]] = {}
    for kind, path in itertools.islice(kinds, _IGNORED_COUNTED):
        by_kind.setdefault(kind, []).append(files.shown_name(path.relative_to(folder).as_posix()))
    return {kind: sorted(by_kind[kind]) for kind in _IGNORED_KINDS if kind in by_kind}


def _names_below(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """The names in a folder, and in each below it, of all that is no folder; links to folders are not followed."""
    for top, folders, names in os.walk(folder):
        yield top, [*names, *(name for name in folders if Path(top, name).is_symlink())]


def _why_ignored(folder: Path, path: Path, source: LandingFolder) -> str:
    """One of `_IGNORED_KINDS`; empty for a file that is taken."""
    below = path.relative_to(folder)
    if len(below.parts) > 1 and not source.pattern:
        return "in_subfolders"
    if any(part.startswith(".") for part in below.parts):
        return "hidden"
    if not path.is_file():
        return "no_file"
    if source.takes(below.as_posix()):
        return ""
    return "other_name" if source.pattern else "other_ending"


def is_being_written(path: Path) -> bool:
    """Whether a process has the file open for writing. Linux then refuses a read lease (fcntl(2)); other systems cannot tell.

    True also for a file that has just disappeared, because somebody is working on it. False where the system cannot tell.
    """
    try:
        import fcntl

        lease, read, none = fcntl.F_SETLEASE, fcntl.F_RDLCK, fcntl.F_UNLCK
    except (ImportError, AttributeError):
        return False
    try:
        with path.open("rb") as handle:
            fcntl.fcntl(handle, lease, read)
            fcntl.fcntl(handle, lease, none)
    except (BlockingIOError, FileNotFoundError):
        return True
    except OSError:
        # Another user's file, or a file system without leases. Then it is enough that the file does not change.
        return False
    return False


def move(path: Path, target: Path) -> None:
    """Move a file, also to another file system: at every moment it is in at least one of the two places."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not target.exists():
        temporary = files.temporary_of(target)
        try:
            shutil.copy2(path, temporary)
        except PermissionError:
            # A file that may not be read can still be moved within its file system.
            temporary.unlink(missing_ok=True)
            if path.lstat().st_dev != target.parent.stat().st_dev:
                raise
            path.rename(target)
        else:
            files.sync_file(temporary)
            temporary.replace(target)
        files.sync_folder(target.parent)
    path.unlink(missing_ok=True)
    if os.name != "nt":
        files.sync_folder(path.parent)


@dataclass(frozen=True)
class FileState:
    """Size, time of change and inode of a file at one moment: while they are equal, the file has not changed."""

    bytes: int
    modified_ns: int
    inode: int


def file_state(path: Path) -> FileState | None:
    """The state of a file now; None where there is none."""
    with suppress(FileNotFoundError):
        status = path.stat()
        return FileState(status.st_size, status.st_mtime_ns, status.st_ino)
    return None


def digest_of(path: Path) -> str:
    """SHA-256 of a file's content; of its size and time where it may not be read."""
    try:
        return files.sha256(path)
    except PermissionError:
        # The ledger and set-aside files name it by this text, so it must stay the same in every version.
        state = file_state(path)
        text = f"Look(bytes={state.bytes}, modified_ns={state.modified_ns}, inode={state.inode})" if state else "None"
        return hashlib.sha256(text.encode()).hexdigest()


def target_of(name: PurePath, folder: Path, digest: str) -> Path:
    """Where a landing file goes in a folder of `backup/`: under its own name, unless another content has that already.

    :param name: its path below the landing folder.
    """
    if name.parts[0].startswith(BATCH_PREFIX) and len(name.parts) > 1:
        # A folder of somebody must not look like a batch that was set aside.
        name = PurePath(files.with_prefix(_prefix(digest), name.parts[0]), *name.parts[1:])
    return _free_place(folder / name, digest)


def _free_place(target: Path, digest: str) -> Path:
    """The place itself, or one beside it where another content has it already."""
    if os.path.lexists(target) and digest_of(target) != digest:
        return target.with_name(files.with_prefix(_prefix(digest), target.name))
    return target


def _prefix(digest: str) -> str:
    return f"{digest[:_DIGEST_SHOWN]}-"


def _own_name(name: PurePath, digest: str) -> PurePath:
    """A file's own path, without what `target_of` has put before its parts."""
    *folders, last = name.parts
    if folders and _DIGEST.sub("", folders[0]).startswith(BATCH_PREFIX):
        folders[0] = _DIGEST.sub("", folders[0])
    return PurePath(*folders, last.removeprefix(_prefix(digest)) or last)


def part_columns(contract: Contract, header: tuple[str, ...]) -> dict[str, str | None]:
    """Column of a part file → column of the file; first the contract's columns, then those that it does not name."""
    columns: dict[str, str | None] = {
        column.name: column.source[0] if column.is_in_message and column.source[0] in header else None
        for column in contract.columns
        if column.is_read
    }
    unnamed = sorted(set(header) - set(columns.values()))
    return columns | dict(zip(column_names(unnamed, (*columns, *RESERVED)), unnamed, strict=True))
