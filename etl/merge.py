"""Job 3: join the part-CSVs of all complete batches into one archive under `backup/`.

A plan, written first, decides once and for all which batches become which archive. Whatever then dies, the next merge
carries the same plan out again. Batches are removed only after their archive stands, whole, on the disk.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import pyarrow as pa
import structlog

from etl import audit, failpoints, files, positions
from etl.audit import Counts, JobRun
from etl.chunks import read_chunks, to_csv
from etl.contract import Contract
from etl.errors import BalanceError, IntegrityError
from etl.files import Archive, Batch, OffsetRange, Source
from etl.fresh import MOST_ROWS
from etl.set_aside import BATCH, Failures, is_of_the_thing
from etl.settings import Settings

if TYPE_CHECKING:
    import pandas as pd

log = structlog.get_logger("merge")

_BLOCK_BYTES = 4 << 20


@dataclass(frozen=True)
class Merged:
    """What was archived. `counts`: read = rows in the parts' manifests, processed = rows counted in the archives."""

    cycle_id: str
    counts: Counts
    archives: tuple[Archive, ...]
    strays: tuple[str, ...]
    """Names in output/<feed> that are no batches of ours; they were left alone."""


@dataclass(frozen=True)
class _Planned:
    archive: str
    cycle_id: str
    batches: tuple[str, ...]


def merge(settings: Settings, contract: Contract, *, cycle_id: str = "") -> Merged:
    """Archive every batch that Spark has committed; without one there is nothing to do.

    Rows of different topics (also of one that was made anew) go into archives of their own, and so does each batch of landing
    files. What has piled up becomes several archives of at most 2,000,000 rows, unless a single batch has more.

    A batch that cannot be archived fails the job once; the second time it is set aside (`etl.set_aside`).

    :raises IntegrityError: a part is not what its batch's manifest says.
    :raises BalanceError: an archive does not hold as many rows as its parts.
    """
    with audit.job(settings, contract, "merge", cycle_id, {}) as run:
        failures = Failures(settings, run, contract.feed, BATCH)
        work = _Merging(settings, contract, run, failures)
        work.prepare()
        strays = files.strays(work.output)
        if strays:
            log.warning("ignored: no batches of ours", names=strays)
        done = work.carry_out(work.pending())
        done += work.carry_out(work.new_plan())
        work.report_damaged()
        run.counts = _counted(done)
        failures.settle()
        return Merged(run.cycle_id, run.counts, tuple(done), tuple(strays))


def _counted(done: Iterable[Archive]) -> Counts:
    return sum((Counts(read=archive.rows, processed=archive.rows) for archive in done), Counts())


