"""Reads the files of a sample: their format by content, their records within bounds."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from etl.contract.draft.samples.combine import combine
from etl.contract.draft.samples.content import MOST_BYTES, Content, read_content
from etl.contract.draft.samples.encoding import Text, decode
from etl.contract.draft.samples.json_records import read_json
from etl.contract.draft.samples.parquet_records import MAGIC, read_parquet
from etl.contract.draft.samples.sample import RECORDS, Sample
from etl.contract.draft.samples.tables.table import read_table
from etl.contract.formats.csv_lines import CsvLines
from etl.contract.formats.json_objects import JsonObjects
from etl.contract.formats.parquet_rows import ParquetRows
from etl.contract.formats.record_format import RecordFormat
from etl.errors import ConfigurationError

_MOST_FILES = 1_000
_LEAST_BYTES = 1 << 20
_PATTERN = "*?["


def read_sample(files: Sequence[Path]) -> Sample:
    """The records of files of one format: of all together at most `RECORDS`, and 32 MiB of text.

    :param files: a path may be a pattern, such as `folder/*.csv`.
    :raises ConfigurationError: naming the file: it cannot be read, has no records, or differs in format from the others.
    """
    paths = expand(files)
    if not paths:
        raise ConfigurationError("No sample is given.", remedy="Give files: --from sample.csv")
    if len(paths) > _MOST_FILES:
        raise ConfigurationError(
            f"{len(paths):,} files are too many for a sample.",
            remedy=f"Give at most {_MOST_FILES:,}; 10 are often enough.",
        )
    return combine(list(_read_each(paths)))


def expand(files: Sequence[Path]) -> list[Path]:
    """The paths, with the files of each pattern that no shell has expanded."""
    return [path for given in files for path in _expanded(given)]


def _expanded(given: Path) -> list[Path]:
    if not any(letter in str(given) for letter in _PATTERN) or os.path.lexists(given):
        return [given]
    return sorted(Path(given.anchor or ".").glob(str(given.relative_to(given.anchor)))) or [given]


def _read_each(paths: Sequence[Path]) -> Iterator[Sample]:
    """The sample of each file. What a file leaves of its share of the bounds, the later ones get."""
    records = RECORDS
    for place, path in enumerate(paths):
        share = max(1, records // (len(paths) - place))
        sample = _read_file(path, share, max(_LEAST_BYTES, MOST_BYTES // len(paths)))
        records -= len(sample.records)
        yield sample


@dataclass
class _File:
    """A file whose beginning has been read."""

    path: Path
    content: Content

    @cached_property
    def text(self) -> Text:
        return decode(self.content)


def _read_file(path: Path, most: int, most_bytes: int) -> Sample:
    file = _File(path, read_content(path, most_bytes))
    return next(sample for read in READERS.values() if (sample := read(file, most)))


def _parquet(file: _File, most: int) -> Sample | None:
    if not file.content.head.startswith(MAGIC):
        return None
    rows, left = read_parquet(file.path, file.content, most)
    return Sample(file.content.name, ParquetRows(), rows, files=(file.path,), left=left)


def _json(file: _File, most: int) -> Sample | None:
    messages = read_json(file.content, file.text, most)
    if messages is None:
        return None
    left = _left(len(messages.records), messages.share * file.content.share)
    evidence = (*messages.evidence, *file.text.evidence)
    return Sample(file.content.name, JsonObjects(), messages.records, evidence, files=(file.path,), left=left)


def _csv(file: _File, most: int) -> Sample | None:
    table = read_table(file.content, file.text, most)
    encoding = {"csv.encoding": file.text.question} if file.text.question else {}
    return Sample(
        file.content.name,
        CsvLines(table.layout.dialect),
        table.records,
        (*table.layout.evidence, *file.text.evidence),
        {**table.layout.questions, **encoding},
        files=(file.path,),
        left=_left(len(table.records), table.share * file.content.share),
        units=table.layout.units,
    )


READERS: Mapping[type[RecordFormat], Callable[[_File, int], Sample | None]] = {
    ParquetRows: _parquet,
    JsonObjects: _json,
    CsvLines: _csv,
}
"""Of each format that is read from files, what reads a sample, and gives None for a file in another one. The first that reads it
is taken; the last takes what is left, or says why it cannot.
"""


def _left(records: int, share: float) -> int:
    """About how many records are left, if `records` are this share of the file."""
    return round(records / share) - records if 0 < share < 1 else 0
