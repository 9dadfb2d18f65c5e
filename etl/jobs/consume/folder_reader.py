"""Reads landing folders: files that other programs put there become batches, each content once.

A file is taken when it has not changed for `stable_seconds` and no program has it open for writing. It stays in the folder
until the load that took it has committed; then it moves to `backup/<feed>/landing/`. A file that cannot be read at all moves
to `backup/<feed>/quarantine/`, and so does one that fails twice for another reason. Names that begin with a dot are files that
are still being written.

A file's name is its path below the folder. On the disk it stays as it is, whatever its bytes; everywhere else it is written as
`landing_folder.shown` returns it.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any

import structlog
from watchfiles import watch
from watchfiles._rust_notify import WatchfilesRustInternalError

from etl.audit.set_aside import Failures, cause_of
from etl.contract.model import EvolvedContract
from etl.contract.sources.landing_folder import LandingFolder
from etl.errors import UnreadableFile
from etl.jobs.consume.file_batch import FileBatch
from etl.jobs.consume.seen_files import SeenFiles
from etl.settings import Settings
from etl.storage import files, manifests
from etl.storage.landing_folder import (
    IGNORED_NAMED,
    digest_of,
    file_state,
    folder_of,
    ignored,
    is_being_written,
    move,
    shown,
    target_of,
    waiting,
)
from etl.storage.manifests import Batch

log = structlog.get_logger("landing")

_SHORTEST_PAUSE_SECONDS = 0.1


@dataclass
class Taken:
    """What a job took from a landing folder, and what it left there."""

    batches: list[Batch] = field(default_factory=list)
    unreadable: dict[str, str] = field(default_factory=dict)
    """Name of a file in `backup/<feed>/quarantine/`, where it was moved → why it cannot be read."""
    taken_before: dict[str, str] = field(default_factory=dict)
    """Name → SHA-256 of each file whose content was taken before."""
    growing: tuple[str, ...] = ()
    """Files that are still being written."""
    ignored: Mapping[str, list[str]] = field(default_factory=dict)
    """Kind → paths in the folder of files that are never taken."""
    waits_for: tuple[str, ...] = ()
    """Batches and archives whose files are not known: nothing is taken until these are repaired or set aside."""
    failed: list[Exception] = field(default_factory=list)
    """Errors of files that the next job tries again."""

    @property
    def notes(self) -> Mapping[str, object]:
        """What the audit row says about the files, besides the counts; empty values are left out."""
        notes = {
            "files": [file.name for batch in self.batches for file in batch.files][:100],
            "unreadable_files": self.unreadable,
            "files_taken_before": sorted(self.taken_before),
            "files_still_written": list(self.growing),
            "waits_for": list(self.waits_for),
            "ignored_files": [name for names in self.ignored.values() for name in names][:IGNORED_NAMED],
            "ignored": {kind: len(names) for kind, names in self.ignored.items()},
        }
        return {name: value for name, value in notes.items() if value}


class FolderReader:
    """Makes batches of the files in a landing folder that are complete and were not taken before."""

    def __init__(
        self,
        settings: Settings,
        contract: EvolvedContract,
        source: LandingFolder,
        cycle_id: str,
        seen: SeenFiles,
        failures: Failures,
    ) -> None:
        """:param seen: the files that were taken before; those that are taken now are added.
        :param failures: the files that failed before; those that fail now are added.
        """
        self._settings = settings
        self._contract = contract
        self._source = source
        self._folder = folder_of(settings, source)
        self._cycle_id = cycle_id
        self._seen = seen
        self._failures = failures
        self._taken = Taken(waits_for=tuple(seen.unknown))
        self._done: set[Path] = set()
        """Files that this job does not look at again."""

    def read(self, *, seconds: float, keep_watching: bool, pause_seconds: float) -> Taken:
        """Take the complete files.

        :param seconds: longest time to look for further files; the last ones are watched for `stable_seconds` beyond it.
        :param keep_watching: go on until the time is over; otherwise stop when all files that are there are taken.
        :param pause_seconds: longest time between two looks into the folder.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        deadline = time.monotonic() + seconds
        if not self._taken.waits_for:
            self._take_complete(deadline)
            if keep_watching:
                for _ in _changes(self._folder, deadline, pause_seconds, below=bool(self._source.pattern)):
                    self._take_complete(deadline)
        self._taken.ignored = ignored(self._settings, self._source)
        return self._taken

    def _take_complete(self, deadline: float) -> None:
        paths = self._complete_files()
        # The first batch is always written: with a time box too short for one batch, jobs would otherwise never read anything.
        while paths and not (self._taken.batches and time.monotonic() > deadline):
            paths = self._take_batch(paths)

    def _complete_files(self) -> list[Path]:
        """The files that no program is writing, oldest first; the others are noted as growing.

        It waits the whole `stable_seconds` even if the time box ends before: after a shorter time a file may be half-written.
        """
        paths = [path for path in waiting(self._settings, self._source) if path not in self._done]
        if not paths:
            self._taken.growing = ()
            return []
        before = {path: file_state(path) for path in paths}
        threading.Event().wait(self._source.stable_seconds)
        present = [path for path in paths if before[path] is not None]
        stable = [path for path in present if file_state(path) == before[path]]
        complete = [path for path in stable if not is_being_written(path)]
        growing = (path for path in present if path not in complete and file_state(path))
        self._taken.growing = tuple(shown(self._name(path)) for path in growing)
        return complete

    def _take_batch(self, paths: list[Path]) -> list[Path]:
        """Write one batch of the first files; returns the files that are left."""
        left = list(paths)
        batch = FileBatch(self._settings, self._contract, self._cycle_id)
        while left and not batch.is_full:
            self._take_file(left.pop(0), batch)
        if finished := batch.finish():
            self._taken.batches.append(finished)
        return left

    def _take_file(self, path: Path, batch: FileBatch) -> None:
        before = file_state(path)
        written, failure = None, None
        try:
            digest = files.sha256(path)
            if digest not in self._seen:
                written = batch.write(path, self._name(path), digest)
        except Exception as error:  # noqa: BLE001 - whatever it is, it may be the file's
            failure = error
        if before is None or file_state(path) != before:
            # It was removed or written meanwhile; the next look into the folder decides.
            log.info("changed while it was read", file=shown(self._name(path)))
            batch.discard()
        elif failure:
            batch.discard()
            self._count_failure(path, failure)
        elif written:
            file, parts = written
            batch.add(file, parts)
            self._seen.add(file.sha256)
            if not os.path.lexists(self._quarantine / self._name(path)):
                self._failures.resolve(file.name)
        else:
            self._note_seen(path, digest)

    def _name(self, path: Path) -> PurePath:
        return path.relative_to(self._folder)

    @property
    def _quarantine(self) -> Path:
        return manifests.quarantine(self._settings, self._contract.feed)

    def _note_seen(self, path: Path, digest: str) -> None:
        if any(digest == file.sha256 for batch in self._taken.batches for file in batch.files):
            return  # A file that this job took stays in the folder until its load has committed.
        name = shown(self._name(path))
        self._taken.taken_before[name] = digest
        self._done.add(path)
        log.info("taken before", file=name)

    def _count_failure(self, path: Path, error: Exception) -> None:
        """Set a file aside that cannot be read or has failed twice. After a first failure the next job tries again.

        :raises Exception: the error itself, where the file is not its cause.
        """
        self._done.add(path)
        if isinstance(error, PermissionError) and error.filename == str(path):
            # The permissions of this one file are the cause, not the disk.
            error = UnreadableFile("it may not be read by the user who runs the jobs", remedy="Change its permissions.")
            unreadable = False
        else:
            unreadable = isinstance(error, UnreadableFile)
        target = target_of(self._name(path), self._quarantine, digest_of(path))
        name = shown(target.relative_to(self._quarantine))
        if not self._failures.count(name, error, at_once=unreadable, noted=not unreadable):
            self._taken.failed.append(error)
            return
        if unreadable:
            seen = error.seen if isinstance(error, UnreadableFile) else ""
            self._taken.unreadable[name] = cause_of(self._settings, error) + (f"; {seen}" if seen else "")
        try:
            move(path, target)
        except PermissionError as refused:
            log.warning("it stays where it is", file=name, cause=str(refused.strerror))


def _changes(folder: Path, deadline: float, pause_seconds: float, *, below: bool) -> Iterator[None]:
    """Whenever something changes in the folder, and at least once per pause, until the time is over.

    :param below: whether changes in folders below it count as well.
    """
    while (left := deadline - time.monotonic()) > 0:
        stop = threading.Event()
        milliseconds = max(1, int(1000 * min(left, pause_seconds)))
        try:
            options: dict[str, Any] = {"rust_timeout": milliseconds, "yield_on_timeout": True, "recursive": below}
            for _ in watch(folder, stop_event=stop, **options):
                stop.set()
        except WatchfilesRustInternalError:
            # It cannot report names that are not UTF-8. Knowing that something changed is enough; the pause avoids a busy loop.
            threading.Event().wait(min(_SHORTEST_PAUSE_SECONDS, max(0.0, deadline - time.monotonic())))
        yield
