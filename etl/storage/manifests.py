"""Batches and archives on disk, and the manifests that describe them.

::

    output/<feed>/batch-<query>-<batch>/          one micro-batch: part-*.csv and manifest.json
    output/<feed>/.tmp-*                          being written, or left behind by a process that died
    output/<feed>/merge-plan.json                 which batches become which archive, decided once
    backup/<feed>/<feed>_<UTC time>_<cycle>.csv   one archive, with <name>.manifest.json beside it
    backup/<feed>/<name>.csv.gz                   the same content after `prune`; its manifest is unchanged
    backup/<feed>/quarantine/                     batches and landing files that were set aside

A manifest is written last: a batch or archive without one does not exist yet. SHA-256 and size in it are those of the plain
content, also after compression.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from etl.errors import IntegrityError
from etl.settings import Settings
from etl.storage.files import TEMPORARY_PREFIX, read_json, shown_name, storable

MANIFEST = "manifest.json"
PLAN = "merge-plan.json"
BATCH_PREFIX = "batch-"
QUARANTINE = "quarantine"
MOST_ROWS = 2_000_000
"""Most rows of an archive, which a load may keep in memory. Only an archive of a single batch may have more; a load then keeps
no rows in memory."""
_PART_PATTERN = "part-*"
_SCALARS = {"int": int, "str": str}
_Kind = TypeVar("_Kind")


@dataclass(frozen=True)
class Source:
    """Where rows came from. `identity` is Kafka's topic id: it differs between a topic and one that was created again."""

    kind: str
    name: str
    identity: str


@dataclass(frozen=True)
class OffsetRange:
    """Offsets of one partition that were read: from `first` to before `next`."""

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
    """A file of a landing folder. Its number in a manifest is the `source_partition` of its rows."""

    name: str
    sha256: str
    bytes: int
    rows: int
    unparsable: int
    lines: int
    """Line or number of the last record."""
    header: tuple[str, ...]
    """The names of its columns; empty where its records are objects."""
    messages: int
    """How many records it has, of which each may be several rows."""


@dataclass(frozen=True)
class Batch:
    """The manifest of one micro-batch: messages = parsed + unparsable."""

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
    """Column → where its values were in the source, by the contract of that time; empty in manifests of earlier versions."""

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
    """The landing files that its rows came from; empty for a topic."""
    paths: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """As in `Batch`."""


_Manifest = TypeVar("_Manifest", Batch, Archive)


def feed_output(settings: Settings, feed: str) -> Path:
    return settings.output / feed


def feed_backup(settings: Settings, feed: str) -> Path:
    return settings.backup / feed


def quarantine(settings: Settings, feed: str) -> Path:
    """The folder of a feed's landing files and batches that were set aside."""
    return feed_backup(settings, feed) / QUARANTINE


def batches(folder: Path) -> list[Batch]:
    """The complete batches of `output/<feed>`, in the order in which they were read."""
    return read_batches(folder)[0]


def read_batches(folder: Path) -> tuple[list[Batch], dict[str, IntegrityError]]:
    """The complete batches of a folder, in the order in which they were read, and the errors of damaged ones by name."""
    complete: list[Batch] = []
    damaged: dict[str, IntegrityError] = {}
    for path in sorted(folder.glob(f"{BATCH_PREFIX}*")):
        try:
            if _is_batch(path):
                complete.append(_read_batch(path))
        except IntegrityError as error:
            damaged[path.name] = error
    return sorted(complete, key=lambda batch: (batch.written_at, batch.batch_id)), damaged


def taken_batches(settings: Settings, feed: str) -> list[Batch]:
    """The complete batches of a feed: those that wait for a merge, and those that were set aside."""
    return [*batches(feed_output(settings, feed)), *batches(quarantine(settings, feed))]


def _is_batch(path: Path) -> bool:
    """Whether a folder with a batch's name is one. A batch gets its name together with its manifest, and may lose that later."""
    return path.is_dir() and ((path / MANIFEST).exists() or any(path.glob(_PART_PATTERN)))


def planned_archives(output: Path) -> set[str]:
    """Names of the archives that an interrupted merge will create, or has created already."""
    file = output / PLAN
    return {planned["archive"] for planned in read_json(file)["archives"]} if file.exists() else set()


def strays(folder: Path) -> list[str]:
    """Names in `output/<feed>` that are not batches. They are reported and not touched."""
    if not folder.is_dir():
        return []
    expected = {PLAN, *(path.name for path in folder.glob(f"{BATCH_PREFIX}*") if _is_batch(path))}
    names = (path.name for path in folder.iterdir())
    return sorted(shown_name(name) for name in names if name not in expected and not name.startswith(TEMPORARY_PREFIX))


def _read_batch(path: Path) -> Batch:
    manifest = path / MANIFEST
    if not manifest.exists():
        raise IntegrityError(f"The manifest of batch {path.name} is gone.", remedy="Restore it from a copy.")
    batch = read_manifest(Batch, manifest)
    if batch.name != path.name:
        raise IntegrityError(
            f"{path.name}/{MANIFEST} is the manifest of another batch.", remedy="Restore it from a copy."
        )
    return batch


def read_manifest(kind: type[_Manifest], file: Path) -> _Manifest:
    """A manifest, each of its fields with the declared type.

    :raises IntegrityError: it is damaged, or not a manifest of this kind.
    """
    data = read_json(file)
    try:
        return _typed(
            kind,
            {
                **data,
                "source": _typed(Source, data["source"]),
                "offsets": {partition: _typed(OffsetRange, value) for partition, value in data["offsets"].items()},
                "columns": tuple(data["columns"]),
                "paths": {name: tuple(path) for name, path in data.get("paths", {}).items()},
                "parts": tuple(_typed(Part, part) for part in data["parts"]),
                "files": tuple(_landing_file(file) for file in data.get("files", ())),
            },
        )
    except (TypeError, KeyError, AttributeError, ValueError) as error:
        raise IntegrityError(
            f"{file.name} in {file.parent.name} is damaged: it is not a manifest ({type(error).__name__}).",
            remedy="Restore it.",
        ) from None


def _landing_file(data: Mapping[str, Any]) -> LandingFile:
    # In manifests of earlier versions, whose files were CSV, a record is a row.
    whole = {"messages": data["rows"], **data, "name": storable(data["name"]), "header": tuple(data["header"])}
    return _typed(LandingFile, whole)


def _typed(kind: type[_Kind], data: Mapping[str, Any]) -> _Kind:
    """:raises TypeError: a field is missing, unknown, or not of its type."""
    for declared in fields(kind):  # type: ignore[arg-type]
        expected = _SCALARS.get(str(declared.type))
        if expected and declared.name in data and not isinstance(data[declared.name], expected):
            raise TypeError(declared.name)
    return kind(**data)
