"""How the numbers of a column are written: decimal mark, mark between thousands, and a unit behind them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, partial

from etl.contract.draft.guesses.missing import words_for_missing
from etl.contract.draft.guesses.units import is_unit
from etl.contract.draft.guesses.values import ColumnValues
from etl.contract.model import NumberFormat

PLAIN = NumberFormat()
COMMA = NumberFormat(",")
_FORMS = (
    PLAIN,
    COMMA,
    NumberFormat(",", "."),
    NumberFormat(".", ","),
    *(NumberFormat(decimal, mark) for mark in (" ", "'", "’") for decimal in (".", ",")),
)
_BLANKS = " \u00a0\u202f"
_GROUPED = {PLAIN: NumberFormat(",", "."), COMMA: NumberFormat(".", ",")}
"""A form → the other one in which its values may be meant, where its mark stands before three digits each time."""
_WITH_UNIT = re.compile(
    r"([+-]?[\d.,'’ \u00a0\u202f]*\d[.,]?(?:[eE][+-]?\d+)?)[ \u00a0\u202f]*([^\d\s.,+-].{0,11})", re.ASCII
)
_CODE = re.compile(r"-?\d+[eE]\d+|[+-]?0\d+", re.ASCII)
"""12e5 and 0012 are codes: leading zeros, or an exponent without point or sign, are no numbers."""


@dataclass(frozen=True)
class NumberReading:
    """How all numbers of a column can be read."""

    form: NumberFormat
    other: NumberFormat | None = None
    """As well possible for every value; None where the values decide it."""
    is_decisive: bool = False
    """Whether the marks in the values say which mark is which."""
    missing: tuple[str, ...] = ()
    suffix: str = ""


def number_of(text: str, form: NumberFormat, suffix: str = "") -> float:
    """The number that a text is, in a form that fits it."""
    bare = _without_unit(text, suffix)
    for mark in _BLANKS if form.thousands == " " else form.thousands:
        bare = bare.replace(mark, "")
    return float(bare.replace(form.decimal, "."))


def read_numbers(values: ColumnValues) -> NumberReading | None:
    """The reading of a column's values, apart from words for missing ones; None where they are not numbers, or are codes."""
    for form in _FORMS:
        missing = words_for_missing(values.texts, partial(_is_number, form=form))
        if missing is not None:
            return _judged(values.without(missing), form, missing, "")
    return _with_unit(values)


def _with_unit(values: ColumnValues) -> NumberReading | None:
    """The same for numbers that have one and the same unit behind them, or none."""
    units = Counter[str]()
    for text, count in values.texts.items():
        if match := _WITH_UNIT.fullmatch(text):
            units[match[2]] += count
    suffix = max(units, key=lambda unit: units[unit], default="")
    # The reader of numbers removes the letters of a unit from the end; digits would be removed from numbers, too.
    if not is_unit(suffix) or any(letter.isdecimal() for letter in suffix):
        return None
    for form in _FORMS:
        missing = words_for_missing(values.texts, partial(_is_number, form=form, suffix=suffix))
        if missing is not None:
            kept = values.without(missing)
            texts = Counter[str]()
            for text, count in kept.texts.items():
                texts[_without_unit(text, suffix)] += count
            return _judged(ColumnValues(kept.name, kept.rows, texts), form, missing, suffix)
    return None


def _without_unit(text: str, suffix: str) -> str:
    return text.removesuffix(suffix).rstrip()


def _judged(values: ColumnValues, form: NumberFormat, missing: tuple[str, ...], suffix: str) -> NumberReading | None:
    texts = list(values.texts)
    if not values.numbers and any(_CODE.fullmatch(text) for text in texts):
        return None
    if form not in _GROUPED:
        return NumberReading(form, None, True, missing, suffix)
    marked = [text for text in texts if form.decimal in text]
    grouped = _pattern(_GROUPED[form])
    is_open = bool(marked) and not values.numbers and all(grouped.fullmatch(text) for text in marked)
    other = _GROUPED[form] if is_open else None
    return NumberReading(form, other, bool(marked) and not is_open, missing, suffix)


def _is_number(text: str, form: NumberFormat, suffix: str = "") -> bool:
    return bool(_pattern(form).fullmatch(_without_unit(text, suffix) if suffix else text))


@cache
def _pattern(form: NumberFormat) -> re.Pattern[str]:
    decimal = re.escape(form.decimal)
    mark = f"[{_BLANKS}]" if form.thousands == " " else re.escape(form.thousands)
    whole = rf"[1-9]\d{{0,2}}({mark}\d{{3}})+|\d+" if form.thousands else r"\d+"
    return re.compile(rf"[+-]?(({whole})({decimal}\d*)?|{decimal}\d+)([eE][+-]?\d+)?", re.ASCII)


@dataclass(frozen=True)
class FileMarks:
    """What the other columns of a file say about the marks in numbers."""

    points: int = 0
    """How many columns have a decimal point, beyond doubt."""
    commas: int = 0
    delimiter: str = ","
    """Of the fields of a file; a comma for messages: numbers in a JSON text are mostly written as in JSON."""

    @classmethod
    def of(cls, readings: Iterable[NumberReading | None], delimiter: str) -> FileMarks:
        marks = Counter(reading.form.decimal for reading in readings if reading and reading.is_decisive)
        return cls(marks["."], marks[","], delimiter)

    def resolve(self, reading: NumberReading) -> NumberReading:
        """A reading that only its own values leave open; still open where the file does not decide it either."""
        if reading.other is None:
            return reading
        decimal = self._decimal(reading.form)
        if decimal is None:
            return reading
        form = next(form for form in (reading.form, reading.other) if form.decimal == decimal)
        # 1.022 in a file with decimal commas may be a careless 1,022 as well.
        is_sure = form == reading.form or decimal == "."
        return NumberReading(form, None if is_sure else reading.form, False, reading.missing, reading.suffix)

    def _decimal(self, form: NumberFormat) -> str | None:
        if bool(self.points) != bool(self.commas):
            return "." if self.points else ","
        return "." if form == PLAIN and self.delimiter == "," and not self.commas else None
