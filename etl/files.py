r"""Batches and archives on disk: their names, their manifests, and how they come to be there whole or not at all.

::

    output/<feed>/batch-<query>-<batch>/          one micro-batch: part-*.csv and manifest.json
    output/<feed>/.tmp-*                          being written, or left by a process that died
    output/<feed>/merge-plan.json                 which batches become which archive, decided once
    backup/<feed>/<feed>_<UTC time>_<cycle>.csv   one archive, with <name>.manifest.json beside it
    backup/<feed>/<name>.csv.gz                   the same content after `prune`; its manifest stays as it was

A manifest is written last: what has none is not there yet. Its SHA-256 and size are those of the content, compressed or not.

**CSV dialect** of all of them: UTF-8, comma, `"` doubled inside quotes, `\\n` after each row. A field is quoted when it
contains a comma, a quote, CR or LF. Nothing between two commas is NULL; `""` is the empty text. This is what Spark writes
with `escape='"'`, `emptyValue='""'` and white space kept.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import re
import shutil
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from io import BufferedIOBase
from pathlib import Path
from typing import Any, TypeVar

from etl.errors import IntegrityError
from etl.settings import Settings

MANIFEST = "manifest.json"
MANIFEST_SUFFIX = ".manifest.json"
PLAN = "merge-plan.json"
BATCH_PREFIX = "batch-"
TEMPORARY_PREFIX = ".tmp-"
COMPRESSED_SUFFIX = ".gz"
PRIVATE_UMASK = 0o077
QUARANTINE = "quarantine"
_PART_PATTERN = "part-*"
_ARCHIVE_NAME = re.compile(r"\d{8}T\d{6,}Z_.+\.csv")
"""After the feed's name and `_`: time and cycle."""
_FIRST_PRINTABLE = 0x20
_STORED_LENGTH = 400
"""Of the columns that hold names of files, in UTF-16 code units, as SQL Server counts."""
_CUT_DIGITS = 12
_NAME_BYTES = 255
"""What file systems allow."""
_LINE_ENDS = "\x85\u2028\u2029"


@dataclass(frozen=True)
class Source:
    """Where rows came from. `identity` tells a topic that was made anew from its namesake: Kafka's topic id."""

    kind: str
    name: str
    identity: str


@dataclass(frozen=True)
class OffsetRange:
    """Offsets of one partition that were read: from `first` up to, not including, `next`."""

    first: int
    next: int
    rows: int


@dataclass(frozen=True)
class Part:
    """One part file of a batch."""

    name: str
    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True)
class LandingFile:
    """A CSV file of a landing folder. Its number in a manifest is the `source_partition` of its rows."""

    name: str
    sha256: str
    bytes: int
    rows: int
    unparsable: int
    lines: int
    header: tuple[str, ...]


