"""Dialects of CSV files, by the evidence of all lines."""

from __future__ import annotations

import pytest

from etl.contract.formats.csv_dialect import CsvDialect
from tests.contract.draft.samples.conftest import ReadText

TIMES = [f"2025-06-15T00:0{minute}:00Z" for minute in range(6)]


def lines(mark: str, *more: str, end: str = "") -> str:
    """Lines of a time and the given fields."""
    return "".join(f"{mark.join((time, *more))}{end}\n" for time in TIMES)


DIALECTS = [
    ("time,v\n" + lines(",", "1.5"), CsvDialect()),
    ("time;v\n" + lines(";", "1,5"), CsvDialect(delimiter=";")),
    ("time\tv\n" + lines("\t", "1.5"), CsvDialect(delimiter="\t")),
    ("time|v\n" + lines("|", "1.5"), CsvDialect(delimiter="|")),
    ("time place v\n" + lines(" ", "a", "1.5"), CsvDialect(delimiter=" ")),
    ("time;v\n" + lines(";", "86\u00a0884,1"), CsvDialect(delimiter=";")),
    ("time;a place;b\n" + lines(";", "Wien,Graz", "x,y"), CsvDialect(delimiter=";")),
    ("time;place\n" + lines(";", "Wien, Österreich"), CsvDialect(delimiter=";")),
    ("time,place\n" + lines(",", '"Wien; Graz | Linz"'), CsvDialect()),
    ("'time','place'\n" + "".join(f"'{time}','a, b'\n" for time in TIMES), CsvDialect(quote="'")),
    ("sep=;\ntime;v\n" + lines(";", "1,5"), CsvDialect(delimiter=";", skip_rows=1)),
    ("Station: Wien\nHeight, m: 180\n\ntime,v,w\n" + lines(",", "1", "2"), CsvDialect(skip_rows=3)),
    ("Station;Wien\nHeight;180\nTime;Value\n" + lines(";", "1"), CsvDialect(delimiter=";", skip_rows=2)),
    ("# Station Wien\n# a, b\ntime,v\n" + lines(",", "1"), CsvDialect(comment="#")),
    ("// Station Wien\ntime,v\n" + lines(",", "1") + "// end\n", CsvDialect(comment="/")),
    ("% Station Wien\nHeight 180\ntime,v\n" + lines(",", "1"), CsvDialect(skip_rows=2)),
    ("Station\ntime,v\n" + lines(",", "1") + "# end\n", CsvDialect(skip_rows=1, comment="#")),
    ("time,v,w\n,°C,%\n" + lines(",", "1", "2"), CsvDialect(skip_after_header=1)),
    ("time,v,w\nyyyy-mm-dd,[degC],[%]\n" + lines(",", "1", "2"), CsvDialect(skip_after_header=1)),
    ("time,v,w\ntimestamp,double,double\n----,---,---\n" + lines(",", "1", "2"), CsvDialect(skip_after_header=2)),
    ("time;v\n[dd.MM.yyyy HH:mm];[Wh]\n" + lines(";", "1"), CsvDialect(delimiter=";", skip_after_header=1)),
    ("time|v\n----+---\n" + lines("|", "1"), CsvDialect(delimiter="|", skip_after_header=1)),
    ("a,b,c,d\n1,2,3,4\n\ntime,v\n" + lines(",", "1"), CsvDialect(skip_rows=3)),
    ("time,v,\n" + lines(",", "1", end=","), CsvDialect(trailing_delimiter=True)),
    ("time,v\n" + lines(",", "1", end=","), CsvDialect(trailing_delimiter=True)),
    ("time , v\n" + lines(", ", " 1 "), CsvDialect(trim=True)),
    ("time,1,2,3\n" + lines(",", "1", "2", "3"), CsvDialect()),
]
"""Texts of the same records, and the dialects."""


@pytest.mark.parametrize(("text", "dialect"), DIALECTS)
def test_the_dialect_is_found(read: ReadText, text: str, dialect: CsvDialect) -> None:
    sample = read(text)
    assert sample.form.dialect == dialect
    assert len(sample.records) == len(TIMES)
    assert [next(iter(record.values())) for record in sample.records] == TIMES
    assert next(iter(sample.records[0])).lower() == "time"
    assert sample.questions == {}


def test_the_evidence_is_said(read: ReadText) -> None:
    sample = read("Station 7\ntime;v\n;°C\n" + lines(";", "1,5") + "broken\n")
    assert sample.evidence == (
        "delimiter ;: 2 fields in 8 of 8 lines",
        "the header is line 2",
        "1 line before it: no records",
        "1 line below the header with units or rulers",
        "1 line with another number of fields, or broken: rejected",
    )
    assert sample.units == {"v": "°C"}


