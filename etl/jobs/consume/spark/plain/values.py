r"""Regular expressions for values in which nothing looks wrong, and which need no quotes in a part file.

Each is narrower than what `etl.jobs.consume.spark.suspect_values` lets pass: a value that does not match may still be sound.
They have the syntax that Java and Python share, and no capturing groups.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from etl.contract.model import EPOCH_UNITS, ISO8601, Column, Contract, EventTime

TEXT = r"[ !#-+\--\[\]-~]"
"""ASCII without control characters, quotes, backslashes and commas."""
NUMBER = r"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?"
_SCALAR = rf"(?:{NUMBER}|true|false)"
_BEYOND_ASCII = r"[\x7f-\ufffc]"
"""Not the character that Java puts in place of bytes that are not UTF-8."""
_NOTHING = "(?!)"
_LARGEST = 10**15
_DAYS = "(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31)"  # no 29 February


def plain_value(column: Column, contract: Contract, latest: datetime) -> tuple[str, str] | None:
    """The expression of a column's value in quotes, and of one without; None where no expression can tell.

    :param latest: the latest time that looks right.
    """
    if column.number is not None:
        return _text(column, contract)
    if column.type == "timestamp":
        return _time(column, contract.event_time, latest)
    return _EXPRESSIONS[column.type](column, contract)


def whole_number(low: int, high: int) -> str:
    """The expression of the whole numbers from `low` to `high`, 0 or more, without zeros in front of them."""
    full: list[int] = []
    cut: list[str] = []
    for length in range(len(str(low)), len(str(high)) + 1):
        first, last = 10 ** (length - 1), 10**length - 1
        if low <= first and last <= high:
            full.append(length)
        elif max(low, first) <= min(high, last):
            cut.append(_same_length(str(max(low, first)), str(min(high, last))))
    all_of_a_length = [rf"[1-9][0-9]{{{full[0] - 1},{full[-1] - 1}}}+"] if full else []
    parts = [*all_of_a_length, *(["0"] if low == 0 else []), *cut]
    return f"(?:{'|'.join(parts) or _NOTHING})(?![0-9])"


def decimal_number(low: float, high: float) -> str:
    """The expression of the decimal numbers from `low` to `high`, as they are usually written: without an exponent."""
    return f"(?:{_magnitude(low, high)}|-{_magnitude(-high, -low)})"


def time_before(latest: datetime) -> str:
    """The expression of what begins a time in ISO 8601 before `latest`, to the second."""
    rest = _NOTHING
    for letter in reversed(f"{latest:%Y-%m-%dT%H:%M:%S}"):
        if letter.isdigit():
            earlier = f"[0-{int(letter) - 1}]|" if letter != "0" else ""
            rest = f"(?:{earlier}{letter}{rest})"
        else:
            rest = f"{'[T ]' if letter == 'T' else letter}{rest}"
    return rest


def _magnitude(low: float, high: float) -> str:
    """The expression of the numbers from `low` to `high` that are not negative."""
    least, most = max(0, math.ceil(low)), math.floor(high)
    if most < least:
        return _NOTHING
    fractional = rf"{whole_number(least, most - 1)}(?:\.[0-9]++)?|" if least < most else ""
    return rf"(?:{fractional}{most}(?:\.0++)?)(?![0-9.])"


def _same_length(low: str, high: str) -> str:
    if low == high:
        return low
    if set(low) == {"0"} and set(high) == {"9"}:
        return f"[0-9]{{{len(low)}}}"
    if low[0] == high[0]:
        return low[0] + _same_length(low[1:], high[1:])
    first, last, rest = int(low[0]), int(high[0]), len(low) - 1
    parts = []
    if set(low[1:]) - {"0"}:
        parts.append(low[0] + _same_length(low[1:], "9" * rest))
        first += 1
    if set(high[1:]) - {"9"}:
        parts.append(high[0] + _same_length("0" * rest, high[1:]))
        last -= 1
    if first <= last:
        parts.append(f"[{first}-{last}]" + (f"[0-9]{{{rest}}}" if rest else ""))
    return f"(?:{'|'.join(parts)})"


def _text(column: Column, contract: Contract) -> tuple[str, str] | None:
    if column.pattern is not None:
        return None
    # In the order of the checks: its length, its first letter, its content, its last letter. An object or array arrives as its
    # text; Spark's CSV writer quotes what could be a comment.
    quoted, scalar = rf"(?=[^\[{{#\"]){TEXT}*+(?:{_BEYOND_ASCII}++{TEXT}*+)*+", _SCALAR
    if column.min_length is not None or column.max_length is not None:
        lengths = f"{{{column.min_length or 0},{'' if column.max_length is None else column.max_length}}}"
        quoted = rf'(?=[^"]{lengths}+")' + quoted
        scalar = rf"(?=[\w.+-]{lengths}+[^\w.+-])" + scalar
    if column.name in contract.identifying and not column.trim:
        quoted += "(?<! )"
    return quoted, scalar


def _whole(column: Column, _: Contract) -> tuple[str, str]:
    limit = 2 ** (column.bits - 1) - 1
    low = math.ceil(max(-limit if column.minimum is None else column.minimum, -limit))
    high = math.floor(min(limit if column.maximum is None else column.maximum, limit))
    positive = whole_number(max(0, low), high) if high >= max(0, low) else _NOTHING
    negative = whole_number(max(1, -high), -low) if -low >= max(1, -high) else _NOTHING
    return (f"(?:{positive}|-{negative})",) * 2


def _decimal(column: Column, _: Contract) -> tuple[str, str]:
    low = -math.inf if column.minimum is None else column.minimum
    high = math.inf if column.maximum is None else column.maximum
    return (decimal_number(max(low, -_LARGEST), min(high, _LARGEST)),) * 2


def _boolean(_: Column, __: Contract) -> tuple[str, str]:
    return ("true|false",) * 2


def _time(column: Column, event_time: EventTime, latest: datetime) -> tuple[str, str] | None:
    formats = column.formats or event_time.formats
    earliest = event_time.earliest.astimezone(UTC)
    if formats == (ISO8601,):
        clock = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,6}+)?Z?"
        years = whole_number(max(1000, earliest.year + (earliest > datetime(earliest.year, 1, 1, tzinfo=UTC))), 9999)
        return f"(?={time_before(latest)}){years}-{_DAYS}[T ]{clock}", _NOTHING
    if len(formats) == 1 and formats[0] in EPOCH_UNITS:
        unit = EPOCH_UNITS[formats[0]]
        return (decimal_number(earliest.timestamp() / unit, latest.timestamp() / unit),) * 2
    return None


_EXPRESSIONS: Mapping[str, Callable[[Column, Contract], tuple[str, str] | None]] = {
    "integer": _whole,
    "double": _decimal,
    "boolean": _boolean,
    "text": _text,
}
"""Type of a column → the expressions of its values."""