@dataclass(frozen=True)
class Batch:
    """The manifest of one micro-batch: messages = rows that Spark could parse + unparsable ones."""

    feed: str
    cycle_id: str
    query_id: str
    batch_id: int
    source: Source
    offsets: Mapping[str, OffsetRange]
    """By partition, as text: JSON has no other keys."""
    columns: tuple[str, ...]
    messages: int
    rows: int
    unparsable: int
    parts: tuple[Part, ...]
    written_at: str
    files: tuple[LandingFile, ...] = ()
    paths: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Column → where its values were in the source, by the contract of that time; unknown in manifests of before."""

    @property
    def name(self) -> str:
        return f"{BATCH_PREFIX}{self.query_id}-{self.batch_id:06d}"


@dataclass(frozen=True)
class Archive:
    """The manifest of one archive."""

    feed: str
    cycle_id: str
    file_name: str
    source: Source
    offsets: Mapping[str, OffsetRange]
    columns: tuple[str, ...]
    rows: int
    bytes: int
    sha256: str
    parts: tuple[Part, ...]
    """Named `<batch>/<part>`, in the order in which they were joined."""
    archived_at: str
    files: tuple[LandingFile, ...] = ()
    """Where it came from landing files: those."""
    paths: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """As in `Batch`."""


def feed_output(settings: Settings, feed: str) -> Path:
    return settings.output / feed


def feed_backup(settings: Settings, feed: str) -> Path:
    return settings.backup / feed


def quarantine(settings: Settings, feed: str) -> Path:
    """The folder of landing files and batches that were set aside."""
    return feed_backup(settings, feed) / QUARANTINE


def batches(folder: Path) -> list[Batch]:
    """The complete batches of `output/<feed>`, in the order in which they were read."""
    return look(folder)[0]


def look(folder: Path) -> tuple[list[Batch], dict[str, IntegrityError]]:
    """The complete batches of a folder, in the order in which they were read; names of those that cannot be used, and why."""
    found: list[Batch] = []
    damaged: dict[str, IntegrityError] = {}
    for path in sorted(folder.glob(f"{BATCH_PREFIX}*")):
        try:
            if _is_batch(path):
                found.append(_read_batch(path))
        except IntegrityError as error:
            damaged[path.name] = error
    return sorted(found, key=lambda batch: (batch.written_at, batch.batch_id)), damaged


def taken_batches(settings: Settings, feed: str) -> list[Batch]:
    """The batches of a feed that can be read: those that wait for a merge, and those that were set aside."""
    return [*batches(feed_output(settings, feed)), *batches(quarantine(settings, feed))]


def _is_batch(path: Path) -> bool:
    """A batch gets its name together with its manifest; one without has lost it, unless there is nothing of a batch in it."""
    return path.is_dir() and ((path / MANIFEST).exists() or any(path.glob(_PART_PATTERN)))


def archives(folder: Path) -> list[str]:
    """File names of the complete archives of `backup/<feed>`, oldest first; no manifest is opened."""
    found = (path.name.removesuffix(MANIFEST_SUFFIX) for path in folder.glob(f"*{MANIFEST_SUFFIX}"))
    # `glob` finds hidden names as well, and so a manifest that a process was writing when it died.
    return sorted(name for name in found if not name.startswith(TEMPORARY_PREFIX))


def without_manifest(folder: Path, output: Path) -> list[str]:
    """Names of archives in `backup/<feed>` that have lost their manifest.

    Not those that a merge has not finished yet, which stand in its plan, and not files that are somebody's own.
    """
    there = {path.name.removesuffix(COMPRESSED_SUFFIX) for path in folder.glob(f"{folder.name}_*.csv*")}
    suspect = {name for name in there if _ARCHIVE_NAME.fullmatch(name.removeprefix(f"{folder.name}_"))}
    if suspect := suspect - set(archives(folder)):
        try:
            suspect -= planned_archives(output)
        except IntegrityError:
            return []
    # A merge may have ended meanwhile: it writes the manifest before it forgets the plan.
    return sorted(name for name in suspect if not (folder / f"{name}{MANIFEST_SUFFIX}").exists())


def read_archive(folder: Path, file_name: str) -> Archive:
    """The manifest of one archive.

    :raises IntegrityError: it cannot be read, or is gone although the archive is there.
    """
    manifest = folder / f"{file_name}{MANIFEST_SUFFIX}"
    if not manifest.exists() and content_of(folder, file_name).exists():
        raise IntegrityError(f"The manifest of archive {file_name} is gone.", remedy="Restore it from a copy.")
    archive = _from_manifest(Archive, manifest)
    if archive.file_name != file_name:
        raise IntegrityError(
            f"{manifest.name} is the manifest of {shown_name(archive.file_name)}.", remedy="Restore it from a copy."
        )
    return archive


def content_of(folder: Path, file_name: str) -> Path:
    """Where an archive's content stands: its CSV, or the compressed copy; the CSV's path where neither is there."""
    plain, compressed = folder / file_name, folder / f"{file_name}{COMPRESSED_SUFFIX}"
    return compressed if compressed.exists() and not plain.exists() else plain


def planned_archives(output: Path) -> set[str]:
    """Names of the archives that a merge which was cut off will make, or has made already."""
    file = output / PLAN
    return {planned["archive"] for planned in read_json(file)["archives"]} if file.exists() else set()


@contextmanager
def private() -> Iterator[None]:
    """Whatever is made meanwhile, also by child processes that start meanwhile, is for its owner only.

    A job reads raw data and holds passwords. The umask is the one place that also covers the files of Spark's JVM.
    """
    before = os.umask(PRIVATE_UMASK)
    try:
        yield
    finally:
        os.umask(before)


def strays(folder: Path) -> list[str]:
    """Names in `output/<feed>` that are no batch of ours; they are left alone and reported."""
    if not folder.is_dir():
        return []
    own = {PLAN, *(path.name for path in folder.glob(f"{BATCH_PREFIX}*") if _is_batch(path))}
    found = (path.name for path in folder.iterdir())
    return sorted(shown_name(name) for name in found if name not in own and not name.startswith(TEMPORARY_PREFIX))


def remove_temporaries(folder: Path) -> list[str]:
    """Remove what a process that died left half-written; call it under the feed's lock. Returns the names."""
    leftovers = sorted(folder.glob(f"{TEMPORARY_PREFIX}*")) if folder.is_dir() else []
    for path in leftovers:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    return [path.name for path in leftovers]


