"""The rows of one archive on their way into the tables: chunk by chunk, then what the tables did not take."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
from sqlalchemy import Connection, Table

from etl.audit.counts import Counts
from etl.audit.job import JobRun
from etl.audit.sources import Sources
from etl.contract.model import EvolvedContract
from etl.database import Refused, make_stage
from etl.database.schema.audit_tables import etl_rejected_row
from etl.jobs.load import conflicts
from etl.jobs.load.derived.lateness import newest_loaded, watermark, with_lateness
from etl.jobs.load.derived.newest_rows import Fresh, FreshRows
from etl.jobs.load.derived.tally import UNIQUE, VALID, Tally
from etl.jobs.load.key_filter import KeyFilter
from etl.jobs.load.prefetch import prefetch
from etl.storage import failpoints
from etl.storage.batch_csv import read_chunks
from etl.storage.manifests import Archive
from etl.validation.reasons import Reason
from etl.validation.rejects import COORDINATES, Problem, rejected_as
from etl.validation.validate import Validated, validate

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Inserted:
    """What became of an archive's rows."""

    counts: Counts
    """Without late ones, of which the table knows."""
    tally: Tally
    fresh: FreshRows | None
    """The rows that are newer than all of before, where they were kept."""
    taken: conflicts.Taken = conflicts.NONE_TAKEN
    """Conflicting rows that are in the table all the same."""


class Insertion:
    """Copies chunks of validated rows, and inserts what the tables do not hold yet."""

    def __init__(
        self,
        connection: Connection,
        run: JobRun,
        contract: EvolvedContract,
        table: Table,
        file: Path,
        archive: Archive,
        sources: Sources,
    ) -> None:
        self._connection = connection
        self._run = run
        self._contract = contract
        self._file = file
        self._paths = archive.paths
        self._sources = sources
        own = ["source_id"] if sources.files else []
        self._good = make_stage(connection, table, [*contract.column_names, *COORDINATES, "lateness_seconds", *own])
        self._bad = make_stage(
            connection, etl_rejected_row, [*COORDINATES, "raw", "raw_rebuilt", "reason", "problems", *own]
        )
        self._mark = watermark(connection, contract, now=run.started)
        newest = newest_loaded(connection, contract)
        self._sieve, self._fresh = KeyFilter(contract, newest, archive.rows), Fresh(contract, newest)
        self._constants = {**sources.constants(), "log_id": run.log_id}
        self._tally, self._unknown = Tally(), Counter[str]()
        self._read = self._known = self._accepted = self._refused = 0

    def insert(self) -> Inserted:
        """Take the whole archive."""
        # While the database takes one chunk, the next is read and checked.
        for prepared in prefetch(map(self._prepared, read_chunks(self._file))):
            self._take(*prepared)
            failpoints.reached("load.copying")
        return self._finish()

    def _prepared(self, chunk: pa.RecordBatch) -> tuple[int, int, Validated, pa.Table, pa.Table]:
        new = self._sources.new_rows(chunk)
        checked = validate(new, self._contract, now=self._run.started, headers=self._sources.headers, paths=self._paths)
        rows = with_lateness(checked.accepted, self._contract, self._mark)
        return chunk.num_rows, chunk.num_rows - new.num_rows, checked, *self._sieve.split(rows)

    def _take(self, rows: int, known: int, checked: Validated, unseen: pa.Table, others: pa.Table) -> None:
        self._read += rows
        self._known += known
        self._accepted += checked.accepted.num_rows
        self._refused += checked.rejected.num_rows
        self._tally.count(self._contract, checked)
        self._unknown += checked.unknown
        self._good.copy_unseen(self._sources.of_rows(unseen), self._constants)
        if others.num_rows:
            self._good.copy(self._sources.of_rows(others))
        self._fresh.keep(unseen)
        self._fresh.keep(others)
        if checked.rejected.num_rows:
            self._bad.copy(self._sources.of_rows(checked.rejected))

    def _finish(self) -> Inserted:
        loaded, unwanted = self._good.insert_new(self._constants)
        if unwanted:
            self._keep_refused(unwanted)
        rejected = self._insert_bad()
        conflicting, taken = self._conflicting() if self._accepted > loaded else (0, conflicts.NONE_TAKEN)
        if self._unknown:
            self._run.remember({"unknown_keys": dict(self._unknown.most_common(50))})
        duplicate = self._known + (self._accepted - loaded - conflicting) + (self._refused - rejected)
        self._tally.add(UNIQUE, self._accepted, self._accepted - loaded)
        counts = Counts(self._read, loaded, rejected, duplicate, 0, conflicting)
        return Inserted(counts, self._tally, None if taken.rows else self._fresh.loaded(), taken)

    def _insert_bad(self, first: int = 0) -> int:
        return self._bad.insert_new({**self._constants, "feed": self._contract.feed}, first=first)[0]

    def _keep_refused(self, unwanted: list[Refused]) -> None:
        """Put rows that the database itself refused among the rejected ones."""
        rows = [self._good.read(refused.row) for refused in unwanted]
        states = [f"SQLSTATE {refused.state}" for refused in unwanted]
        where = pa.table({name: pa.array([row[name] for row in rows], pa.int64()) for name in COORDINATES})
        self._keep(where, lambda place: [Problem(0, Reason.DATABASE_REFUSED, None, states[place])])
        self._accepted -= len(unwanted)
        self._refused += len(unwanted)
        self._tally.add(VALID, 0, len(unwanted))

    def _conflicting(self) -> tuple[int, conflicts.Taken]:
        """Treat the rows that differ from an earlier one as the contract says; returns how many there are."""
        found = conflicts.find(self._connection, self._contract, self._good, self._constants)
        number = found.rows.num_rows
        if not number:
            return 0, conflicts.NONE_TAKEN
        if self._contract.on_conflict == "quarantine":
            first = self._bad.rows
            self._keep(found.rows, found.problems)
            return self._insert_bad(first), conflicts.NONE_TAKEN
        if self._contract.on_conflict == "keepFirst":
            return number, conflicts.NONE_TAKEN
        taken = conflicts.keep_last(
            self._connection, self._contract, self._good, self._constants, found, self._run.log_id
        )
        return number, taken

    def _keep(self, where: pa.Table, problems: Callable[[int], list[Problem]]) -> None:
        """Stage rows of the archive as rejected ones, with the texts that they have there.

        :param where: their coordinates.
        :param problems: of each, by its place in `where`.
        """
        for chunk, places in _rows_at(self._file, where):
            by_row = {row: problems(place) for row, place in enumerate(places)}
            rows = rejected_as(chunk, self._contract, by_row, headers=self._sources.headers, paths=self._paths)
            self._bad.copy(self._sources.of_rows(rows))


def _rows_at(file: Path, where: pa.Table) -> Iterator[tuple[pa.RecordBatch, list[int]]]:
    """The rows of an archive with some coordinates, chunk by chunk, and which of those each has."""
    import pandas as pd

    wanted = _index_of(where)
    for chunk in read_chunks(file):
        coordinates = pa.table({name: chunk.column(name).cast(pa.int64()) for name in COORDINATES})
        places = pd.Series(wanted.get_indexer(_index_of(coordinates)))
        found = places[places >= 0]
        if len(found):
            yield chunk.take(pa.array(found.index)), found.tolist()


def _index_of(coordinates: pa.Table) -> pd.MultiIndex:
    import pandas as pd

    return pd.MultiIndex.from_arrays([coordinates[name].to_numpy() for name in COORDINATES])
