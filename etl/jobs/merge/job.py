"""Job 3: join the part-CSVs of all complete batches into one archive under `backup/`.

A plan, written first, decides once and for all which batches become which archive. If the job dies after that, the next merge
executes the same plan again. Batches are removed only after their archive is complete on disk.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path

import structlog

from etl.audit.counts import Counts
from etl.audit.job import JobRun, job_run
from etl.audit.set_aside import BATCH, Failures, is_item_error
from etl.audit.states import Job
from etl.contract.reader import Contract
from etl.errors import IntegrityError
from etl.jobs.merge.join import PlannedArchive, batch_gone, join_batches, split_by_size, write_archive
from etl.settings import Settings
from etl.storage import failpoints, files, manifests
from etl.storage.archive_file import ArchiveFile, archive_files
from etl.storage.batch_csv import columns_of
from etl.storage.checkpoint import is_committed
from etl.storage.manifests import Archive, Batch, Source

log = structlog.get_logger("merge")


@dataclass(frozen=True)
class Merged:
    """What was archived. `counts`: read = rows by the batches' manifests, processed = rows counted in the archives."""

    cycle_id: str
    counts: Counts
    archives: tuple[Archive, ...]
    strays: tuple[str, ...]
    """Names in output/<feed> that are not batches; they were left alone."""


def merge(settings: Settings, contract: Contract, *, cycle_id: str = "") -> Merged:
    """Archive every batch that Spark has committed; without any there is nothing to do.

    Rows of different topics (a topic that was created again is another one) go into separate archives, and so does each batch
    of landing files. A large backlog becomes several archives of at most 2,000,000 rows, unless a single batch has more.

    A batch that cannot be archived fails the job once; the second time it is set aside (`etl.audit.set_aside`).

    :raises IntegrityError: a part is not what its batch's manifest says.
    :raises BalanceError: an archive does not hold as many rows as its parts.
    """
    with job_run(settings, contract, Job.MERGE, cycle_id, {}) as run:
        failures = Failures(settings, run, contract.feed, BATCH)
        work = _Merge(settings, contract, run, failures)
        work.prepare()
        strays = manifests.strays(work.output)
        if strays:
            log.warning("ignored: not batches", names=strays)
        done = work.execute(work.pending())
        done += work.execute(work.new_plan())
        work.report_damaged()
        run.counts = _counted(done)
        failures.settle()
        return Merged(run.cycle_id, run.counts, tuple(done), tuple(strays))


def _counted(done: Iterable[Archive]) -> Counts:
    return sum((Counts(read=archive.rows, processed=archive.rows) for archive in done), Counts())


