"""`feeds try`: what a contract would do with records, read as a job reads them, in bounded time and memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa

from etl.contract.draft.samples.content import opened
from etl.contract.draft.samples.sample import Sample, TopicMessage
from etl.contract.formats.json_objects import JsonObjects
from etl.contract.model import Contract
from etl.contract.sources.landing_folder import LandingFolder
from etl.errors import UnreadableFile
from etl.jobs.consume.files.message_rows import split_messages
from etl.jobs.consume.files.readers import read_file
from etl.jobs.consume.files.records import Chunk
from etl.jobs.produce.file import is_csv, messages_of_file
from etl.operations.feeds.trial import Trial, TriedRows, try_rows

MOST_RECORDS = 50_000
"""Records after which a trial ends: enough for shares, and quick."""


def try_files(contract: Contract, files: Sequence[Path], *, most: int = MOST_RECORDS) -> Trial:
    """What would become of the records of some files.

    :param most: no further chunk of records is read once this many have been tried.
    :raises ConfigurationError: a path is that of no file that can be opened.
    """
    for path in files:
        with opened(path):
            pass
    unreadable: dict[str, str] = {}
    chunks = _Bounded(_chunks_of_files(contract, files, unreadable), most)
    trial = try_rows(contract, chunks)
    return replace(trial, unreadable=unreadable, is_whole=not chunks.is_cut)


def try_sample(contract: Contract, sample: Sample) -> Trial:
    """What would become of a sample: of its files, or of the messages of a topic."""
    if sample.files:
        return try_files(contract, sample.files)
    return try_rows(contract, rows_of_messages(contract, sample.messages))


def rows_of_messages(contract: Contract, messages: Sequence[TopicMessage]) -> Iterator[TriedRows]:
    """The readings of a topic's messages, with what was beside them."""
    for chunk in split_messages(enumerate(message.value for message in messages), contract, 0):
        table = _with_origins(chunk.table, contract, lambda offset: messages[offset].beside)
        yield TriedRows(table, {}, chunk.records)


class _Bounded:
    """Chunks up to a number of records."""

    def __init__(self, chunks: Iterator[TriedRows], most: int) -> None:
        self._chunks = chunks
        self._left = most
        self.is_cut = False
        """Whether there were more records than were given."""

    def __iter__(self) -> Iterator[TriedRows]:
        for chunk in self._chunks:
            if self._left <= 0:
                self.is_cut = True
                return
            self._left -= chunk.records
            yield chunk


def _chunks_of_files(contract: Contract, files: Sequence[Path], unreadable: dict[str, str]) -> Iterator[TriedRows]:
    for number, path in enumerate(files):
        try:
            yield from _chunks_of_file(contract, path, number)
        except UnreadableFile as error:
            unreadable[path.name] = f"{error.cause}; {error.seen}" if error.seen else error.cause


def _chunks_of_file(contract: Contract, path: Path, number: int) -> Iterator[TriedRows]:
    if isinstance(contract.source, LandingFolder):
        with read_file(contract, contract.source.format, path, number) as records:
            headers = {number: records.header} if records.header else {}
            yield from (TriedRows(chunk.table, headers, chunk.records) for chunk in records.chunks)
    elif is_csv(path):
        # A topic's messages are JSON: `run --file` makes one of each line.
        messages = (message.value or b"" for chunk in messages_of_file(path, contract) for message in chunk)
        yield from _as_sent(split_messages(enumerate(messages), contract, number), contract)
    else:
        with read_file(contract, JsonObjects(), path, number) as records:
            yield from _as_sent(records.chunks, contract)


def _as_sent(chunks: Iterable[Chunk], contract: Contract) -> Iterator[TriedRows]:
    """Messages of a file with what they would have beside their values, if they were sent to the topic now."""
    beside = {"topic": contract.source.name, "broker_time": datetime.now(UTC).isoformat(timespec="milliseconds")}
    for chunk in chunks:
        yield TriedRows(_with_origins(chunk.table, contract, lambda _: beside), {}, chunk.records)


def _with_origins(table: pa.Table, contract: Contract, beside: Callable[[int], Mapping[str, str]]) -> pa.Table:
    """The rows with the values that are not in their messages.

    :param beside: offset of a message → those values, by the names of `Column.origin`.
    """
    offsets = [int(offset) for offset in table["source_offset"].to_pylist()]
    for column in contract.columns:
        if column.origin:
            texts = pa.array([beside(offset).get(column.origin) for offset in offsets], pa.string())
            place = table.column_names.index(column.name)
            table = table.set_column(place, column.name, texts)
    return table