def test_lines_without_names_are_asked_about(read: ReadText) -> None:
    sample = read(lines(",", "1.5"))
    assert sample.form.dialect == CsvDialect(header=False)
    assert sample.records[0] == {"column_1": TIMES[0], "column_2": "1.5"}
    assert "true if it names them" in sample.questions["csv.header"]


def test_names_in_a_comment_are_taken(read: ReadText) -> None:
    sample = read("# Station 7\n# time,v,w\n# ,degC,%\n" + lines(",", "1", "2"))
    assert sample.form.dialect == CsvDialect(header=False, comment="#")
    assert list(sample.records[0]) == ["time", "v", "w"]
    assert sample.questions == {}


@pytest.mark.parametrize(
    ("header", "names"),
    [
        ("time,v,v", ["time", "v", "v_2"]),
        ("time,,", ["time", "column_2", "column_3"]),
    ],
)
def test_columns_whose_names_do_not_tell_them_apart_are_told_by_their_order(
    read: ReadText, header: str, names: list[str]
) -> None:
    sample = read(f"{header}\n" + lines(",", "1", "2"))
    assert sample.form.dialect == CsvDialect(header=False, skip_rows=1)
    assert list(sample.records[0]) == names
    assert len(sample.records) == len(TIMES)


def test_a_header_that_lacks_the_first_name_is_skipped(read: ReadText) -> None:
    sample = read('"time" "v"\n' + "".join(f'"{n}" {line}\n' for n, line in enumerate(lines(" ", "1").splitlines(), 1)))
    assert sample.form.dialect == CsvDialect(delimiter=" ", header=False, skip_rows=1)
    assert sample.records[0] == {"column_1": "1", "time": TIMES[0], "v": "1"}


def test_an_index_without_a_name_is_left_out(read: ReadText) -> None:
    sample = read(",time,v\n" + "".join(f"{n},{line}\n" for n, line in enumerate(lines(",", "1").splitlines())))
    assert sample.form.dialect == CsvDialect()
    assert sample.records[0] == {"time": TIMES[0], "v": "1"}
    assert "column 1 has no name, as an index has none: left out" in sample.evidence


def test_two_empty_columns_at_the_end_are_not_columns(read: ReadText) -> None:
    sample = read("time;v;;\n" + lines(";", "1", end=";;") + ";;;\n" * 3)
    assert sample.form.dialect == CsvDialect(delimiter=";", trailing_delimiter=True)
    assert sample.records == [{"time": time, "v": "1"} for time in TIMES]
    assert "3 lines without any value: rejected" in sample.evidence


def test_lines_that_are_no_records_do_not_count_as_values(read: ReadText) -> None:
    sample = read("time,v\n" + lines(",", "1") + "time,v\n" + lines(",", "2") + "Total:,12\nMean,1.5\n")
    assert {record["v"] for record in sample.records} == {"1", "2"}
    assert sample.evidence[-2:] == (
        "1 header among the records: rejected",
        "2 summaries at the end: rejected",
    )


def test_a_first_value_that_is_wrong_does_not_become_a_header(read: ReadText) -> None:
    sample = read("time,v,w\n2025-06-14T00:00:00Z,error,1\n" + lines(",", "1", "2"))
    assert list(sample.records[0]) == ["time", "v", "w"]
    assert len(sample.records) == 1 + len(TIMES)


def test_a_first_line_that_lacks_a_field_does_not_hide_the_header(read: ReadText) -> None:
    sample = read("time,v,w\n2025-06-14T00:00:00Z,1\n" + lines(",", "1", "2"))
    assert sample.form.dialect == CsvDialect()
    assert list(sample.records[0]) == ["time", "v", "w"]
    assert len(sample.records) == len(TIMES)


def test_lines_of_fields_that_begin_like_comments_are_asked_about(read: ReadText) -> None:
    text = "id,time,v\n" + "".join(
        f"{'#' if n == 3 else ''}{n},{line}\n" for n, line in enumerate(lines(",", "1").splitlines())
    )
    assert "are they comments?" in read(text).questions["csv.comment"]


def test_a_field_over_several_lines_is_one(read: ReadText) -> None:
    sample = read("time,note\n" + lines(",", '"a\nb"'))
    assert [record["note"] for record in sample.records] == ["a\nb"] * len(TIMES)


def test_a_quote_that_is_not_closed_costs_one_line(read: ReadText) -> None:
    sample = read("time,note\n" + lines(",", "a") + f'{TIMES[0]},"b\n' + lines(",", "c"))
    assert [record["note"] for record in sample.records] == ["a"] * 6 + ["c"] * 6


def test_a_close_decision_between_delimiters_is_asked(read: ReadText) -> None:
    assert '";"' in read("a,b;c,d\n" + "1,2;3,4\n" * 5).questions["csv.delimiter"]
