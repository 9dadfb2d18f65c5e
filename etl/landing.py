"""Landing folders: CSV files that somebody puts there become batches, each file once by its content.

A file is taken when it has not changed for `stable_seconds` and nobody has it open for writing. It stays where it is until
the load that took it has committed; then it moves to `backup/<feed>/landing/`. A file that cannot be read at all moves to
`backup/<feed>/quarantine/`. Names that begin with a dot are somebody's files in the making.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import secrets
import shutil
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import structlog
from sqlalchemy import ColumnElement, Connection, Engine, and_, select
from watchfiles import watch

from etl import failpoints, files
from etl.contract import Contract
from etl.database import transaction
from etl.errors import ConfigurationError, UnreadableFile
from etl.files import Batch, LandingFile, OffsetRange, Part, Source
from etl.model import Landing
from etl.settings import Settings
from etl.tables import LANDING, etl_file

log = structlog.get_logger("landing")

ROWS_PER_BATCH = 200_000
FILES_PER_BATCH = 500
_SUFFIXES = (".csv", ".csv.gz")
_IGNORED_KINDS = ("other_ending", "in_subfolders", "hidden", "no_file")
"""Why a file of a landing folder is not looked at; in this order they are named."""
_IGNORED_NAMED = 100
_IGNORED_COUNTED = 10_000
"""What a folder has beyond these is not looked at: each cycle counts them again."""


@dataclass
class Taken:
    """What a job found in a landing folder."""

    batches: list[Batch] = field(default_factory=list)
    unreadable: dict[str, str] = field(default_factory=dict)
    """File and why; it was moved to `backup/<feed>/quarantine/`."""
    same: dict[str, str] = field(default_factory=dict)
    """File and its SHA-256; its content was taken before."""
    growing: tuple[str, ...] = ()
    """Files that are still being written."""
    ignored: Mapping[str, list[str]] = field(default_factory=dict)
    """Files that are not looked at, and were left alone: their paths in the folder, by kind."""


@dataclass(frozen=True)
class _Look:
    """How a file looked at one moment."""

    bytes: int
    modified_ns: int
    inode: int


def landing_folder(settings: Settings, landing: Landing) -> Path:
    return settings.home / landing.path


def waiting(settings: Settings, contract: Contract) -> list[Path]:
    """The CSV files of a landing folder, oldest first."""
    folder = landing_folder(settings, _dialect(contract))
    found = [path for path in _visible(folder) if path.name.lower().endswith(_SUFFIXES)]
    return sorted(found, key=lambda path: (path.stat().st_mtime_ns, path.name))


def take(
    settings: Settings,
    contract: Contract,
    cycle_id: str,
    known: Known,
    *,
    seconds: float,
    watch_on: bool,
    pause_seconds: float,
) -> Taken:
    """Make batches of the files that are there and stable.

    :param known: the files that were taken before; those of this call are added.
    :param seconds: longest time to look for more.
    :param watch_on: go on until the time is over; else end when what is there is taken.
    :param pause_seconds: longest time between two looks while it watches.
    """
    folder = landing_folder(settings, _dialect(contract))
    folder.mkdir(parents=True, exist_ok=True)
    taken = Taken()
    deadline = time.monotonic() + seconds
    _take_stable(settings, contract, cycle_id, taken, known, deadline)
    if watch_on:
        for _ in _moments(folder, deadline, pause_seconds):
            _take_stable(settings, contract, cycle_id, taken, known, deadline)
    taken.ignored = _ignored(folder)
    return taken


def settle(settings: Settings, contract: Contract, connection: Connection) -> list[str]:
    """Move files whose content is loaded to `backup/<feed>/landing/`; returns their names."""
    loaded = and_(etl_file.c.feed == contract.feed, etl_file.c.undone_at.is_(None))
    moved = []
    for path in waiting(settings, contract):
        if _is_being_written(path):
            continue
        digest = files.sha256(path)
        if _entry(connection, loaded, digest) is not None:
            _move(path, files.feed_backup(settings, contract.feed) / "landing", digest)
            moved.append(path.name)
            failpoints.reached("landing.settling")
    return moved


def _dialect(contract: Contract) -> Landing:
    if contract.landing is None:
        raise ConfigurationError(f"Feed {contract.feed} has no landing folder.", remedy="It reads a Kafka topic.")
    return contract.landing


def _visible(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield from (path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))


def _ignored(folder: Path) -> dict[str, list[str]]:
    """What is in a folder and never taken, by kind; at most `_IGNORED_COUNTED` files of it."""
    everything = (Path(top, name) for top, _, names in os.walk(folder) for name in names)
    kinds = ((kind, path) for path in everything if (kind := _why_ignored(folder, path)))
    found: dict[str, list[str]] = {}
    for kind, path in itertools.islice(kinds, _IGNORED_COUNTED):
        found.setdefault(kind, []).append(files.shown_name(path.relative_to(folder).as_posix()))
    return {kind: sorted(found[kind]) for kind in _IGNORED_KINDS if kind in found}


def _why_ignored(folder: Path, path: Path) -> str:
    """One of `_IGNORED_KINDS`; empty for a file that is taken."""
    if path.parent != folder:
        return "in_subfolders"
    if path.name.startswith("."):
        return "hidden"
    if not path.is_file():
        return "no_file"
    return "" if path.name.lower().endswith(_SUFFIXES) else "other_ending"


class Known:
    """Which files were taken, by their SHA-256: on their way in a batch or an archive, or in the ledger.

    The ledger is asked file by file, along its index, so that this costs the same however many it holds.
    """

    def __init__(self, settings: Settings, contract: Contract, engine: Engine) -> None:
        self._feed = contract.feed
        self._engine = engine
        archived = select(etl_file.c.file_name).where(etl_file.c.feed == contract.feed, etl_file.c.kind != LANDING)
        with transaction(engine) as connection:
            loaded = set(connection.scalars(archived))
        backup = files.feed_backup(settings, contract.feed)
        on_their_way = [files.read_archive(backup, name).files for name in files.archives(backup) if name not in loaded]
        on_their_way += [batch.files for batch in files.batches(files.feed_output(settings, contract.feed))]
        self._on_their_way = {file.sha256 for found in on_their_way for file in found}

    def __contains__(self, digest: str) -> bool:
        if digest in self._on_their_way:
            return True
        with transaction(self._engine) as connection:
            return _entry(connection, etl_file.c.feed == self._feed, digest) is not None

    def add(self, digest: str) -> None:
        self._on_their_way.add(digest)


def _entry(connection: Connection, mine: ColumnElement[bool], digest: str) -> int | None:
    """The ledger's entry of a landing file with this content."""
    return connection.scalar(
        select(etl_file.c.file_id).where(etl_file.c.sha256 == digest, etl_file.c.kind == LANDING, mine).limit(1)
    )


