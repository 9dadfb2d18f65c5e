"""Landing folders: CSV files that somebody puts there become batches, each file once by its content.

A file is taken when it has not changed for `stable_seconds` and nobody has it open for writing. It stays where it is until
the load that took it has committed; then it moves to `backup/<feed>/landing/`. A file that cannot be read at all moves to
`backup/<feed>/quarantine/`, and so does one that fails twice for another reason. Names that begin with a dot are somebody's
files in the making.

On the disk names stay as they are, whatever bytes they are made of; everywhere else stands `files.stored_name` of them.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import secrets
import shutil
import threading
import time
from collections.abc import Container, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import structlog
from sqlalchemy import ColumnElement, Connection, Engine, and_, select
from watchfiles import watch
from watchfiles._rust_notify import WatchfilesRustInternalError

from etl import failpoints, files
from etl.contract import Contract
from etl.database import transaction
from etl.errors import ConfigurationError, IntegrityError, UnreadableFile
from etl.files import Batch, LandingFile, OffsetRange, Part, Source
from etl.model import Landing
from etl.set_aside import ARCHIVE, BATCH, Failures, cause_of
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
_SHORTEST_PAUSE_SECONDS = 0.1


@dataclass
class Taken:
    """What a job found in a landing folder."""

    batches: list[Batch] = field(default_factory=list)
    unreadable: dict[str, str] = field(default_factory=dict)
    """File and why; it was moved to `backup/<feed>/quarantine/`, where it has this name."""
    same: dict[str, str] = field(default_factory=dict)
    """File and its SHA-256; its content was taken before."""
    growing: tuple[str, ...] = ()
    """Files that are still being written."""
    ignored: Mapping[str, list[str]] = field(default_factory=dict)
    """Files that are not looked at, and were left alone: their paths in the folder, by kind."""
    waits_for: tuple[str, ...] = ()
    """Batches and archives of which nobody knows which files are in them: nothing is taken until they are whole or set aside."""
    failed: list[Exception] = field(default_factory=list)
    """Errors of files that are tried again by the next job."""
    _done: set[Path] = field(default_factory=set)
    """Files that are not looked at again in this job."""


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
    looks = {path: look for path in found if (look := _look(path))}
    return sorted(looks, key=lambda path: (looks[path].modified_ns, os.fsencode(path.name)))


def take(
    settings: Settings,
    contract: Contract,
    cycle_id: str,
    known: Known,
    failures: Failures,
    *,
    seconds: float,
    watch_on: bool,
    pause_seconds: float,
) -> Taken:
    """Make batches of the files that are there and stable.

    :param known: the files that were taken before; those of this call are added.
    :param failures: those that failed before; what fails now is added.
    :param seconds: longest time to look for more.
    :param watch_on: go on until the time is over; else end when what is there is taken.
    :param pause_seconds: longest time between two looks while it watches.
    """
    folder = landing_folder(settings, _dialect(contract))
    folder.mkdir(parents=True, exist_ok=True)
    taken = Taken(waits_for=tuple(known.unknown))
    deadline = time.monotonic() + seconds
    if not taken.waits_for:
        _take_stable(settings, contract, cycle_id, taken, known, failures, deadline)
        if watch_on:
            for _ in _moments(folder, deadline, pause_seconds):
                _take_stable(settings, contract, cycle_id, taken, known, failures, deadline)
    taken.ignored = _ignored(folder)
    return taken


def settle(settings: Settings, contract: Contract, connection: Connection) -> list[str]:
    """Move files whose content is loaded to `backup/<feed>/landing/`; returns their names."""
    loaded = and_(etl_file.c.feed == contract.feed, etl_file.c.undone_at.is_(None))
    moved = []
    for path in waiting(settings, contract):
        try:
            digest = "" if _is_being_written(path) else files.sha256(path)
        except (FileNotFoundError, PermissionError):
            # It is gone meanwhile, or was never taken.
            continue
        if digest and _entry(connection, loaded, digest) is not None:
            _move(path, _target(path, files.feed_backup(settings, contract.feed) / "landing", digest))
            moved.append(files.stored_name(path.name))
            failpoints.reached("landing.settling")
    return moved


def put_back(settings: Settings, contract: Contract, file: Path) -> None:
    """Move a file that was set aside back to the landing folder, where the next job finds it."""
    folder = landing_folder(settings, _dialect(contract))
    _move(file, _target(file, folder, _digest(file)))


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
    """Which files were taken, by their SHA-256: on their way in a batch or an archive, set aside with one, or in the ledger.

    The ledger is asked file by file, along its index, so that this costs the same however many it holds.
    """

    def __init__(
        self, settings: Settings, contract: Contract, engine: Engine, set_aside: Container[tuple[str, str]] = ()
    ) -> None:
        """:param set_aside: kind and name of batches and archives that were; what those took that are damaged is taken again."""
        self._feed = contract.feed
        self._engine = engine
        self.unknown: list[str] = []
        """Batches and archives that do not tell which files are in them, and may tell it yet."""
        archived = select(etl_file.c.file_name).where(
            etl_file.c.feed == contract.feed, etl_file.c.kind != LANDING, etl_file.c.undone_at.is_(None)
        )
        with transaction(engine) as connection:
            loaded = set(connection.scalars(archived))
        output, backup = files.feed_output(settings, contract.feed), files.feed_backup(settings, contract.feed)
        found = [batch.files for batch in files.taken_batches(settings, contract.feed)]
        damaged = [(BATCH, name) for name in files.look(output)[1]]
        waiting_ones = [name for name in files.archives(backup) if name not in loaded]
        waiting_ones += [name for name in files.without_manifest(backup, output) if name not in loaded]
        for name in waiting_ones:
            try:
                found.append(files.read_archive(backup, name).files)
            except IntegrityError:
                damaged.append((ARCHIVE, name))
        self.unknown = [name for kind, name in damaged if (kind, name) not in set_aside]
        self._on_their_way = {file.sha256 for some in found for file in some}

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
        try:
            for _ in watch(folder, stop_event=stop, rust_timeout=milliseconds, yield_on_timeout=True, recursive=False):
                stop.set()
        except WatchfilesRustInternalError:
            # It cannot tell of a name that is no UTF-8. That something has changed is all that matters; but not all at once.
            threading.Event().wait(min(_SHORTEST_PAUSE_SECONDS, max(0.0, deadline - time.monotonic())))
        yield


# --- which files are whole -------------------------------------------------------------------------------------------


def _take_stable(
    settings: Settings,
    contract: Contract,
    cycle_id: str,
    taken: Taken,
    known: Known,
    failures: Failures,
    deadline: float,
) -> None:
    found = [path for path in waiting(settings, contract) if path not in taken._done]
    if not found:
        taken.growing = ()
        return
    before = {path: _look(path) for path in found}
    pause = min(_dialect(contract).stable_seconds, max(0.0, deadline - time.monotonic()))
    threading.Event().wait(pause)
    there = [path for path in found if before[path] is not None]
    stable = [path for path in there if _look(path) == before[path]]
    whole = [path for path in stable if not _is_being_written(path)]
    taken.growing = tuple(files.stored_name(path.name) for path in there if path not in whole and _look(path))
    # The first batch is made whatever the time: a box that is too short for one would never get anywhere.
    while whole and not (taken.batches and time.monotonic() > deadline):
        whole = _take_batch(settings, contract, cycle_id, whole, taken, known, failures)


def _look(path: Path) -> _Look | None:
    with suppress(FileNotFoundError):
        found = path.stat()
        return _Look(found.st_size, found.st_mtime_ns, found.st_ino)
    return None


def _is_being_written(path: Path) -> bool:
    """Whether any process has a file open for writing. Linux tells by refusing a read lease (fcntl(2)); others do not tell.

    One that is gone meanwhile counts as such: somebody is at work on it. Of one that cannot be opened nothing is known.
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
        # Somebody else's file, or a file system without leases: that it does not change has to do.
        return False
    return False


