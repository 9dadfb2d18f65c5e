"""The type of a column, from all its values, with the evidence."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from etl.contract.draft.guesses.missing import sentinels
from etl.contract.draft.guesses.numbers import COMMA, PLAIN, FileMarks, NumberReading, number_of, read_numbers
from etl.contract.draft.guesses.time_patterns import order_of
from etl.contract.draft.guesses.times import TimeFormats, find_formats
from etl.contract.draft.guesses.values import ColumnValues, counted, shown
from etl.contract.inference import InferredType, LogicalType, infer_type
from etl.contract.model import ISO8601, NumberFormat

TIME_NAME = re.compile(
    r"time|date|stamp|zeit|datum|fecha|hora|heure|tijd|epoch|(^|_)(ts|tst|dt|at|when|t|utc|gmt|since|seen|start(ed)?|begin|end(ed)?)($|_)|_(at|ts)\d*$"
    r"|(^|_)(recorded|measured|observed|sampled|logged|captured|created|updated|received)$"
)
_NO_TIME_NAME = re.compile(r"(up|run|air|dead|life|on|off|cycle|response|delay)_?time|timeout|time_?zone|(^|_)update$")

_LENGTH_OF_ID = 8


@dataclass(frozen=True)
class Guess:
    """What a column is, and why."""

    type: LogicalType
    why: str
    missing: tuple[str, ...] = ()
    number: NumberFormat | None = None
    """How numbers are written; None: as in JSON."""
    question: str = ""
    """What a person must decide: about the decimal mark, or, of a column that is not in the message, where it is."""
    formats: tuple[str, ...] = ()
    """Of a timestamp."""


@dataclass(frozen=True)
class Circumstances:
    """What is known besides a column's own values."""

    marks: FileMarks
    now: datetime
    order: str = ""
    """The order of day and month in the file's other dates."""


def guess(values: ColumnValues, numbers: NumberReading | None, known: Circumstances) -> Guess:
    """The type that holds all values of a column, apart from those that stand for a missing one."""
    for attempt in _ATTEMPTS:
        found = attempt(values, numbers, known)
        if found is not None:
            return found
    return _text(values)


def numbers_in(values: ColumnValues) -> NumberReading | None:
    """How the column's numbers are written; None where it has none, or where they differ in kind."""
    return None if values.booleans or not values.texts else read_numbers(values)


def _nothing(values: ColumnValues, _: NumberReading | None, __: Circumstances) -> Guess | None:
    return None if values.texts else Guess("string", "a guess: no record of the sample has a value")


def _boolean(values: ColumnValues, _: NumberReading | None, __: Circumstances) -> Guess | None:
    if set(values.texts) <= {"true", "false"}:
        return Guess("boolean", f"{_all(values)}: {counted(values.texts)}")
    return None


def is_named_like_a_time(name: str) -> bool:
    return bool(TIME_NAME.search(name)) and not _NO_TIME_NAME.search(name)


def _time(values: ColumnValues, _: NumberReading | None, known: Circumstances) -> Guess | None:
    found = find_formats(values.texts, known.now, numbers=is_named_like_a_time(values.name))
    if found is None or found.fitting < values.given or values.booleans:
        return None
    formats = found.formats
    if found.candidates:
        formats = tuple(name for name in found.candidates if known.order and order_of(name) == known.order)[:1]
    if not formats or found.is_day:
        return None
    return Guess("timestamp", f"{_all(values)}; {in_words(found)}", formats=formats)


def in_words(found: TimeFormats) -> str:
    """What an example of a time means by its format."""
    if found.moment is None or found.formats[0] == ISO8601:
        return f'such as "{shown(found.example)}"'
    form = "%Y-%m-%d" if found.is_day else "%Y-%m-%d %H:%M:%S"
    return f'"{shown(found.example)}" is {found.moment:{form}}'


