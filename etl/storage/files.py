"""Files and folders that are there whole or not at all, and names of files that can be shown and stored."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import shutil
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from io import BufferedIOBase
from pathlib import Path
from typing import Any

from etl.errors import IntegrityError

TEMPORARY_PREFIX = ".tmp-"
COMPRESSED_SUFFIX = ".gz"
PRIVATE_UMASK = 0o077
_FIRST_PRINTABLE = 0x20
_STORED_LENGTH = 400
"""Longest name that the database's columns for file names hold, in UTF-16 code units, as SQL Server counts."""
_CUT_DIGITS = 12
"""Digits of the SHA-256 at the end of a shortened name."""
_NAME_BYTES = 255
"""Longest name that file systems allow."""
_LINE_ENDS = "\x85\u2028\u2029"


@contextmanager
def private() -> Iterator[None]:
    """While the block runs, whatever this process or a child started in it creates is private to its owner.

    A job reads raw data and holds passwords. The umask is the one place that also covers the files of Spark's JVM.
    """
    before = os.umask(PRIVATE_UMASK)
    try:
        yield
    finally:
        os.umask(before)


def remove_temporaries(folder: Path) -> list[str]:
    """Remove half-written files and folders of a process that died; returns their names. Call it under the feed's lock."""
    leftovers = sorted(folder.glob(f"{TEMPORARY_PREFIX}*")) if folder.is_dir() else []
    for path in leftovers:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    return [path.name for path in leftovers]


def files_below(folder: Path) -> list[Path]:
    """Every file in a folder and in those below it, in the order of their paths."""
    return sorted(path for top, _, names in os.walk(folder) for name in names if (path := Path(top, name)).is_file())


def remove_empty_folders(folder: Path, top: Path) -> None:
    """Remove a folder and those that contain it, up to below `top`, as long as they are empty."""
    while folder != top and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent


def remove_folder(folder: Path) -> None:
    """Remove a folder and its contents, if it exists."""
    if folder.exists():
        shutil.rmtree(folder)


def write_json(file: Path, value: Any) -> None:
    """Write JSON under a temporary name, then rename: the file is there whole or not at all, even after a power failure."""
    temporary = file.with_name(f"{TEMPORARY_PREFIX}{file.name}")
    with temporary.open("w", encoding="utf-8") as handle:
        json.dump(value, handle, indent=1, default=asdict)
        handle.flush()
        os.fsync(handle.fileno())
    temporary.replace(file)
    sync_folder(file.parent)