# --- files become a batch --------------------------------------------------------------------------------------------


def _take_batch(
    settings: Settings,
    contract: Contract,
    cycle_id: str,
    paths: list[Path],
    taken: Taken,
    known: Known,
    failures: Failures,
) -> list[Path]:
    """Make one batch of the first files; returns those that are left."""
    output = files.feed_output(settings, contract.feed)
    query_id = secrets.token_hex(8)
    temporary = output / f"{files.TEMPORARY_PREFIX}{query_id}-000000"
    temporary.mkdir(parents=True)
    whole: list[tuple[LandingFile, list[Part]]] = []
    left = list(paths)
    while left and len(whole) < FILES_PER_BATCH and sum(file.rows for file, _ in whole) < ROWS_PER_BATCH:
        path = left.pop(0)
        before = _look(path)
        found, failed = None, None
        try:
            found = _read(contract, path, temporary, len(whole), taken, known)
        except Exception as error:  # noqa: BLE001 - whatever it is, it may be the file's
            failed = error
        if before is None or _look(path) != before:
            # Gone, or written to after all: the next look decides.
            log.info("changed while it was read", file=files.stored_name(path.name))
            _discard(temporary, len(whole))
        elif failed:
            _discard(temporary, len(whole))
            _count_failure(settings, contract, path, failed, taken, failures)
        elif found:
            whole.append(found)
            known.add(found[0].sha256)
            if not os.path.lexists(files.quarantine(settings, contract.feed) / path.name):
                failures.turned_out_well(found[0].name)
    if whole:
        taken.batches.append(_finish(contract, cycle_id, query_id, temporary, output, whole))
    else:
        shutil.rmtree(temporary)
    return left