def remove_folder(folder: Path) -> None:
    """Remove a folder with what is in it; one that is not there is no error."""
    if folder.exists():
        shutil.rmtree(folder)


def write_json(file: Path, value: Any) -> None:
    """Write JSON under a temporary name, then rename: the file is there whole or not at all, also after a power cut."""
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
    """Give a finished folder its name; a folder of that name (the same batch, read again) gives way."""
    if final.exists():
        # Moved aside first: a folder that is being deleted must never carry a batch's name.
        aside = final.with_name(f"{TEMPORARY_PREFIX}old-{final.name}")
        remove_folder(aside)
        final.rename(aside)
        temporary.rename(final)
        shutil.rmtree(aside)
    else:
        temporary.rename(final)
    sync_folder(final.parent)


def move_folder(source: Path, target: Path) -> None:
    """Move a finished folder, also to another file system: it is whole in one of both places, or in both."""
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
    # In one step: what is half deleted must not look like what is whole.
    aside = source.with_name(f"{TEMPORARY_PREFIX}moved-{source.name}")
    remove_folder(aside)
    source.rename(aside)
    shutil.rmtree(aside)
    sync_folder(source.parent)


def temporary_of(file: Path) -> Path:
    """The temporary name of a file that is to be written, also where its own is as long as a name can be."""
    name = f"{TEMPORARY_PREFIX}{file.name}"
    if len(os.fsencode(name)) > _NAME_BYTES:
        name = f"{TEMPORARY_PREFIX}{hashlib.sha256(os.fsencode(file.name)).hexdigest()}"
    return file.with_name(name)


def with_prefix(prefix: str, name: str) -> str:
    """A file's name with something before it. Where that is too long, the name loses its beginning, not its suffix."""
    content = os.fsencode(name)
    room = _NAME_BYTES - len(os.fsencode(prefix))
    return prefix + os.fsdecode(content[max(0, len(content) - room) :])


def can_be_named(name: str) -> bool:
    """Whether a file can have such a long name."""
    return len(os.fsencode(name)) <= _NAME_BYTES


