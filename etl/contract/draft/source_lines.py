"""The lines of a drafted contract about the source of the feed."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from etl.contract.draft.samples.sample import Sample
from etl.contract.draft.yaml_text import yaml_text
from etl.contract.formats.avro_records import AvroRecords
from etl.contract.formats.csv_dialect import CAMEL, CsvDialect
from etl.contract.formats.json_objects import JsonObjects
from etl.contract.todo import MARK

_ALWAYS = ("delimiter", "encoding", "header")
"""Keys of the dialect that a draft names even where they have their defaults."""


def topic_lines(sample: Sample, topic: str) -> list[str]:
    """A Kafka topic."""
    form = AvroRecords if isinstance(sample.form, AvroRecords) else JsonObjects
    return [
        "  - server: stream",
        "    type: kafka",
        "    host: ETL_KAFKA_BOOTSTRAP",
        f"    format: {form.name}",
        "    customProperties:",
        "      - property: topic",
        f"        value: {yaml_text(topic)}",
    ]


def landing_lines(sample: Sample, landing: str) -> list[str]:
    """A landing folder, with the dialect of CSV files."""
    lines = [
        "  - server: landing",
        "    type: local",
        f"    path: {yaml_text(landing)}",
        f"    format: {sample.form.name}",
    ]
    if not sample.form.is_tabular:
        return lines
    return [*lines, "    customProperties:", "      - property: csv", "        value:", *_dialect_lines(sample)]


def _dialect_lines(sample: Sample) -> list[str]:
    values, usual = asdict(sample.form.dialect), asdict(CsvDialect())
    lines = []
    for name, value in values.items():
        key = CAMEL.get(name, name)
        if question := sample.questions.get(f"csv.{key}"):
            lines.append(f"          {key}: {MARK}  # {question}")
        elif value != usual[name] or name in _ALWAYS:
            lines.append(f"          {key}: {_as_yaml(value)}")
    return lines


def _as_yaml(value: Any) -> str:
    return yaml_text(value) if isinstance(value, str) else str(value).lower()
