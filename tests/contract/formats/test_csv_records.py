from __future__ import annotations

import io

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from etl.contract.formats.csv_dialect import CsvDialect
from etl.contract.formats.csv_records import Lines, fields_with_nulls, read_records, split_line
from etl.settings import Settings
from etl.validation.rebuilt_text import compose_line
from etl.validation.texts import decode_raw

FIELDS = st.lists(st.none() | st.text(alphabet="a,\";'\r\n \\é", max_size=6), min_size=2, max_size=5)


@given(FIELDS, st.sampled_from([CsvDialect(), CsvDialect(delimiter=";", quote="'"), CsvDialect(delimiter="\t")]))
def test_a_record_comes_back_with_null_and_empty_text_apart(fields: list[str | None], dialect: CsvDialect) -> None:
    quote = dialect.quote
    written = ["" if f is None else f"{quote}{f.replace(quote, quote * 2)}{quote}" for f in fields]
    assert split_line(dialect.delimiter.join(written) + "\n", dialect) == fields


@pytest.mark.parametrize("mark", ["\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029"])
def test_only_line_ends_end_a_line(settings: Settings, mark: str) -> None:
    assert split_line(f"a{mark}b,c\n", CsvDialect()) == [f"a{mark}b", "c"]


@pytest.mark.parametrize(
    ("line", "fields"),
    [
        ("""17/02/2018,0,$45.39"Silk, Crewneck","For ",""", None),
        (' "a, b",c', None),
        ('5" pipe,6" pipe', ['5" pipe', '6" pipe']),
        ('a,5" pipe,"b, c"', ["a", '5" pipe', "b, c"]),
        ('"a ""x, y"" b",2', ['a "x, y" b', "2"]),
    ],
)
def test_a_quote_in_an_unquoted_field_must_not_hide_a_separator(line: str, fields: list[str] | None) -> None:
    assert split_line(line, CsvDialect()) == fields


def test_an_unquoted_field_may_hold_quotes() -> None:
    assert fields_with_nulls(['5"" disk', "", ""], '5"" disk,"",\n', CsvDialect()) == ['5"" disk', "", None]


DIALECTS = st.builds(
    CsvDialect,
    delimiter=st.sampled_from([",", ";", "\t"]),
    encoding=st.sampled_from(["utf-8", "utf-16", "cp1252"]),
    trailing_delimiter=st.booleans(),
)


@given(FIELDS, DIALECTS)
def test_a_composed_line_is_read_as_what_it_was_composed_from(fields: list[str | None], dialect: CsvDialect) -> None:
    header = tuple(f"c{number}" for number in range(len(fields)))
    raw = compose_line(header, dict(zip(header, fields, strict=True)), dialect)
    line = decode_raw(raw)
    assert line is not None
    assert split_line(line.decode(dialect.raw_encoding), dialect) == fields


@given(
    st.lists(FIELDS, min_size=1, max_size=5),
    st.builds(
        CsvDialect,
        delimiter=st.sampled_from([",", ";", "\t"]),
        comment=st.sampled_from(["", "#"]),
        trim=st.booleans(),
        trailing_delimiter=st.booleans(),
    ),
)
@example([[None, '" \r']], CsvDialect(trim=True))
@example([[None, '," \r']], CsvDialect(trim=True))
def test_a_record_of_a_file_and_its_own_text_have_the_same_fields(
    lines: list[list[str | None]], dialect: CsvDialect
) -> None:
    text = "".join(
        decode_raw(compose_line(map(str, range(len(line))), {str(n): f for n, f in enumerate(line)}, dialect)).decode()  # type: ignore[union-attr]
        + "\n"
        for line in lines
    )
    for record in read_records(Lines(io.StringIO(text, newline=""), dialect), dialect):
        if record.fields is not None:
            assert split_line(record.text.rstrip("\r\n"), dialect) == record.fields
