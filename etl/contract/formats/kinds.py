"""Every format that a contract may name."""

from __future__ import annotations

from etl.contract.formats.avro_records import AvroRecords
from etl.contract.formats.csv_lines import CsvLines
from etl.contract.formats.json_objects import JsonObjects
from etl.contract.formats.parquet_rows import ParquetRows
from etl.contract.formats.record_format import RecordFormat

FORMATS: dict[str, type[RecordFormat]] = {kind.name: kind for kind in (JsonObjects, CsvLines, ParquetRows, AvroRecords)}
"""Value of `servers[0].format` in a contract → the format."""