class _Merging:
    """One job's work: plans, archives, and what is to become of batches that cannot be archived."""

    def __init__(self, settings: Settings, contract: Contract, run: JobRun, failures: Failures) -> None:
        self.settings = settings
        self.feed = contract.feed
        self.run = run
        self.failures = failures
        self.output = files.feed_output(settings, contract.feed)
        self.backup = files.feed_backup(settings, contract.feed)
        self.quarantine = files.quarantine(settings, contract.feed)

    def prepare(self) -> None:
        """Remove what is half-written, and move away what was set aside when a job died."""
        self.backup.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in (self.backup, self.quarantine):
            files.remove_temporaries(folder)
        for kind, name in self.failures.set_aside:
            if kind == BATCH:
                self._move_away(name)

    def pending(self) -> list[_Planned]:
        """A plan that a merge left behind when it died."""
        file = self.output / files.PLAN
        if not file.exists():
            return []
        log.info("finishing a merge that was cut off")
        try:
            planned = files.read_json(file)["archives"]
            return [_Planned(str(p["archive"]), str(p["cycle_id"]), tuple(p["batches"])) for p in planned]
        except (IntegrityError, KeyError, TypeError) as error:
            log.warning("the plan is damaged; another is made", cause=str(error))
            self._forget_archived()
            file.unlink()
            return []

    def new_plan(self) -> list[_Planned]:
        """Decide, and write down, which batches become which archive."""
        ready = [batch for batch in files.batches(self.output) if positions.is_committed(self.settings, batch)]
        ready = [batch for batch in ready if not self.failures.met(batch.name)]
        if not ready:
            return []
        now = datetime.now(UTC)
        groups: dict[Source, list[Batch]] = {}
        for batch in ready:
            groups.setdefault(batch.source, []).append(batch)
        planned = []
        for number, group in enumerate(chain.from_iterable(map(_of_bounded_size, groups.values()))):
            # Two merges of a cycle within a second, or two sources in one merge, must not share a name.
            suffix = f"_{number + 1:04d}" if number else ""
            name = f"{self.feed}_{now:%Y%m%dT%H%M%S%f}Z_{self.run.cycle_id}{suffix}.csv"
            planned.append(_Planned(name, self.run.cycle_id, tuple(batch.name for batch in group)))
        self._write_plan(planned)
        failpoints.reached("merge.planned")
        return planned

    def carry_out(self, plan: list[_Planned]) -> list[Archive]:
        """Make the archives of a plan, then forget the plan."""
        made = [self._carry_out(plan, number) for number in range(len(plan))]
        (self.output / files.PLAN).unlink(missing_ok=True)
        return [archive for archive in made if archive]

    def _carry_out(self, plan: list[_Planned], number: int) -> Archive | None:
        """Make one archive, of those of its batches that can be archived; None where none can."""
        while plan[number].batches:
            try:
                return self._archive(plan[number])
            except Exception as error:  # noqa: BLE001 - whatever it is, it may be a batch's
                self._leave_out(plan, number, error)
        return None

    def report_damaged(self) -> None:
        """Count the attempts at batches whose manifest cannot be read: no plan names them."""
        first: Exception | None = None
        for name, error in files.look(self.output)[1].items():
            if self.failures.count(name, error):
                self._move_away(name)
            else:
                first = first or error
        if first and not self.failures.goes_on:
            raise first

    def _write_plan(self, plan: list[_Planned]) -> None:
        files.write_json(self.output / files.PLAN, {"archives": plan})

    def _archive(self, planned: _Planned) -> Archive:
        """Make one archive, unless it already stands, and remove its batches."""
        archive = self._standing(planned) or _write_archive(planned, self.output, self.backup, self.feed)
        failpoints.reached("merge.archived")
        for name in planned.batches:
            _remove(self.output / name)
            failpoints.reached("merge.removing")
        files.sync_folder(self.output)
        log.info("archived", archive=archive.file_name, rows=archive.rows, parts=len(archive.parts))
        return archive

    def _standing(self, planned: _Planned) -> Archive | None:
        """The archive, where a merge before this one has made it. One whose manifest was damaged since is written again."""
        if not (self.backup / f"{planned.archive}{files.MANIFEST_SUFFIX}").exists():
            return None
        with suppress(IntegrityError):
            return files.read_archive(self.backup, planned.archive)
        return None

    def _leave_out(self, plan: list[_Planned], number: int, error: Exception) -> None:
        """Count what failed, and go on without it where that may be; the plan says so before anything is archived.

        :raises Exception: the error, where the job ends with it.
        """
        if not is_of_the_thing(error):
            raise error
        bad = self._culprits(plan[number], error)
        aside = [name for name, why in bad.items() if self.failures.count(name, why)]
        if len(aside) < len(bad) and not self.failures.goes_on:
            raise error
        plan[number] = replace(plan[number], batches=tuple(name for name in plan[number].batches if name not in bad))
        self._write_plan([planned for planned in plan if planned.batches])
        for name in aside:
            self._move_away(name)

    def _culprits(self, planned: _Planned, error: Exception) -> dict[str, Exception]:
        """The batches of a plan that cannot be archived, each with its error; all, where none is to blame alone."""
        found: dict[str, Exception] = {}
        whole, damaged = files.look(self.output)
        known = {batch.name: batch for batch in whole}
        for name in planned.batches:
            if name in damaged:
                found[name] = damaged[name]
            elif name not in known:
                found[name] = _gone(name)
            else:
                try:
                    _try(known[name], self.output, self.backup)
                except Exception as why:
                    if not is_of_the_thing(why):
                        raise
                    found[name] = why
        return found or dict.fromkeys(planned.batches, error)

    def _move_away(self, name: str) -> None:
        """Move a batch that was set aside to `backup/<feed>/quarantine/`; one that is gone has only its entry."""
        if (self.output / name).is_dir():
            files.move_folder(self.output / name, self.quarantine / name)

    def _forget_archived(self) -> None:
        """Remove the batches that are in an archive already: only a plan that is damaged now told which they are."""
        there = {batch.name for batch in files.batches(self.output)}
        for archive in files.archives(self.backup) if there else ():
            with suppress(IntegrityError):
                for name in {part.name.partition("/")[0] for part in files.read_archive(self.backup, archive).parts}:
                    if name in there:
                        _remove(self.output / name)


