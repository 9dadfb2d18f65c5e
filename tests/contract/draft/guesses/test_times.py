"""Formats of times are found by content; an open order of day and month is asked, never guessed."""

from __future__ import annotations

from typing import Any

import pytest

from etl.contract.draft.guesses.times import find_formats
from tests.contract.draft.drafting import NOW, drafted, lines, questions, text_of_draft


def _drafted(times: list[Any], **more: list[Any]) -> Any:
    return drafted(lines(id=["a"] * len(times), ts=times, v=[1.5] * len(times), **more))


@pytest.mark.parametrize(
    ("time", "form"),
    [
        ("2025-06-15T09:12:01+02:00", "iso8601"),
        ("2025-06-15 09:12:01+02", "iso8601"),
        ("20250615T091201Z", "iso8601"),
        ("2025-06-15T09:12:01.123456789Z", "iso8601"),
        (1_750_000_000, "epoch_seconds"),
        (1_750_000_000.25, "epoch_seconds"),
        (1_750_000_000_123, "epoch_milliseconds"),
        (1_750_000_000_123_456, "epoch_microseconds"),
        (1_750_000_000_123_456_789, "epoch_nanoseconds"),
        ("25-06-2025 09:12", "%d-%m-%Y %H:%M"),
        ("06/25/2025 09:12:01", "%m/%d/%Y %H:%M:%S"),
        ("6/25/2025 9:05 AM", "%m/%d/%Y %I:%M %p"),
        ("6/25/2025 9:05:07PM", "%m/%d/%Y %I:%M:%S%p"),
        ("25.06.2025", "%d.%m.%Y"),
        ("05.06.2025 09:12", "%d.%m.%Y %H:%M"),
        ("25.06.2025, 09:12:01", "%d.%m.%Y, %H:%M:%S"),
        ("10/03/2004;18.00.00".replace("10", "30"), "%d/%m/%Y;%H.%M.%S"),
        ("2025/06/15 09:12:01.123", "%Y/%m/%d %H:%M:%S.%f"),
        ("2025-06-15 09:12:01,123 +0200", "%Y-%m-%d %H:%M:%S,%f %z"),
        ("2025-06-15 09:12:01 +02:00", "%Y-%m-%d %H:%M:%S %z"),
        ("2025-06-15 09:12:01 UTC", "%Y-%m-%d %H:%M:%S UTC"),
        ("20250615091201", "%Y%m%d%H%M%S"),
        ("15-Jun-2025 09:12", "%d-%b-%Y %H:%M"),
        ("15 June 2025 09:12", "%d %B %Y %H:%M"),
        ("Jun 15, 2025 9:12 PM", "%b %d, %Y %I:%M %p"),
        ("Sun Jun 15 09:12:01 2025", "%a %b %d %H:%M:%S %Y"),
        ("Sun, 15 Jun 2025 09:12:01 +0000", "%a, %d %b %Y %H:%M:%S %z"),
        ("2025-166 09:12", "%Y-%j %H:%M"),
    ],
)
def test_a_format_is_found_by_content(time: Any, form: str) -> None:
    assert _drafted([time]).event_time.formats == (form,)


@pytest.mark.parametrize(
    ("times", "form"),
    [
        (["05/06/2025 09:12", "25/06/2025 09:12"], "%d/%m/%Y %H:%M"),
        (["05/06/2025 09:12", "06/25/2025 09:12"], "%m/%d/%Y %H:%M"),
        (["5/6/2025", "25/6/2025"], "%d/%m/%Y"),
        (["5/6/25 09:12", "25/6/25 09:12"], "%d/%m/%y %H:%M"),
    ],
)
def test_one_day_after_the_twelfth_decides_the_order(times: list[str], form: str) -> None:
    assert _drafted(times).event_time.formats == (form,)


@pytest.mark.parametrize("time", ["05-06-2025", "05/06/2025 09:12", "5/6/2025 9:05 AM", "05/06/07 09:12"])
def test_an_open_order_of_day_and_month_is_asked_with_both_candidates(time: str) -> None:
    (question,) = questions(text_of_draft(lines(id=["a"], date=[time], v=[1.5])))
    assert question.place == "customProperties.eventTime.formats[0]"
    assert "%d" in question.text
    assert " or " in question.text
    assert time in question.text


def test_units_that_are_mixed_in_a_column_are_all_listed() -> None:
    formats = _drafted([1_750_000_000, 1_750_000_000_123, 1_750_000_060_123]).event_time.formats
    assert formats == ("epoch_milliseconds", "epoch_seconds")
    assert set(_drafted(["2025-06-15T09:12:01Z", 1_750_000_000]).event_time.formats) == {"iso8601", "epoch_seconds"}


def test_each_timestamp_has_its_own_formats() -> None:
    found = _drafted([1_750_000_000], installed_at=["2025-06-15T00:00:00Z"], seen_at=["25/06/2025 09:12"])
    assert found.event_time.formats == ("epoch_seconds",)
    assert (found.column("installed_at").type, found.column("installed_at").formats) == ("timestamp", ("iso8601",))
    assert found.column("seen_at").formats == ("%d/%m/%Y %H:%M",)


def test_another_timestamp_whose_order_is_open_follows_the_file_or_stays_text() -> None:
    assert _drafted([1_750_000_000], seen_at=["05/06/2025 09:12"]).column("seen_at").type == "text"
    found = _drafted(["25/06/2025 09:12"], seen_at=["05/06/2025 09:12"])
    assert found.column("seen_at").type == "timestamp"


def test_an_assumed_time_zone_is_said() -> None:
    assert "timezone: UTC  # assumed" in text_of_draft(lines(id=["a"], time=["2025-06-15 09:12:01"], v=[1]))
    assert "assumed" not in text_of_draft(lines(id=["a"], time=["2025-06-15T09:12:01Z"], v=[1]))


def test_old_times_are_accepted_where_the_sample_has_them() -> None:
    found = _drafted(["1995-06-15T09:12:01Z", "1996-06-15T09:12:01Z"])
    assert found.event_time.earliest.year == 1995


@pytest.mark.parametrize("text", ["12:30", "1.5", "dev-1", "2025-13-45T00:00:00Z", "99/99/9999", "192.168.1.10", ""])
def test_other_texts_are_no_times(text: str) -> None:
    assert find_formats({text: 1}, NOW) is None


def test_a_counter_that_would_lie_in_the_future_is_no_time() -> None:
    assert find_formats({"2463457000": 1}, NOW) is None
