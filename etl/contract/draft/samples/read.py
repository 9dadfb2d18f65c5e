"""Reads the files of a sample: their format by content, their records within bounds."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from etl.contract.draft.samples.combine import combine
from etl.contract.draft.samples.content import MOST_BYTES, read_content
from etl.contract.draft.samples.encoding import decode
from etl.contract.draft.samples.json_records import read_json
from etl.contract.draft.samples.parquet_records import MAGIC, read_parquet
from etl.contract.draft.samples.sample import RECORDS, Sample
from etl.contract.draft.samples.tables.table import read_table
from etl.contract.formats.csv_lines import CsvLines
from etl.contract.formats.json_objects import JsonObjects
from etl.contract.formats.parquet_rows import ParquetRows
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


def _read_file(path: Path, most: int, most_bytes: int) -> Sample:
    content = read_content(path, most_bytes)
    if content.head.startswith(MAGIC):
        rows, left = read_parquet(path, content, most)
        return Sample(content.name, ParquetRows(), rows, files=(path,), left=left)
    text = decode(content)
    if messages := read_json(content, text, most):
        left = _left(len(messages.records), messages.share * content.share)
        evidence = (*messages.evidence, *text.evidence)
        return Sample(content.name, JsonObjects(), messages.records, evidence, files=(path,), left=left)
    table = read_table(content, text, most)
    questions = {**table.layout.questions, **({"csv.encoding": text.question} if text.question else {})}
    return Sample(
        content.name,
        CsvLines(table.layout.dialect),
        table.records,
        (*table.layout.evidence, *text.evidence),
        questions,
        files=(path,),
        left=_left(len(table.records), table.share * content.share),
        units=table.layout.units,
    )


def _left(records: int, share: float) -> int:
    """About how many records are left, if so many are that share of the file."""
    return round(records / share) - records if 0 < share < 1 else 0