def _of_bounded_size(batches: list[Batch]) -> Iterator[list[Batch]]:
    """Divide batches, which keep their order, so that a load can keep each archive's rows in memory, and none takes long.

    In one archive a column holds the values of one place in the source: an edit of the contract begins another archive.
    """
    found: list[Batch] = []
    for batch in batches:
        is_large = sum(taken.rows for taken in found) + batch.rows > MOST_ROWS
        if found and (is_large or any(_is_other(taken.paths, batch.paths) for taken in found)):
            yield found
            found = []
        found.append(batch)
    yield found


def _is_other(paths: Mapping[str, tuple[str, ...]], others: Mapping[str, tuple[str, ...]]) -> bool:
    return any(others.get(name, path) != path for name, path in paths.items())


def _gone(name: str) -> IntegrityError:
    return IntegrityError(
        f"Batch {name} of the merge plan is gone, and so is its archive.",
        remedy="Restore it; the next merge but one goes on without it.",
    )


def _try(batch: Batch, output: Path, backup: Path) -> None:
    """Join one batch's parts for nothing but to see whether that can be done."""
    temporary = backup / f"{files.TEMPORARY_PREFIX}{batch.name}"
    try:
        _join([batch], output, temporary)
        _columns(temporary)
    finally:
        temporary.unlink(missing_ok=True)


def _join(batches: list[Batch], output: Path, target: Path) -> tuple[int, str]:
    """Join the parts of batches; returns the rows and the SHA-256."""
    parts = [(output / batch.name / part.name, part.sha256) for batch in batches for part in batch.parts]
    for path, _ in parts:
        if not path.exists():
            raise IntegrityError(f"{path.parent.name}/{path.name} is gone.", remedy="Restore the file.")
    rows, digest = join_parts(parts, target)
    expected = sum(batch.rows for batch in batches)
    if rows != expected:
        raise BalanceError(
            f"{target.name.removeprefix(files.TEMPORARY_PREFIX)}: its parts have {expected} rows, {rows} were counted in it.",
            remedy="Run again; the batches are kept.",
        )
    return rows, digest


def _remove(batch: Path) -> None:
    """Remove a batch in one step: a folder that is half deleted must not look like one that is whole."""
    if batch.exists():
        aside = batch.with_name(f"{files.TEMPORARY_PREFIX}done-{batch.name}")
        files.remove_folder(aside)
        batch.rename(aside)
        shutil.rmtree(aside)


def _write_archive(planned: _Planned, output: Path, backup: Path, feed: str) -> Archive:
    wanted = set(planned.batches)
    batches = [batch for batch in files.batches(output) if batch.name in wanted]
    if missing := wanted - {batch.name for batch in batches}:
        raise _gone(sorted(missing)[0])
    temporary = backup / f"{files.TEMPORARY_PREFIX}{planned.archive}"
    rows, digest = _join(batches, output, temporary)
    columns = _columns(temporary)
    archive = Archive(
        feed=feed,
        cycle_id=planned.cycle_id,
        file_name=planned.archive,
        source=batches[0].source,
        offsets=_joined(batches),
        columns=columns,
        paths={name: path for batch in batches for name, path in batch.paths.items()},
        rows=rows,
        bytes=temporary.stat().st_size,
        sha256=digest,
        parts=tuple(replace(part, name=f"{batch.name}/{part.name}") for batch in batches for part in batch.parts),
        archived_at=datetime.now(UTC).isoformat(),
        files=tuple(file for batch in batches for file in batch.files),
    )
    temporary.replace(backup / planned.archive)
    failpoints.reached("merge.archive_renamed")
    files.sync_folder(backup)
    files.write_json(backup / f"{planned.archive}{files.MANIFEST_SUFFIX}", archive)
    return archive


def _joined(batches: list[Batch]) -> dict[str, OffsetRange]:
    found: dict[str, OffsetRange] = {}
    for batch in batches:
        for partition, offsets in batch.offsets.items():
            known = found.get(partition, OffsetRange(offsets.first, offsets.next, 0))
            found[partition] = OffsetRange(
                min(known.first, offsets.first), max(known.next, offsets.next), known.rows + offsets.rows
            )
    return found