def _moments(folder: Path, deadline: float, pause_seconds: float) -> Iterator[None]:
    """A moment to look again: whenever something changes in the folder, and now and then, until the time is over."""
    while (left := deadline - time.monotonic()) > 0:
        stop = threading.Event()
        milliseconds = max(1, int(1000 * min(left, pause_seconds)))
        for _ in watch(folder, stop_event=stop, rust_timeout=milliseconds, yield_on_timeout=True, recursive=False):
            stop.set()
        yield


# --- which files are whole -------------------------------------------------------------------------------------------


def _take_stable(
    settings: Settings, contract: Contract, cycle_id: str, taken: Taken, known: Known, deadline: float
) -> None:
    found = [path for path in waiting(settings, contract) if path.name not in taken.same]
    if not found:
        taken.growing = ()
        return
    before = {path: _look(path) for path in found}
    pause = min(_dialect(contract).stable_seconds, max(0.0, deadline - time.monotonic()))
    threading.Event().wait(pause)
    stable = [path for path in found if before[path] is not None and _look(path) == before[path]]
    whole = [path for path in stable if not _is_being_written(path)]
    taken.growing = tuple(path.name for path in found if path not in whole)
    # The first batch is made whatever the time: a box that is too short for one would never get anywhere.
    while whole and not (taken.batches and time.monotonic() > deadline):
        whole = _take_batch(settings, contract, cycle_id, whole, taken, known)


def _look(path: Path) -> _Look | None:
    with suppress(FileNotFoundError):
        found = path.stat()
        return _Look(found.st_size, found.st_mtime_ns, found.st_ino)
    return None


def _is_being_written(path: Path) -> bool:
    """Whether any process has a file open for writing. Linux tells by refusing a read lease (fcntl(2)); others do not tell."""
    try:
        import fcntl

        lease, read, none = fcntl.F_SETLEASE, fcntl.F_RDLCK, fcntl.F_UNLCK
    except (ImportError, AttributeError):
        return False
    with path.open("rb") as handle:
        try:
            fcntl.fcntl(handle, lease, read)
        except BlockingIOError:
            return True
        except OSError:
            # Somebody else's file, or a file system without leases: that it does not change has to do.
            return False
        fcntl.fcntl(handle, lease, none)
    return False


