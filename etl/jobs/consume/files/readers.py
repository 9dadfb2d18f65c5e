"""How the files of each format are read."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from etl.contract.formats.csv_lines import CsvLines
from etl.contract.formats.json_objects import JsonObjects
from etl.contract.formats.parquet_rows import ParquetRows
from etl.contract.formats.record_format import RecordFormat
from etl.contract.model import Contract
from etl.jobs.consume.files.csv_file import read_csv
from etl.jobs.consume.files.json_file import read_json
from etl.jobs.consume.files.parquet_file import read_parquet
from etl.jobs.consume.files.records import FileReader, FileRecords

READERS: Mapping[type[RecordFormat], FileReader] = {
    CsvLines: read_csv,
    JsonObjects: read_json,
    ParquetRows: read_parquet,
}
"""Of each format whose `suffixes` say that it is read from files."""


def read_file(
    contract: Contract, form: RecordFormat, path: Path, number: int = 0
) -> AbstractContextManager[FileRecords]:
    """A file's records as a job reads them, whatever source the contract has.

    :param number: the value of `source_partition`.
    :raises UnreadableFile: the file as a whole cannot be read.
    """
    return READERS[type(form)](contract, form, path, number)
