"""Inserts the rows of one archive: chunk by chunk, then what the tables did not take."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
from sqlalchemy import ColumnElement, Connection, Table

from etl.audit.counts import Counts
from etl.audit.job import JobRun
from etl.audit.sources import Sources
from etl.contract.model import EvolvedContract
from etl.database import Refused, holds_later, make_stage
from etl.database.schema.tables.audit_tables import etl_rejected_row
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
    """Without late rows, which are counted in the table."""
    tally: Tally
    fresh: FreshRows | None
    """The rows that are newer than all rows loaded before, where they were kept."""
    follows_all: bool
    """Whether the table held no row that is newer than all rows loaded before: the time of those is from the audit log, but
    somebody may have changed the table by hand."""
    whereabouts: ColumnElement[bool]
    """Where the rows are in the table (`Stage.whereabouts`)."""
    replacements: conflicts.Replacements = conflicts.NO_REPLACEMENTS
    """What `keepLast` replaced."""


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
        source_id = ["source_id"] if sources.files else []
        self._good = make_stage(
            connection, table, [*contract.column_names, *COORDINATES, "lateness_seconds", *source_id]
        )
        self._bad = make_stage(
            connection,
            etl_rejected_row,
            [
                *(*COORDINATES, "raw", "raw_rebuilt", "reason", "problems"),
                *(["beside_message"] if contract.origins else []),
                *source_id,
            ],
        )
        self._watermark = watermark(connection, contract, now=run.started)
        newest = newest_loaded(connection, contract)
        self._key_filter, self._fresh = KeyFilter(contract, newest, archive.rows), Fresh(contract, newest)
        time = table.c[contract.event_time.column]
        self._follows_all = self._fresh.is_worth_it and not holds_later(connection, time, newest)
        self._constants = {**sources.constants(), "log_id": run.log_id}
        self._tally, self._unknown = Tally(), Counter[str]()
        self._read = self._loaded_before = self._accepted = self._refused = 0

    def insert(self) -> Inserted:
        """Take the whole archive."""
        # While the database takes one chunk, the next is read and checked.
        for prepared in prefetch(map(self._prepared, read_chunks(self._file))):
            self._take(*prepared)
            failpoints.reached("load.copying")
        return self._finish()

    def _prepared(self, chunk: pa.RecordBatch) -> tuple[int, int, Validated, pa.Table, pa.Table, pa.Table]:
        new = self._sources.new_rows(chunk)
        checked = validate(new, self._contract, now=self._run.started, headers=self._sources.headers, paths=self._paths)
        rows = with_lateness(checked.accepted, self._contract, self._watermark)
        return chunk.num_rows, chunk.num_rows - new.num_rows, checked, rows, *self._key_filter.split(rows)

    def _take(
        self, read: int, loaded_before: int, checked: Validated, rows: pa.Table, unseen: pa.Table, seen: pa.Table
    ) -> None:
        self._read += read
        self._loaded_before += loaded_before
        self._accepted += checked.accepted.num_rows
        self._refused += checked.rejected.num_rows
        self._tally.count(self._contract, checked)
        self._unknown += checked.unknown
        self._good.copy_unseen(self._sources.of_rows(unseen), self._constants)
        if seen.num_rows:
            self._good.copy(self._sources.of_rows(seen))
        # A key's first row is the one that the table takes, whichever way it goes.
        self._fresh.keep(rows)
        if checked.rejected.num_rows:
            self._bad.copy(self._sources.of_rows(checked.rejected))

    def _finish(self) -> Inserted:
        loaded, refused = self._good.insert_new(self._constants)
        if refused:
            self._keep_refused(refused)
        rejected = self._insert_bad()
        conflicting, replacements = (
            self._treat_conflicts() if self._accepted > loaded else (0, conflicts.NO_REPLACEMENTS)
        )
        if self._unknown:
            self._run.remember({"unknown_keys": dict(self._unknown.most_common(50))})
        duplicate = self._loaded_before + (self._accepted - loaded - conflicting) + (self._refused - rejected)
        self._tally.add(UNIQUE, self._accepted, self._accepted - loaded)
        counts = Counts(self._read, loaded, rejected, duplicate, 0, conflicting)
        fresh = None if replacements.rows else self._fresh.loaded()
        return Inserted(counts, self._tally, fresh, self._follows_all, self._whereabouts(), replacements)

    def _whereabouts(self) -> ColumnElement[bool]:
        return self._good.whereabouts(self._run.log_id, self._sources.are_of(self._good.table))

    def _insert_bad(self, first: int = 0) -> int:
        return self._bad.insert_new({**self._constants, "feed": self._contract.feed}, first=first)[0]

    def _keep_refused(self, refused: list[Refused]) -> None:
        """Put rows that the database itself refused among the rejected ones."""
        rows = [self._good.read(refusal.row) for refusal in refused]
        states = [f"SQLSTATE {refusal.state}" for refusal in refused]
        coordinates = pa.table({name: pa.array([row[name] for row in rows], pa.int64()) for name in COORDINATES})
        self._keep(coordinates, lambda place: [Problem(0, Reason.DATABASE_REFUSED, None, states[place])])
        self._accepted -= len(refused)
        self._refused += len(refused)
        self._tally.add(VALID, 0, len(refused))

    def _treat_conflicts(self) -> tuple[int, conflicts.Replacements]:
        """Treat the rows that differ from an earlier one as the contract says; returns how many there are."""
        differing = conflicts.find(self._connection, self._contract, self._good, self._constants)
        number = differing.rows.num_rows
        if not number:
            return 0, conflicts.NO_REPLACEMENTS
        if self._contract.on_conflict == "quarantine":
            first = self._bad.rows
            self._keep(differing.rows, differing.problems)
            return self._insert_bad(first), conflicts.NO_REPLACEMENTS
        if self._contract.on_conflict == "keepFirst":
            return number, conflicts.NO_REPLACEMENTS
        replacements = conflicts.keep_last(
            self._connection,
            self._contract,
            self._good,
            self._constants,
            differing,
            self._run.log_id,
            self._sources.are_of(self._good.table),
        )
        return number, replacements

    def _keep(self, coordinates: pa.Table, problems: Callable[[int], list[Problem]]) -> None:
        """Stage rows of the archive as rejected ones, with the texts that the archive has.

        :param problems: gives the problems of a row by its place in `coordinates`.
        """
        for chunk, places in _rows_at(self._file, coordinates):
            by_row = {row: problems(place) for row, place in enumerate(places)}
            rows = rejected_as(chunk, self._contract, by_row, headers=self._sources.headers, paths=self._paths)
            self._bad.copy(self._sources.of_rows(rows))


def _rows_at(file: Path, coordinates: pa.Table) -> Iterator[tuple[pa.RecordBatch, list[int]]]:
    """The rows of an archive with these coordinates, chunk by chunk, and the place of each row in `coordinates`."""
    import pandas as pd

    wanted = _index_of(coordinates)
    for chunk in read_chunks(file):
        of_chunk = pa.table({name: chunk.column(name).cast(pa.int64()) for name in COORDINATES})
        places = pd.Series(wanted.get_indexer(_index_of(of_chunk)))
        matches = places[places >= 0]
        if len(matches):
            yield chunk.take(pa.array(matches.index)), matches.tolist()


def _index_of(coordinates: pa.Table) -> pd.MultiIndex:
    import pandas as pd

    return pd.MultiIndex.from_arrays([coordinates[name].to_numpy() for name in COORDINATES])
