"""Numbers as people and devices write them (`21,5 °C`, `1.234.567,8`), rewritten as JSON has them.

Nothing is guessed: a text that is not wholly in the column's form is no number, even if it is one in another form.
"""

from __future__ import annotations

import re
from functools import cache

import pyarrow as pa
import pyarrow.compute as pc

from etl.contract.model import NumberFormat

BLANKS = " \u00a0\u202f"
"""Blank, no-break space and narrow no-break space: people cannot tell them apart, so each is taken for any of them."""


def plain_numbers(text: pa.ChunkedArray, form: NumberFormat, *, whole: bool = False) -> pa.ChunkedArray:
    """The texts that are numbers in this form, as JSON has them; NULL for the others.

    :param whole: accept only numbers without decimals and exponent.
    """
    fits = pc.fill_null(pc.match_substring_regex(text, _pattern(form, whole)), False)
    plain = pc.if_else(fits, text, pa.scalar(None, pa.string()))
    # What fits has nothing but the suffix and blanks around the number, so removing single characters is exact.
    if form.suffix:
        plain = _trimmed(plain, form.suffix + BLANKS)
    plain = _trimmed(plain, BLANKS)
    for mark in _marks(form.thousands):
        plain = pc.replace_substring(plain, mark, "")
    return plain if form.decimal == "." else pc.replace_substring(plain, form.decimal, ".")


def _trimmed(text: pa.ChunkedArray, characters: str) -> pa.ChunkedArray:
    return pc.utf8_trim(text, characters)


def _marks(thousands: str) -> str:
    """The characters that are read as the mark between groups of digits."""
    return BLANKS if thousands and thousands in BLANKS else thousands


@cache
def _pattern(form: NumberFormat, whole: bool) -> str:
    """A regular expression (RE2) for a number in this form, with blanks and the unit around it."""
    marks = _marks(form.thousands)
    digits = rf"(?:\d{{1,3}}(?:[{_class(marks)}]\d{{3}})+|\d+)" if marks else r"\d+"
    decimal = re.escape(form.decimal)
    number = digits if whole else rf"(?:{digits}(?:{decimal}\d*)?|{decimal}\d+)(?:[eE][+-]?\d+)?"
    suffix = f"(?:{re.escape(form.suffix)}[{BLANKS}]*)?" if form.suffix else ""
    return rf"^[{BLANKS}]*[+-]?{number}[{BLANKS}]*{suffix}$"


def _class(characters: str) -> str:
    return "".join(rf"\{mark}" if mark in r"\]^-" else mark for mark in characters)
