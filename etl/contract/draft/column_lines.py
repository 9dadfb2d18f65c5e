"""The lines of a drafted contract about one column."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from etl.contract.draft.columns import DraftColumn
from etl.contract.draft.plan import Plan
from etl.contract.draft.yaml_text import behind, quoted, yaml_list, yaml_text
from etl.contract.formats.csv_dialect import CsvDialect
from etl.contract.model import NumberFormat
from etl.contract.todo import MARK

_KEY_LENGTH = 128
"""Longest text in a key: databases do not index unbounded texts."""


def column_lines(column: DraftColumn, plan: Plan, dialect: CsvDialect, missing: Sequence[str]) -> Iterator[str]:
    """Name, type and rules of a column, and how its values are written.

    :param missing: the words for a missing value that hold for all columns.
    """
    yield f"      - name: {yaml_text(column.name)}"
    yield behind(f"        logicalType: {column.guess.type}", column.guess.why)
    if column.in_key:
        yield "        required: true"
        yield behind("        primaryKey: true", plan.key.why if column.in_key == 1 else "")
        yield f"        primaryKeyPosition: {column.in_key}"
        if column.guess.type == "string":
            length = max([_KEY_LENGTH, *map(len, column.seen.texts)])
            yield f"        logicalTypeOptions: {{minLength: 1, maxLength: {length}}}"
    elif column.required:
        yield behind("        required: true", column.required)
    properties = [
        *_where(column),
        *([_line("missingValues", f"[{', '.join(map(quoted, own))}]")] if (own := _own(column, missing)) else []),
        *_number(column, dialect),
        *_text(column, plan),
        *_time(column, plan),
    ]
    yield from ["        customProperties:", *properties] if properties else []


def _where(column: DraftColumn) -> Iterator[str]:
    """Unit, and where the values are if not in the message."""
    if column.unit:
        yield _line("unit", yaml_text(column.unit))
    if column.origin == MARK:
        yield behind(_line("from", MARK), column.guess.question)
    elif column.origin:
        yield _line("from", yaml_text(column.origin))
    if column.is_constant:
        yield behind(_line("constant", MARK), column.guess.question)
    if column.combine:
        yield _line("combine", yaml_list(column.combine))


def _own(column: DraftColumn, missing: Sequence[str]) -> list[str]:
    return [text for text in column.guess.missing if text not in missing]


def _number(column: DraftColumn, dialect: CsvDialect) -> Iterator[str]:
    """How numbers are written, where that is not as in the other columns of the file."""
    number, is_usual = column.guess.number, NumberFormat(dialect.decimal, dialect.thousands)
    has_point = column.guess.type == "number" and any("." in text for text in column.seen.texts)
    if column.guess.question and column.path:
        yield behind(_line("decimal", MARK), column.guess.question)
    elif number and number != is_usual:
        yield _line("decimal", quoted(number.decimal))
        yield from [_line("thousands", quoted(number.thousands))] if number.thousands else []
    elif number is None and has_point and dialect.decimal != ".":
        yield _line("decimal", quoted("."))
    if number and number.suffix:
        yield _line("unitSuffix", quoted(number.suffix))


def _text(column: DraftColumn, plan: Plan) -> Iterator[str]:
    is_identifying = column.in_key or column.name in plan.sensor.columns
    if column.guess.type == "string" and is_identifying and any(text != text.strip(" ") for text in column.seen.texts):
        yield _line("trim", "true")


def _time(column: DraftColumn, plan: Plan) -> Iterator[str]:
    is_other = column.name != plan.time.column and not column.origin
    if is_other and column.guess.formats and column.guess.formats != plan.time.formats:
        yield _line("formats", yaml_list(column.guess.formats))


def _line(name: str, value: str) -> str:
    return f"          - {{property: {name}, value: {value}}}"