def _number(values: ColumnValues, numbers: NumberReading | None, known: Circumstances) -> Guess | None:
    if numbers is None:
        return None
    reading = known.marks.resolve(numbers)
    kept = values.without(reading.missing)
    parsed = {text: (number_of(text, reading.form, reading.suffix), count) for text, count in kept.texts.items()}
    far = sentinels(parsed)
    missing = (*reading.missing, *far)
    kind = infer_type(values.name, [_plain(text, reading) for text in kept.texts if text not in far])
    if kind.type not in ("integer", "number"):
        return None
    if kind.type == "number" and _are_ids(kept):
        kind = InferredType("integer", "numbers of one length that repeat, as ids do")
    form = NumberFormat(reading.form.decimal, reading.form.thousands, reading.suffix)
    rest = [number for text, (number, _) in parsed.items() if text not in far]
    evidence = [_range(values, missing, rest), *([f"no value: {counted(_of(values, missing))}"] if missing else [])]
    if kind.why:
        evidence.append(kind.why if kind.type == "integer" else "whole numbers, a measure by name")
    question = _question(reading, kept) if reading.other else ""
    return Guess(kind.type, "; ".join(evidence), missing, None if form == PLAIN else form, question)


def _are_ids(values: ColumnValues) -> bool:
    """Whether whole numbers are as long as those of meters, all of one length, and repeat."""
    lengths = {len(text) for text in values.texts}
    is_long = len(lengths) == 1 and lengths.pop() >= _LENGTH_OF_ID and all(map(str.isdecimal, values.texts))
    return is_long and len(values.texts) <= values.given // 2


def _plain(text: str, reading: NumberReading) -> str:
    """A number as JSON has it."""
    if reading.form == PLAIN and not reading.suffix and text[0] not in "+-.0" and text[-1] != ".":
        return text
    bare = text.removesuffix(reading.suffix).rstrip() if reading.suffix else text
    for mark in " \u00a0\u202f" if reading.form.thousands == " " else reading.form.thousands:
        bare = bare.replace(mark, "")
    bare = bare.replace(reading.form.decimal, ".").removeprefix("+")
    sign, digits = ("-", bare[1:]) if bare.startswith("-") else ("", bare)
    if digits.startswith("."):
        return f"{sign}0{digits}"
    whole, point, rest = digits.partition(".")
    return f"{sign}{whole.lstrip('0') or '0'}{point}{rest or ('0' if point else '')}" if point else bare


def _question(reading: NumberReading, values: ColumnValues) -> str:
    """Which decimal mark, with an example in both readings."""
    example = next(text for text in values.texts if "." in text or "," in text)
    marks = sorted([form.decimal for form in (reading.form, reading.other or COMMA)], key=lambda mark: mark != ".")
    numbers = [
        f"{number_of(example, _form_of(mark, reading), reading.suffix):,.15g}".replace(",", "") for mark in marks
    ]
    both = " or ".join(f'"{mark}" ({shown(example)} is {number})' for mark, number in zip(marks, numbers, strict=True))
    return f"the decimal mark: {both}; the other mark goes into thousands"


def _form_of(mark: str, reading: NumberReading) -> NumberFormat:
    return reading.form if reading.form.decimal == mark else (reading.other or reading.form)


def _of(values: ColumnValues, texts: tuple[str, ...]) -> dict[str, int]:
    return {text: values.texts[text] for text in texts}


def _range(values: ColumnValues, missing: tuple[str, ...], numbers: list[float]) -> str:
    count = values.given - sum(_of(values, missing).values())
    low, high = min(numbers), max(numbers)
    span = f"{low:.6g}" if low == high else f"{low:.6g} to {high:.6g}"
    return f"{count:,} of {values.rows:,} are numbers, {span}"


def _all(values: ColumnValues) -> str:
    return f"{values.given:,} of {values.rows:,}"


def _text(values: ColumnValues) -> Guess:
    """What remains is text; where most of it looks like numbers, with the reason."""
    if values.booleans or 0 < values.numbers < values.given:
        return Guess("string", f"{_all(values)}; its values differ in type: {counted(values.texts)}")
    numbers = {text for text in values.texts if re.fullmatch(r"[+-]?[0-9]+([.,][0-9]+)?", text)}
    others = {text: count for text, count in values.texts.items() if text not in numbers}
    if numbers and others and sum(others.values()) * 2 < values.given:
        share = f"{values.given - sum(others.values()):,} of {values.given:,} parse as numbers; others"
        return Guess("string", f"{share}: {counted(others)}")
    if numbers and not others:
        return Guess("string", f"{_all(values)}; no numbers but codes, or marks that differ: {counted(values.texts)}")
    example = shown(max(values.texts, key=lambda text: values.texts[text]))
    return Guess("string", f'{_all(values)}; {len(values.texts):,} different, such as "{example}"')


_ATTEMPTS: tuple[Callable[[ColumnValues, NumberReading | None, Circumstances], Guess | None], ...] = (
    _nothing,
    _boolean,
    _time,
    _number,
)
