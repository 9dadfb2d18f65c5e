"""The dialect of a CSV text that no known program has written, by the evidence of all its lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from etl.contract.draft.samples.tables.comments import Comments, find_comments
from etl.contract.draft.samples.tables.delimiter import Delimiter, fields_of, find_delimiter
from etl.contract.draft.samples.tables.fields import kind_of, names_units, plain_unit
from etl.contract.draft.samples.tables.header import Header, find_header
from etl.contract.draft.samples.tables.known import named_separator
from etl.contract.draft.samples.tables.layout import Layout, made_up_names
from etl.contract.draft.samples.tables.rows import MOST_COLUMNS, Row, rows_of
from etl.contract.draft.samples.wording import counted
from etl.contract.formats.csv_dialect import CsvDialect
from etl.contract.formats.csv_records import BLANKS
from etl.errors import ConfigurationError

_MOST_SKIPPED = 1_000
_IS_HEADER = (
    "false if the first line is a record, as it seems to be (then name the columns below), or true if it names them"
)


def find_layout(name: str, lines: Sequence[str], encoding: str) -> Layout:
    """Delimiter, quote, comments, preamble, header and units.

    :raises ConfigurationError: the lines have no columns.
    """
    named = named_separator(lines)
    comments = find_comments(lines)
    commented = set(comments.places)
    body = [line for place, line in enumerate(lines) if line.strip() and place not in commented]
    found = _named(named, body[1:]) if named else find_delimiter(name, body)
    if found.width > MOST_COLUMNS:
        raise ConfigurationError(
            f"{name} has {found.width:,} columns.",
            remedy=f"Give a file with at most {MOST_COLUMNS:,}, such as one line a value.",
        )
    dialect = CsvDialect(found.mark, found.quote, encoding)
    if comments.mark and comments.mark != found.mark:
        dialect = replace(dialect, comment=comments.mark)
    dialect, width = _with_trailing_delimiter(dialect, lines, found.width)
    rows = list(rows_of(lines, dialect, width, first=1 if named else 0))
    if not any(len(row.fields or ()) == width for row in rows):
        raise ConfigurationError(f"{name} has no lines with the same number of fields.", remedy="Correct the sample.")
    header = find_header(rows, width)
    layout = _with_names(dialect, header, comments, lines, width)
    layout = _with_skipped_lines(layout, header, comments, lines)
    evidence = (f"sep= names the delimiter {found.label}" if named else found.evidence, *layout.evidence)
    questions = {**layout.questions, **_questions(found, comments, header, lines)}
    return _with_trimming(replace(layout, evidence=evidence, questions=questions), rows, width)


def _named(mark: str, lines: Sequence[str]) -> Delimiter:
    """The delimiter that the file itself names."""
    widths = Counter(len(fields_of(line, mark, '"')) for line in lines)
    width, count = widths.most_common(1)[0] if widths else (1, 0)
    return Delimiter(mark, '"', width, count, len(lines), 1.0)


def _with_trailing_delimiter(dialect: CsvDialect, lines: Sequence[str], width: int) -> tuple[CsvDialect, int]:
    """The dialect, and the fields of a record, where each record ends in a delimiter.

    A last column with a name in the header has no values; it stays.
    """
    whole = [row.fields for row in rows_of(lines, dialect, width) if row.fields and len(row.fields) == width]
    if width > 1 and whole and all(not fields[-1].strip(BLANKS) for fields in whole):
        return replace(dialect, trailing_delimiter=True), width - 1
    return dialect, width


def _with_names(dialect: CsvDialect, header: Header, comments: Comments, lines: Sequence[str], width: int) -> Layout:
    """The layout with the names of the columns: those of the header, of a comment that is one, or made-up ones."""
    if not header.names and (named := _commented_names(dialect, comments, lines, header.first, width)):
        said = f"the names are in a comment, in line {named[0] + 1}"
        return Layout(replace(dialect, header=False), made_up_names(named[1], width), (said,))
    names = [field.strip() for field in header.names]
    if not names:
        return Layout(replace(dialect, header=False), made_up_names([], width), questions={"csv.header": _IS_HEADER})
    if problem := _problem_of_names(names, header):
        said = f"the header, in line {header.line + 1}, {problem}: columns are identified by their order"
        made = made_up_names(names, width)
        return Layout(replace(dialect, header=False), made, (said,), units=_units(made, header))
    evidence = [f"the header is line {header.line + 1}"] if header.line else []
    if "" in names:
        evidence.append(f"column {names.index('') + 1} has no name, as an index has none: left out")
    return Layout(dialect, tuple(names), tuple(evidence), units=_units(names, header))


def _commented_names(
    dialect: CsvDialect, comments: Comments, lines: Sequence[str], first: int, width: int
) -> tuple[int, list[str]] | None:
    """The last comment before the records that has as many fields as they have; with its line."""
    for place in reversed([place for place in comments.places if place < first]):
        text = lines[place].lstrip(comments.mark).strip()
        names = [field.strip() for field in fields_of(text, dialect.delimiter, dialect.quote)]
        if len(names) == width and not names_units(names) and all(kind_of(name) == "text" for name in names):
            return place, names
    return None


def _problem_of_names(names: Sequence[str], header: Header) -> str:
    """Why a job could not read the file by this header; empty if it can."""
    if header.is_short:
        return "has no name for the first column"
    repeated = sorted(name for name, number in Counter(names).items() if number > 1)
    if not repeated:
        return ""
    return f"names {repeated[0]!r} twice" if repeated[0] else "leaves several columns without a name"


def _units(names: Sequence[str], header: Header) -> dict[str, str]:
    pairs = zip(names, header.units, strict=False)
    return {name: unit for name, field in pairs if name and (unit := plain_unit(field)) and set(unit) - set("-=_")}


def _with_skipped_lines(layout: Layout, header: Header, comments: Comments, lines: Sequence[str]) -> Layout:
    """The layout with the lines before and after the header that are no records."""
    dialect, evidence = layout.dialect, list(layout.evidence)
    start = header.line if dialect.header else header.first
    commented = set(comments.places)
    before = [place for place in range(start) if lines[place].strip() and place not in commented]
    if before:
        dialect = replace(dialect, skip_rows=start)
        evidence.append(
            f"{counted(start, 'line')} before it: no records"
            if dialect.header
            else f"records begin in line {start + 1}"
        )
        if comments.places and all(place < start for place in comments.places):
            dialect = replace(dialect, comment="")
    between = header.first - header.line - 1
    if dialect.header and between > 0 and any(lines[place].strip() for place in range(header.line + 1, header.first)):
        dialect = replace(dialect, skip_after_header=between)
        evidence.append(f"{counted(between, 'line')} below the header with units or rulers")
    if dialect.comment:
        evidence.append(f"{counted(len(comments.places), 'comment')} after {dialect.comment}")
    return replace(layout, dialect=dialect, evidence=tuple(evidence))


def _questions(found: Delimiter, comments: Comments, header: Header, lines: Sequence[str]) -> dict[str, str]:
    questions = {"csv.delimiter": found.question} if found.question else {}
    alike = [p for p in comments.places if len(fields_of(lines[p], found.mark, found.quote)) == found.width]
    if len([place for place in alike if place > header.first]) * 2 > len(comments.places):
        questions["csv.comment"] = (
            f'"{comments.mark}" or "": {counted(len(alike), "line")} after {comments.mark}'
            " with as many fields as records have; are they comments?"
        )
    if header.line > _MOST_SKIPPED:
        questions["csv.skipRows"] = (
            f"{counted(header.line, 'line')} before the header; at most {_MOST_SKIPPED:,} can be skipped"
        )
    return questions


def _with_trimming(layout: Layout, rows: Sequence[Row], width: int) -> Layout:
    """The layout with blanks around fields removed, if there are any."""
    whole = [row.fields for row in rows if row.fields and len(row.fields) == width]
    padded = sum(fields != [field.strip(BLANKS) for field in fields] for fields in whole[1:])
    if not padded:
        return layout
    evidence = (*layout.evidence, f"{counted(padded, 'line')} with blanks around fields")
    return replace(layout, dialect=replace(layout.dialect, trim=True), evidence=evidence)
