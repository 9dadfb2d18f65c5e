"""A first contract for a new feed, drafted from a sample of its messages. Comments in the draft name what was guessed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from etl.contract.draft.identity import infer_event_time, infer_key, infer_sensor
from etl.contract.draft.readings import Path, readings_of
from etl.contract.draft.samples.sample import Sample
from etl.contract.draft.source_lines import landing_lines, topic_lines
from etl.contract.draft.yaml_text import yaml_text
from etl.contract.inference import InferredType, infer_type, snake_case
from etl.contract.model import ISO8601, ITEMS, RESERVED, WINDOW_COLUMNS, column_name

_KEY_LENGTH = 128
"""Longest text in a key: databases do not index unbounded texts."""


@dataclass
class _DraftColumn:
    """A column of the draft."""

    name: str
    path: Path
    values: Sequence[Any]
    inferred: InferredType
    required: bool = False
    in_key: int = 0
    notes: list[str] = field(default_factory=list)


def draft(feed: str, sample: Sample, *, topic: str = "", landing: str = "") -> str:
    """The text of a contract, with a comment at everything that was guessed.

    :param topic: the Kafka topic, for JSON messages; or
    :param landing: the landing folder, for CSV files.
    :raises ConfigurationError: the sample has no readings, or nothing in it looks like a time.
    """
    readings = readings_of(sample)
    columns = _draft_columns(readings.rows, readings.paths)
    time = infer_event_time({c.name: c.values for c in columns}, sample)
    for column in columns:
        if column.name == time.column:
            column.inferred = InferredType("timestamp", f"guessed to be the event time: {time.why}")
        elif column.inferred.type == "timestamp" and time.formats != (ISO8601,):
            column.inferred = InferredType("string", "a time in another format than the event time's")
    kinds = {c.name: c.inferred.type for c in columns}
    values = {c.name: c.values for c in columns}
    sensor = infer_sensor(values, kinds, time.column)
    key = infer_key(values, kinds, sensor, time.column, readings.outer_names({c.path: c.name for c in columns}))
    sensor, key = _without_names_of_windows(columns, sensor, key, time.column)
    for column in columns:
        column.in_key = key.index(column.name) + 1 if column.name in key else 0
    lines = [
        *_head(feed, sample, topic=topic, landing=landing),
        *_schema(feed, columns),
        *_custom(columns, readings.explode, time.column, time.formats, sensor, time.note),
    ]
    left_out = [f"# Left out: {text}" for text in readings.left_out]
    warning = (
        [] if key else ["# No key was found that identifies the sample's readings: each message is a separate row."]
    )
    more = ["# Ranges, windows, lateness, anomalies, fleet and more: see docs/contracts.md."]
    return "\n".join([*lines, *warning, *left_out, *more]) + "\n"


def _draft_columns(rows: Sequence[dict[Path, Any]], paths: Sequence[Path]) -> list[_DraftColumn]:
    columns: list[_DraftColumn] = []
    for path in paths:
        taken = [*RESERVED, *(column.name for column in columns)]
        key = path[-1] if path[-1] != ITEMS else path[-2]
        name = column_name(snake_case(key), taken)
        values = [row.get(path) for row in rows]
        given = [value for value in values if value is not None and value != ""]
        columns.append(_DraftColumn(name, path, values, infer_type(key, given), required=len(given) == len(rows)))
    return columns


def _without_names_of_windows(
    columns: Sequence[_DraftColumn], sensor: str | None, key: tuple[str, ...], time: str
) -> tuple[str | None, tuple[str, ...]]:
    """Sensor and key; a sensor's column is renamed if the tables of windows have a column of that name already."""
    names = [column.name for column in columns]
    old = sensor or next((name for name in (*key, *names) if name != time), names[0])
    if old not in WINDOW_COLUMNS:
        return sensor, key
    new = column_name(f"sensor_{old}", [*RESERVED, *names])
    next(column for column in columns if column.name == old).name = new
    return sensor and new, tuple(new if name == old else name for name in key)


def _head(feed: str, sample: Sample, *, topic: str, landing: str) -> list[str]:
    return [
        f"# Drafted from {yaml_text(sample.name)} ({len(sample.records):,} records). Review it: comments name what was guessed.",
        *(f"# Found: {text}" for text in sample.evidence),
        "apiVersion: v3.1.0",
        "kind: DataContract",
        f"id: {feed.replace('_', '-')}",
        f"name: {feed}",
        "version: 0.1.0",
        "status: draft",
        "description:",
        "  purpose: Describe here what these readings are.",
        "servers:",
        *(landing_lines(sample, landing) if landing else topic_lines(sample, topic)),
    ]


def _schema(feed: str, columns: Sequence[_DraftColumn]) -> list[str]:
    lines = [
        "schema:",
        f"  - name: {feed}",
        f"    physicalName: {feed}",
        "    physicalType: table",
        "    logicalType: object",
        "    properties:",
    ]
    for column in columns:
        lines += _property(column)
    return lines


def _property(column: _DraftColumn) -> list[str]:
    why = f"  # {column.inferred.why}" if column.inferred.why else ""
    lines = [f"      - name: {yaml_text(column.name)}", f"        logicalType: {column.inferred.type}{why}"]
    if column.in_key:
        lines += [
            "        required: true",
            "        primaryKey: true  # guessed",
            f"        primaryKeyPosition: {column.in_key}",
        ]
        if column.inferred.type == "string":
            length = max(_KEY_LENGTH, *(len(str(value)) for value in column.values))
            lines.append(f"        logicalTypeOptions: {{minLength: 1, maxLength: {length}}}")
    elif column.required:
        lines.append("        required: true  # it is in every record of the sample")
    return lines


def _custom(
    columns: Sequence[_DraftColumn],
    explode: Sequence[Path],
    time: str,
    formats: Sequence[str],
    sensor: str | None,
    note: str,
) -> list[str]:
    lines = [
        "customProperties:",
        "  - property: eventTime",
        "    value:",
        f"      column: {yaml_text(time)}",
        f"      formats: [{', '.join(yaml_text(name) for name in formats)}]{f'  # {note}' if note else ''}",
        "      timezone: UTC  # of times without an offset; assumed",
    ]
    if explode:
        path = "[].".join(".".join(level) for level in explode)
        lines += ["  - property: explode", f"    value: {yaml_text(path)}"]
    renamed = [column for column in columns if column.path != (column.name,)]
    if renamed:
        lines += ["  - property: rename", "    value:"]
        lines += [
            f"      {yaml_text(c.name)}: {yaml_text('.'.join(c.path).replace(f'.{ITEMS}', ITEMS))}" for c in renamed
        ]
    if sensor:
        lines += ["  - property: sensor", f"    value: {yaml_text(sensor)}  # guessed"]
    return [*lines, "  - property: unknownKeys", "    value: freeze  # or evolve, or discard"]