# --- files become a batch --------------------------------------------------------------------------------------------


def _take_batch(
    settings: Settings, contract: Contract, cycle_id: str, paths: list[Path], taken: Taken, known: Known
) -> list[Path]:
    """Make one batch of the first files; returns those that are left."""
    from etl.csvfiles import write_parts

    output = files.feed_output(settings, contract.feed)
    query_id = secrets.token_hex(8)
    temporary = output / f"{files.TEMPORARY_PREFIX}{query_id}-000000"
    temporary.mkdir(parents=True)
    whole: list[tuple[LandingFile, list[Part]]] = []
    left = list(paths)
    while left and len(whole) < FILES_PER_BATCH and sum(file.rows for file, _ in whole) < ROWS_PER_BATCH:
        path = left.pop(0)
        digest = files.sha256(path)
        if digest in known:
            # A file of this very job waits in the folder until its load has committed.
            if digest not in {file.sha256 for batch in taken.batches for file in batch.files}:
                taken.same[path.name] = digest
                log.info("taken before", file=path.name)
            continue
        try:
            whole.append(write_parts(contract, path, digest, temporary, number=len(whole)))
            known.add(digest)
        except UnreadableFile as error:
            taken.unreadable[path.name] = error.cause
            log.warning("unreadable file set aside", file=path.name, reason=error.cause)
            _move(path, files.feed_backup(settings, contract.feed) / "quarantine", digest)
    if whole:
        taken.batches.append(_finish(contract, cycle_id, query_id, temporary, output, whole))
    else:
        shutil.rmtree(temporary)
    return left


def _finish(
    contract: Contract,
    cycle_id: str,
    query_id: str,
    temporary: Path,
    output: Path,
    whole: list[tuple[LandingFile, list[Part]]],
) -> Batch:
    """Write the manifest and give the batch its place with one rename."""
    failpoints.reached("landing.parts_written")
    found = [file for file, _ in whole]
    parts = tuple(part for _, some in whole for part in some)
    rows = sum(file.rows for file in found)
    content = hashlib.sha256("".join(file.sha256 for file in found).encode()).hexdigest()
    batch = Batch(
        feed=contract.feed,
        cycle_id=cycle_id,
        query_id=query_id,
        batch_id=0,
        source=Source("folder", _dialect(contract).path, content),
        offsets={str(n): OffsetRange(1, file.lines + 1, file.rows) for n, file in enumerate(found)},
        columns=contract.file_columns,
        messages=rows,
        rows=sum(part.rows for part in parts),
        unparsable=sum(file.unparsable for file in found),
        parts=parts,
        written_at=datetime.now(UTC).isoformat(),
        files=tuple(found),
    )
    files.write_json(temporary / files.MANIFEST, batch)
    files.replace_folder(temporary, output / batch.name)
    failpoints.reached("landing.renamed")
    log.info("batch written", files=len(found), rows=rows, unparsable=batch.unparsable)
    return batch


def _move(path: Path, folder: Path, digest: str) -> None:
    """Move a file, also to another file system: it is never gone from both places."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    target = folder / path.name
    if target.exists() and files.sha256(target) != digest:
        target = folder / f"{digest[:12]}-{path.name}"
    if not target.exists():
        temporary = folder / f"{files.TEMPORARY_PREFIX}{path.name}"
        shutil.copy2(path, temporary)
        files.sync_file(temporary)
        temporary.replace(target)
        files.sync_folder(folder)
    path.unlink()
    if os.name != "nt":
        files.sync_folder(path.parent)


def notes(taken: Taken) -> Mapping[str, object]:
    """What the audit row says of a folder's files, beyond the counts."""
    told = {
        "files": [file.name for batch in taken.batches for file in batch.files][:100],
        "unreadable_files": taken.unreadable,
        "files_taken_before": sorted(taken.same),
        "files_still_written": list(taken.growing),
        "ignored_files": [name for names in taken.ignored.values() for name in names][:_IGNORED_NAMED],
        "ignored": {kind: len(names) for kind, names in taken.ignored.items()},
    }
    return {name: value for name, value in told.items() if value}