def join_parts(parts: list[tuple[Path, str]], target: Path) -> tuple[int, str]:
    """Join part files (path, expected SHA-256) into one file; returns its rows, counted anew, and its SHA-256.

    Where all headers are equal the bytes are copied and nothing is parsed. Where they differ (the schema grew) the result
    is that of `pandas.concat` over text columns: the union of the columns, NULL where a part has none.
    """
    headers = {_header_line(path) for path, _ in parts}
    with target.open("wb") as handle, ThreadPoolExecutor(1, thread_name_prefix="merge-check") as pool:
        sink = _Sink(handle)
        if len(headers) == 1:
            sink.write(headers.pop())
            for path, digest in parts:
                _copy_body(path, digest, sink, pool)
                failpoints.reached("merge.joining")
        else:
            _concat(parts, sink)
        handle.flush()
        os.fsync(handle.fileno())
    return sink.lines - 1, sink.digest.hexdigest()


class _Sink:
    """Writes bytes, and on the way counts the lines that end outside quotes and hashes everything."""

    def __init__(self, handle: BinaryIO) -> None:
        self.handle = handle
        self.digest = hashlib.sha256()
        self.lines = 0
        self._inside_quotes = False

    def write(self, block: bytes) -> None:
        self.handle.write(block)
        self.digest.update(block)
        if not self._inside_quotes and b'"' not in block:
            self.lines += block.count(b"\n")
            return
        content = np.frombuffer(block, dtype=np.uint8)
        # A line ends where the number of quotes before it is even.
        quotes = np.cumsum(content == ord('"'), dtype=np.int64) + self._inside_quotes
        self.lines += int(np.count_nonzero((content == ord("\n")) & (quotes % 2 == 0)))
        self._inside_quotes = bool(quotes[-1] % 2)


def _header_line(path: Path) -> bytes:
    with files.open_content(path) as handle:
        return handle.readline()


def _columns(file: Path) -> tuple[str, ...]:
    return tuple(_header_line(file).decode("utf-8").rstrip("\n").split(","))


def _copy_body(path: Path, expected: str, sink: _Sink, pool: ThreadPoolExecutor) -> None:
    """Append a part without its header, and check on the way, beside the writing, that it is what its manifest says."""
    digest = hashlib.sha256()
    with path.open("rb") as handle:
        digest.update(handle.readline())
        while block := handle.read(_BLOCK_BYTES):
            checked = pool.submit(digest.update, block)
            sink.write(block)
            checked.result()
    _require_hash(path, digest.hexdigest(), expected)


def _concat(parts: Iterable[tuple[Path, str]], sink: _Sink) -> None:
    import pandas as pd

    for path, expected in parts:
        _require_hash(path, files.sha256(path), expected)
    frame = pd.concat([read_frame(path) for path, _ in parts], ignore_index=True)
    sink.write(files.header(tuple(frame.columns)))
    sink.write(to_csv(pa.Table.from_pandas(frame, preserve_index=False)))


def _require_hash(path: Path, found: str, expected: str) -> None:
    if found != expected:
        raise IntegrityError(
            f"{path.parent.name}/{path.name} was changed after its manifest was written (SHA-256 {found[:12]}…,"
            f" expected {expected[:12]}…).",
            remedy="Restore the file; nothing of it was archived.",
        )


def read_frame(file: Path, rows: int | None = None) -> pd.DataFrame:
    """A part or an archive as a pandas frame of text columns, exactly as it stands in the file.

    :param rows: only that many rows, from the top.
    """
    table = pa.Table.from_batches(list(_first(read_chunks(file), rows)), schema=_schema(file))
    frame: pd.DataFrame = table.to_pandas(types_mapper=_text)
    return frame if rows is None else frame.head(rows)


def _first(chunks: Iterator[pa.RecordBatch], rows: int | None) -> Iterator[pa.RecordBatch]:
    seen = 0
    for chunk in chunks:
        yield chunk
        seen += chunk.num_rows
        if rows is not None and seen >= rows:
            return


def _schema(file: Path) -> pa.Schema:
    return pa.schema([(name, pa.string()) for name in _columns(file)])


def _text(_: Any) -> pd.ArrowDtype:
    import pandas as pd

    return pd.ArrowDtype(pa.string())