def read_json(file: Path) -> dict[str, Any]:
    """Read a manifest or plan.

    :raises IntegrityError: it is damaged.
    """
    try:
        loaded: dict[str, Any] = json.loads(file.read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        raise IntegrityError(f"{file.name} in {file.parent.name} is damaged: {error}", remedy="Restore it.") from None
    return loaded


def sync_file(file: Path) -> None:
    """Force a file's content to the disk."""
    with file.open("rb") as handle:
        os.fsync(handle.fileno())


def sync_folder(folder: Path) -> None:
    """Force a folder's entries to the disk, where the system can (Windows cannot open a folder)."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace_folder(temporary: Path, final: Path) -> None:
    """Give a finished folder its name; it replaces a folder of that name (the same batch, read again)."""
    if final.exists():
        # Moved aside first: a folder that is being deleted must never have a batch's name.
        aside = final.with_name(f"{TEMPORARY_PREFIX}old-{final.name}")
        remove_folder(aside)
        final.rename(aside)
        temporary.rename(final)
        shutil.rmtree(aside)
    else:
        temporary.rename(final)
    sync_folder(final.parent)


def move_folder(source: Path, target: Path) -> None:
    """Move a finished folder, also to another file system; at every moment one of the two places has it whole."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if source.parent.stat().st_dev == target.parent.stat().st_dev:
        replace_folder(source, target)
        sync_folder(source.parent)
        return
    temporary = target.with_name(f"{TEMPORARY_PREFIX}{target.name}")
    remove_folder(temporary)
    shutil.copytree(source, temporary)
    for path in temporary.iterdir():
        sync_file(path)
    replace_folder(temporary, target)
    # In one step: a half-deleted folder must not look like a whole one.
    aside = source.with_name(f"{TEMPORARY_PREFIX}moved-{source.name}")
    remove_folder(aside)
    source.rename(aside)
    shutil.rmtree(aside)
    sync_folder(source.parent)


def temporary_of(file: Path) -> Path:
    """The temporary name of a file that is to be written, even if its own name is as long as a name can be."""
    name = f"{TEMPORARY_PREFIX}{file.name}"
    if len(os.fsencode(name)) > _NAME_BYTES:
        name = f"{TEMPORARY_PREFIX}{hashlib.sha256(os.fsencode(file.name)).hexdigest()}"
    return file.with_name(name)


def with_prefix(prefix: str, name: str) -> str:
    """A file's name with a prefix. If that is too long, the name loses its beginning, not its suffix."""
    content = os.fsencode(name)
    room = _NAME_BYTES - len(os.fsencode(prefix))
    return prefix + os.fsdecode(content[max(0, len(content) - room) :])


def can_be_named(name: str) -> bool:
    """Whether the name is short enough for a file."""
    return len(os.fsencode(name)) <= _NAME_BYTES


@contextmanager
def open_content(file: Path) -> Iterator[BufferedIOBase]:
    """A file's content for reading, decompressed where its name ends in `.gz`.

    :raises IntegrityError: the compressed content is damaged or truncated.
    """
    if file.suffix != COMPRESSED_SUFFIX:
        with file.open("rb") as handle:
            yield handle
        return
    try:
        with gzip.open(file, "rb") as unpacked:
            yield unpacked
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise IntegrityError(f"{file.name} is damaged: {error}", remedy="Restore the file from a copy.") from None


def sha256(file: Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes."""
    with file.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def content_sha256(file: Path) -> str:
    """Hexadecimal SHA-256 of an archive's content, whether it is compressed or not."""
    with open_content(file) as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def shown_name(name: str) -> str:
    r"""A file's name in a form that terminals and databases accept, and from which the exact name can be restored.

    Bytes that are not UTF-8, and control characters, become `\xNN`; a backslash is doubled.
    """
    return "".join(_shown(letter) for letter in name)


def stored_name(name: str) -> str:
    """`shown_name`, at most as long as the database's column; a longer one ends in `…` and 12 digits of its SHA-256."""
    shown = shown_name(name)
    units = shown.encode("utf-16-le")
    if len(units) <= 2 * _STORED_LENGTH:
        return shown
    room = _STORED_LENGTH - _CUT_DIGITS - 1
    digits = hashlib.sha256(shown.encode()).hexdigest()[:_CUT_DIGITS]
    return f"{units[: 2 * room].decode('utf-16-le', 'ignore')}…{digits}"


def storable(name: str) -> str:
    """The name of a landing file in a manifest: unchanged, unless an earlier version wrote it, without `stored_name`."""
    is_shown = all(letter == "\\" or _shown(letter) == letter for letter in name)
    return name if is_shown and len(name.encode("utf-16-le")) <= 2 * _STORED_LENGTH else stored_name(name)


def _shown(letter: str) -> str:
    if letter == "\\":
        return "\\\\"
    if letter.isprintable() or (letter.isspace() and letter not in _LINE_ENDS and ord(letter) >= _FIRST_PRINTABLE):
        return letter
    return "".join(f"\\x{byte:02x}" for byte in letter.encode("utf-8", "surrogateescape"))


def hadoop_path(path: Path) -> str:
    """A file's or folder's path in the form that Spark and Hadoop take, whatever characters it has.

    Not a URI: Hadoop decodes nothing, so that a `%20` in it would be part of the name.
    """
    plain = path.absolute().as_posix()
    return f"file://{plain}" if plain.startswith("/") else f"file:///{plain}"