@contextmanager
def open_content(file: Path) -> Iterator[BufferedIOBase]:
    """A file's content for reading, decompressed where its name ends in `.gz`.

    :raises IntegrityError: what is compressed is damaged or cut off.
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
    r"""A file's name as people, terminals and databases can take it, and from which it can be told exactly.

    Bytes that are no UTF-8, and control characters, become `\xNN`; a backslash is doubled.
    """
    return "".join(_shown(letter) for letter in name)


def stored_name(name: str) -> str:
    """`shown_name`, where the database has room for it; a longer one is cut, and ends in `…` and 12 digits of its SHA-256."""
    shown = shown_name(name)
    units = shown.encode("utf-16-le")
    if len(units) <= 2 * _STORED_LENGTH:
        return shown
    room = _STORED_LENGTH - _CUT_DIGITS - 1
    digits = hashlib.sha256(shown.encode()).hexdigest()[:_CUT_DIGITS]
    return f"{units[: 2 * room].decode('utf-16-le', 'ignore')}…{digits}"


def _storable(name: str) -> str:
    """The name of a landing file in a manifest: as it stands, unless it was written before names were made to be shown."""
    is_shown = all(letter == "\\" or _shown(letter) == letter for letter in name)
    return name if is_shown and len(name.encode("utf-16-le")) <= 2 * _STORED_LENGTH else stored_name(name)


def _shown(letter: str) -> str:
    if letter == "\\":
        return "\\\\"
    if letter.isprintable() or (letter.isspace() and letter not in _LINE_ENDS and ord(letter) >= _FIRST_PRINTABLE):
        return letter
    return "".join(f"\\x{byte:02x}" for byte in letter.encode("utf-8", "surrogateescape"))


def hadoop_path(path: Path) -> str:
    """A file's or folder's path as Spark and Hadoop take it, whatever is in its name.

    Not a URI: Hadoop decodes nothing, so that a `%20` in it would be part of the name.
    """
    plain = path.absolute().as_posix()
    return f"file://{plain}" if plain.startswith("/") else f"file:///{plain}"


def header(columns: tuple[str, ...]) -> bytes:
    """The first line of every part and archive."""
    return ",".join(columns).encode() + b"\n"


def _read_batch(path: Path) -> Batch:
    manifest = path / MANIFEST
    if not manifest.exists():
        raise IntegrityError(f"The manifest of batch {path.name} is gone.", remedy="Restore it from a copy.")
    batch = _from_manifest(Batch, manifest)
    if batch.name != path.name:
        raise IntegrityError(f"{path.name}/{MANIFEST} is that of another batch.", remedy="Restore it from a copy.")
    return batch


_Manifest = TypeVar("_Manifest", Batch, Archive)
_Kind = TypeVar("_Kind")
_PLAIN = {"int": int, "str": str}


def _from_manifest(kind: type[_Manifest], file: Path) -> _Manifest:
    """What a manifest says, each field of its type.

    :raises IntegrityError: it is damaged, or no manifest of this kind.
    """
    data = read_json(file)
    try:
        return _made(
            kind,
            {
                **data,
                "source": _made(Source, data["source"]),
                "offsets": {partition: _made(OffsetRange, value) for partition, value in data["offsets"].items()},
                "columns": tuple(data["columns"]),
                "paths": {name: tuple(path) for name, path in data.get("paths", {}).items()},
                "parts": tuple(_made(Part, part) for part in data["parts"]),
                "files": tuple(_landing_file(found) for found in data.get("files", ())),
            },
        )
    except (TypeError, KeyError, AttributeError, ValueError) as error:
        raise IntegrityError(
            f"{file.name} in {file.parent.name} is damaged: it is no manifest ({type(error).__name__}).",
            remedy="Restore it.",
        ) from None


def _landing_file(data: Mapping[str, Any]) -> LandingFile:
    return _made(LandingFile, {**data, "name": _storable(data["name"]), "header": tuple(data["header"])})


def _made(kind: type[_Kind], data: Mapping[str, Any]) -> _Kind:
    for found in fields(kind):  # type: ignore[arg-type]
        expected = _PLAIN.get(str(found.type))
        if expected and found.name in data and not isinstance(data[found.name], expected):
            raise TypeError(found.name)
    return kind(**data)
