"""Numbers in a column's own form: taken exactly, and nothing else is taken for one."""

from __future__ import annotations

import re

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.contract.model import NumberFormat
from etl.validation.values.numbers import plain_numbers

COMMA = NumberFormat(decimal=",")
GERMAN = NumberFormat(decimal=",", thousands=".")
FRENCH = NumberFormat(decimal=",", thousands=" ")
SWISS = NumberFormat(thousands="'")
CELSIUS = NumberFormat(suffix="°C")


def plain(text: str | None, form: NumberFormat, *, whole: bool = False) -> str | None:
    (found,) = plain_numbers(pa.chunked_array([pa.array([text], pa.string())]), form, whole=whole).to_pylist()
    assert found is None or isinstance(found, str)
    return found


@pytest.mark.parametrize(
    ("form", "text", "expected"),
    [
        (COMMA, "21,5", "21.5"),
        (COMMA, "-0,5", "-0.5"),
        (COMMA, ",5", ".5"),
        (COMMA, "5,", "5."),
        (COMMA, "1,5E-3", "1.5E-3"),
        (COMMA, "+7", "+7"),
        (COMMA, " 21,5\u00a0", "21.5"),
        (GERMAN, "1.234.567,8", "1234567.8"),
        (GERMAN, "1234567,8", "1234567.8"),
        (GERMAN, "1.022", "1022"),
        (GERMAN, "-12.345", "-12345"),
        (FRENCH, "1 234,5", "1234.5"),
        (FRENCH, "1\u00a0234\u202f567,5", "1234567.5"),
        (SWISS, "1'234.5", "1234.5"),
        (CELSIUS, "21.5 °C", "21.5"),
        (CELSIUS, "21.5°C", "21.5"),
        (CELSIUS, "21.5\u00a0°C", "21.5"),
        (CELSIUS, "21.5\u202f°C ", "21.5"),
        (CELSIUS, "21.5", "21.5"),
        (CELSIUS, " -3 °C", "-3"),
        (NumberFormat(suffix="eV"), "1e3eV", "1e3"),
        (NumberFormat(suffix="eV"), "5eV", "5"),
        (NumberFormat(suffix="."), "5.", "5"),
        (NumberFormat(suffix="m^2"), "5 m^", None),
        (NumberFormat(suffix="%"), "40 %", "40"),
        (NumberFormat(thousands="]"), "1]000", "1000"),
        (NumberFormat(decimal="|"), "1|5", "1.5"),
    ],
)
def test_a_number_in_its_form_is_that_of_json(form: NumberFormat, text: str, expected: str | None) -> None:
    assert plain(text, form) == expected


@pytest.mark.parametrize(
    ("form", "text"),
    [
        (COMMA, "21.5"),
        (COMMA, "1.022"),
        (COMMA, "1,2,3"),
        (COMMA, "1.234,5"),
        (GERMAN, "1.2345,6"),
        (GERMAN, "1234.567"),
        (GERMAN, "12.34"),
        (GERMAN, "1.234.56"),
        (GERMAN, ".123"),
        (GERMAN, "1,234.5"),
        (GERMAN, "1.2.3"),
        (FRENCH, "1 23"),
        (FRENCH, "1  234"),
        (SWISS, "1'23"),
        (CELSIUS, "21.5 °F"),
        (CELSIUS, "21.5 °C °C"),
        (CELSIUS, "°C"),
        (CELSIUS, "21,5 °C"),
        *((form, text) for form in (COMMA, GERMAN, FRENCH, SWISS, CELSIUS) for text in ("-", "", " ", ",", ".", "١٢")),
        *(
            (form, text)
            for form in (COMMA, GERMAN, CELSIUS)
            for text in ("1_000", "0x10", "NaN", "--5", "- 5", "5\n", "１２")
        ),
    ],
)
def test_what_is_in_another_form_is_no_number(form: NumberFormat, text: str) -> None:
    assert plain(text, form) is None


def test_a_missing_text_stays_missing() -> None:
    assert plain(None, GERMAN) is None


@pytest.mark.parametrize("text", ["1,5", "1e3", "1.234,0", ""])
def test_a_whole_number_has_neither_decimals_nor_an_exponent(text: str) -> None:
    assert plain(text, GERMAN, whole=True) is None
    assert plain("-1.234", GERMAN, whole=True) == "-1234"


@given(st.floats(allow_nan=False, allow_infinity=False), st.sampled_from([COMMA, FRENCH, SWISS, GERMAN]))
def test_every_number_that_is_written_in_a_form_is_read_back(value: float, form: NumberFormat) -> None:
    written = f"{value:_.6f}".replace(".", "!").replace("_", form.thousands).replace("!", form.decimal)
    found = plain(written, form)
    assert found is not None
    assert float(found) == float(f"{value:.6f}")


@given(
    st.text(alphabet="0123456789.,' -+eE°C\u00a0", max_size=12),
    st.sampled_from([COMMA, GERMAN, FRENCH, SWISS, CELSIUS]),
)
def test_what_is_taken_is_always_a_number_of_json_or_nearly(text: str, form: NumberFormat) -> None:
    found = plain(text, form)
    if found is not None:
        assert re.fullmatch(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", found)
        assert re.sub(r"\D", "", found) == re.sub(r"\D", "", text)
