"""One reading of durations, with the units that each place allows."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.contract.durations import UNIT_SECONDS, format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("5m", 300), ("1.5h", 5_400), ("2d", 172_800), ("0s", 0), ("007m", 420)]
)
def test_a_duration_is_a_number_and_a_unit(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "5", "m", "5 m", " 5m", "5m ", "-5m", "5M", "5min", "1h30m", ".5h", "1.h", "1e3s"]
)
def test_what_is_no_duration_is_none(text: str) -> None:
    assert parse_duration(text) is None


def test_each_place_says_which_units_and_fractions_it_takes() -> None:
    assert parse_duration("2w") is None
    assert parse_duration("2w", "mhdw") == 1_209_600
    assert parse_duration("30s", "mhdw") is None
    assert parse_duration("1.5h", fractions=False) is None


@pytest.mark.parametrize(
    ("seconds", "text"), [(600, "10m"), (90, "90s"), (86_400, "1d"), (1_209_600, "14d"), (5_400, "90m"), (0.5, "0.5s")]
)
def test_a_duration_is_shown_in_the_largest_unit_that_fits(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@settings(deadline=None)
@given(st.integers(1, 9_999_999), st.sampled_from(sorted(set(UNIT_SECONDS) - {"w"})))
def test_what_is_shown_can_be_read(number: int, unit: str) -> None:
    seconds = number * UNIT_SECONDS[unit]
    assert parse_duration(format_duration(seconds)) == seconds
