"""Landing folders: CSV files that somebody puts there become batches, each file once by its content.

A file is taken when it has not changed for `stable_seconds` and nobody has it open for writing. It stays where it is until
the load that took it has committed; then it moves to `backup/<feed>/landing/`. A file that cannot be read at all moves to
`backup/<feed>/quarantine/`, and so does one that fails twice for another reason. Names that begin with a dot are somebody's
files in the making.

On the disk names stay as they are, whatever bytes they are made of; everywhere else stands `files.stored_name` of them.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import structlog
from watchfiles import watch
from watchfiles._rust_notify import WatchfilesRustInternalError

from etl.audit.set_aside import Failures, cause_of
from etl.contract.model import EvolvedContract
from etl.errors import UnreadableFile
from etl.jobs.consume.seen_files import Known
from etl.settings import Settings
from etl.storage import failpoints, files, manifests
from etl.storage.landing_folder import (
    IGNORED_NAMED,
    dialect_of,
    digest_of,
    ignored,
    is_being_written,
    landing_folder,
    look_at,
    move,
    target_of,
    waiting,
)
from etl.storage.manifests import Batch, LandingFile, OffsetRange, Part, Source
from etl.storage.publish import publish_batch, temporary_batch

log = structlog.get_logger("landing")

ROWS_PER_BATCH = 200_000
FILES_PER_BATCH = 500
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


def take(
    settings: Settings,
    contract: EvolvedContract,
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
    folder = landing_folder(settings, dialect_of(contract))
    folder.mkdir(parents=True, exist_ok=True)
    taken = Taken(waits_for=tuple(known.unknown))
    deadline = time.monotonic() + seconds
    if not taken.waits_for:
        _take_stable(settings, contract, cycle_id, taken, known, failures, deadline)
        if watch_on:
            for _ in _moments(folder, deadline, pause_seconds):
                _take_stable(settings, contract, cycle_id, taken, known, failures, deadline)
    taken.ignored = ignored(folder)
    return taken


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
    contract: EvolvedContract,
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
    before = {path: look_at(path) for path in found}
    pause = min(dialect_of(contract).stable_seconds, max(0.0, deadline - time.monotonic()))
    threading.Event().wait(pause)
    there = [path for path in found if before[path] is not None]
    stable = [path for path in there if look_at(path) == before[path]]
    whole = [path for path in stable if not is_being_written(path)]
    taken.growing = tuple(files.stored_name(path.name) for path in there if path not in whole and look_at(path))
    # The first batch is made whatever the time: a box that is too short for one would never get anywhere.
    while whole and not (taken.batches and time.monotonic() > deadline):
        whole = _take_batch(settings, contract, cycle_id, whole, taken, known, failures)


# --- files become a batch --------------------------------------------------------------------------------------------


def _take_batch(
    settings: Settings,
    contract: EvolvedContract,
    cycle_id: str,
    paths: list[Path],
    taken: Taken,
    known: Known,
    failures: Failures,
) -> list[Path]:
    """Make one batch of the first files; returns those that are left."""
    output = manifests.feed_output(settings, contract.feed)
    query_id = secrets.token_hex(8)
    temporary = temporary_batch(output, query_id, 0)
    temporary.mkdir(parents=True)
    whole: list[tuple[LandingFile, list[Part]]] = []
    left = list(paths)
    while left and len(whole) < FILES_PER_BATCH and sum(file.rows for file, _ in whole) < ROWS_PER_BATCH:
        path = left.pop(0)
        before = look_at(path)
        found, failed = None, None
        try:
            found = _read(contract, path, temporary, len(whole), taken, known)
        except Exception as error:  # noqa: BLE001 - whatever it is, it may be the file's
            failed = error
        if before is None or look_at(path) != before:
            # Gone, or written to after all: the next look decides.
            log.info("changed while it was read", file=files.stored_name(path.name))
            _discard(temporary, len(whole))
        elif failed:
            _discard(temporary, len(whole))
            _count_failure(settings, contract, path, failed, taken, failures)
        elif found:
            whole.append(found)
            known.add(found[0].sha256)
            if not os.path.lexists(manifests.quarantine(settings, contract.feed) / path.name):
                failures.resolve(found[0].name)
    if whole:
        taken.batches.append(_finish(contract, cycle_id, query_id, temporary, output, whole))
    else:
        shutil.rmtree(temporary)
    return left


def _read(
    contract: EvolvedContract, path: Path, folder: Path, number: int, taken: Taken, known: Known
) -> tuple[LandingFile, list[Part]] | None:
    """Write a file's parts; None where its content was taken before."""
    from etl.jobs.consume.csv_files import write_parts

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
    settings: Settings, contract: EvolvedContract, path: Path, error: Exception, taken: Taken, failures: Failures
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
    target = target_of(path, manifests.quarantine(settings, contract.feed), digest_of(path))
    name = files.stored_name(target.name)
    if not failures.count(name, error, at_once=unreadable, noted=not unreadable):
        taken.failed.append(error)
        return
    if unreadable:
        seen = error.seen if isinstance(error, UnreadableFile) else ""
        taken.unreadable[name] = cause_of(settings, error) + (f"; {seen}" if seen else "")
    try:
        move(path, target)
    except PermissionError as kept:
        log.warning("it stays where it is", file=name, cause=str(kept.strerror))


def _finish(
    contract: EvolvedContract,
    cycle_id: str,
    query_id: str,
    temporary: Path,
    output: Path,
    whole: list[tuple[LandingFile, list[Part]]],
) -> Batch:
    """Write the manifest and give the batch its place with one rename."""
    from etl.jobs.consume.csv_files import part_paths

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
        source=Source("folder", dialect_of(contract).path, content),
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
    publish_batch(batch, temporary, output)
    log.info("batch written", files=len(found), rows=rows, unparsable=batch.unparsable)
    return batch


def notes(taken: Taken) -> Mapping[str, object]:
    """What the audit row says of a folder's files, beyond the counts."""
    told = {
        "files": [file.name for batch in taken.batches for file in batch.files][:100],
        "unreadable_files": taken.unreadable,
        "files_taken_before": sorted(taken.same),
        "files_still_written": list(taken.growing),
        "waits_for": list(taken.waits_for),
        "ignored_files": [name for names in taken.ignored.values() for name in names][:IGNORED_NAMED],
        "ignored": {kind: len(names) for kind, names in taken.ignored.items()},
    }
    return {name: value for name, value in told.items() if value}
