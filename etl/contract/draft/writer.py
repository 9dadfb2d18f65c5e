"""A first contract for a new feed, drafted from a sample of its messages. Comments say what was guessed, by which evidence, and
what a person must decide.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from etl.contract.document import SUFFIX
from etl.contract.draft.arrays import can_be_dotted
from etl.contract.draft.column_lines import column_lines
from etl.contract.draft.columns import DraftColumn
from etl.contract.draft.plan import Plan, plan_draft
from etl.contract.draft.recognisers.shape import Path
from etl.contract.draft.samples.sample import Sample
from etl.contract.draft.samples.wording import counted
from etl.contract.draft.source_lines import landing_lines, topic_lines
from etl.contract.draft.yaml_text import behind, comment_lines, quoted, yaml_list, yaml_text
from etl.contract.formats.csv_dialect import CsvDialect
from etl.contract.formats.csv_lines import CsvLines
from etl.contract.model import ITEMS
from etl.contract.shell_words import shell_word
from etl.contract.todo import MARK

ASSUMED = "assumed: "
"""How the comment of a value begins that the sample cannot show."""
NO_KEY = "No key was found"
"""How the sentence about a missing key begins."""
TOO_WIDE = "No table has room for"
"""How the sentence begins about columns that a file without a header cannot be read without."""
_SHOWN = 8

_FEWEST_COLUMNS = 3
"""Columns with the same word for a missing value, from which on the word is said once, for all columns."""


def draft(feed: str, sample: Sample, *, topic: str = "", landing: str = "", now: datetime | None = None) -> str:
    """The text of a contract, with a comment at everything that was guessed. What the sample leaves open is TODO.

    :param topic: the Kafka topic; or
    :param landing: the landing folder.
    :param now: the current time; times after it are no event times.
    """
    plan = plan_draft(sample, topic=topic, now=now)
    dialect = _dialect(sample, plan.columns)
    missing = _missing_everywhere(plan.columns)
    body = [
        *_server(sample, dialect, topic=topic, landing=landing),
        "schema:",
        *(f"  {line}" for line in (f"- name: {feed}", f"  physicalName: {feed}", "  physicalType: table")),
        *("    logicalType: object", "    properties:"),
        *(line for column in plan.columns for line in column_lines(column, plan, dialect, missing)),
        *_custom(plan, missing, is_tabular=sample.form.is_tabular),
        "# Ranges, windows, lateness, anomalies, fleet and more: see docs/contracts.md.",
    ]
    open_values = sum(bool(re.search(rf"[:\[ ] ?{MARK}[\]}}]*( |$)", line.partition("  #")[0])) for line in body)
    return "\n".join([*_head(feed, sample, plan, open_values), *body]) + "\n"


def _head(feed: str, sample: Sample, plan: Plan, open_values: int) -> list[str]:
    return [
        *(line for sentence in _sentences(feed, sample, plan, open_values) for line in comment_lines(sentence)),
        *_next_steps(feed, sample),
        "apiVersion: v3.1.0",
        "kind: DataContract",
        f"id: {feed.replace('_', '-')}",
        f"name: {feed}",
        "version: 0.1.0",
        "status: draft",
        "description:",
        "  purpose: Describe here what these readings are.",
        "servers:",
    ]


def _updates(plan: Plan) -> str:
    """What to do where messages are changes of rows, so that a row comes again with every update."""
    if not plan.recognised.shape.operation:
        return ""
    return " Where updates bring a row again: `primaryKey: true` at its id, and onConflict: keepLast, replace the earlier one."


def _sentences(feed: str, sample: Sample, plan: Plan, open_values: int) -> Iterator[str]:
    """What a reader should know before the columns."""
    count = f"{len(sample.records):,} record{'s' if len(sample.records) != 1 else ''}"
    readings = f", {len(plan.readings.rows):,} readings" if len(plan.readings.rows) != len(sample.records) else ""
    yield f"Drafted from {quoted(sample.name)[1:-1]} ({count}{readings}). Comments give the evidence of each guess: check them."
    if open_values:
        are, they = ("s are", "they are") if open_values > 1 else (" is", "it is")
        yield f"To decide: {open_values} value{are} TODO; nothing runs until {they} decided."
    if plan.recognised.name:
        share = f"{plan.recognised.fitting:,} of {len(sample.records):,} records"
        yield f"Recognised: {plan.recognised.name} ({share}): {plan.recognised.shape.says}."
    yield from (f"Found: {text}" for text in sample.evidence)
    yield from (f"Note: {text}" for text in plan.readings.notes)
    if not plan.key.columns:
        yield f"{NO_KEY} that identifies the sample's readings: what is delivered again is loaded again.{_updates(plan)}"
    if not any(column.guess.type == "number" for column in plan.columns):
        yield "No column is a measure (number): there will be no windows and anomalies."
    if plan.left_out and sample.form.is_tabular and not sample.form.dialect.header:
        fields = sum(bool(column.path) for column in plan.columns)
        yield f"{TOO_WIDE}: {_listed(plan.left_out)}. {_without_header(fields, fields + len(plan.left_out))}"
    elif plan.left_out:
        yield f"Left out: {_listed(plan.left_out)}. unknownKeys says what happens to them."


def _without_header(columns: int, fields: int) -> str:
    return (
        f"Without a header, fields are columns by their order: lines of {fields:,} fields are rejected by this contract of"
        f" {columns:,}. Give the file a line of names and draft it again: then columns can be left out."
    )


def _next_steps(feed: str, sample: Sample) -> list[str]:
    """The commands that follow, a line each."""
    file = shell_word(str(sample.files[0])) if sample.files else ""
    again = f" --from {file}" if file else f" --from-topic {shell_word(sample.name.removeprefix('topic '))}"
    steps = [
        f"feeds check {feed}{SUFFIX}",
        f"feeds try {feed}{again}",
        f"run {feed}{f' --file {file}' if file else ''}",
    ]
    starts = ["# Next: ", *["#       "] * len(steps)]
    return [f"{start}python -m etl {step}" for start, step in zip(starts, steps, strict=False)]


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more:,} others" if more > 0 else "")


def _server(sample: Sample, dialect: CsvDialect, *, topic: str, landing: str) -> list[str]:
    if not landing:
        return topic_lines(sample, topic)
    return landing_lines(replace(sample, form=CsvLines(dialect)) if sample.form.is_tabular else sample, landing)


def _dialect(sample: Sample, columns: Sequence[DraftColumn]) -> CsvDialect:
    """The dialect, with the decimal mark where no column of numbers contradicts it."""
    dialect = sample.form.dialect
    numbers = [column for column in columns if column.guess.type == "number" and not column.guess.question]
    has_point = any(
        column.guess.number is None and any("." in text for text in column.seen.texts) for column in numbers
    )
    forms = {column.guess.number.decimal for column in numbers if column.guess.number}
    if not sample.form.is_tabular or has_point or forms != {","}:
        return replace(dialect, decimal=".", thousands="")
    return replace(dialect, decimal=",", thousands="")


def _missing_everywhere(columns: Sequence[DraftColumn]) -> tuple[str, ...]:
    """The words that stand for a missing value in several columns, and for nothing else in the others."""
    counts: dict[str, int] = {}
    for column in columns:
        for text in column.guess.missing:
            counts[text] = counts.get(text, 0) + 1
    shared = [text for text, count in counts.items() if count >= _FEWEST_COLUMNS]
    return tuple(
        text
        for text in shared
        if not any(text in column.seen.texts and text not in column.guess.missing for column in columns)
    )


def _custom(plan: Plan, missing: Sequence[str], *, is_tabular: bool) -> Iterator[str]:
    time, sensor, shape = plan.time, plan.sensor, plan.recognised.shape
    yield "customProperties:"
    yield "  - property: eventTime"
    yield "    value:"
    yield f"      column: {yaml_text(time.column)}" if time.column else behind(f"      column: {MARK}", time.question)
    is_open = bool(time.column and time.question)
    formats = f"[{MARK}]" if is_open else yaml_list(time.formats)
    yield behind(f"      formats: {formats}", time.question if is_open else "")
    yield behind("      timezone: UTC", f"{ASSUMED}there are times without an offset" if time.is_local else "")
    if time.earliest:
        yield behind(f"      earliest: {quoted(time.earliest)}", "the sample has times before 2000")
    if shape.envelope:
        yield from _value("envelope", yaml_text(".".join(shape.envelope)))
    if plan.readings.question:
        yield from _value("explode", behind(MARK, plan.readings.question))
    elif plan.readings.explode:
        yield from _value("explode", yaml_text("[].".join(".".join(level) for level in plan.readings.explode)))
    yield from _rename(plan.columns, shape.envelope, is_tabular=is_tabular)
    if missing:
        yield from _value("missingValues", f"[{', '.join(map(quoted, missing))}]")
    if not sensor.columns:
        yield from _value("sensor", behind(MARK, sensor.question))
    else:
        names = yaml_text(sensor.columns[0]) if len(sensor.columns) == 1 else yaml_list(sensor.columns)
        yield from _value("sensor", behind(names, sensor.why))
    if plan.key.replacing:
        again = f"the sample has {counted(plan.key.replacing, 'later change')} of a row"
        yield from _value("onConflict", behind("keepLast", again))
    yield from _value("unknownKeys", "freeze  # or evolve, or discard")


def _value(name: str, value: str) -> list[str]:
    return [f"  - property: {name}", f"    value: {value}"]


def _rename(columns: Iterable[DraftColumn], envelope: Path, *, is_tabular: bool) -> Iterator[str]:
    renamed = [column for column in columns if column.path and column.path != (*envelope, column.name)]
    if renamed:
        yield from ("  - property: rename", "    value:")
    for column in renamed:
        yield f"      {yaml_text(column.name)}: {yaml_text(column.path[0]) if is_tabular else _path(column.path)}"


def _path(path: Path) -> str:
    """A path as `rename` writes it: keys with dots between them; or a list, where a key has a dot itself."""
    if all(map(can_be_dotted, path)):
        return yaml_text(".".join(path).replace(f".{ITEMS}", ITEMS))
    return f"[{', '.join(map(quoted, path))}]"
