"""Times in the formats of a contract or of one column."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pyarrow as pa
import pytest

from etl.contract.model import Column, Contract, EventTime
from etl.validation.values.times import times


def read(contract: Contract, text: str, *formats: str, timezone: str = "UTC") -> datetime | None:
    event_time = EventTime("timestamp", formats=formats, timezone=timezone)
    # A neighbour that is in no format makes a column take the slower way, which must give the same.
    for texts in ([text], [text, "nonsense", None]):
        column = pa.chunked_array([pa.array(texts, pa.string())])
        found, *others = times(column, replace(contract, event_time=event_time)).to_pylist()
        assert others in ([], [None, None])
    assert found is None or isinstance(found, datetime)
    return found


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("%m/%d/%Y %I:%M %p", "6/1/2024 9:05 AM", at(2024, 6, 1, 9, 5)),
        ("%m/%d/%Y %I:%M %p", "06/01/2024 12:05 am", at(2024, 6, 1, 0, 5)),
        ("%m/%d/%Y %I:%M %p", "6/1/2024 12:05 PM", at(2024, 6, 1, 12, 5)),
        ("%m/%d/%Y %I:%M %p", "6/1/2024 13:05 PM", None),
        ("%m/%d/%Y %I:%M %p", "6/1/2024 9:05", None),
        ("%d %b %Y", "1 Jun 2024", at(2024, 6, 1)),
        ("%d %b %Y", "1 JUN 2024", at(2024, 6, 1)),
        ("%d %B %Y %H:%M", "01 june 2024 9:05", at(2024, 6, 1, 9, 5)),
        ("%d %b %Y", "31 Jun 2024", None),
        ("%d %b %Y", "1 Juni 2024", None),
        ("%a %b %d %H:%M:%S %z %Y", "Wed Oct 10 20:19:24 +0000 2018", at(2018, 10, 10, 20, 19, 24)),
        ("%a %b %d %H:%M:%S %z %Y", "Wed Oct 10 20:19:24 +02 2018", at(2018, 10, 10, 18, 19, 24)),
        ("%Y-%m-%d", "2024-6-1", at(2024, 6, 1)),
        ("%Y-%m-%d %H:%M:%S%z", "2024-06-01 09:05:00+01", at(2024, 6, 1, 8, 5)),
        ("%Y-%m-%d %H:%M:%S%z", "2024-06-01 09:05:00-01", at(2024, 6, 1, 10, 5)),
        ("%Y-%m-%d %H:%M:%S%z", "2024-06-01 09:05:00+0130", at(2024, 6, 1, 7, 35)),
        ("%Y-%m-%d %H:%M:%S%z", "2024-06-01 09:05:00Z", at(2024, 6, 1, 9, 5)),
        ("%Y-%m-%d %H:%M:%S%z", "2024-06-01 09:05:00", None),
        ("%H:%M %Y-%m-%d%z", "09:05 2024-06-01", None),
        ("%H:%M %Y-%m-%d%z", "09:05 2024-06-01-01", at(2024, 6, 1, 10, 5)),
        ("[%Y-%m-%d %H:%M %z]", "[2024-06-01 09:05 -03]", at(2024, 6, 1, 12, 5)),
        ("%Y-%m-%d %H:%M %z", "2024-06-01 09:05 +99", None),
        ("%Y-%m-%d", "٢٠٢٤-٠٦-٠١", None),
    ],
)
def test_a_pattern_reads_padded_and_unpadded_fields_names_in_any_case_and_short_offsets(
    contract: Contract, pattern: str, text: str, expected: datetime | None
) -> None:
    assert read(contract, text, pattern) == expected


def test_the_first_format_that_fits_is_used(contract: Contract) -> None:
    formats = ("%d/%m/%Y", "%m/%d/%Y")
    assert read(contract, "01/02/2024", *formats) == at(2024, 2, 1)
    assert read(contract, "01/13/2024", *formats) == at(2024, 1, 13)


def test_a_column_may_have_its_own_formats_and_zone(contract: Contract) -> None:
    event_time = EventTime("timestamp", formats=("epoch_seconds",), timezone="Asia/Tokyo")
    contract = replace(contract, event_time=event_time)
    text = pa.chunked_array([["01.06.2024 09:05", "1717232700"]])
    berlin = Column("seen", "timestamp", formats=("%d.%m.%Y %H:%M",), timezone="Europe/Berlin")
    assert times(text, contract, berlin).to_pylist() == [at(2024, 6, 1, 7, 5), None]
    tokyo = replace(berlin, timezone="")
    assert times(text, contract, tokyo).to_pylist() == [at(2024, 6, 1, 0, 5), None]
    assert times(text, contract, Column("seen", "timestamp")).to_pylist() == [None, at(2024, 6, 1, 9, 5)]


ALL = ("epoch_seconds", "epoch_milliseconds", "epoch_microseconds", "epoch_nanoseconds")


@pytest.mark.parametrize("number", ["1717232700", "1717232700000", "1717232700000000", "1717232700000000000"])
def test_of_several_units_the_size_of_a_number_decides_in_any_order(contract: Contract, number: str) -> None:
    for formats in (ALL, ALL[::-1]):
        assert read(contract, number, *formats) == at(2024, 6, 1, 9, 5)
        assert read(contract, f"-{number}", *formats) == at(1915, 8, 2, 14, 55)


@pytest.mark.parametrize(
    ("number", "moment"),
    [
        ("99999999999", at(5138, 11, 16, 9, 46, 39)),
        ("100000000000", at(1973, 3, 3, 9, 46, 40)),
        ("99999999999000", at(5138, 11, 16, 9, 46, 39)),
        ("100000000000000", at(1973, 3, 3, 9, 46, 40)),
        ("100000000000000000", at(1973, 3, 3, 9, 46, 40)),
        ("0", at(1970, 1, 1)),
        ("1717232700.25", at(2024, 6, 1, 9, 5, 0, 250000)),
        ("1.7172327e12", at(2024, 6, 1, 9, 5)),
    ],
)
def test_the_bounds_between_units(contract: Contract, number: str, moment: datetime) -> None:
    assert read(contract, number, *ALL) == moment


def test_a_number_of_a_unit_that_is_not_listed_is_no_time(contract: Contract) -> None:
    formats = ("epoch_seconds", "epoch_nanoseconds")
    assert read(contract, "1717232700000", *formats) is None
    assert read(contract, "1717232700", *formats) == at(2024, 6, 1, 9, 5)
    iso = read(contract, "2024-06-01T09:05:00Z", *formats, "iso8601")
    assert iso == at(2024, 6, 1, 9, 5)


@pytest.mark.parametrize(
    ("number", "moment"),
    [
        ("1717232700123456789", at(2024, 6, 1, 9, 5, 0, 123456)),
        ("+1717232700123456999", at(2024, 6, 1, 9, 5, 0, 123456)),
        ("9199999999999999999", at(2261, 7, 15, 11, 33, 19, 999999)),
        ("1717232700123456789.5", at(2024, 6, 1, 9, 5, 0, 123457)),
        ("1.7172327e18", at(2024, 6, 1, 9, 5)),
        ("17x", None),
        ("", None),
    ],
)
def test_nanoseconds_are_exact(contract: Contract, number: str, moment: datetime | None) -> None:
    found = read(contract, number, "epoch_nanoseconds")
    if found is not None and moment is not None and "." in number:
        # Digits behind the point are read as a double, which holds 64 nanoseconds or so.
        assert abs((found - moment).total_seconds()) < 1e-5
    else:
        assert found == moment