def _read(
    contract: Contract, path: Path, folder: Path, number: int, taken: Taken, known: Known
) -> tuple[LandingFile, list[Part]] | None:
    """Write a file's parts; None where its content was taken before."""
    from etl.csvfiles import write_parts

    name = files.stored_name(path.name)
    digest = files.sha256(path)
    if digest in known:
        # A file of this very job waits in the folder until its load has committed.
        if digest not in {file.sha256 for batch in taken.batches for file in batch.files}:
            taken.same[name] = digest
            taken._done.add(path)
            log.info("taken before", file=name)
        return None
    file, parts = write_parts(contract, path, digest, folder, number=number)
    return replace(file, name=name), parts


def _discard(folder: Path, number: int) -> None:
    for part in folder.glob(f"part-{number:05d}-*"):
        part.unlink()


def _count_failure(
    settings: Settings, contract: Contract, path: Path, error: Exception, taken: Taken, failures: Failures
) -> None:
    """Set a file aside that cannot be read, or has failed twice; leave it to the next job after the first time.

    :raises Exception: the error itself, where it tells nothing about the file.
    """
    taken._done.add(path)
    if isinstance(error, PermissionError) and error.filename == str(path):
        # Of a file in a landing folder that is about the file, not the disk.
        error = UnreadableFile("it may not be read by the user who runs the jobs", remedy="Change its permissions.")
        unreadable = False
    else:
        unreadable = isinstance(error, UnreadableFile)
    target = _target(path, files.quarantine(settings, contract.feed), _digest(path))
    name = files.stored_name(target.name)
    if not failures.count(name, error, at_once=unreadable, noted=not unreadable):
        taken.failed.append(error)
        return
    if unreadable:
        seen = error.seen if isinstance(error, UnreadableFile) else ""
        taken.unreadable[name] = cause_of(settings, error) + (f"; {seen}" if seen else "")
    try:
        _move(path, target)
    except PermissionError as kept:
        log.warning("it stays where it is", file=name, cause=str(kept.strerror))


def _finish(
    contract: Contract,
    cycle_id: str,
    query_id: str,
    temporary: Path,
    output: Path,
    whole: list[tuple[LandingFile, list[Part]]],
) -> Batch:
    """Write the manifest and give the batch its place with one rename."""
    from etl.csvfiles import part_paths

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
        paths=part_paths(contract, (file.header for file in found)),
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


def _digest(path: Path) -> str:
    """SHA-256 of a file's content; of its size and time where it may not be read."""
    try:
        return files.sha256(path)
    except PermissionError:
        return hashlib.sha256(repr(_look(path)).encode()).hexdigest()


def _target(path: Path, folder: Path, digest: str) -> Path:
    """Where a file goes in a folder: under its own name, unless another content has that already."""
    target = folder / path.name
    if os.path.lexists(target) and _digest(target) != digest:
        return folder / files.with_prefix(f"{digest[:12]}-", path.name)
    return target


def _move(path: Path, target: Path) -> None:
    """Move a file, also to another file system: it is never gone from both places."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not target.exists():
        temporary = files.temporary_of(target)
        try:
            shutil.copy2(path, temporary)
        except PermissionError:
            # What may not be read may yet be moved within a file system.
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


def notes(taken: Taken) -> Mapping[str, object]:
    """What the audit row says of a folder's files, beyond the counts."""
    told = {
        "files": [file.name for batch in taken.batches for file in batch.files][:100],
        "unreadable_files": taken.unreadable,
        "files_taken_before": sorted(taken.same),
        "files_still_written": list(taken.growing),
        "waits_for": list(taken.waits_for),
        "ignored_files": [name for names in taken.ignored.values() for name in names][:_IGNORED_NAMED],
        "ignored": {kind: len(names) for kind, names in taken.ignored.items()},
    }
    return {name: value for name, value in told.items() if value}
