"""How a column's numbers are written: its own marks, and for those that it does not name, the feed's."""

from __future__ import annotations

from dataclasses import replace

from etl.contract.durations import Fail
from etl.contract.model import Column, NumberFormat
from etl.contract.properties.custom_properties import CustomProperties

NUMBER_PROPERTIES = ("decimal", "thousands", "unitSuffix")
_OF_FEED = "of the feed"
"""Stands for a mark that a column does not name, until the feed's are known; no mark has several characters."""


def read_number_format(given: CustomProperties) -> NumberFormat | None:
    """What a column says about its numbers; None: nothing. `with_marks_of` completes it.

    :raises ContractError: a mark is not one character, or the suffix has digits.
    """
    if not any(name in given.values for name in NUMBER_PROPERTIES):
        return None
    for name in ("decimal", "thousands"):
        mark = given.values.get(name, ",")
        is_absent = name == "thousands" and mark == ""
        is_mark = isinstance(mark, str) and len(mark) == 1 and not mark.isalnum() and mark not in "+-"
        if not is_absent and not is_mark:
            raise given.fail(f"{given.place}.{name}", f"{mark!r}", "Give one character, such as a comma.")
    suffix = given.values.get("unitSuffix", "")
    if not isinstance(suffix, str) or any(letter.isdecimal() for letter in suffix):
        raise given.fail(f"{given.place}.unitSuffix", f"{suffix!r}", "Give the text behind the numbers, such as °C.")
    return NumberFormat(given.values.get("decimal", _OF_FEED), given.values.get("thousands", _OF_FEED), suffix.strip())


def with_marks_of(usual: NumberFormat | None, column: Column, place: str, fail: Fail) -> NumberFormat | None:
    """How the numbers of a column are written: a mark that it does not name is the feed's, unless its other mark is the same.

    :param usual: how the feed's numbers are written; None: as in JSON.
    :param place: of the column's custom properties.
    :raises ContractError: the marks of the column are equal.
    """
    own, feed = column.number, usual or NumberFormat()
    if own is None:
        return usual if column.type in ("integer", "double") else None
    decimal, thousands = own.decimal, own.thousands
    if decimal == _OF_FEED:
        decimal = feed.decimal if feed.decimal != thousands else NumberFormat().decimal
    if thousands == _OF_FEED:
        thousands = feed.thousands if feed.thousands != decimal else ""
    if decimal == thousands:
        raise fail(f"{place}.thousands", f"{thousands!r} is the decimal mark, too", "Give two different marks.")
    return replace(own, decimal=decimal, thousands=thousands)
