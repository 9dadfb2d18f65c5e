"""How numbers are written is decided by all values of a column and of the file, and asked where they leave it open."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from etl.contract.formats.csv_dialect import CsvDialect
from etl.contract.model import NumberFormat
from tests.contract.draft.drafting import drafted, lines, questions, text_of_draft

_TIMES = [f"2025-06-15T09:12:{second:02}Z" for second in range(40)]


def _of(values: Sequence[Any], *, csv: CsvDialect | None = None, **more: Sequence[Any]) -> dict[str, Any]:
    count = len(values)
    records = lines(station=["a"] * count, time=_TIMES[:count], v=values, **more)
    return {"records": records, "csv": csv}


SEMICOLONS = CsvDialect(delimiter=";")


@pytest.mark.parametrize(
    ("values", "form"),
    [
        (["21,5", "3,25"], NumberFormat(",")),
        (["1.022", "21,5"], NumberFormat(",", ".")),
        (["1.234.567,8", "3,5"], NumberFormat(",", ".")),
        (["1,234.5", "3.5"], NumberFormat(".", ",")),
        (["1'234.5", "3.5"], NumberFormat(".", "'")),
        (["1 234,5", "3,5"], NumberFormat(",", " ")),
        (["21.5 °C", "22 °C"], NumberFormat(".", "", "°C")),
        (["21,5°C", "22,25°C"], NumberFormat(",", "", "°C")),
        (["40 %", "41.5%"], NumberFormat(".", "", "%")),
    ],
)
def test_marks_and_units_are_those_that_fit_all_values(values: list[str], form: NumberFormat) -> None:
    found = drafted(**_of(values, csv=SEMICOLONS)).column("v")
    assert (found.type, found.number) == ("double", form)


@pytest.mark.parametrize(
    "values", [["21.5", "3"], [".5", "5."], ["+21.5", "-0.5"], ["1e-3", "2.5E+4"], ["05.2", "1.5"]]
)
def test_numbers_as_in_json_need_no_marks(values: list[str]) -> None:
    found = drafted(**_of(values)).column("v")
    assert (found.type, found.number) == ("double", None)


@pytest.mark.parametrize(
    "values",
    [
        ["0012", "0013"],
        ["12e5", "13e7"],
        ["12A", "13A", "B7"],
        ["21.5", "21,5", "3,7"],
        ["<0.5", "<0.1", "3.5", "2.5"],
        ["ON", "OFF"],
        ["yes", "no"],
    ],
)
def test_what_is_no_number_stays_text(values: list[str]) -> None:
    assert drafted(**_of(values, csv=SEMICOLONS)).column("v").type == "text"


def test_zeros_and_ones_are_no_booleans() -> None:
    assert drafted(**_of(["0", "1", "0", "1"])).column("v").type in ("integer", "double")


def test_a_mark_before_three_digits_each_time_is_asked() -> None:
    for values in (["1.022", "2.500"], ["1,234", "2,500"]):
        (question,) = questions(text_of_draft(**_of(values, csv=SEMICOLONS)))
        assert question.place == "schema[0].properties[2].customProperties.decimal"
        assert f'"." ({values[0]} is ' in question.text
        assert f'"," ({values[0]} is ' in question.text


@pytest.mark.parametrize(
    ("values", "others", "form"),
    [
        (["1.022", "2.500"], ["21.5", "3.25"], None),
        (["1,234", "2,500"], ["21.5", "3.25"], NumberFormat(".", ",")),
        (["1,234", "2,500"], ["21,5", "3,25"], NumberFormat(",")),
    ],
)
def test_the_files_other_columns_decide_what_a_column_leaves_open(
    values: list[str], others: list[str], form: NumberFormat | None
) -> None:
    found = drafted(**_of(values, csv=SEMICOLONS, w=others)).column("v")
    assert (found.type, found.number) == ("double", form)


def test_points_in_a_file_of_decimal_commas_are_asked() -> None:
    text = text_of_draft(**_of(["1.022", "2.500"], csv=SEMICOLONS, w=["21,5", "3,25"]))
    assert [question.place for question in questions(text)] == ["schema[0].properties[2].customProperties.decimal"]


def test_the_decimal_mark_of_a_whole_file_is_said_once() -> None:
    text = text_of_draft(**_of(["21,5", "3,25"], csv=SEMICOLONS, w=["1,5", "2,5"]))
    assert text.count("decimal:") == 1
    assert drafted(**_of(["21,5", "3,25"], csv=SEMICOLONS)).source.format.dialect.decimal == ","


@pytest.mark.parametrize("word", ["NaN", "NA", "N/A", "n/a", "null", "None", "-", "--", "?", "#N/A", "unavailable"])
def test_a_word_for_a_missing_value_does_not_lose_the_row(word: str) -> None:
    found = drafted(**_of(["21.5", word, "22.5"])).column("v")
    assert (found.type, found.missing, found.required) == ("double", (word,), False)


def test_the_evidence_is_in_the_comment() -> None:
    text = text_of_draft(**_of([*["21.5", "22.5"] * 15, *["n/a"] * 3]))
    assert '# 30 of 33 are numbers, 21.5 to 22.5; no value: "n/a" 3 times' in text


def test_a_rare_word_without_digits_stands_for_a_missing_value() -> None:
    assert drafted(**_of([*["21.5", "22.5"] * 10, "ERR"])).column("v").missing == ("ERR",)
    assert drafted(**_of([*["21.5", "22.5"] * 10, "on"])).column("v").type == "text"
    assert drafted(**_of(["21.5", "ABC"])).column("v").type == "text"


@pytest.mark.parametrize(
    ("values", "missing"),
    [
        (["-200", "2.6", "11.9", "-200"], ("-200",)),
        (["-999", "21.5", "-999", "19.5"], ("-999",)),
        (["-9999.0", "21.5", "-9999.0", "19.5"], ("-9999.0",)),
        (["9999", "21.5", "9999", "19.5"], ("9999",)),
        (["-999", "21.5", "19.5"], ()),
        (["-200", "-180", "-200", "-210.5"], ()),
        (["99", "98", "99", "97"], ()),
        (["999", "998", "999", "1010"], ()),
    ],
)
def test_a_number_far_outside_all_others_stands_for_a_missing_value(
    values: list[str], missing: tuple[str, ...]
) -> None:
    assert drafted(**_of(values)).column("v").missing == missing


def test_a_word_that_many_columns_have_is_said_once() -> None:
    values = ["NA", "1.5", "2.5"]
    text = text_of_draft(**_of(values, w=values, x=values))
    assert text.count("missingValues") == 1
    assert drafted(**_of(values, w=values, x=values)).column("x").missing == ("NA",)
    # A word that is a value elsewhere is not missing everywhere.
    found = drafted(**_of(values, w=values, x=values, country=["NA", "DE", "FR"]))
    assert found.column("country").missing == ()


def test_numbers_and_texts_of_numbers_are_numbers() -> None:
    assert drafted(**_of([21.5, "22.5", 23])).column("v").type == "double"
    assert drafted(**_of([21.5, True])).column("v").type == "text"
    assert drafted(**_of([21.5, "NaN"])).column("v").missing == ("NaN",)