class _Merge:
    """One job's work: its plan, its archives, and the batches that cannot be archived."""

    def __init__(self, settings: Settings, contract: Contract, run: JobRun, failures: Failures) -> None:
        self.settings = settings
        self.feed = contract.feed
        self.run = run
        self.failures = failures
        self.output = manifests.feed_output(settings, contract.feed)
        self.backup = manifests.feed_backup(settings, contract.feed)
        self.quarantine = manifests.quarantine(settings, contract.feed)

    def prepare(self) -> None:
        """Remove half-written files, and move away batches that were set aside just before a job died."""
        self.backup.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in (self.backup, self.quarantine):
            files.remove_temporaries(folder)
        for kind, name in self.failures.set_aside:
            if kind == BATCH:
                self._move_away(name)

    def pending(self) -> list[PlannedArchive]:
        """The plan of a merge that died before it had finished."""
        file = self.output / manifests.PLAN
        if not file.exists():
            return []
        log.info("finishing an interrupted merge")
        try:
            planned = files.read_json(file)["archives"]
            return [PlannedArchive(str(p["archive"]), str(p["cycle_id"]), tuple(p["batches"])) for p in planned]
        except (IntegrityError, KeyError, TypeError) as error:
            log.warning("the plan is damaged; making a new one", cause=str(error))
            self._forget_archived()
            file.unlink()
            return []

    def new_plan(self) -> list[PlannedArchive]:
        """Decide, and write down, which batches become which archive."""
        ready = [batch for batch in manifests.batches(self.output) if is_committed(self.settings, batch)]
        ready = [batch for batch in ready if not self.failures.met(batch.name)]
        if not ready:
            return []
        now = datetime.now(UTC)
        groups: dict[Source, list[Batch]] = {}
        for batch in ready:
            groups.setdefault(batch.source, []).append(batch)
        planned = []
        for number, group in enumerate(chain.from_iterable(map(split_by_size, groups.values()))):
            # Two merges of a cycle within a second, or two sources in one merge, must not share a name.
            suffix = f"_{number + 1:04d}" if number else ""
            name = f"{self.feed}_{now:%Y%m%dT%H%M%S%f}Z_{self.run.cycle_id}{suffix}.csv"
            planned.append(PlannedArchive(name, self.run.cycle_id, tuple(batch.name for batch in group)))
        self._write_plan(planned)
        failpoints.reached("merge.planned")
        return planned

    def execute(self, plan: list[PlannedArchive]) -> list[Archive]:
        """Create the archives of a plan, then remove the plan."""
        made = [self._execute(plan, number) for number in range(len(plan))]
        (self.output / manifests.PLAN).unlink(missing_ok=True)
        return [archive for archive in made if archive]

    def _execute(self, plan: list[PlannedArchive], number: int) -> Archive | None:
        """Create one archive of the planned batches that can be archived; None if none can."""
        while plan[number].batches:
            try:
                return self._archive(plan[number])
            except Exception as error:  # noqa: BLE001 - whatever it is, it may be a batch's
                self._leave_out(plan, number, error)
        return None

    def report_damaged(self) -> None:
        """Count the attempts at batches whose manifest cannot be read: no plan names them."""
        first: Exception | None = None
        for name, error in manifests.read_batches(self.output)[1].items():
            if self.failures.count(name, error):
                self._move_away(name)
            else:
                first = first or error
        if first and not self.failures.goes_on:
            raise first

    def _write_plan(self, plan: list[PlannedArchive]) -> None:
        files.write_json(self.output / manifests.PLAN, {"archives": plan})

    def _archive(self, planned: PlannedArchive) -> Archive:
        """Create one archive, unless it is finished already, and remove its batches."""
        archive = self._finished(planned) or write_archive(planned, self.output, self._file(planned), self.feed)
        failpoints.reached("merge.archived")
        for name in planned.batches:
            _remove_batch(self.output / name)
            failpoints.reached("merge.removing")
        files.sync_folder(self.output)
        log.info("archived", archive=archive.file_name, rows=archive.rows, parts=len(archive.parts))
        return archive

    def _finished(self, planned: PlannedArchive) -> Archive | None:
        """The archive, if an earlier merge has finished it. One whose manifest was damaged since is written again."""
        file = self._file(planned)
        if not file.manifest.exists():
            return None
        with suppress(IntegrityError):
            return file.read_manifest()
        return None

    def _file(self, planned: PlannedArchive) -> ArchiveFile:
        return ArchiveFile(self.backup, planned.archive)

    def _leave_out(self, plan: list[PlannedArchive], number: int, error: Exception) -> None:
        """Count the attempt at the batches that failed, and continue without them if that is allowed.

        The plan is written without them before anything is archived.

        :raises Exception: the error, if the job ends with it.
        """
        if not is_item_error(error):
            raise error
        bad = self._culprits(plan[number], error)
        aside = [name for name, why in bad.items() if self.failures.count(name, why)]
        if len(aside) < len(bad) and not self.failures.goes_on:
            raise error
        plan[number] = replace(plan[number], batches=tuple(name for name in plan[number].batches if name not in bad))
        self._write_plan([planned for planned in plan if planned.batches])
        for name in aside:
            self._move_away(name)

    def _culprits(self, planned: PlannedArchive, error: Exception) -> dict[str, Exception]:
        """The batches of a plan that cannot be archived, each with its error; all of them if none fails alone."""
        culprits: dict[str, Exception] = {}
        complete, damaged = manifests.read_batches(self.output)
        by_name = {batch.name: batch for batch in complete}
        for name in planned.batches:
            if name in damaged:
                culprits[name] = damaged[name]
            elif name not in by_name:
                culprits[name] = batch_gone(name)
            else:
                try:
                    _require_joinable(by_name[name], self.output, self.backup)
                except Exception as why:
                    if not is_item_error(why):
                        raise
                    culprits[name] = why
        return culprits or dict.fromkeys(planned.batches, error)

    def _move_away(self, name: str) -> None:
        """Move a batch that was set aside to `backup/<feed>/quarantine/`, if it is still there."""
        if (self.output / name).is_dir():
            files.move_folder(self.output / name, self.quarantine / name)

    def _forget_archived(self) -> None:
        """Remove the batches that are in an archive already; only the plan, which is damaged, listed them."""
        present = {batch.name for batch in manifests.batches(self.output)}
        for file in archive_files(self.backup) if present else ():
            with suppress(IntegrityError):
                for name in present & {part.name.partition("/")[0] for part in file.read_manifest().parts}:
                    _remove_batch(self.output / name)


def _require_joinable(batch: Batch, output: Path, backup: Path) -> None:
    """Try to join one batch's parts; the result is not kept."""
    temporary = backup / f"{files.TEMPORARY_PREFIX}{batch.name}"
    try:
        join_batches([batch], output, temporary)
        columns_of(temporary)
    finally:
        temporary.unlink(missing_ok=True)


def _remove_batch(batch: Path) -> None:
    """Remove a batch in one step: a half-deleted folder must not look like a whole one."""
    if batch.exists():
        aside = batch.with_name(f"{files.TEMPORARY_PREFIX}done-{batch.name}")
        files.remove_folder(aside)
        batch.rename(aside)
        shutil.rmtree(aside)
